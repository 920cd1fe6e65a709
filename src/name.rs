//! Node names: `name@host`, short and long.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::term::Atom;

/// Why a text is not a node name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeNameError {
    /// There must be exactly one `@`.
    #[error("node name {0:?} must have exactly one '@', as in name@host")]
    At(String),
    /// Both sides of the `@` must be there.
    #[error("node name {0:?} needs a name before and a host after the '@'")]
    Empty(String),
    /// Longer than an atom may be.
    #[error("node name of {0} characters: at most 255 are possible")]
    TooLong(usize),
    /// Control characters and spaces cannot stand in a node name.
    #[error("node name {0:?} has a character that no BEAM accepts there")]
    Character(String),
}

/// The full name of a node, `name@host`: exactly one `@`, both parts non-empty.
///
/// ```
/// use beamlink::NodeName;
/// let node: NodeName = "ex_esdb@node0".parse().unwrap();
/// assert_eq!((node.name(), node.host()), ("ex_esdb", "node0"));
/// assert!(!node.is_long());
/// assert!("nohost@".parse::<NodeName>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeName(Atom);

impl NodeName {
    /// Checks `text` and makes a node name of it.
    pub fn new(text: &str) -> Result<NodeName, NodeNameError> {
        let Some((name, host)) = text.split_once('@') else {
            return Err(NodeNameError::At(text.into()));
        };
        if host.contains('@') {
            return Err(NodeNameError::At(text.into()));
        }
        if name.is_empty() || host.is_empty() {
            return Err(NodeNameError::Empty(text.into()));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(NodeNameError::Character(text.into()));
        }
        match Atom::new(text) {
            Ok(atom) => Ok(NodeName(atom)),
            Err(_) => Err(NodeNameError::TooLong(text.chars().count())),
        }
    }

    /// The part before the `@`: what EPMD knows.
    pub fn name(&self) -> &str {
        self.as_str().split_once('@').map_or("", |(name, _)| name)
    }

    /// The part after the `@`: what is resolved to an address.
    pub fn host(&self) -> &str {
        self.as_str().split_once('@').map_or("", |(_, host)| host)
    }

    /// Whether a BEAM would call this a long name: its host has a dot.
    pub fn is_long(&self) -> bool {
        self.host().contains('.') || self.host().contains(':')
    }

    /// The full text, `name@host`.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name as an atom.
    pub fn atom(&self) -> &Atom {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = NodeNameError;

    fn from_str(text: &str) -> Result<NodeName, NodeNameError> {
        NodeName::new(text)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeName({})", self.as_str())
    }
}
