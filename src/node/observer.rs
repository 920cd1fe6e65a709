//! Looks at a node without holding it: for health checks, metrics, and pages.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::NodeName;
use crate::cluster::{Overview, RefusalKind, Shared};
use crate::epmd::EpmdState;
use crate::gossip::Tally;
use crate::otp::IntoArguments;
use crate::otp::erpc::Rpc;
use crate::runtime::Runtime;

/// A view of a [`Node`](super::Node) that changes nothing and ends nothing. Clones look at the same node; when that
/// has stopped, they see a node without peers.
///
/// ```no_run
/// # async fn example(node: beamlink::Node) {
/// let observer = node.observer();
/// tokio::spawn(async move { println!("{:?}", observer.nodes()) });
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Observer {
    runtime: Runtime,
    shared: Arc<Shared>,
    epmd: watch::Receiver<EpmdState>,
}

impl Observer {
    pub(super) fn new(
        runtime: Runtime,
        shared: Arc<Shared>,
        epmd: watch::Receiver<EpmdState>,
    ) -> Observer {
        Observer {
            runtime,
            shared,
            epmd,
        }
    }

    /// The node's full name.
    pub fn name(&self) -> &NodeName {
        self.runtime.name()
    }

    /// The visible nodes that are connected now, as `Node.list()` gives them.
    pub fn nodes(&self) -> Vec<NodeName> {
        self.shared.nodes()
    }

    /// How many visible nodes are connected, as it changes.
    pub fn count(&self) -> watch::Receiver<usize> {
        self.shared.count()
    }

    /// How the node's name stands with EPMD.
    pub fn registration(&self) -> EpmdState {
        self.epmd.borrow().clone()
    }

    /// How many datagrams of each kind came to the gossip port since the start.
    pub fn datagrams(&self) -> Tally {
        self.shared.datagrams()
    }

    /// All that discovery and membership know now; `None` once the node has stopped.
    pub async fn overview(&self) -> Option<Overview> {
        self.shared.overview().await
    }

    /// How many connections were not made for this reason, dialled by either side.
    pub fn refused(&self, kind: RefusalKind) -> u64 {
        self.shared.refused(kind)
    }

    /// How many heartbeats went out, and how many did not.
    pub fn heartbeats(&self) -> [u64; 2] {
        self.shared.sent()
    }

    /// Calls a function of `peer`, as [`Node::rpc`](super::Node::rpc) does.
    pub fn rpc(
        &self,
        peer: &NodeName,
        module: &'static str,
        function: &'static str,
        arguments: impl IntoArguments,
    ) -> Rpc<'_> {
        super::functions::rpc(&self.runtime, peer, module, function, arguments)
    }

    /// How long it is since the loop that sends ticks went round, which it does four times a second or more often.
    pub fn since_tick(&self) -> Duration {
        self.runtime.since_tick()
    }

    /// Its processes and connections.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}
