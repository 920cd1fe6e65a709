//! Owns the socket of a dial: from a node's name to a connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::Runtime;
use super::handshake_io::{HandshakeFailure, Wire, WireError};
use super::table::{AttemptId, DialVerdict};
use crate::NodeName;
use crate::dist::{Connected, HandshakeError, InitiateProgress, Initiator, Local};
use crate::epmd::{self, LookupError};

/// How long a dial waits for one of the peer's own.
const COURTESY: Duration = Duration::from_millis(250);

/// Where a peer's port comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddress {
    /// From the EPMD on its host, at this port.
    Epmd(u16),
    /// It is this one.
    Port(u16),
    /// There is no EPMD, and the port was not given.
    Unknown,
}

/// Why a dial brought no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// A node with a short name cannot dial one with a long name, nor the other way round.
    #[error("{peer} has a {} name and we ({own}) have a {} one: all nodes of a cluster need the same form", form(.peer), form(.own))]
    NameForm {
        /// Who was to be dialled.
        peer: NodeName,
        /// This node.
        own: NodeName,
    },
    /// There is no EPMD, and no port was given.
    #[error("{peer}: its port is not known; without EPMD give it as name@host=port")]
    NoPort {
        /// Who was to be dialled.
        peer: NodeName,
    },
    /// The host has no address.
    #[error("{peer}: its host name is not resolved: {error}")]
    Unresolvable {
        /// Who was to be dialled.
        peer: NodeName,
        /// What the resolver said.
        error: String,
    },
    /// EPMD did not tell the port.
    #[error("{peer}: {error}")]
    Epmd {
        /// Who was to be dialled.
        peer: NodeName,
        /// The address that was asked.
        address: SocketAddr,
        /// What came of it.
        error: LookupError,
    },
    /// The port is closed or cannot be reached.
    #[error("{peer} at {address}: no connection: {error}")]
    Connect {
        /// Who was to be dialled.
        peer: NodeName,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: String,
        /// Whether nobody answered in time.
        silent: bool,
    },
    /// The handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeFailure),
    /// There is a connection, or another attempt is under way.
    #[error("{peer}: connected, or being connected, already")]
    AlreadyConnected {
        /// Who was to be dialled.
        peer: NodeName,
    },
}

fn form(name: &NodeName) -> &'static str {
    if name.is_long() { "long" } else { "short" }
}

