//! Owns the UDP sockets of the Gossip strategy: opened as libcluster opens its own, so that both share the port.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use if_addrs::{IfAddr, Ifv4Addr};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};

use super::notice::{GossipError, Notice, SendError};
use super::pace::{Pace, REST};
use super::settings::Destination;
use super::{Codec, Gossip, MAX_PACKET, Verdict};

/// A datagram that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Where it came from.
    pub from: SocketAddr,
    /// What it is.
    pub verdict: Verdict,
}

/// Hears and sends heartbeats.
#[derive(Debug)]
pub struct GossipSocket {
    speaker: UdpSocket,
    /// Hears what is sent to the group or broadcast address when the speaker is bound to one address.
    ear: Option<UdpSocket>,
    to: SocketAddrV4,
    /// Without the secret, which the codec has.
    settings: Gossip,
    known: Mutex<Known>,
    pace: Mutex<Pace>,
}

/// What the last refresh found.
#[derive(Debug, Default)]
struct Known {
    destination: Option<Destination>,
    /// Interfaces by their index, on which the group is joined.
    joined: BTreeMap<u32, Ipv4Addr>,
    /// What could not be done, so that it is told once.
    troubles: Vec<Notice>,
}

impl GossipSocket {
    /// Opens the socket as libcluster does, and joins the group where libcluster does. Needs no network: what
    /// is missing now comes with a later [`GossipSocket::refresh`]. With port 0 the system picks the port.
    pub fn open(settings: &Gossip) -> Result<GossipSocket, GossipError> {
        let at = SocketAddrV4::new(settings.if_addr, settings.port);
        let speaker = bind(at)?;
        let refused = |source| GossipError::Refused { at, source };
        let port = speaker.local_addr().map_err(refused)?.port();
        let to = SocketAddrV4::new(settings.multicast_addr, port);
        let options = SockRef::from(&speaker);
        options.set_broadcast(true).map_err(refused)?;
        options
            .set_multicast_ttl_v4(settings.multicast_ttl.into())
            .map_err(refused)?;
        options.set_multicast_loop_v4(true).map_err(refused)?;
        let destination = destination(settings, &interfaces().unwrap_or_default());
        let deaf = destination != Destination::Unicast && one_address(settings).is_some();
        let socket = GossipSocket {
            ear: if deaf { Some(bind(to)?) } else { None },
            speaker,
            to,
            settings: Gossip {
                secret: None,
                old_secret: None,
                ..settings.clone()
            },
            known: Mutex::default(),
            pace: Mutex::new(Pace::new(Instant::now())),
        };
        socket.join_as_libcluster();
        Ok(socket)
    }

    /// The port that is heard and sent to.
    pub fn port(&self) -> u16 {
        self.to.port()
    }

