//! The External Term Format: terms, their bytes, their order and their text
//! ("External Term Format" in the ERTS User's Guide).
//!
//! Terms come from strangers, so nothing here recurses over their depth: decoding, encoding, dropping, cloning,
//! comparing, hashing and printing work on a list of their own, and a million levels need no more stack than one.

mod atom;
mod bits;
mod clone;
mod cursor;
mod decode;
#[cfg(feature = "eetf")]
mod eetf;
mod encode;
mod error;
mod id;
mod map;
mod number;
mod order;
mod reading;
mod seq;
mod skip;
mod tag;
mod text;
mod typed;
mod value;

#[cfg(feature = "eetf")]
pub use self::eetf::EetfError;
pub use atom::{Atom, AtomError};
pub use bits::Bits;
pub use decode::{Decoder, decode};
pub use error::{DecodeError, EncodeError, Fault};
pub use id::{Pid, Port, Reference};
pub use map::Map;
pub use num_bigint::BigInt;
pub use number::Float;
pub use seq::{ImproperList, List, Tuple};
pub use skip::skip;
pub use text::{ParseError, Text};
pub use typed::{
    DeserializeError, DeserializeFault, SerializeError, as_atom, as_binary, as_integer, atom_keys,
    charlist, deserialize, deserialize_borrowed, from_term, keyword, serialize, to_term, undefined,
};
pub use value::{Export, Opaque, Term};
