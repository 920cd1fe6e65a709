//! Owns the listening socket: peers that dial us.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::dial::challenge;
use super::handshake_io::{HandshakeFailure, Wire, WireError};
use super::table::{AcceptVerdict, AttemptId};
use super::{PeerEvent, Runtime};
use crate::dist::{AcceptProgress, Acceptor, Connected, Decision, HandshakeError};

/// Handshakes under way at once; who comes on top waits in the kernel's queue.
const AT_ONCE: usize = 256;
/// Connections that the kernel keeps for us.
const BACKLOG: i32 = 1024;
/// How long accepting rests after the system refused a socket (too many open files).
const REST: Duration = Duration::from_millis(100);

/// The socket on which peers reach us.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    port: u16,
}

impl Listener {
    /// Listens on `address` (all addresses, IPv4 and IPv6, when there is none) and `port` (any free one for 0).
    ///
    /// # Errors
    /// What the system says, with the address that was tried.
    pub fn bind(
        address: Option<IpAddr>,
        port: u16,
    ) -> Result<Listener, (SocketAddr, std::io::Error)> {
        let everywhere = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        let tried = match address {
            Some(address) => SocketAddr::new(address, port),
            None => match open(everywhere) {
                Ok(listener) => return Ok(listener),
                // A host without IPv6.
                Err(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
            },
        };
        open(tried).map_err(|error| (tried, error))
    }

    /// The port that peers must dial.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Takes peers for `runtime` until `ended` is dropped at its other end.
    pub fn serve(self, runtime: Runtime, mut ended: watch::Receiver<()>) {
        tokio::spawn(async move {
            tokio::select! {
                () = accept_all(self.socket, runtime) => {}
                _ = ended.changed() => {}
            }
        });
    }
}

fn open(address: SocketAddr) -> std::io::Result<Listener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from_std(socket.into())?;
    let port = socket.local_addr()?.port();
    Ok(Listener { socket, port })
}

async fn accept_all(socket: TcpListener, runtime: Runtime) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match socket.accept().await {
            Ok((stream, address)) => {
                let runtime = runtime.clone();
                tokio::spawn(async move {
                    if let Err(failure) = handshake(&runtime, stream, canonical(address)).await {
                        runtime.tell(PeerEvent::Refused(failure));
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken now");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// An IPv4 peer on a socket for both families shows as IPv4.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The acceptor's side of a handshake, to its end.
async fn handshake(
    runtime: &Runtime,
    stream: TcpStream,
    address: SocketAddr,
) -> Result<(), HandshakeFailure> {
    let mut wire = Wire::new(stream, runtime.settings().setup_time);
    let mut machine = Acceptor::new(runtime.local(), challenge());
    let mut attempt = None;
    let result = accept(runtime, &mut wire, &mut machine, &mut attempt).await;
    let peer = machine.peer().cloned();
    let error = match result {
        Ok(connected) => {
            let (stream, rest) = wire.into_parts();
            let id = attempt.unwrap_or(AttemptId(0));
            runtime.connected(id, connected, stream, rest, address, false);
            return Ok(());
        }
        Err(error) => error,
    };
    if let (Some(peer), Some(id)) = (&peer, attempt) {
        runtime.table().ended(peer, id);
    }
    let no_loss = match (&peer, &error) {
        (Some(peer), HandshakeError::Closed(_)) => runtime.table().makes_do_without(peer),
        // A look at the port, as health checks take, or a dial that was given up.
        (None, HandshakeError::Closed(_)) => wire.has_heard_nothing(),
        // It comes again under a name of its own, as `beamlink ping` does.
        (_, HandshakeError::Nameless) => true,
        _ => false,
    };
    if no_loss {
        return Ok(());
    }
    if let Some(farewell) = Acceptor::farewell(&error) {
        // It is refused either way.
        let _ = wire.send(&farewell).await;
    }
    Err(HandshakeFailure {
        address,
        peer,
        error,
    })
}

async fn accept(
    runtime: &Runtime,
    wire: &mut Wire,
    machine: &mut Acceptor,
    attempt: &mut Option<AttemptId>,
) -> Result<Connected, HandshakeError> {
    loop {
        let failed = |error| match error {
            WireError::Closed => HandshakeError::Closed(machine.stage()),
            WireError::Silent => runtime.silent(machine.stage()),
            WireError::Garbage(bytes) => HandshakeError::garbage(&bytes),
        };
        let message = wire.receive().await.map_err(failed)?;
        let replies = match machine.receive(&message)? {
            AcceptProgress::Decide(hello) => {
                let (decision, id) = decision(runtime.table().accept(&hello.name));
                *attempt = id;
                machine.decide(decision)?
            }
            AcceptProgress::Send(reply) => vec![reply],
            AcceptProgress::Done(ack, connected) => {
                let failed = |_| HandshakeError::Closed(machine.stage());
                wire.send(&ack).await.map_err(failed)?;
                return Ok(connected);
            }
        };
        for reply in replies {
            let failed = |_| HandshakeError::Closed(machine.stage());
            wire.send(&reply).await.map_err(failed)?;
        }
    }
}

fn decision(verdict: AcceptVerdict) -> (Decision, Option<AttemptId>) {
    match verdict {
        AcceptVerdict::Ok(id) => (Decision::Ok, Some(id)),
        AcceptVerdict::OkSimultaneous(id) => (Decision::OkSimultaneous, Some(id)),
        AcceptVerdict::Nok => (Decision::Nok, None),
        AcceptVerdict::Alive(id) => (Decision::Alive, Some(id)),
    }
}
