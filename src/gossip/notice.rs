//! What the network makes of the gossip socket: failures to open and to send, and what else an operator should know.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Why the gossip socket could not be opened. Nothing is left open, and a later attempt may succeed.
#[derive(Debug, thiserror::Error)]
pub enum GossipError {
    /// Another program holds the port and does not share it, as libcluster and beamlink do.
    #[error(
        "UDP port {0} is held by a program that does not share it: stop it (ss -lunp shows it), or use another gossip port on all nodes"
    )]
    PortTaken(u16),
    /// The host has no such address now.
    #[error("{0} is not an address of this host: check if_addr, or wait for the interface")]
    NoSuchAddress(Ipv4Addr),
    /// The system refused for another reason.
    #[error("cannot open the gossip socket on {at}: {source}")]
    Refused {
        /// Where it should have been bound.
        at: SocketAddrV4,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a heartbeat did not go out. The socket stays usable: try again with the next heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The network is down, or no route leads there.
    #[error(
        "no network leads to {0} now: if_addr (for a group also multicast_if) can name the interface to use"
    )]
    NoRoute(SocketAddrV4),
    /// The system forbids it.
    #[error("the system forbids sending to {0}: look at its firewall")]
    Refused(SocketAddrV4),
    /// Any other answer of the system.
    #[error("sending to {to} failed: {}", io::Error::from_raw_os_error(*code))]
    Failed {
        /// Where it should have gone.
        to: SocketAddrV4,
        /// The system's error number.
        code: i32,
    },
}

/// What [`GossipSocket::refresh`](super::GossipSocket::refresh) has to tell, once for each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Heartbeats to the group are now heard on the interface with this address.
    Joined(Ipv4Addr),
    /// The interface with this address is gone.
    Left(Ipv4Addr),
    /// The group cannot be joined on this interface; it is tried again with each refresh.
    JoinFailed {
        /// The address of the interface.
        interface: Ipv4Addr,
        /// The system's error number.
        code: i32,
    },
    /// No interface has the address that `multicast_if` or `if_addr` names.
    NoSuchInterface(Ipv4Addr),
    /// `broadcast_only` is false and `multicast_addr` a broadcast address: there is no group to join, and none is
    /// needed. (libcluster asks for it, the kernel says EINVAL, and broadcast works all the same.)
    BroadcastAddress(Ipv4Addr),
    /// `broadcast_only` is true and `multicast_addr` a group, which is not joined: other hosts are not heard.
    GroupNotJoined(Ipv4Addr),
    /// `multicast_addr` is neither a group nor a broadcast address here: one host at most hears us.
    UnicastAddress(Ipv4Addr),
    /// `if_addr` is this one address. A libcluster node so configured hears no group and no broadcast (Linux
    /// gives those to sockets bound to 0.0.0.0 or to the destination); we listen on a second socket.
    BoundToOneAddress(Ipv4Addr),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Joined(interface) => write!(f, "listens to the gossip group on {interface}"),
            Notice::Left(interface) => write!(f, "the interface {interface} is gone"),
            Notice::JoinFailed { interface, code } => {
                let error = io::Error::from_raw_os_error(*code);
                write!(f, "cannot join the gossip group on {interface}: {error}")
            }
            Notice::NoSuchInterface(address) => {
                write!(
                    f,
                    "no interface has the address {address} (multicast_if, if_addr)"
                )
            }
            Notice::BroadcastAddress(to) => write!(
                f,
                "{to} is a broadcast address: no group is joined, although broadcast_only is false"
            ),
            Notice::GroupNotJoined(to) => write!(
                f,
                "{to} is a multicast group, but broadcast_only keeps us from joining it: other hosts are not heard"
            ),
            Notice::UnicastAddress(to) => write!(
                f,
                "{to} is neither a multicast group nor a broadcast address of this host: one host at most hears us"
            ),
            Notice::BoundToOneAddress(address) => write!(
                f,
                "if_addr is {address}: we hear broadcast and multicast all the same, libcluster nodes with such an if_addr do not"
            ),
        }
    }
}
