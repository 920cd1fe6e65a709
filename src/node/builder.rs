//! Describes a node and starts it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use super::Node;
use super::last_life::{LastLife, RENEWAL};
use crate::cluster::{self, Shared};
use crate::epmd::{EpmdError, EpmdKeeper, EpmdMode, EpmdSettings};
use crate::gossip::{Gossip, GossipError, GossipSocket};
use crate::runtime::{Listener, Runtime, RuntimeSettings};
use crate::{Cookie, NodeName, NodeNameError, otp};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The name is no node name.
    #[error(transparent)]
    Name(#[from] NodeNameError),
    /// No cookie was given.
    #[error(
        "no cookie was given: peers compare it, so it must be the one of the cluster (RELEASE_COOKIE)"
    )]
    NoCookie,
    /// The port for connections from peers cannot be had.
    #[error("cannot listen for peers on {address}: {error}; choose another --dist-port")]
    Listen {
        /// Where we tried to listen.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The name could not be registered.
    #[error(transparent)]
    Epmd(#[from] EpmdError),
    /// The gossip socket cannot be had.
    #[error(transparent)]
    Gossip(#[from] GossipError),
    /// The folder for what outlives the node cannot be used.
    #[error("{}: {error}; give another --state-dir, or none", folder.display())]
    StateFolder {
        /// Which folder.
        folder: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Without EPMD nobody can look our port up, so it must be a known one.
    #[error("without EPMD the port must be fixed: give --dist-port")]
    NoPort,
}

/// What a node will be.
#[derive(Debug, Clone)]
#[must_use]
pub struct NodeBuilder {
    name: String,
    cookie: Option<Cookie>,
    gossip: Option<Gossip>,
    epmd_mode: EpmdMode,
    epmd_port: u16,
    dist_address: Option<IpAddr>,
    dist_port: u16,
    hidden: bool,
    peers: Vec<(NodeName, Option<u16>)>,
    net_ticktime: Duration,
    setup_time: Duration,
    state_folder: Option<PathBuf>,
    cluster: cluster::MembershipConfig,
}

impl NodeBuilder {
    pub(super) fn new(name: &str) -> NodeBuilder {
        NodeBuilder {
            name: name.to_owned(),
            cookie: None,
            gossip: None,
            epmd_mode: EpmdMode::Auto,
            epmd_port: 4369,
            dist_address: None,
            dist_port: 0,
            hidden: false,
            peers: Vec::new(),
            net_ticktime: Duration::from_secs(60),
            setup_time: Duration::from_secs(7),
            state_folder: None,
            cluster: cluster::MembershipConfig::default(),
        }
    }

    /// The cookie that all nodes of the cluster share. It must be given.
    pub fn cookie(mut self, cookie: Cookie) -> NodeBuilder {
        self.cookie = Some(cookie);
        self
    }

    /// Finds peers, and is found, by libcluster's Gossip strategy. Without it only named peers are dialled.
    pub fn gossip(mut self, gossip: Gossip) -> NodeBuilder {
        self.gossip = Some(gossip);
        self
    }

    /// Where names are registered and looked up; [`EpmdMode::Auto`] unless set.
    pub fn epmd(mut self, mode: EpmdMode) -> NodeBuilder {
        self.epmd_mode = mode;
        self
    }

    /// The port of EPMD, here and on all hosts; 4369 unless set (`ERL_EPMD_PORT`).
    pub fn epmd_port(mut self, port: u16) -> NodeBuilder {
        self.epmd_port = port;
        self
    }

    /// The address on which connections from peers are taken; all addresses unless set.
    pub fn dist_address(mut self, address: IpAddr) -> NodeBuilder {
        self.dist_address = Some(address);
        self
    }

    /// The port on which connections from peers are taken; any free one unless set.
    pub fn dist_port(mut self, port: u16) -> NodeBuilder {
        self.dist_port = port;
        self
    }

    /// Makes it a hidden node: it stands in no `Node.list()`.
    pub fn hidden(mut self, hidden: bool) -> NodeBuilder {
        self.hidden = hidden;
        self
    }

    /// A peer to dial, gossip or not; its port is looked up in the EPMD of its host.
    pub fn peer(mut self, peer: NodeName) -> NodeBuilder {
        self.peers.push((peer, None));
        self
    }

    /// A peer to dial at a known port, without EPMD.
    pub fn peer_at(mut self, peer: NodeName, port: u16) -> NodeBuilder {
        self.peers.push((peer, Some(port)));
        self
    }

    /// `net_ticktime`: a peer that completes no frame for 1.25 times this long is taken for dead. 60 s unless set,
    /// as in a BEAM; all nodes of a cluster should have the same. We tick at least every 5 s, and every quarter of it.
    pub fn net_ticktime(mut self, time: Duration) -> NodeBuilder {
        self.net_ticktime = time;
        self
    }

    /// The time limit for each step of a connection set-up (`net_setuptime`); 7 s unless set.
    pub fn setup_time(mut self, time: Duration) -> NodeBuilder {
        self.setup_time = time;
        self
    }

    /// Where the node notes that it is alive. With it, a visible node that starts within ten seconds
    /// ([`MembershipConfig::guard`](cluster::MembershipConfig::guard)) of the end of its last life waits until these are
    /// over: to a cluster a quick restart is a flapping node, which ExESDB answers by resetting its store. The folder
    /// must outlive the process, and belong to its user.
    pub fn state_folder(mut self, folder: impl Into<PathBuf>) -> NodeBuilder {
        self.state_folder = Some(folder.into());
        self
    }

    /// When peers are dialled, and when not.
    pub fn membership(mut self, config: cluster::MembershipConfig) -> NodeBuilder {
        self.cluster = config;
        self
    }

    /// A hidden node flaps for nobody.
    fn last_life(&self, name: &NodeName) -> Result<Option<LastLife>, StartError> {
        let folder = self.state_folder.as_ref().filter(|_| !self.hidden);
        let opened = folder.map(|folder| {
            LastLife::new(folder, name).map_err(|error| StartError::StateFolder {
                folder: folder.clone(),
                error,
            })
        });
        opened.transpose()
    }

    /// Starts it: listens, registers the name, and only then lets others know of it. It must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Node, StartError> {
        let name = NodeName::new(&self.name)?;
        let cookie = self.cookie.clone().ok_or(StartError::NoCookie)?;
        if self.epmd_mode == EpmdMode::None && self.dist_port == 0 {
            return Err(StartError::NoPort);
        }
        let last_life = self.last_life(&name)?;
        if let Some(last_life) = &last_life {
            let wait = last_life.wait(self.cluster.guard);
            if !wait.is_zero() {
                tracing::info!(
                    "{name} left its cluster a moment ago: starting in {:.1} s, so that nobody takes it for a flapping node",
                    wait.as_secs_f64()
                );
                tokio::time::sleep(wait).await;
            }
        }
        let listener = Listener::bind(self.dist_address, self.dist_port)
            .map_err(|(address, error)| StartError::Listen { address, error })?;
        let dist_port = listener.port();
        let (runtime, peer_events) = Runtime::start(RuntimeSettings {
            name: name.clone(),
            cookie,
            creation: rand::random_range(4..=u32::MAX),
            hidden: self.hidden,
            net_ticktime: self.net_ticktime,
            setup_time: self.setup_time,
        });
        let functions = otp::Functions::default();
        if let Err(error) = otp::install(&runtime, &functions) {
            unreachable!("a new runtime has no names yet: {error}");
        }
        let (alive, ended) = watch::channel(());
        listener.serve(runtime.clone(), ended.clone());
        let epmd = EpmdKeeper::start(EpmdSettings {
            mode: self.epmd_mode,
            port: self.epmd_port,
            addresses: Vec::new(),
            name: name.clone(),
            dist_port,
            hidden: self.hidden,
        })
        .await?;
        let gossip = self.gossip.as_ref().map(GossipSocket::open).transpose()?;
        let (shared, words) = Shared::new();
        let driver = cluster::Driver::new(cluster::DriverSettings {
            runtime: runtime.clone(),
            shared: shared.clone(),
            words,
            config: self.cluster,
            gossip: gossip.zip(self.gossip),
            epmd_port: self.epmd_port,
            epmd: epmd.state(),
            peers: self.peers,
        });
        if let Some(last_life) = last_life {
            tokio::spawn(keep_noted(last_life, shared.count(), ended.clone()));
        }
        Ok(Node {
            driver: tokio::spawn(driver.run(peer_events, ended)),
            runtime,
            functions,
            shared,
            epmd,
            epmd_port: self.epmd_port,
            dist_port,
            _alive: alive,
        })
    }
}

/// Renews the note for as long as a real node lists us, and once more when we leave.
async fn keep_noted(
    last_life: LastLife,
    mut count: watch::Receiver<usize>,
    mut ended: watch::Receiver<()>,
) {
    let mut timer = tokio::time::interval(RENEWAL);
    loop {
        let before = *count.borrow_and_update();
        tokio::select! {
            _ = timer.tick() => {}
            Ok(()) = count.changed() => {}
            _ = ended.changed() => {
                if before > 0 {
                    last_life.renew();
                }
                return;
            }
        }
        // The loss of the last one counts as ours of the cluster.
        if before > 0 || *count.borrow() > 0 {
            last_life.renew();
        }
    }
}
