//! The node: the library's face.

mod builder;
mod functions;
mod last_life;
mod observer;
mod servers;
mod visitor;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use builder::{NodeBuilder, StartError};
pub use observer::Observer;
pub use servers::{MultiAnswer, Starting};
pub use visitor::{VisitBuilder, Visitor};

use crate::cluster::{Events, Shared};
use crate::epmd::EpmdKeeper;
use crate::gossip::Tally;
use crate::otp::Functions;
use crate::runtime::{DialError, PeerAddress, Runtime};
use crate::{Cookie, GossipSecret, NodeName};

/// A node of a BEAM cluster: found, connected, listed, and answering.
///
/// ```no_run
/// use beamlink::{Cookie, Node, gossip::Gossip};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::builder("zz_maint_rust@host")
///     .cookie(Cookie::new("reg_greenhouse_clique"))
///     .gossip(Gossip::default())
///     .start()
///     .await?;
/// let mut events = node.events();
/// while let Some(event) = events.recv().await {
///     println!("{event}; now {:?}", node.nodes());
/// }
/// node.stop().await;
/// # Ok(())
/// # }
/// ```
///
/// When it is dropped without [`Node::stop`], it leaves the cluster too, without waiting until that is done.
#[derive(Debug)]
pub struct Node {
    runtime: Runtime,
    functions: Functions,
    shared: Arc<Shared>,
    epmd: EpmdKeeper,
    epmd_port: u16,
    dist_port: u16,
    /// Dropping it ends all tasks of the node.
    _alive: watch::Sender<()>,
    driver: JoinHandle<()>,
}

impl Node {
    /// Begins to describe a node named `name`, as in `name@host`.
    pub fn builder(name: &str) -> NodeBuilder {
        NodeBuilder::new(name)
    }

    /// Its full name.
    pub fn name(&self) -> &NodeName {
        self.runtime.name()
    }

    /// The port on which it takes connections.
    pub fn dist_port(&self) -> u16 {
        self.dist_port
    }

    /// The visible nodes that are connected now, as `Node.list()` gives them.
    pub fn nodes(&self) -> Vec<NodeName> {
        self.shared.nodes()
    }

    /// What happens. The first stream has all since the start; a later one begins with one
    /// [`Event::Up`](crate::cluster::Event::Up) for each node that is connected already.
    pub fn events(&self) -> Events {
        self.shared.events()
    }

    /// How many datagrams of each kind came to the gossip port since the start.
    pub fn datagrams(&self) -> Tally {
        self.shared.datagrams()
    }

    /// A view of it for others, such as a health check.
    pub fn observer(&self) -> Observer {
        Observer::new(self.runtime.clone(), self.shared.clone(), self.epmd.state())
    }

    /// The functions that peers may call.
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Connects to `peer`, whose port is looked up in the EPMD of its host, and returns once the connection stands, whoever
    /// made it: the peer may dial at the same time. When it is lost it is not made again: name the peer to the [builder](NodeBuilder::peer) for that.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn connect(&self, peer: &NodeName) -> Result<(), DialError> {
        let address = PeerAddress::Epmd(self.epmd_port);
        self.runtime.connect(peer, address).await
    }

    /// Its processes and connections.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// From now on handshakes use `cookie`; connections that stand are not touched.
    pub fn set_cookie(&self, cookie: Cookie) {
        self.runtime.set_cookie(cookie);
    }

    /// From now on heartbeats are encrypted with `secret`, and taken under it; under `old` as well, if there is one.
    pub fn set_gossip_secret(&self, secret: Option<GossipSecret>, old: Option<GossipSecret>) {
        let secrets = secret.into_iter().chain(old);
        self.shared.set_secrets(secrets.collect());
    }

    /// Leaves the cluster at once: no more heartbeats, the name given back to EPMD, all connections closed together.
    pub async fn stop(self) {
        let Node {
            epmd,
            _alive: alive,
            driver,
            ..
        } = self;
        drop(alive);
        // It closes all connections on that; a panic in it is nothing that leaving could mend.
        let _ = driver.await;
        epmd.stop().await;
    }
}