impl Runtime {
    /// Connects to `peer`. It returns once the connection stands.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn dial(&self, peer: &NodeName, address: PeerAddress) -> Result<(), DialError> {
        self.check_name_form(peer)?;
        self.let_it_finish(peer).await;
        let verdict = self.table().dial(peer);
        let DialVerdict::Go(id) = verdict else {
            let peer = peer.clone();
            return Err(DialError::AlreadyConnected { peer });
        };
        let attempt = Attempt {
            runtime: self,
            peer,
            id,
        };
        let limit = self.settings().setup_time;
        let (stream, address) = reach(peer, address, limit).await?;
        let wire = Wire::new(stream, limit);
        let dialled = self.initiate(peer, id, wire, address).await;
        let connected = dialled.map_err(|error| HandshakeFailure {
            address,
            peer: Some(peer.clone()),
            error,
        })?;
        if connected {
            // The table now holds a connection, not an attempt.
            std::mem::forget(attempt);
            return Ok(());
        }
        let peer = peer.clone();
        Err(DialError::AlreadyConnected { peer })
    }

    /// Waits while `peer` dials us, as `net_kernel` does: two attempts would replace each other. Not for long: it may be
    /// somebody without the cookie who says so.
    async fn let_it_finish(&self, peer: &NodeName) {
        let begin = Instant::now();
        while self.table().is_accepting(peer) && begin.elapsed() < COURTESY {
            tokio::time::sleep(COURTESY / 100).await;
        }
    }

    /// As [`Runtime::dial`], and content with a connection that the peer makes meanwhile, or has made.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn connect(&self, peer: &NodeName, address: PeerAddress) -> Result<(), DialError> {
        let error = match self.dial(peer, address).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let other_attempt = match &error {
            DialError::AlreadyConnected { .. } => true,
            DialError::Handshake(failure) => failure.error == HandshakeError::Nok,
            _ => false,
        };
        if other_attempt && self.comes_up(peer).await {
            return Ok(());
        }
        Err(error)
    }

    /// Waits for a connection to `peer` that somebody else is making, as long as a handshake may take.
    async fn comes_up(&self, peer: &NodeName) -> bool {
        let up = async {
            let mut pause = Duration::from_millis(1);
            while self.connection(peer.atom()).is_none() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(50));
            }
        };
        timeout(self.settings().setup_time, up).await.is_ok()
    }

    /// A short-named BEAM never dials a host with a dot, nor a long-named one a host without
    /// (`net_kernel:select_mod/…`): a connection that only we could make would be half a membership.
    fn check_name_form(&self, peer: &NodeName) -> Result<(), DialError> {
        if peer.is_long() == self.name().is_long() {
            return Ok(());
        }
        Err(DialError::NameForm {
            peer: peer.clone(),
            own: self.name().clone(),
        })
    }

    /// The addresses at which `peer` takes connections, by the word of its host's EPMD.
    ///
    /// # Errors
    /// Those of [`DialError`] up to a connection.
    pub async fn look_up(
        &self,
        peer: &NodeName,
        address: PeerAddress,
    ) -> Result<Vec<SocketAddr>, DialError> {
        look_up(peer, address, self.settings().setup_time).await
    }

    /// The initiator's side of a handshake, to its end. False when another attempt was faster.
    async fn initiate(
        &self,
        peer: &NodeName,
        id: AttemptId,
        mut wire: Wire,
        address: SocketAddr,
    ) -> Result<bool, HandshakeError> {
        let (mut machine, first) = Initiator::new(self.local(), peer.clone(), challenge());
        // We dial only whom we are not connected to, and our name is ours alone (EPMD, or a fixed port): what the peer
        // holds is the end of a connection that we lost.
        let dead = || !self.table().is_up(peer);
        let Some(connected) = shake(&mut machine, &first, &mut wire, dead).await? else {
            return Ok(false);
        };
        if machine.goes_first() {
            self.table().goes_first(peer, id);
        }
        let (stream, rest) = wire.into_parts();
        Ok(self.connected(id, connected, stream, rest, address, true))
    }

    pub(super) fn local(&self) -> Local {
        let settings = self.settings();
        Local {
            name: settings.name.clone(),
            creation: settings.creation,
            flags: settings.flags(),
            cookie: self.cookie(),
        }
    }

    pub(super) fn silent(&self, stage: crate::dist::Stage) -> HandshakeError {
        let limit: Duration = self.settings().setup_time;
        HandshakeError::Silent { stage, limit }
    }
}

/// A socket to `peer`, each step with a time limit.
pub(super) async fn reach(
    peer: &NodeName,
    address: PeerAddress,
    limit: Duration,
) -> Result<(TcpStream, SocketAddr), DialError> {
    let addresses = look_up(peer, address, limit).await?;
    connect(peer, &addresses, limit).await
}

async fn look_up(
    peer: &NodeName,
    address: PeerAddress,
    limit: Duration,
) -> Result<Vec<SocketAddr>, DialError> {
    let (asked, known) = match address {
        PeerAddress::Epmd(port) => (port, None),
        PeerAddress::Port(port) => (port, Some(port)),
        PeerAddress::Unknown => {
            let peer = peer.clone();
            return Err(DialError::NoPort { peer });
        }
    };
    let hosts = resolve(peer, asked, limit).await?;
    if known.is_some() {
        return Ok(hosts);
    }
    let mut failure = None;
    for address in hosts {
        match epmd::lookup(address, peer.name(), limit).await {
            Ok(node) => return Ok(vec![SocketAddr::new(address.ip(), node.port)]),
            Err(error) => {
                let peer = peer.clone();
                failure.get_or_insert(DialError::Epmd {
                    peer,
                    address,
                    error,
                });
            }
        }
    }
    Err(failure.unwrap_or_else(|| unresolvable(peer, "it has no address")))
}

