//! This host: what gossip and distribution need of it.

mod cookies;
mod facts;
mod findings;

pub use cookies::CookieSource;
pub(super) use facts::ipv4_addresses;
pub use facts::{Epmd, Facts, GossipFacts, Interface};

use super::finding::Finding;
use crate::NodeName;
use crate::gossip::Gossip;

/// What is to be looked at.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The gossip settings; `None` where none is wanted.
    pub gossip: Option<&'a Gossip>,
    /// The name of a node of this host, where one is configured.
    pub name: Option<&'a NodeName>,
    /// Where nodes that are started here may have their cookie from, in OTP's order.
    pub cookies: &'a [CookieSource],
    /// The port of EPMD.
    pub epmd_port: u16,
}

/// Looks at this host: what it is like, and what is wrong with it. It takes half a second at most where it is as it should be.
///
/// Nothing is left behind, and no datagram is taken from the nodes that run here. One empty datagram is sent to the gossip
/// address: to a group with a TTL of 0, so that it does not leave this host.
///
/// # Panics
/// Outside a Tokio runtime with I/O and time.
pub async fn look(question: &Question<'_>) -> (Facts, Vec<Finding>) {
    let facts = Facts::look(question).await;
    let findings = findings::of(&facts, question);
    (facts, findings)
}
