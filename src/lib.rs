//! **beamlink** joins a running BEAM cluster as a full, visible and harmless member.
//!
//! Begin with [`Node::builder`]. Underneath, each module imports only from those before it in this list:
//! - [`term`]: the External Term Format;
//! - [`gossip`], [`epmd`], [`dist`]: the three wire protocols, pure but for one file each that owns a socket;
//! - [`runtime`]: processes, links, monitors, and the connections to peers;
//! - [`otp`]: what a BEAM expects of a member, as processes on the runtime;
//! - [`cluster`], [`node`], [`doctor`]: whom to dial and when, the face of it all, and why a cluster does not form.
//!
//! Names are those of the Erlang documents. Everything that comes from outside is taken for hostile: decoders do not
//! recurse, allocate in proportion to what arrived, and say where a fault lies.

pub mod term;

pub mod cluster;
pub mod dist;
pub mod doctor;
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

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
