//! I/O: what this host is like, as far as gossip and distribution depend on it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use if_addrs::{IfAddr, Ifv4Addr};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use tokio::net::lookup_host;

use super::Question;
use crate::doctor::proc_net::{self, LISTEN};
use crate::epmd::{self, AskError};
use crate::gossip::{Gossip, GossipError, GossipSocket, Notice};

/// For each question; who answers at all answers within milliseconds.
const LIMIT: Duration = Duration::from_secs(2);
/// How often the echo is asked for, and how long each is waited for.
const ECHOES: (u32, Duration) = (3, Duration::from_millis(150));

/// What this host is like.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// The addresses of its interfaces.
    pub interfaces: Vec<Interface>,
    /// The groups that its sockets have joined, each with the interface.
    pub memberships: Vec<(String, Ipv4Addr)>,
    /// What became of gossip here; `None` where none is wanted.
    pub gossip: Option<GossipFacts>,
    /// What it is called.
    pub hostname: String,
    /// What its own name resolves to.
    pub hostname_resolves: Vec<IpAddr>,
    /// What the host of the configured node name resolves to, where there is one.
    pub name_resolves: Option<Vec<IpAddr>>,
    /// Who answers at EPMD's port.
    pub epmd: Epmd,
    /// Its clock, in seconds since 1970.
    pub clock: u64,
}

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// The name of the interface.
    pub name: String,
    /// The address.
    pub address: IpAddr,
    /// How many bits of it are those of its network.
    pub prefix: u8,
    /// Its broadcast address.
    pub broadcast: Option<IpAddr>,
    /// Whether it is up, by its flags.
    pub up: Option<bool>,
    /// Whether it can broadcast, by its flags.
    pub can_broadcast: Option<bool>,
    /// Whether it can do multicast, by its flags.
    pub can_multicast: Option<bool>,
}

/// What became of gossip on this host.
#[derive(Debug, Clone, Serialize)]
pub struct GossipFacts {
    /// The address that a heartbeat would leave from, or why none would leave.
    #[serde(serialize_with = "as_route")]
    pub route: Result<Ipv4Addr, String>,
    /// Interfaces on which the group cannot be joined, and why.
    pub not_joined: Vec<(Ipv4Addr, String)>,
    /// Why the port cannot be shared, where it cannot.
    pub port_refused: Option<String>,
    /// Who has the port too: pid and program, or a user where that is all that may be seen.
    pub port_holders: Vec<String>,
    /// Whether this host hears itself; `None` where it could not be tried.
    pub echo: Option<bool>,
}

/// `{"from": "172.20.0.3"}`, or `{"error": "…"}`
fn as_route<S: Serializer>(
    route: &Result<Ipv4Addr, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    match route {
        Ok(from) => map.serialize_entry("from", from)?,
        Err(error) => map.serialize_entry("error", error)?,
    }
    map.end()
}

/// Who answers at EPMD's port on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Epmd {
    /// Nobody.
    None,
    /// An EPMD.
    Running {
        /// Its process: pid and program, where that may be seen.
        holders: Vec<String>,
        /// The nodes that it knows.
        nodes: Vec<(String, u16)>,
    },
    /// Something that is none, or does not answer.
    Other {
        /// Its process: pid and program, where that may be seen.
        holders: Vec<String>,
        /// What came of asking.
        error: String,
    },
}

impl Facts {
    /// Looks at all of it at once.
    pub(super) async fn look(question: &Question<'_>) -> Facts {
        let hostname = hostname::get().unwrap_or_default();
        let hostname = hostname.to_string_lossy().into_owned();
        let gossip = async {
            match question.gossip {
                Some(gossip) => Some(GossipFacts::look(gossip).await),
                None => None,
            }
        };
        let name = async {
            match question.name {
                Some(name) => Some(resolve(name.host()).await),
                None => None,
            }
        };
        let (gossip, hostname_resolves, name_resolves, epmd) = tokio::join!(
            gossip,
            resolve(&hostname),
            name,
            Epmd::look(question.epmd_port)
        );
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Facts {
            interfaces: interfaces(),
            memberships: proc_net::memberships(),
            gossip,
            hostname,
            hostname_resolves,
            name_resolves,
            epmd,
            clock: since_1970.unwrap_or_default().as_secs(),
        }
    }

    /// Whether `address` leads to this host.
    pub(super) fn is_here(&self, address: &IpAddr) -> bool {
        address.is_loopback() || self.interfaces.iter().any(|one| one.address == *address)
    }
}

