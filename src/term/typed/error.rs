//! What can be wrong with a value that should be a term, and with a term that should be a value.

use std::fmt::{self, Write};

use crate::term::{Atom, AtomError, DecodeError, EncodeError, Fault};

/// A value of Rust that no term can express.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SerializeError {
    /// A float is infinite, or no number: no BEAM has such. Send an `Option`, or an atom.
    #[error("a float is not finite, and no BEAM has such")]
    Float,
    /// The name of a field, variant or struct, or a text that should be an atom, is too long for one.
    #[error(transparent)]
    Atom(#[from] AtomError),
    /// A map has a key twice (as when what is flattened into a struct has a key that the struct has as a field), which
    /// a BEAM does not accept: it would close the connection.
    #[error("a map has a key twice")]
    DuplicateKey,
    /// Something is longer than the format can count.
    #[error(transparent)]
    Length(#[from] EncodeError),
    /// A tuple has more or fewer elements than its `Serialize` announced.
    #[error("a tuple of {announced} elements was announced, and {written} were written")]
    Arity {
        /// How many were announced.
        announced: usize,
        /// How many came.
        written: usize,
    },
    /// A helper was put on a field whose type it does not fit.
    #[error("{0} is wanted by the helper on a field")]
    Helper(&'static str),
    /// There is a record of OTP 29 in it, and this peer is of an earlier release: it would end the connection. Send a tuple
    /// or a map.
    #[error("a record of OTP 29 was not sent to {}, which knows none and would end the connection; send a tuple or a map", .0.as_str())]
    Record(Atom),
    /// What a `Serialize` said itself.
    #[error("{0}")]
    Custom(Box<str>),
}

impl serde::ser::Error for SerializeError {
    fn custom<T: fmt::Display>(message: T) -> SerializeError {
        SerializeError::Custom(message.to_string().into())
    }
}

/// Bytes that are no term, or not the term that a type of Rust wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeserializeError {
    /// Where, counted from the begin of the input: of what was read when the fault was found, the begin.
    pub offset: usize,
    /// Where, by keys and places in lists and tuples, as `users[3].name`; empty when it is the whole.
    pub path: String,
    /// What is wrong there.
    pub fault: DeserializeFault,
}

/// What is wrong with a term that should be a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeserializeFault {
    /// The bytes are no term.
    #[error(transparent)]
    Bytes(#[from] Fault),
    /// The term is nested more deeply than a typed value may be; a field that is a `Term` may hold any depth.
    #[error("the term is nested more than {} levels deep", super::DEEPEST)]
    Depth,
    /// The tail of a list is no list.
    #[error("the list is improper")]
    Improper,
    /// The term is another one than is wanted: what came and what is wanted, as serde says it.
    #[error("{0}")]
    Mismatch(Box<str>),
}

/// Not known yet where; the reader fills it in when the error passes by.
const NOWHERE: usize = usize::MAX;

/// The error while it passes by. Readers return it at every step, so it is no larger than a pointer.
#[derive(Debug)]
pub(super) struct Failed(Box<DeserializeError>);

impl Failed {
    #[cold]
    pub(super) fn new(offset: usize, fault: DeserializeFault) -> Failed {
        Failed(Box::new(DeserializeError {
            offset,
            path: String::new(),
            fault,
        }))
    }

    /// Says that it was somewhere else.
    pub(super) fn moved(mut self, offset: usize) -> Failed {
        self.0.offset = offset;
        self
    }

    /// Says where it was, unless that is known.
    #[cold]
    pub(super) fn at(mut self, offset: usize) -> Failed {
        if self.0.offset == NOWHERE {
            self.0.offset = offset;
        }
        self
    }

    /// Says that it was the value of a key.
    #[cold]
    pub(super) fn under_key(mut self, key: &str) -> Failed {
        let dot = if self.0.path.is_empty() || self.0.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.0.path = format!("{key}{dot}{}", self.0.path);
        self
    }

    /// Says that it was an element.
    #[cold]
    pub(super) fn under_index(mut self, index: u64) -> Failed {
        let dot = if self.0.path.is_empty() || self.0.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.0.path = format!("[{index}]{dot}{}", self.0.path);
        self
    }
}

impl From<DecodeError> for Failed {
    #[cold]
    fn from(error: DecodeError) -> Failed {
        Failed::new(error.offset, error.fault.into())
    }
}

impl From<DecodeError> for DeserializeError {
    fn from(error: DecodeError) -> DeserializeError {
        Failed::from(error).into()
    }
}

impl From<Failed> for DeserializeError {
    fn from(failed: Failed) -> DeserializeError {
        *failed.0
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}

impl serde::de::Error for Failed {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Failed {
        let message = message.to_string().into();
        Failed::new(NOWHERE, DeserializeFault::Mismatch(message))
    }
}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.fault)?;
        if !self.path.is_empty() {
            f.write_str("in ")?;
            // Keys are a stranger's text, and this may go to a log.
            for letter in self.path.chars() {
                match letter.is_control() {
                    true => write!(f, "{}", letter.escape_default())?,
                    false => f.write_char(letter)?,
                }
            }
            f.write_str(" ")?;
        }
        write!(f, "at byte {}", self.offset)
    }
}

impl std::error::Error for DeserializeError {}
