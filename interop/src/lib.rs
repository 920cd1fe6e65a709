//! The harness that starts real BEAM nodes, network namespaces and beamlink itself for `tests/` and `benches/`.
//!
//! The judge of every test is the BEAM: nodes are asked over their own stdin and stdout, never through our own
//! protocol code. Everything that is started here is ended by its process id, at the latest when its value is dropped.

mod beam;
mod beamlink;
mod child;
mod docker;
mod epmd;
mod fixture;
mod impairment;
mod link;
mod net;
mod otp;
mod ports;
mod program;
mod scenario;
mod scenarios;
mod skip;

pub use beam::{AskError, BeamNode, BeamOptions};
pub use beamlink::{Beamlink, BeamlinkOptions};
pub use docker::Docker;
pub use epmd::Epmd;
pub use impairment::Impairment;
pub use link::{BlackHole, Link};
pub use net::{Bridge, Namespace};
pub use otp::Otp;
pub use ports::{tcp, udp};
pub use program::Program;
pub use scenario::{
    Change, Comparison, Figure, Guest, Harm, Kind, Names, Outcome, Peer, Scenario, Step, Who,
};
pub use scenarios::scenarios;
pub use skip::{Missing, skip};
