//! What goes out of the membership: orders for the driver, events for users, and the reasons in both.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::gossip::VerdictKind;
use crate::name::NodeName;

/// An order to the driver. Each is answered exactly once, whatever becomes of it:
/// [`Membership::connected`](super::Membership::connected) (outbound) or
/// [`Membership::dial_failed`](super::Membership::dial_failed) after a [`Dial`](Action::Dial),
/// [`Membership::found`](super::Membership::found) or `dial_failed` after a [`Look`](Action::Look).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Resolve, ask EPMD, connect, shake hands.
    Dial(NodeName),
    /// Ask the host's EPMD whether it knows the node, and go no further. A node with a fixed port,
    /// where there is no EPMD to ask, counts as found.
    Look(NodeName),
}

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The peer dialled us.
    Inbound,
    /// We dialled the peer.
    Outbound,
}

/// What users of the membership hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A node is connected. For one node `Up` and [`Down`](Event::Down) alternate, `Up` first.
    Up {
        /// The node.
        node: NodeName,
        /// It did not offer `PUBLISHED`: it stands in `nodes(hidden)` and is no member.
        hidden: bool,
        /// Who opened the connection.
        direction: Direction,
    },
    /// The connection to a node is gone.
    Down {
        /// The node.
        node: NodeName,
        /// As in its `Up`.
        hidden: bool,
        /// Why.
        reason: DownReason,
    },
    /// A connection could not be made. Told when the kind of refusal changes and then at most once in
    /// [`repeat_refused`](super::MembershipConfig::repeat_refused), not at every attempt.
    Refused {
        /// The node.
        node: NodeName,
        /// Why, and where.
        refusal: Refusal,
    },
    /// Our own name sorts before that of a connected, visible node. ExESDB makes the lowest name in
    /// `Node.list()` its coordinator, so a guest's name must sort after all real ones. Told once for a node.
    SortsBefore {
        /// The node with the higher name.
        node: NodeName,
    },
    /// Someone connected to us who did not come as far as a name. Of one address and kind the first is told at once,
    /// and how many more there were every ten seconds.
    Stranger {
        /// Where he is; `None` for many addresses together.
        address: Option<IpAddr>,
        /// Why he was refused.
        kind: RefusalKind,
        /// What exactly, in words; `None` when more of the same are counted.
        detail: Option<String>,
        /// How many.
        count: u64,
    },
    /// A datagram on the gossip port that is no heartbeat for us. Told as strangers are.
    HeartbeatRejected {
        /// Where it came from; `None` for many addresses together.
        address: Option<IpAddr>,
        /// What it is.
        kind: VerdictKind,
        /// What exactly, in words; `None` when more of the same are counted.
        detail: Option<String>,
        /// How many.
        count: u64,
    },
    /// The receiver of events was too slow, and this many were lost to it.
    Missed {
        /// How many.
        count: u64,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Up { node, hidden, .. } => {
                let kind = if *hidden { " (hidden)" } else { "" };
                write!(f, "nodeup {node}{kind}")
            }
            Event::Down { node, reason, .. } => write!(f, "nodedown {node}: {reason}"),
            Event::Refused { node, refusal } => write!(f, "no connection to {node}: {refusal}"),
            Event::SortsBefore { node } => write!(
                f,
                "our name sorts before that of {node}: where the lowest name becomes coordinator, as in ExESDB, that would be us; choose a name that sorts last"
            ),
            Event::Stranger {
                address,
                kind,
                detail,
                count,
            } => {
                f.write_str("a stranger was refused: ")?;
                write_counted(f, *address, detail.as_deref(), &kind, *count)
            }
            Event::HeartbeatRejected {
                address,
                kind,
                detail,
                count,
            } => {
                f.write_str("no heartbeat for us: ")?;
                write_counted(f, *address, detail.as_deref(), &kind.as_str(), *count)
            }
            Event::Missed { count } => {
                write!(f, "{count} events were lost: the receiver is too slow")
            }
        }
    }
}

fn write_counted(
    f: &mut fmt::Formatter<'_>,
    address: Option<IpAddr>,
    detail: Option<&str>,
    kind: &dyn fmt::Display,
    count: u64,
) -> fmt::Result {
    match detail {
        Some(detail) => f.write_str(detail)?,
        None => write!(f, "{kind}, {count} more")?,
    }
    match address {
        Some(address) => write!(f, " ({address})"),
        None => f.write_str(" (many addresses)"),
    }
}