    /// Sends a heartbeat to the group or broadcast address.
    pub fn send(&self, packet: &[u8]) -> Result<(), SendError> {
        let to = self.to;
        match self.speaker.send_to(packet, to) {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::AddrNotAvailable => SendError::NoRoute(to),
                io::ErrorKind::PermissionDenied => SendError::Refused(to),
                _ => SendError::Failed {
                    to,
                    code: code(&error),
                },
            }),
        }
    }

    /// Waits for the next datagram and puts it into `buffer`, cut off at its end. May be dropped while it waits.
    /// Datagrams that come by the hundred are read in batches, 20 ms apart; those beyond what the kernel holds for
    /// us in that time, some 250, are lost, as heartbeats may be.
    ///
    /// # Panics
    /// Outside a Tokio runtime with I/O and time.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        // A flood must not keep its reader from all else.
        tokio::task::coop::consume_budget().await;
        loop {
            for socket in self.ear.iter().chain([&self.speaker]) {
                match socket.recv_from(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    done => {
                        unpoisoned(&self.pace).read();
                        return done;
                    }
                }
            }
            let rest = unpoisoned(&self.pace).is_to_rest(Instant::now());
            if rest {
                tokio::time::sleep(REST).await;
            } else {
                self.wait().await?;
            }
        }
    }

    /// Waits until a datagram is there. The runtime watches the sockets, by handles of their own, for no longer than
    /// that: a watched socket wakes it for each datagram, wanted or not.
    async fn wait(&self) -> io::Result<()> {
        let watched = |socket: &UdpSocket| tokio::net::UdpSocket::from_std(socket.try_clone()?);
        let speaker = watched(&self.speaker)?;
        let Some(ear) = &self.ear else {
            return speaker.readable().await;
        };
        let ear = watched(ear)?;
        tokio::select! {
            done = speaker.readable() => done,
            done = ear.readable() => done,
        }
    }

    /// Waits for the next datagram and judges it. May be dropped while it waits. After an error the socket is
    /// still good: wait a little and call again.
    pub async fn next(&self, codec: &Codec) -> io::Result<Received> {
        let mut buffer = [0; MAX_PACKET + 1];
        let (length, from) = self.receive(&mut buffer).await?;
        let verdict = codec.decode(&buffer[..length]);
        Ok(Received { from, verdict })
    }

    /// Looks at the host's interfaces, joins the group on new ones and leaves it on those that are gone. Call it
    /// once after [`GossipSocket::open`] and every few seconds from then on. Tells what changed, each thing once.
    pub fn refresh(&self) -> Vec<Notice> {
        let Ok(interfaces) = interfaces() else {
            return Vec::new();
        };
        let mut known = unpoisoned(&self.known);
        let mut notices = Vec::new();
        let destination = destination(&self.settings, &interfaces);
        if known.destination.replace(destination) != Some(destination) {
            notices.extend(self.describe(destination));
        }
        if self.joins_group() {
            self.speak_on_multicast_if();
            notices.extend(self.leave_gone(&interfaces, &mut known));
            notices.extend(self.join_new(&interfaces, &mut known));
        }
        notices
    }

    fn describe(&self, destination: Destination) -> Vec<Notice> {
        let to = self.settings.multicast_addr;
        let mut notices = Vec::new();
        match destination {
            Destination::Multicast if self.settings.broadcast_only => {
                notices.push(Notice::GroupNotJoined(to));
            }
            Destination::Multicast => {}
            Destination::LimitedBroadcast | Destination::SubnetBroadcast(_) => {
                if !self.settings.broadcast_only {
                    notices.push(Notice::BroadcastAddress(to));
                }
            }
            Destination::Unicast => notices.push(Notice::UnicastAddress(to)),
        }
        if self.ear.is_some() {
            notices.push(Notice::BoundToOneAddress(self.settings.if_addr));
        }
        notices
    }

    fn joins_group(&self) -> bool {
        self.settings.multicast_addr.is_multicast() && !self.settings.broadcast_only
    }

    /// The one interface that the settings confine multicast to.
    fn confined_to(&self) -> Option<Ipv4Addr> {
        self.settings.multicast_if.or(one_address(&self.settings))
    }

    fn hearing(&self) -> SockRef<'_> {
        SockRef::from(self.ear.as_ref().unwrap_or(&self.speaker))
    }

    /// Speaks and listens where libcluster does, before [`GossipSocket::refresh`] adds interfaces and tells what failed:
    /// Linux lets a socket join on 20 interfaces only (net.ipv4.igmp_max_memberships), so this one comes first.
    fn join_as_libcluster(&self) {
        if !self.joins_group() {
            return;
        }
        self.speak_on_multicast_if();
        let interface = self.confined_to().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let group = self.settings.multicast_addr;
        let _ = self.hearing().join_multicast_v4(&group, &interface);
    }

    /// Without that interface there is nothing to speak on: [`GossipSocket::join_new`] tells.
    fn speak_on_multicast_if(&self) {
        if let Some(address) = self.settings.multicast_if {
            let _ = SockRef::from(&self.speaker).set_multicast_if_v4(&address);
        }
    }

    fn leave_gone(&self, interfaces: &Interfaces, known: &mut Known) -> Vec<Notice> {
        let group = self.settings.multicast_addr;
        let is_there = |index: &u32| interfaces.iter().any(|(there, _)| there == index);
        let gone = known.joined.extract_if(.., |index, _| !is_there(index));
        gone.map(|(index, address)| {
            let interface = InterfaceIndexOrAddress::Index(index);
            let _ = self.hearing().leave_multicast_v4_n(&group, &interface);
            Notice::Left(address)
        })
        .collect()
    }

    fn join_new(&self, interfaces: &Interfaces, known: &mut Known) -> Vec<Notice> {
        let confined_to = self.confined_to();
        let wanted = interfaces
            .iter()
            .filter(|(_, interface)| confined_to.is_none_or(|only| interface.ip == only));
        let mut notices = Vec::new();
        let mut troubles = Vec::new();
        let mut found = false;
        for (index, interface) in wanted {
            found = true;
            if known.joined.contains_key(index) {
                continue;
            }
            match self.join(*index) {
                Ok(()) => {
                    known.joined.insert(*index, interface.ip);
                    notices.push(Notice::Joined(interface.ip));
                }
                Err(error) => troubles.push(Notice::JoinFailed {
                    interface: interface.ip,
                    code: code(&error),
                }),
            }
        }
        if let (Some(address), false) = (confined_to, found) {
            troubles.push(Notice::NoSuchInterface(address));
        }
        let news = troubles
            .iter()
            .filter(|trouble| !known.troubles.contains(trouble));
        notices.extend(news.cloned());
        known.troubles = troubles;
        notices
    }

    fn join(&self, index: u32) -> io::Result<()> {
        let group = self.settings.multicast_addr;
        let interface = InterfaceIndexOrAddress::Index(index);
        match self.hearing().join_multicast_v4_n(&group, &interface) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
            done => done,
        }
    }
}

/// The IPv4 addresses of the host, each with the index of its interface, which may have several.
type Interfaces = Vec<(u32, Ifv4Addr)>;

fn interfaces() -> io::Result<Interfaces> {
    let all = if_addrs::get_if_addrs()?.into_iter();
    Ok(all
        .filter_map(|interface| match (interface.index, interface.addr) {
            (Some(index), IfAddr::V4(address)) => Some((index, address)),
            _ => None,
        })
        .collect())
}

fn destination(settings: &Gossip, interfaces: &Interfaces) -> Destination {
    settings.destination(interfaces.iter().map(|(_, address)| address))
}

/// The host's address that `if_addr` names, when it is one.
fn one_address(settings: &Gossip) -> Option<Ipv4Addr> {
    let address = settings.if_addr;
    let any = address.is_unspecified() || address.is_multicast() || address.is_broadcast();
    (!any && address != settings.multicast_addr).then_some(address)
}

fn bind(at: SocketAddrV4) -> Result<UdpSocket, GossipError> {
    let bound = || -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // What libcluster sets, and what shares the port with it on Linux; elsewhere it sets the other one too.
        socket.set_reuse_address(true)?;
        #[cfg(any(
            target_os = "macos",
            target_os = "freebsd",
            target_os = "openbsd",
            target_os = "netbsd"
        ))]
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&at.into())?;
        Ok(socket.into())
    };
    bound().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => GossipError::PortTaken(at.port()),
        io::ErrorKind::AddrNotAvailable => GossipError::NoSuchAddress(*at.ip()),
        _ => GossipError::Refused { at, source },
    })
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn code(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or_default()
}
