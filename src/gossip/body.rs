//! The term of a heartbeat, `#{node => Name}`, read in place and without a term decoder: nothing is
//! allocated for a datagram before its name is found to be one.

use std::borrow::Cow;

use crate::{NodeName, NodeNameError};

/// What stands in front of the term in every heartbeat.
pub(super) const PREFIX: &[u8] = b"heartbeat::";
/// The version byte at the head of every external term.
pub(super) const VERSION: u8 = 131;
pub(super) const MAP_EXT: u8 = 116;
pub(super) const ATOM_UTF8_EXT: u8 = 118;
pub(super) const SMALL_ATOM_UTF8_EXT: u8 = 119;
const ATOM_EXT: u8 = 100;
const SMALL_ATOM_EXT: u8 = 115;
const COMPRESSED: u8 = 80;

/// The name of a BEAM that does not take part in distribution.
const NOT_ALIVE: &[u8] = b"nonode@nohost";

/// Why a datagram is no heartbeat. Offsets count from the `h` of `heartbeat::`, after decryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No heartbeat is that long; `length` may be less than was sent.
    #[error("{length} bytes or more: no heartbeat is that long")]
    TooLong {
        /// Bytes received.
        length: usize,
    },
    /// It neither begins with `heartbeat::` nor has the length of an encrypted heartbeat.
    #[error("{length} bytes that are not libcluster's: something else sends to this port")]
    NotGossip {
        /// Bytes received.
        length: usize,
    },
    /// The body is JSON. A libcluster receiver without a secret crashes on it.
    #[error(
        "the body is JSON, not an Erlang term: this crashes libcluster nodes that have no secret"
    )]
    Json,
    /// The body is no external term: it does not begin with the version byte 131.
    #[error("the body begins with byte {first}, an Erlang term with 131")]
    NotATerm {
        /// The byte in the place of the version.
        first: u8,
    },
    /// The term is compressed, which libcluster never does.
    #[error("the term is compressed, which libcluster never does")]
    Compressed,
    /// The term is not a map.
    #[error("the term has tag {tag}, a map has 116")]
    NotAMap {
        /// The tag in the place of the map's.
        tag: u8,
    },
    /// The datagram ends inside the term.
    #[error("the term is cut off at byte {offset}")]
    Truncated {
        /// Where bytes were missing.
        offset: usize,
    },
    /// A tag that is unknown or has no place in a heartbeat.
    #[error("tag {tag} at byte {offset} has no place in a heartbeat")]
    Tag {
        /// The tag.
        tag: u8,
        /// Where it stands.
        offset: usize,
    },
    /// The map has no key `node`.
    #[error("the map has no key node")]
    NoNode,
    /// The map has two keys `node`, which a BEAM refuses.
    #[error("the map has the key node twice")]
    TwoNodes,
    /// The value of `node` is not an atom; libcluster ignores such a heartbeat.
    #[error("the value of node has tag {tag}: it must be an atom")]
    NotAnAtom {
        /// The tag in the place of the atom's.
        tag: u8,
    },
    /// The sender is a BEAM that was started without a name (`nonode@nohost`): nobody can connect to it.
    #[error(
        "the sender was started without a node name (nonode@nohost): give it --name or --sname"
    )]
    NotAlive,
    /// The value of `node` is an atom, but not the name of a node.
    #[error("the value of node {0}")]
    Name(NameFault),
}

/// What is wrong with an atom that should be a node name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// There must be exactly one `@`.
    #[error("must have exactly one '@', as in name@host")]
    At,
    /// Both sides of the `@` must be there.
    #[error("needs a name before and a host after the '@'")]
    Empty,
    /// An atom has at most 255 characters.
    #[error("has more than 255 characters")]
    TooLong,
    /// Control characters and spaces cannot stand in a node name.
    #[error("has a character that cannot stand in a node name")]
    Character,
    /// The atom claims to be UTF-8 and is not.
    #[error("is not UTF-8")]
    Utf8,
}

impl From<NodeNameError> for NameFault {
    fn from(error: NodeNameError) -> NameFault {
        match error {
            NodeNameError::At(_) => NameFault::At,
            NodeNameError::Empty(_) => NameFault::Empty,
            NodeNameError::TooLong(_) => NameFault::TooLong,
            NodeNameError::Character(_) => NameFault::Character,
        }
    }
}

/// An atom as it stands in the datagram.
#[derive(Clone, Copy)]
pub(super) struct RawAtom<'a> {
    bytes: &'a [u8],
    latin1: bool,
}

impl<'a> RawAtom<'a> {
    /// Whether this atom's text is `name`.
    pub(super) fn is(&self, name: &str) -> bool {
        if self.latin1 && !self.bytes.is_ascii() {
            let chars = self.bytes.iter().map(|byte| char::from(*byte));
            return chars.eq(name.chars());
        }
        self.bytes == name.as_bytes()
    }

