//! What a node shows of itself over HTTP: health, metrics, and a page to look at.
//!
//! It runs in a thread of its own, so that nothing that a client does can delay the node's ticks and answers, and it
//! only looks: nothing can be changed through it, and no secret is in any answer.

mod cluster;
mod exposition;
mod findings;
mod health;
mod live;
mod metrics;
mod page;
mod seats;
mod server;
mod survey;

use std::net::SocketAddr;
use std::time::Duration;

use beamlink::node::Observer;

pub(crate) use cluster::{ClusterView, Node, State};
#[cfg(feature = "otel")]
pub(crate) use exposition::{Kind, Metric, Value};
#[cfg(feature = "otel")]
pub(crate) use metrics::read as read_metrics;
pub(crate) use server::HttpServer;

/// What a server is started with.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    pub(crate) address: SocketAddr,
    pub(crate) limits: Limits,
}

/// What a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at a time; one more ends that which has made no progress for longest.
    pub(crate) connections: usize,
    /// For a whole request head, from the connection or the last answer on.
    pub(crate) request: Duration,
    /// For the client to take some bytes of an answer.
    pub(crate) stalled: Duration,
    /// Bytes of a request head.
    pub(crate) head: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 256,
            request: Duration::from_secs(10),
            stalled: Duration::from_secs(10),
            head: 8 * 1024,
        }
    }
}

/// What the pages are made from.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) observer: Observer,
    /// How many peers must be up for the node to be ready.
    pub(crate) wanted: usize,
}
