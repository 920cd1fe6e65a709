//! What a process receives.

use serde::de::DeserializeOwned;

use crate::NodeName;
use crate::dist::Payload;
use crate::term::{
    Atom, DecodeError, DeserializeError, Pid, Reference, Term, deserialize, from_term,
};

/// The body of a message: decoded only by who wants it.
#[derive(Debug, Clone)]
pub enum Body {
    /// From a process of this node.
    Term(Term),
    /// From a peer, as it came over the wire.
    Encoded(Payload),
}

impl Body {
    /// The message as a term.
    ///
    /// # Errors
    /// When a peer sent bytes that are not a term: the message is lost, the connection stays
    /// (a BEAM of a later release may use tags that we do not know).
    pub fn term(self) -> Result<Term, DecodeError> {
        match self {
            Body::Term(term) => Ok(term),
            Body::Encoded(payload) => payload.decode(),
        }
    }

    /// The message as a value of Rust, straight from its bytes.
    ///
    /// # Errors
    /// When it is no term, or not the one that `T` wants.
    pub fn typed<T: DeserializeOwned>(self) -> Result<T, DeserializeError> {
        match self {
            Body::Term(term) => from_term(&term),
            Body::Encoded(payload) => deserialize(&payload.bytes()),
        }
    }

    /// Its size for the mailbox's bound, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            // What a local sender built is not walked for its size.
            Body::Term(_) => 1,
            Body::Encoded(payload) => payload.len().max(1),
        }
    }
}

/// What a monitor or an exit names: a process, or a registered name on a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Item {
    /// A process.
    Pid(Pid),
    /// A registered name and the node it was looked for on.
    Name(Atom, Atom),
}

impl Item {
    /// The node where it is, or was looked for.
    pub fn node(&self) -> &Atom {
        match self {
            Item::Pid(pid) => &pid.node,
            Item::Name(_, node) => node,
        }
    }
}

impl From<Pid> for Item {
    fn from(pid: Pid) -> Item {
        Item::Pid(pid)
    }
}

impl From<&Pid> for Item {
    fn from(pid: &Pid) -> Item {
        Item::Pid(pid.clone())
    }
}

impl From<(&Atom, &NodeName)> for Item {
    fn from((name, node): (&Atom, &NodeName)) -> Item {
        Item::Name(name.clone(), node.atom().clone())
    }
}

/// A name that stands in the source code.
impl From<(&'static str, &NodeName)> for Item {
    fn from((name, node): (&'static str, &NodeName)) -> Item {
        Item::Name(Atom::from_static(name), node.atom().clone())
    }
}

/// One thing in a mailbox.
#[derive(Debug, Clone)]
pub enum Received {
    /// What someone sent.
    Message(Body),
    /// `{'EXIT', From, Reason}`: a linked process ended, or someone called `exit/2`, and this process traps exits.
    Exit {
        /// Who ended.
        from: Pid,
        /// Why.
        reason: Term,
    },
    /// `{'DOWN', Reference, process, Item, Reason}`: what this process monitored has ended or was never there.
    Down {
        /// The monitor.
        reference: Reference,
        /// What was monitored.
        item: Item,
        /// Why it ended: `noproc` if it was not there, `noconnection` if its node is gone.
        reason: Term,
    },
    /// `{nodeup, Node}`: asked for by [`Process::monitor_nodes`](super::Process::monitor_nodes).
    NodeUp {
        /// Who has come.
        node: Atom,
        /// Whether it is a hidden node.
        hidden: bool,
    },
    /// `{nodedown, Node}`: asked for by [`Process::monitor_nodes`](super::Process::monitor_nodes) or
    /// [`Process::monitor_node`](super::Process::monitor_node).
    NodeDown {
        /// Who is gone.
        node: Atom,
        /// Whether it was a hidden node.
        hidden: bool,
    },
}

/// Which nodes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKinds {
    /// Those that stand in `Node.list()`.
    Visible,
    /// Hidden ones too.
    All,
}

impl NodeKinds {
    pub(crate) fn include(self, hidden: bool) -> bool {
        self == NodeKinds::All || !hidden
    }
}
