//! What can be wrong with bytes that should be a term, and with a term that should be bytes.

/// Bytes that are no term.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}, at byte {offset}")]
pub struct DecodeError {
    /// Where, counted from the begin of the input.
    pub offset: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with the bytes of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The input ends inside a term.
    #[error("the term is cut off")]
    Truncated,
    /// There are bytes behind the term.
    #[error("there are bytes behind the term")]
    Trailing,
    /// The version byte is not 131.
    #[error("a term begins with 131")]
    Version,
    /// No term begins with this tag, or none that may come from outside.
    #[error("tag {0} is unknown")]
    Tag(u8),
    /// A length promises more than there is input left.
    #[error("a length of {0} is more than the input can hold")]
    Length(u64),
    /// A float is infinite, or no number.
    #[error("a float is not finite")]
    Float,
    /// An atom is not UTF-8, or too long.
    #[error("an atom is not UTF-8, or has more than 255 characters")]
    Atom,
    /// Where an atom must stand, there is something else.
    #[error("an atom is wanted")]
    NoAtom,
    /// A map has a key twice.
    #[error("a map has a key twice")]
    DuplicateKey,
    /// A reference has no words, or more than five.
    #[error("a reference has one to five words, not {0}")]
    Words(u16),
    /// The last byte of a bitstring has no bits, or more than eight.
    #[error("the last byte of a bitstring has one to eight bits, not {0}")]
    Bits(u8),
    /// A fun's or record's inside does not fit its frame.
    #[error("a fun or record is malformed")]
    Opaque,
    /// Compressed data is damaged, or expands to more than is allowed.
    #[error("compressed data is damaged, or expands to more than is allowed")]
    Compressed,
}

/// A term that cannot be expressed: the format counts bytes and elements in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} of {length} is more than the External Term Format can count")]
pub struct EncodeError {
    /// What is too long.
    pub what: &'static str,
    /// How long it is, in bytes or elements.
    pub length: usize,
}