/// The addresses of the host of `peer`, IPv4 first, each with `port`.
pub(crate) async fn resolve(
    peer: &NodeName,
    port: u16,
    limit: Duration,
) -> Result<Vec<SocketAddr>, DialError> {
    let host = peer.host().trim_matches(['[', ']']);
    if host == "localhost" {
        // It is special to every resolver (RFC 6761, 6.3), and asking one takes a thread.
        let loopback = [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            Ipv6Addr::LOCALHOST.into(),
        ];
        return Ok(loopback.map(|ip| SocketAddr::new(ip, port)).to_vec());
    }
    let mut addresses: Vec<SocketAddr> = match timeout(limit, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(unresolvable(peer, &error.to_string())),
        Err(_) => return Err(unresolvable(peer, "the resolver did not answer in time")),
    };
    if addresses.is_empty() {
        return Err(unresolvable(peer, "it has no address"));
    }
    // A BEAM listens on IPv4 unless it was told otherwise.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}

async fn connect(
    peer: &NodeName,
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<(TcpStream, SocketAddr), DialError> {
    let mut failure = None;
    for address in addresses {
        let (error, silent) = match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) => {
                let silent = error.kind() == io::ErrorKind::TimedOut;
                (error.to_string(), silent)
            }
            Err(_) => (format!("nobody answered within {limit:?}"), true),
        };
        failure.get_or_insert(DialError::Connect {
            peer: peer.clone(),
            address: *address,
            error,
            silent,
        });
    }
    Err(failure.unwrap_or_else(|| unresolvable(peer, "it has no address")))
}

/// The initiator's side of a handshake: `first`, and all that comes of it, to its end. `dead` says whether a connection
/// that the peer believes in is none; `None` when it is one.
pub(super) async fn shake(
    machine: &mut Initiator,
    first: &[u8],
    wire: &mut Wire,
    dead: impl Fn() -> bool,
) -> Result<Option<Connected>, HandshakeError> {
    let limit = wire.limit();
    let failed = |machine: &Initiator, error| match error {
        WireError::Closed => machine.closed(),
        WireError::Silent => HandshakeError::Silent {
            stage: machine.stage(),
            limit,
        },
        WireError::Garbage(bytes) => HandshakeError::garbage(&bytes),
    };
    let sent = wire.send(first).await;
    sent.map_err(|error| failed(machine, error))?;
    loop {
        let message = wire.receive().await;
        let message = message.map_err(|error| failed(machine, error))?;
        match machine.receive(&message)? {
            InitiateProgress::Wait => {}
            InitiateProgress::Send(reply) => {
                let sent = wire.send(&reply).await;
                sent.map_err(|error| failed(machine, error))?;
            }
            InitiateProgress::Alive => {
                let dead = dead();
                let sent = wire.send(&machine.alive(dead)).await;
                sent.map_err(|error| failed(machine, error))?;
                if !dead {
                    return Ok(None);
                }
            }
            InitiateProgress::Done(connected) => return Ok(Some(connected)),
        }
    }
}

fn unresolvable(peer: &NodeName, error: &str) -> DialError {
    DialError::Unresolvable {
        peer: peer.clone(),
        error: error.to_owned(),
    }
}

/// A challenge that nobody can foresee: rand's generator for a thread is a secure one (ChaCha, seeded by the system).
pub(super) fn challenge() -> u32 {
    rand::random()
}

/// Takes the attempt off the table when it comes to nothing, or is dropped half way.
pub(super) struct Attempt<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) peer: &'a NodeName,
    pub(super) id: AttemptId,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.runtime.table().ended(self.peer, self.id);
    }
}
