//! I/O: whether a node that is heard can be dialled from here, and whether somebody here has done so.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::ears::own_addresses;
use crate::NodeName;
use crate::doctor::proc_net::{ESTABLISHED, sockets};
use crate::epmd::{self, LookupError};

/// For each step; who answers at all answers within milliseconds.
const LIMIT: Duration = Duration::from_secs(2);

/// How a node can be reached from this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Whether the host in its name leads to where its heartbeats come from.
    pub resolves: Resolves,
    /// What the EPMD there says of it.
    pub epmd: Registered,
    /// Its distribution port, where EPMD knows one.
    pub port: Option<PortState>,
    /// Whether a distribution connection stands between it and a node of this host, by this host's list of connections.
    /// `None` where no node runs here, and for nodes of this host itself, which cannot be told apart by that list.
    pub connected: Option<bool>,
}

/// What the host in a node's name resolves to, on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolves {
    /// The address that the node is heard from.
    ToSource,
    /// Another address of this host, which the node is heard from.
    ToThisHost,
    /// Other addresses: a node here would dial one of these.
    Elsewhere(Vec<IpAddr>),
    /// None.
    No(String),
}

/// What an EPMD says of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It has this port.
    Port(u16),
    /// It does not know the name.
    Unknown,
    /// There is no answer to be had.
    NoAnswer(String),
}

/// What came of a connection to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Somebody listens.
    Open,
    /// Nobody does.
    Closed,
    /// Neither yes nor no.
    Silent,
}

impl PortState {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            PortState::Open => "open",
            PortState::Closed => "closed",
            PortState::Silent => "silent",
        }
    }
}

impl Reach {
    /// Looks at `node`, which is heard from `source`. The connection to its port is closed again at once, which a BEAM takes
    /// for a caller that thought better of it: it logs nothing.
    pub async fn look(node: &NodeName, source: IpAddr, epmd_port: u16) -> Reach {
        let own = own_addresses().unwrap_or_default();
        let (resolves, epmd) = tokio::join!(
            resolve(node.host(), source, &own),
            registered(node, source, epmd_port)
        );
        let mut reach = Reach {
            resolves,
            epmd,
            port: None,
            connected: None,
        };
        if let Registered::Port(port) = reach.epmd {
            // Before we stand in that list ourselves.
            reach.connected = connected((source, port).into(), &own, epmd_port).await;
            reach.port = Some(knock((source, port).into()).await);
        }
        reach
    }
}

async fn resolve(host: &str, source: IpAddr, own: &[IpAddr]) -> Resolves {
    let found = match timeout(LIMIT, lookup_host((host, 0))).await {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect::<Vec<_>>(),
        Ok(Err(error)) => return Resolves::No(error.to_string()),
        Err(_) => return Resolves::No("the resolver does not answer".to_owned()),
    };
    let is_here = |ip: &IpAddr| ip.is_loopback() || own.contains(ip);
    match found {
        found if found.is_empty() => Resolves::No("it has no address".to_owned()),
        found if found.contains(&source) => Resolves::ToSource,
        found if is_here(&source) && found.iter().all(is_here) => Resolves::ToThisHost,
        found => Resolves::Elsewhere(found),
    }
}

async fn registered(node: &NodeName, source: IpAddr, epmd_port: u16) -> Registered {
    match epmd::lookup((source, epmd_port).into(), node.name(), LIMIT).await {
        Ok(entry) => Registered::Port(entry.port),
        Err(LookupError::UnknownName { .. }) => Registered::Unknown,
        Err(error) => Registered::NoAnswer(error.to_string()),
    }
}

/// Whether somebody listens there.
async fn knock(address: SocketAddr) -> PortState {
    match timeout(LIMIT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => PortState::Open,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => PortState::Closed,
        _ => PortState::Silent,
    }
}

async fn connected(node: SocketAddr, own: &[IpAddr], epmd_port: u16) -> Option<bool> {
    if node.ip().is_loopback() || own.contains(&node.ip()) {
        return None;
    }
    let epmd = (Ipv4Addr::LOCALHOST, epmd_port).into();
    let here = epmd::names(epmd, LIMIT).await.ok()?;
    if here.is_empty() {
        return None;
    }
    let is_here = |port: u16| here.iter().any(|(_, theirs)| *theirs == port);
    let dialled = |remote: SocketAddr| remote == node;
    let was_dialled = |local: u16, remote: SocketAddr| is_here(local) && remote.ip() == node.ip();
    let stands = sockets("tcp").into_iter().any(|line| {
        line.state == ESTABLISHED
            && (dialled(line.remote) || was_dialled(line.local.port(), line.remote))
    });
    Some(stands)
}
