//! Typed values from and to the wire by serde, without a tree of terms in between.

mod compound;
mod error;
mod pairs;
mod parts;
mod pass;
mod read;
mod refuse;
mod scalar;
mod source;
mod visit;
mod with;
mod write;

use bytes::{Bytes, BytesMut};
use serde::de::{Deserialize, DeserializeOwned};
use serde::ser::Serialize;

use super::{Decoder, Fault, Term};
use read::Reader;
use write::Writer;

use error::Failed;

pub use error::{DeserializeError, DeserializeFault, SerializeError};
pub use with::{as_atom, as_binary, as_integer, atom_keys, charlist, keyword, undefined};

/// How deep a typed value may be nested: it is read by recursion.
const DEEPEST: u32 = 128;

/// The key by which a map is an Elixir struct.
const STRUCT: &str = "__struct__";

/// How the name of an Elixir module begins.
const ELIXIR: &str = "Elixir.";

/// In front of the bytes of a term that serde keeps for later among binaries: no text begins so.
const MARK: [u8; 2] = [255, super::tag::VERSION];

/// Names of newtypes, by which what serde has no word for passes through it.
mod name {
    pub(super) const TERM: &str = "$beamlink::Term";
    pub(super) const ATOM: &str = "$beamlink::Atom";
    pub(super) const CHARLIST: &str = "$beamlink::charlist";
    pub(super) const UNDEFINED: &str = "$beamlink::undefined";
    pub(super) const KEYWORD: &str = "$beamlink::keyword";
    pub(super) const ATOM_KEYS: &str = "$beamlink::atom_keys";
}

/// Adds `value` to `buffer` as a term, without the version byte. What becomes what is told [above](super#typed-values).
///
/// # Errors
/// See [`SerializeError`]; the buffer is then as it was.
///
/// ```
/// use beamlink::term::{deserialize, serialize};
/// use bytes::BytesMut;
/// let mut buffer = BytesMut::new();
/// serialize(&("a", Some(1), None::<()>), &mut buffer).unwrap();
/// let bytes = buffer.freeze();
/// assert_eq!(bytes[..], *b"\x68\x03\x6d\0\0\0\x01a\x61\x01\x77\x03nil");
/// assert_eq!(deserialize(&bytes), Ok(("a".to_owned(), Some(1), None::<()>)));
/// ```
pub fn serialize<T: Serialize + ?Sized>(
    value: &T,
    buffer: &mut BytesMut,
) -> Result<(), SerializeError> {
    let before = buffer.len();
    let written = value.serialize(&mut Writer::new(buffer));
    if written.is_err() {
        buffer.truncate(before);
    }
    written
}

/// Reads the one term, without the version byte, that `bytes` are.
///
/// # Errors
/// See [`DeserializeError`].
pub fn deserialize<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, DeserializeError> {
    source::reading(bytes.clone(), || read(bytes))
}

/// As [`deserialize`], for a `T` that borrows texts and bytes from `bytes`.
///
/// # Errors
/// See [`DeserializeError`].
pub fn deserialize_borrowed<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
) -> Result<T, DeserializeError> {
    source::reading(Bytes::new(), || read(bytes))
}

fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DeserializeError> {
    let mut reader = Reader::new(bytes);
    let value = T::deserialize(&mut reader).map_err(|error| error.at(0));
    let value = value?;
    match reader.ahead() {
        0 => Ok(value),
        _ => Err(reader.fault(Fault::Trailing.into()).into()),
    }
}

/// `value` as a term.
///
/// # Errors
/// See [`SerializeError`].
pub fn to_term<T: Serialize + ?Sized>(value: &T) -> Result<Term, SerializeError> {
    let mut buffer = BytesMut::new();
    serialize(value, &mut buffer)?;
    let term = Decoder::new(buffer.freeze()).term();
    // A `Serialize` of others could hand over bytes under the name that terms pass by.
    term.map_err(serde::ser::Error::custom)
}

/// What `term` says.
///
/// # Errors
/// See [`DeserializeError`]; its offset is that in the bytes of the term.
pub fn from_term<T: DeserializeOwned>(term: &Term) -> Result<T, DeserializeError> {
    let mut buffer = BytesMut::new();
    if let Err(error) = term.encode(&mut buffer) {
        return Err(<Failed as serde::de::Error>::custom(error).at(0).into());
    }
    deserialize(&buffer.freeze())
}
