//! A snapshot: what the membership knows of a node at one moment.

use std::net::SocketAddr;
use std::time::Duration;

use super::event::{Direction, Refusal};
use super::record::Record;
use crate::name::NodeName;

/// What the membership knows of one node. Times count from the start of the driver's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// The node.
    pub node: NodeName,
    /// How we stand with it.
    pub state: NodeState,
    /// It was given by hand.
    pub named: bool,
    /// When its heartbeat was last heard, and from where.
    pub heard: Option<(Duration, SocketAddr)>,
    /// When and why it was last refused since it was last connected.
    pub refusal: Option<(Duration, Refusal)>,
}

/// How we stand with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// Connected.
    Up {
        /// Since when.
        since: Duration,
        /// It stands in `nodes(hidden)`.
        hidden: bool,
        /// Who opened the connection.
        direction: Direction,
    },
    /// A dial is under way.
    Dialling {
        /// Since when.
        since: Duration,
    },
    /// Its EPMD is being asked whether it is there.
    Looking {
        /// Since when.
        since: Duration,
    },
    /// Not to be dialled before a certain moment, because it was lost or refused.
    BackingOff {
        /// That moment.
        until: Duration,
    },
    /// Known of, and left alone so far: it may dial us first.
    Candidate,
}

impl NodeView {
    pub(super) fn new(now: Duration, node: &NodeName, record: &Record) -> NodeView {
        let state = match (&record.link, &record.errand) {
            (Some(link), _) => NodeState::Up {
                since: link.since,
                hidden: link.hidden,
                direction: link.direction,
            },
            (None, Some(errand)) if errand.looking => NodeState::Looking {
                since: errand.since,
            },
            (None, Some(errand)) => NodeState::Dialling {
                since: errand.since,
            },
            (None, None) if record.not_before > now => NodeState::BackingOff {
                until: record.not_before,
            },
            (None, None) => NodeState::Candidate,
        };
        NodeView {
            node: node.clone(),
            state,
            named: record.named,
            heard: record.heard,
            refusal: record.refusal.clone(),
        }
    }
}
