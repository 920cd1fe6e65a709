//! **beamlink** joins a running BEAM cluster as a full, visible and harmless member.

pub mod term;

pub mod cluster;
pub mod dist;
pub mod epmd;
pub mod gossip;
mod name;
pub mod node;
pub mod otp;
pub mod runtime;
mod secret;

pub use name::{NodeName, NodeNameError};
pub use node::Node;
pub use secret::{Cookie, GossipSecret};
