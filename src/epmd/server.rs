//! Owns sockets: an EPMD of our own, so that no Erlang need be installed.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::DEFAULT_PORT;
use super::codec::{CodecFault, NodeEntry, Request};
use super::complaints::Complaints;
use super::registry::{NameInUse, Registry};
use super::service::{Answer, Asker, Refusal, answer};

/// The owner of names that the serving process registers itself; connections count from 1.
const OURSELVES: u64 = 0;

/// How long a name that is taken may take to come free: the end of its last owner may still wait in another task.
const TAKEN_PATIENCE: Duration = Duration::from_millis(100);

/// How long to wait when no connection can be accepted, because files are short for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How an [`EpmdServer`] serves.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// The addresses to listen on besides loopback, as in `ERL_EPMD_ADDRESS`. None: all of this host.
    pub addresses: Vec<IpAddr>,
    /// How long a connection may last that has registered nothing.
    pub idle_limit: Duration,
    /// The most open connections from this host, registrations among them. More are closed at once.
    pub max_local: usize,
    /// The most open connections from other hosts, apart from those of this one.
    pub max_remote: usize,
}

impl Default for ServerSettings {
    /// Port 4369 on all addresses, 60 s as epmd, 16,384 and 256 connections.
    fn default() -> ServerSettings {
        ServerSettings {
            port: DEFAULT_PORT,
            addresses: Vec::new(),
            idle_limit: Duration::from_secs(60),
            max_local: 16_384,
            max_remote: 256,
        }
    }
}

/// Why we cannot serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServeError {
    /// Something listens there already, most likely another EPMD.
    #[error("{address} is in use, most likely by another EPMD")]
    PortInUse {
        /// The address that is taken.
        address: SocketAddr,
    },
    /// The address is not of this host, the port is privileged, or the like.
    #[error("cannot listen on {address}: {kind}")]
    Listen {
        /// The address that failed.
        address: SocketAddr,
        /// What the kernel said.
        kind: io::ErrorKind,
    },
}

/// An EPMD. It listens from [`bind`](EpmdServer::bind) on and answers while [`run`](EpmdServer::run) runs;
/// dropping either frees the port and ends all registrations.
///
/// ```no_run
/// # async fn example() -> Result<(), beamlink::epmd::ServeError> {
/// use beamlink::epmd::{EpmdServer, ServerSettings};
/// EpmdServer::bind(ServerSettings::default())?.run().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EpmdServer {
    listeners: Vec<TcpListener>,
    desk: Arc<Desk>,
    local: Arc<Semaphore>,
    remote: Arc<Semaphore>,
}

/// What all connections share.
#[derive(Debug)]
struct Desk {
    registry: Mutex<Registry>,
    port: u16,
    idle_limit: Duration,
    connections: AtomicU64,
    complaints: Mutex<Complaints>,
}

impl EpmdServer {
    /// Listens on all the addresses, or on none. Must be called within a tokio runtime.
    pub fn bind(settings: ServerSettings) -> Result<EpmdServer, ServeError> {
        let mut port = settings.port;
        let mut listeners = Vec::new();
        for Place { address, required } in places(&settings.addresses) {
            let address = SocketAddr::new(address, port);
            match listen(address) {
                Ok(listener) => {
                    port = listener.local_addr().map_or(port, |bound| bound.port());
                    listeners.push(listener);
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(ServeError::PortInUse { address });
                }
                Err(error) if required => {
                    let kind = error.kind();
                    return Err(ServeError::Listen { address, kind });
                }
                Err(error) => tracing::debug!(%address, %error, "EPMD does not listen there"),
            }
        }
        Ok(EpmdServer {
            listeners,
            desk: Arc::new(Desk {
                registry: Mutex::default(),
                port,
                idle_limit: settings.idle_limit,
                connections: AtomicU64::new(OURSELVES + 1),
                complaints: Mutex::default(),
            }),
            local: Arc::new(Semaphore::new(settings.max_local)),
            remote: Arc::new(Semaphore::new(settings.max_remote)),
        })
    }

    /// The port we listen on.
    pub fn port(&self) -> u16 {
        self.desk.port
    }

    /// Registers a node of this very process, for as long as the server lives, and returns its creation.
    pub fn register(&self, entry: NodeEntry) -> Result<u32, NameInUse> {
        self.desk
            .registry()
            .register(entry, OURSELVES, rand::random())
    }

    /// Answers until dropped.
    pub async fn run(self) -> ! {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = accept(&self.listeners) => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer, &mut open),
                    Err(error) => {
                        tracing::warn!(%error, "EPMD cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = open.join_next() => {}
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, open: &mut JoinSet<()>) {
        let local = stream
            .local_addr()
            .is_ok_and(|own| same_host(peer.ip(), own.ip()));
        let places = if local { &self.local } else { &self.remote };
        match Arc::clone(places).try_acquire_owned() {
            Ok(place) => {
                let connection = self.desk.connections.fetch_add(1, Ordering::Relaxed);
                let asker = Asker { local, connection };
                open.spawn(serve(stream, peer, asker, Arc::clone(&self.desk), place));
            }
            Err(_) => self
                .desk
                .complain(peer, format_args!("closed one connection too many")),
        }
    }
}

impl Desk {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complain(&self, peer: SocketAddr, what: fmt::Arguments<'_>) {
        let mut complaints = self
            .complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match complaints.tell(Instant::now()) {
            Some(0) => tracing::warn!(%peer, "EPMD {what}"),
            Some(withheld) => tracing::warn!(%peer, withheld, "EPMD {what}"),
            None => {}
        }
    }

