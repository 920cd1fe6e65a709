//! An overview: all that the driver of a cluster knows at one moment, for whoever watches the node.

use std::net::IpAddr;
use std::time::Duration;

use super::{Counters, NodeView};
use crate::GossipSecret;
use crate::gossip::{Tally, Verdict};

/// What the driver knows. Times count from its start, as [`Overview::now`] does.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The moment.
    pub now: Duration,
    /// All nodes that are known of, by name.
    pub nodes: Vec<NodeView>,
    /// What came to the gossip port from each address that is remembered, at most 1,024.
    pub sources: Vec<SourceView>,
    /// Datagrams of addresses that found no place among these.
    pub unlisted: u64,
    /// What was left undone to stay within the limits.
    pub counters: Counters,
}

/// What came to the gossip port from one address.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// The address.
    pub address: IpAddr,
    /// How much of each kind.
    pub tally: Tally,
    /// What its last datagram was.
    pub last: Verdict,
    /// How long ago that came.
    pub ago: Duration,
}

/// What a driver is told from outside.
#[derive(Debug)]
pub(crate) enum Word {
    Look(tokio::sync::oneshot::Sender<Overview>),
    /// The secrets of heartbeats from now on, the own one first.
    Secrets(Vec<GossipSecret>),
}