/// Why a connection ended, under OTP's names where it has one (`net_kernel:monitor_nodes/2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DownReason {
    /// The peer closed it, or the network did.
    ConnectionClosed,
    /// No completed frame for longer than net_ticktime allows.
    NetTickTimeout,
    /// The peer sent what the protocol does not allow.
    ProtocolError,
    /// The peer came back under the same name and its new connection took the place of the old.
    Replaced,
    /// A user of this node asked for it. The node is not looked for any more, only met again when it
    /// dials us, is heard, or is known to a peer.
    Disconnect,
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DownReason::ConnectionClosed => "connection_closed",
            DownReason::NetTickTimeout => "net_tick_timeout",
            DownReason::ProtocolError => "protocol_error",
            DownReason::Replaced => "wait_pending",
            DownReason::Disconnect => "disconnect",
        })
    }
}

/// Why a connection was not made: the kind steers the membership, the rest is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The class of it.
    pub kind: RefusalKind,
    /// Where: the address that was dialled, or that dialled us. `None` when it was not reached so far.
    pub address: Option<SocketAddr>,
    /// What exactly, in words: which flags, who noticed.
    pub detail: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        match self.address {
            Some(address) => write!(f, " ({address})"),
            None => Ok(()),
        }
    }
}

/// The classes of refusal that the membership tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The host part of the name has no address.
    Unresolvable,
    /// No EPMD answers on the host.
    EpmdUnreachable,
    /// EPMD answers and does not know the name.
    NameUnknown,
    /// EPMD gave a port that is closed.
    PortClosed,
    /// No answer in time.
    Silent,
    /// The connection was closed in the middle of the handshake, without a reason that can be read off it.
    Closed,
    /// `nok` (the peer's own attempt wins) or `alive` (it holds a connection to us). No fault, never an event.
    AlreadyConnected,
    /// The cookies differ.
    Cookie,
    /// A mandatory distribution flag is missing on either side.
    Flags,
    /// `not_allowed`, without a flag of ours missing: the peer has an allow list.
    NotAllowed,
    /// One of us has a short name and the other a long one.
    NameForm,
    /// Our own name is in use by another node.
    NameTaken,
    /// What answered does not speak the distribution protocol, or is another node than its name says.
    Garbage,
}

impl RefusalKind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [RefusalKind; 13] = [
        RefusalKind::Unresolvable,
        RefusalKind::EpmdUnreachable,
        RefusalKind::NameUnknown,
        RefusalKind::PortClosed,
        RefusalKind::Silent,
        RefusalKind::Closed,
        RefusalKind::AlreadyConnected,
        RefusalKind::Cookie,
        RefusalKind::Flags,
        RefusalKind::NotAllowed,
        RefusalKind::NameForm,
        RefusalKind::NameTaken,
        RefusalKind::Garbage,
    ];

    /// A name for events and metrics, such as `cookie_mismatch`.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalKind::Unresolvable => "host_not_resolved",
            RefusalKind::EpmdUnreachable => "epmd_down",
            RefusalKind::NameUnknown => "name_unknown",
            RefusalKind::PortClosed => "port_closed",
            RefusalKind::Silent => "silent",
            RefusalKind::Closed => "closed",
            RefusalKind::AlreadyConnected => "already_connected",
            RefusalKind::Cookie => "cookie_mismatch",
            RefusalKind::Flags => "flags_missing",
            RefusalKind::NotAllowed => "not_allowed",
            RefusalKind::NameForm => "name_form",
            RefusalKind::NameTaken => "name_taken",
            RefusalKind::Garbage => "not_a_node",
        }
    }

    /// Nothing tells that a node of this name runs: the next sign of life begins its grace anew.
    pub(super) fn nobody_there(self) -> bool {
        use RefusalKind::*;
        match self {
            Unresolvable | EpmdUnreachable | NameUnknown | PortClosed | Silent | Closed => true,
            AlreadyConnected | Cookie | Flags | NotAllowed | NameForm | NameTaken | Garbage => {
                false
            }
        }
    }

    /// Trying again soon cannot help, and costs an error line in the peer's log each time.
    pub(super) fn wants_quiet(self) -> bool {
        use RefusalKind::*;
        matches!(
            self,
            Cookie | Flags | NotAllowed | NameForm | NameTaken | Garbage
        )
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusalKind::Unresolvable => "host name not resolved",
            RefusalKind::EpmdUnreachable => "no EPMD on the host",
            RefusalKind::NameUnknown => "EPMD knows no such name",
            RefusalKind::PortClosed => "port closed",
            RefusalKind::Silent => "no answer",
            RefusalKind::Closed => "closed during the handshake",
            RefusalKind::AlreadyConnected => "already connecting",
            RefusalKind::Cookie => "cookie mismatch",
            RefusalKind::Flags => "distribution flags missing",
            RefusalKind::NotAllowed => "not allowed",
            RefusalKind::NameForm => "short and long names do not mix",
            RefusalKind::NameTaken => "our name is taken",
            RefusalKind::Garbage => "not an Erlang node",
        })
    }
}
