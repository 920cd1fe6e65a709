//! libcluster's Gossip strategy on the wire: heartbeats over UDP by which nodes find each other.
//!
//! A heartbeat is the text `heartbeat::` and the term `#{node => Name}`, as they are or encrypted with
//! AES-256-CBC under the SHA-256 of a shared secret (`lib/strategy/gossip.ex` of libcluster 1.0 to 3.5).
//! [`Codec`] makes and checks datagrams, [`Schedule`] says when to send, [`Heard`] keeps account of what came
//! from where, and [`GossipSocket`] is the one part that touches the network.

mod body;
mod heard;
mod notice;
mod pace;
mod packet;
mod schedule;
mod settings;
mod socket;
#[cfg(test)]
mod tests;

pub use body::{Malformed, NameFault};
pub use heard::{Heard, Source, Tally};
pub use notice::{GossipError, Notice, SendError};
pub use packet::{Codec, MAX_PACKET, Verdict, VerdictKind};
pub use schedule::{MAX_PAUSE, Schedule, Turn};
pub(crate) use settings::Destination;
pub use settings::Gossip;
pub use socket::{GossipSocket, Received};