    fn answer(&self, body: &[u8], asker: Asker) -> Answer {
        answer(&mut self.registry(), body, asker, self.port, rand::random())
    }
}

/// A name that is registered for as long as this lives.
struct Held {
    desk: Arc<Desk>,
    connection: u64,
    name: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.desk.registry().unregister(&self.name, self.connection);
        tracing::debug!(name = self.name, "EPMD unregistered a node");
    }
}

async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    asker: Asker,
    desk: Arc<Desk>,
    _place: OwnedSemaphorePermit,
) {
    // Boxed: a registration that idles for months keeps neither a buffer nor the room of the exchange's future.
    let exchange = Box::pin(converse(&mut stream, asker, &desk));
    match timeout(desk.idle_limit, exchange).await {
        Ok(Ok(Some(held))) => {
            if sends_more(&mut stream).await {
                let name = &held.name;
                desk.complain(
                    peer,
                    format_args!("unregistered the node {name:?}, which sent more"),
                );
            }
        }
        Ok(Err(Gone::Refused(refusal))) => {
            desk.complain(peer, format_args!("closed a connection that {refusal}"));
        }
        Ok(Ok(None)) | Ok(Err(Gone::Broken)) => {}
        Err(_) => tracing::debug!(%peer, "EPMD closed an idle connection"),
    }
}

/// Why a connection ends without an answer.
enum Gone {
    Refused(Refusal),
    /// It ended before a whole request, as a port scan does, or did not take the answer.
    Broken,
}

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Gone {
        Gone::Broken
    }
}

/// One request and its answer. What is returned keeps the connection open.
async fn converse(
    stream: &mut TcpStream,
    asker: Asker,
    desk: &Arc<Desk>,
) -> Result<Option<Held>, Gone> {
    stream.set_nodelay(true)?;
    let body = read_request(stream).await?;
    let mut answer = desk.answer(&body, asker);
    if matches!(answer, Answer::Taken { .. }) {
        sleep(TAKEN_PATIENCE).await;
        answer = desk.answer(&body, asker);
    }
    match answer {
        Answer::Reply(reply) => {
            stream.write_all(&reply).await?;
            stream.shutdown().await?;
            Ok(None)
        }
        Answer::Registered { reply, name } => {
            tracing::debug!(name, "EPMD registered a node");
            let held = Held {
                desk: Arc::clone(desk),
                connection: asker.connection,
                name,
            };
            stream.write_all(&reply).await?;
            Ok(Some(held))
        }
        Answer::Taken { reply, name } => {
            tracing::debug!(name, "EPMD refused a name that is taken");
            stream.write_all(&reply).await?;
            // epmd leaves it to the refused to close; here they have what is left of the idle limit.
            sends_more(stream).await;
            Ok(None)
        }
        Answer::Refuse(refusal) => Err(Gone::Refused(refusal)),
    }
}

/// Waits until the other side sends a byte that it should not, or ends the connection.
async fn sends_more(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]).await, Ok(1..))
}

/// Reads exactly one request. One byte more is a fault, as in `do_read` of `epmd_srv.c`.
async fn read_request(stream: &mut TcpStream) -> Result<Vec<u8>, Gone> {
    let mut bytes = Vec::with_capacity(64);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(Gone::Broken);
        }
        let Some((header, body)) = bytes.split_first_chunk() else {
            continue;
        };
        let malformed = |error| Gone::Refused(Refusal::Malformed(error));
        let length = Request::length(*header).map_err(malformed)?;
        if body.len() > length {
            return Err(malformed(CodecFault::Length(body.len()).at(length)));
        }
        if body.len() == length {
            return Ok(body.to_vec());
        }
    }
}

/// Whether a connection is from this host: from loopback, or from the very address it came to
/// (`conn_local_peer_check` in `epmd_srv.c`).
fn same_host(peer: IpAddr, own: IpAddr) -> bool {
    let peer = peer.to_canonical();
    peer.is_loopback() || peer == own.to_canonical()
}

async fn accept(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|context| {
        let mut accepted = listeners
            .iter()
            .map(|listener| listener.poll_accept(context));
        accepted.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// An address to listen on.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    address: IpAddr,
    /// Whether serving elsewhere is no substitute.
    required: bool,
}

/// Where to listen: everywhere, or at the given addresses and, always, on loopback.
fn places(addresses: &[IpAddr]) -> Vec<Place> {
    let mut places = Vec::new();
    let mut add = |address: IpAddr, required| {
        if !places
            .iter()
            .any(|place: &Place| covers(place.address, address))
        {
            places.push(Place { address, required });
        }
    };
    if addresses.is_empty() {
        add(Ipv4Addr::UNSPECIFIED.into(), true);
        add(Ipv6Addr::UNSPECIFIED.into(), false);
    }
    // Wildcards first: beside one, its own loopback cannot be bound any more.
    for address in addresses.iter().filter(|address| address.is_unspecified()) {
        add(*address, true);
    }
    add(Ipv4Addr::LOCALHOST.into(), true);
    add(Ipv6Addr::LOCALHOST.into(), false);
    for address in addresses {
        add(*address, true);
    }
    places
}

fn covers(place: IpAddr, address: IpAddr) -> bool {
    place == address || (place.is_unspecified() && place.is_ipv4() == address.is_ipv4())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests;
