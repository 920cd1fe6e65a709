//! I/O: hears all groups that libcluster nodes are known to use, at once, beside whoever has the port.
//!
//! Each ear is bound to the address that it listens for, not to all of this host: so it shares the port with the nodes
//! that run here without taking a datagram from them (of sockets on one address a unicast one reaches a single one),
//! and knows what each datagram was sent to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use if_addrs::IfAddr;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::candidates::ENOUGH;
use super::table::Destination;
use crate::gossip::{Gossip, GossipError, GossipSocket};

/// Where libcluster nodes send their heartbeats unless told otherwise: ExESDB's default, libcluster's, the one that it had
/// before 3.3.0, and all hosts.
pub const KNOWN_GROUPS: [Ipv4Addr; 4] = [
    Ipv4Addr::new(239, 255, 0, 1),
    Ipv4Addr::new(233, 252, 1, 32),
    Ipv4Addr::new(230, 1, 1, 251),
    Ipv4Addr::BROADCAST,
];

/// A socket that failed for a while is asked again after this.
const AGAIN: Duration = Duration::from_millis(100);
/// Group memberships follow the interfaces at this pace.
const REFRESH: Duration = Duration::from_secs(2);

/// A datagram that came in.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Where it came from.
    pub from: SocketAddr,
    /// Where it was sent to.
    pub to: Destination,
    /// Its bytes, cut off where no heartbeat is that long.
    pub bytes: Vec<u8>,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for heartbeats to {}:{}: {error}", to.0, to.1)]
pub struct Deaf {
    /// What was to be heard.
    pub to: Destination,
    /// Why it is not.
    pub error: GossipError,
}

/// Ears on groups, broadcast addresses and ports. They are closed when this is dropped.
#[derive(Debug)]
pub struct Ears {
    heard: Receiver<Datagram>,
    open: Vec<Destination>,
    deaf: Vec<Deaf>,
    _tasks: JoinSet<()>,
}

impl Ears {
    /// Opens ears on the configured address, the [known](KNOWN_GROUPS) ones and the broadcast addresses of this host, on
    /// the configured port and on libcluster's own.
    ///
    /// # Panics
    /// Outside a Tokio runtime with I/O and time.
    pub fn open(configured: &Gossip) -> Ears {
        let ports = unique([configured.port, Gossip::default().port]);
        let groups = unique(
            [configured.multicast_addr]
                .into_iter()
                .chain(KNOWN_GROUPS)
                .chain(broadcasts()),
        );
        let (tell, heard) = channel(256);
        let mut ears = Ears {
            heard,
            open: Vec::new(),
            deaf: Vec::new(),
            _tasks: JoinSet::new(),
        };
        for port in ports {
            for group in &groups {
                ears.add(configured, (*group, port), tell.clone());
            }
        }
        ears
    }

    fn add(&mut self, configured: &Gossip, to: Destination, tell: Sender<Datagram>) {
        let (group, port) = to;
        let mut settings = Gossip::default()
            .port(port)
            .if_addr(group)
            .multicast_addr(group);
        settings.multicast_if = configured.multicast_if;
        match GossipSocket::open(&settings) {
            Ok(socket) => {
                socket.refresh();
                self.open.push(to);
                self._tasks.spawn(listen(socket, to, tell));
            }
            // An address that is neither a group nor one of this host can be configured; nobody is heard there.
            Err(GossipError::NoSuchAddress(_)) if !group.is_multicast() => {}
            Err(error) => self.deaf.push(Deaf { to, error }),
        }
    }

    /// What is listened for.
    pub fn listening(&self) -> &[Destination] {
        &self.open
    }

    /// What could not be.
    pub fn deaf(&self) -> &[Deaf] {
        &self.deaf
    }

    /// The same, for whoever outlives them.
    pub fn take_deaf(&mut self) -> Vec<Deaf> {
        std::mem::take(&mut self.deaf)
    }

    /// Waits for the next datagram. `None` when no ear is open. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Datagram> {
        self.heard.recv().await
    }
}

async fn listen(socket: GossipSocket, to: Destination, tell: Sender<Datagram>) {
    let mut refresh = tokio::time::interval(REFRESH);
    let mut buffer = [0; ENOUGH];
    loop {
        tokio::select! {
            _ = refresh.tick() => drop(socket.refresh()),
            received = socket.receive(&mut buffer) => match received {
                Ok((length, from)) => {
                    let bytes = buffer[..length].to_vec();
                    if tell.send(Datagram { from, to, bytes }).await.is_err() {
                        return;
                    }
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            },
        }
    }
}

fn unique<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

fn broadcasts() -> Vec<Ipv4Addr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default().into_iter();
    let broadcast = |interface: if_addrs::Interface| match interface.addr {
        IfAddr::V4(address) if !interface.addr.is_loopback() && address.prefixlen < 31 => {
            Some(address.ip | !address.netmask)
        }
        _ => None,
    };
    interfaces.filter_map(broadcast).collect()
}

/// The addresses of this host.
///
/// # Errors
/// What the system says.
pub fn own_addresses() -> io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?.into_iter();
    Ok(interfaces.map(|interface| interface.ip()).collect())
}

/// The name of the interface in whose network `source` is: where a datagram from it came in, unless it was routed.
pub fn interface_towards(source: IpAddr) -> Option<String> {
    let interfaces = if_addrs::get_if_addrs().ok()?.into_iter();
    let towards = |interface: &if_addrs::Interface| match (&interface.addr, source) {
        (IfAddr::V4(own), IpAddr::V4(source)) => own.ip & own.netmask == source & own.netmask,
        _ => false,
    };
    interfaces
        .filter(towards)
        .map(|interface| interface.name)
        .next()
}