    /// The node name that this atom is.
    pub(super) fn node_name(&self) -> Result<NodeName, Malformed> {
        if self.bytes == NOT_ALIVE {
            return Err(Malformed::NotAlive);
        }
        if self.bytes.iter().filter(|byte| **byte == b'@').count() != 1 {
            return Err(Malformed::Name(NameFault::At));
        }
        let text = self.text().ok_or(Malformed::Name(NameFault::Utf8))?;
        NodeName::new(&text).map_err(|error| Malformed::Name(error.into()))
    }

    fn text(&self) -> Option<Cow<'a, str>> {
        if self.latin1 && !self.bytes.is_ascii() {
            return Some(self.bytes.iter().map(|byte| char::from(*byte)).collect());
        }
        std::str::from_utf8(self.bytes).ok().map(Cow::Borrowed)
    }
}

/// Finds the value of `node` in a heartbeat that begins with [`PREFIX`].
///
/// As libcluster's pattern `%{node: n}` does, this takes maps with further keys, and as `binary_to_term/1`
/// does, it takes bytes behind the term. Those keys and values may be any data, but no pids or funs.
pub(super) fn node_atom(heartbeat: &[u8]) -> Result<RawAtom<'_>, Malformed> {
    let mut reader = Reader {
        bytes: heartbeat,
        at: PREFIX.len(),
    };
    match reader.byte()? {
        VERSION => {}
        b'{' | b'[' => return Err(Malformed::Json),
        first => return Err(Malformed::NotATerm { first }),
    }
    match reader.byte()? {
        MAP_EXT => {}
        COMPRESSED => return Err(Malformed::Compressed),
        tag => return Err(Malformed::NotAMap { tag }),
    }
    let mut found = None;
    for _ in 0..reader.number(4)? {
        match reader.atom()? {
            Some(key) if key.is("node") => {
                let tag = reader.peek()?;
                let value = reader.atom()?.ok_or(Malformed::NotAnAtom { tag })?;
                if found.replace(value).is_some() {
                    return Err(Malformed::TwoNodes);
                }
            }
            Some(_) => reader.skip_terms(1)?,
            None => reader.skip_terms(2)?,
        }
    }
    found.ok_or(Malformed::NoNode)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn truncated(&self) -> Malformed {
        let offset = self.bytes.len();
        Malformed::Truncated { offset }
    }

    fn peek(&self) -> Result<u8, Malformed> {
        let next = self.bytes.get(self.at).copied();
        next.ok_or_else(|| self.truncated())
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let taken = rest.get(..count).ok_or_else(|| self.truncated())?;
        self.at += count;
        Ok(taken)
    }

    fn number(&mut self, width: u64) -> Result<u64, Malformed> {
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// The atom that comes next; `None`, with nothing taken, when it is another term.
    fn atom(&mut self) -> Result<Option<RawAtom<'a>>, Malformed> {
        let (width, latin1) = match self.peek()? {
            ATOM_EXT => (2, true),
            SMALL_ATOM_EXT => (1, true),
            ATOM_UTF8_EXT => (2, false),
            SMALL_ATOM_UTF8_EXT => (1, false),
            _ => return Ok(None),
        };
        self.at += 1;
        let length = self.number(width)?;
        let bytes = self.take(length)?;
        Ok(Some(RawAtom { bytes, latin1 }))
    }

    /// Passes over terms of data. Each turn takes a byte at least, so that the datagram's length bounds it.
    fn skip_terms(&mut self, count: u64) -> Result<(), Malformed> {
        let mut waiting = count;
        while waiting > 0 {
            let offset = self.at;
            let (bytes, terms) = match self.byte()? {
                97 => (1, 0),
                98 => (4, 0),
                70 => (8, 0),
                99 => (31, 0),
                106 => (0, 0),
                SMALL_ATOM_EXT | SMALL_ATOM_UTF8_EXT => (self.number(1)?, 0),
                ATOM_EXT | ATOM_UTF8_EXT | 107 => (self.number(2)?, 0),
                110 => (self.number(1)? + 1, 0),
                111 | 77 => (self.number(4)? + 1, 0),
                109 => (self.number(4)?, 0),
                104 => (0, self.number(1)?),
                105 => (0, self.number(4)?),
                108 => (0, self.number(4)? + 1),
                MAP_EXT => (0, self.number(4)? * 2),
                tag => return Err(Malformed::Tag { tag, offset }),
            };
            self.take(bytes)?;
            waiting = waiting - 1 + terms;
        }
        Ok(())
    }
}