async fn resolve(host: &str) -> Vec<IpAddr> {
    match tokio::time::timeout(LIMIT, lookup_host((host, 0))).await {
        Ok(Ok(found)) => {
            let found: BTreeSet<IpAddr> = found.map(|address| address.ip()).collect();
            found.into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn interfaces() -> Vec<Interface> {
    let all = if_addrs::get_if_addrs().unwrap_or_default().into_iter();
    let interface = |found: if_addrs::Interface| {
        let flags = flags(&found.name);
        let flag = |bit: u32| flags.map(|flags| flags & bit != 0);
        let (prefix, broadcast) = match &found.addr {
            IfAddr::V4(address) => (address.prefixlen, address.broadcast.map(IpAddr::V4)),
            IfAddr::V6(address) => (address.prefixlen, None),
        };
        Interface {
            address: found.ip(),
            name: found.name,
            prefix,
            broadcast,
            // IFF_UP, IFF_BROADCAST and IFF_MULTICAST of Linux's if.h.
            up: flag(0x1),
            can_broadcast: flag(0x2),
            can_multicast: flag(0x1000),
        }
    };
    all.map(interface).collect()
}

fn flags(interface: &str) -> Option<u32> {
    let text = fs::read_to_string(format!("/sys/class/net/{interface}/flags")).ok()?;
    u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

/// The IPv4 addresses of this host.
pub(in crate::doctor) fn ipv4_addresses() -> Vec<Ifv4Addr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default().into_iter();
    all.filter_map(|interface| match interface.addr {
        IfAddr::V4(address) => Some(address),
        IfAddr::V6(_) => None,
    })
    .collect()
}

impl GossipFacts {
    async fn look(gossip: &Gossip) -> GossipFacts {
        let to = SocketAddr::from((gossip.multicast_addr, gossip.port));
        let mut facts = GossipFacts {
            route: route(gossip, to).map_err(|error| error.to_string()),
            not_joined: Vec::new(),
            port_refused: None,
            port_holders: port_holders(gossip.port),
            echo: None,
        };
        // Bound to the address itself: no datagram is taken from who has the port here.
        let ear = Gossip {
            if_addr: gossip.multicast_addr,
            ..gossip.clone()
        };
        match GossipSocket::open(&ear) {
            Ok(ear) => {
                for notice in ear.refresh() {
                    if let Notice::JoinFailed { interface, code } = notice {
                        let error = io::Error::from_raw_os_error(code);
                        facts.not_joined.push((interface, error.to_string()));
                    }
                }
                if facts.route.is_ok() {
                    facts.echo = echo(gossip, to, &ear).await;
                }
            }
            Err(GossipError::NoSuchAddress(_)) => {}
            Err(error) => facts.port_refused = Some(error.to_string()),
        }
        facts
    }
}

/// A socket that speaks as the settings say, and has a port of its own.
fn speaker(gossip: &Gossip) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((gossip.if_addr, 0))?;
    socket.set_broadcast(true)?;
    if let Some(interface) = gossip.multicast_if {
        socket2::SockRef::from(&socket).set_multicast_if_v4(&interface)?;
    }
    Ok(socket)
}

/// Where the kernel would send from.
fn route(gossip: &Gossip, to: SocketAddr) -> io::Result<Ipv4Addr> {
    let socket = speaker(gossip)?;
    socket.connect(to)?;
    match (gossip.multicast_if, socket.local_addr()?.ip()) {
        (Some(interface), _) if gossip.multicast_addr.is_multicast() => Ok(interface),
        (_, IpAddr::V4(address)) => Ok(address),
        (_, IpAddr::V6(_)) => Ok(Ipv4Addr::UNSPECIFIED),
    }
}

/// Whether an empty datagram comes back, which no libcluster node takes for anything. To a group it does not leave this host.
async fn echo(gossip: &Gossip, to: SocketAddr, ear: &GossipSocket) -> Option<bool> {
    let mouth = speaker(gossip).ok()?;
    mouth.set_multicast_ttl_v4(0).ok()?;
    let own_port = mouth.local_addr().ok()?.port();
    let (times, wait) = ECHOES;
    for _ in 0..times {
        match mouth.send_to(&[], to) {
            Ok(_) => {}
            // A packet filter that drops what goes out says so.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Some(false),
            Err(_) => return None,
        }
        let heard = async {
            let mut buffer = [0; 1];
            loop {
                match ear.receive(&mut buffer).await {
                    Ok((0, from)) if from.port() == own_port => return true,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
        };
        if let Ok(heard) = tokio::time::timeout(wait, heard).await {
            return Some(heard);
        }
    }
    Some(false)
}

fn port_holders(port: u16) -> Vec<String> {
    let here = |line: &proc_net::SocketLine| line.local.port() == port;
    described(proc_net::sockets("udp").into_iter().filter(here).collect())
}

fn described(lines: Vec<proc_net::SocketLine>) -> Vec<String> {
    let inodes: Vec<u64> = lines.iter().map(|line| line.inode).collect();
    let holders = proc_net::holders(&inodes);
    if holders.is_empty() {
        let users: BTreeSet<u32> = lines.iter().map(|line| line.uid).collect();
        return users.iter().map(|uid| format!("user {uid}")).collect();
    }
    let holder = |holder: &proc_net::Holder| format!("{} (pid {})", holder.program, holder.pid);
    holders.iter().map(holder).collect()
}

impl Epmd {
    async fn look(port: u16) -> Epmd {
        let answer = epmd::names((Ipv4Addr::LOCALHOST, port).into(), LIMIT).await;
        let holders = || {
            let listens =
                |line: &proc_net::SocketLine| line.state == LISTEN && line.local.port() == port;
            described(
                proc_net::sockets("tcp")
                    .into_iter()
                    .filter(listens)
                    .collect(),
            )
        };
        match answer {
            Ok(nodes) => Epmd::Running {
                holders: holders(),
                nodes,
            },
            Err(AskError::Unreachable { .. }) => Epmd::None,
            Err(error) => Epmd::Other {
                holders: holders(),
                error: error.to_string(),
            },
        }
    }
}
