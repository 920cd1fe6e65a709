//! The External Term Format: terms, their bytes, their order and their text
//! ("External Term Format" in the ERTS User's Guide).
//!
//! Terms come from strangers, so nothing here recurses over their depth: decoding, encoding, dropping, cloning,
//! comparing, hashing and printing work on a list of their own, and a million levels need no more stack than one.
//!
//! # Typed values
//!
//! [`serialize`] and [`deserialize`] carry values of Rust by serde straight to and from the wire, [`to_term`] and
//! [`from_term`] to and from a [`Term`].
//!
//! | Rust | Elixir | read also from |
//! |---|---|---|
//! | struct | map with atom keys | binary keys; unknown keys are ignored |
//! | struct with `#[serde(rename = "Elixir.MyApp.User")]` | `%MyApp.User{}`: `__struct__` is written, and must match | |
//! | unit struct, unit variant | atom of its name | |
//! | newtype struct | what is in it | |
//! | newtype, tuple, struct variant | `{tag, value}`, `{tag, a, b}`, `{tag, %{…}}` | |
//! | `Result` | `{:ok, value}`, `{:error, reason}`; `Ok(())` is `:ok`, `Err(())` is `:error` | `{:ok, nil}` |
//! | `Option` | `nil` or the value | |
//! | … with [`undefined`] | `:undefined` or the value | |
//! | `()` | `nil` | |
//! | `bool` | `true`, `false` | |
//! | integers to 128 bits | integer | |
//! | [`BigInt`] with [`as_integer`] | integer | |
//! | `f32`, `f64`, finite | float | integer |
//! | `char`, `&str`, `String` | binary in UTF-8 | |
//! | … with [`charlist`] | list of code points | |
//! | … with [`as_atom`] | atom | |
//! | [`Bytes`](bytes::Bytes), `Vec<u8>` with [`as_binary`] | binary | |
//! | `Vec`, also `Vec<u8>` | list | |
//! | tuple, tuple struct, array | tuple | |
//! | `HashMap`, `BTreeMap` | map, with the keys as they are here: `String`s are binaries | |
//! | … with [`atom_keys`] | map with atom keys | |
//! | map, struct or `Vec` of pairs with [`keyword`] | keyword list | |
//! | [`Term`], [`Atom`], [`Pid`], [`Reference`], [`Port`] | itself | |
//!
//! Lists are read from all forms of the format, atoms and numbers too. Otherwise what is read is taken at its word: an
//! atom is no `String`, a charlist is none, `nil` is not `:undefined`.
//!
//! ```
//! use beamlink::term::{Atom, Term, from_term, to_term};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename = "Elixir.MyApp.User")]
//! struct User {
//!     name: String,
//!     email: Option<String>,
//!     role: Atom,
//!     #[serde(with = "beamlink::term::keyword")]
//!     options: Vec<(String, u32)>,
//! }
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Request {
//!     Ping,
//!     Put(User),
//! }
//!
//! let user = User {
//!     name: "Ada".into(),
//!     email: None,
//!     role: Atom::from_static("admin"),
//!     options: vec![("limit".into(), 3)],
//! };
//! let term = Term::parse_elixir(
//!     r#"{:put, %{__struct__: MyApp.User, name: "Ada", email: nil, role: :admin, options: [limit: 3]}}"#,
//! )
//! .unwrap();
//! assert_eq!(from_term::<Request>(&term).unwrap(), Request::Put(user));
//! assert_eq!(to_term(&Request::Ping).unwrap(), Term::atom("ping"));
//! ```
//!
//! Where serde itself says less than it was told:
//! - `Some` of what is `nil` by itself (`Some(())`, an [`Atom`] `nil`, `Some(None)`) is read as `None`.
//! - A struct with a `flatten` in it comes as a map without a name: its keys are binaries, unless it stands under
//!   [`atom_keys`], and `__struct__` is neither written nor checked.
//! - The tag of `#[serde(tag = "type")]` is written as a binary, and read from that or an atom. With
//!   `#[serde(tag = "__struct__")]` it is an atom, which makes an enum of Elixir's structs.
//! - In what serde keeps before it knows the type (untagged and internally tagged enums, what is flattened), an atom is
//!   also read as a `String` (put an [`Atom`] variant first), a list as a tuple, a struct by its fields alone;
//!   enums with values, integers beyond 64 bits (but [`as_integer`] works) and borrowed texts are refused there, and so
//!   are lists and tuples by a [`Term`].
//!
//! To types that ask whether the format is for humans, it is: a `Uuid` or a date of other crates is a text, as Elixir's
//! libraries have it. Values may be nested 128 levels deep, a [`Term`] in them any number.

mod atom;
mod bits;
mod clone;
mod cursor;
mod decode;
#[cfg(feature = "eetf")]
mod eetf;
mod encode;
mod error;
mod fields;
mod id;
mod map;
mod number;
mod order;
mod pieces;
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
pub use encode::{Encode, Typed};
pub(crate) use encode::{Part, has_written_record};
pub use error::{DecodeError, EncodeError, Fault};
pub(crate) use fields::Fields;
pub use id::{Pid, Port, Reference};
pub use map::Map;
pub use num_bigint::BigInt;
pub use number::Float;
pub use pieces::Pieces;
pub(crate) use pieces::append;
pub use seq::{ImproperList, List, Tuple};
pub use skip::skip;
pub use text::{ParseError, Text};
pub use typed::{
    DeserializeError, DeserializeFault, SerializeError, as_atom, as_binary, as_integer, atom_keys,
    charlist, deserialize, deserialize_borrowed, from_term, keyword, serialize, to_term, undefined,
};
pub use value::{Export, Opaque, Term};
