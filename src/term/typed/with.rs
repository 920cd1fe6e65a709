//! What is put on a field as `#[serde(with = "…")]`, for what the field's type alone does not say.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::name;
use super::pass::AtomVisitor;
use super::source::{is_reading, share};
use crate::term::{BigInt, Term};

/// `Option` ↔ the atom `undefined` or a value, as Erlang's records have it; without this, `None` is `nil`.
///
/// A field that may be missing needs `#[serde(default)]` beside it.
pub mod undefined {
    use super::*;

    /// `None` as `undefined`.
    ///
    /// # Errors
    /// Those of the value.
    pub fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_some(value),
            None => serializer.serialize_newtype_struct(name::UNDEFINED, value),
        }
    }

    /// `undefined` as `None`, and only that.
    ///
    /// # Errors
    /// Those of the value.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_newtype_struct(name::UNDEFINED, Maybe(std::marker::PhantomData))
    }

    struct Maybe<T>(std::marker::PhantomData<T>);

    /// What serde kept for later cannot be looked at twice, save by this.
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Kept<T> {
        None(Undefined),
        Some(T),
    }

    #[derive(serde::Deserialize)]
    enum Undefined {
        #[serde(rename = "undefined")]
        Undefined,
    }

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Maybe<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value or undefined")
        }

        fn visit_none<E>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<Option<T>, D::Error> {
            T::deserialize(some).map(Some)
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(
            self,
            kept: D,
        ) -> Result<Option<T>, D::Error> {
            if !is_reading() {
                return Option::deserialize(kept);
            }
            Ok(match Kept::deserialize(kept)? {
                Kept::None(Undefined::Undefined) => None,
                Kept::Some(value) => Some(value),
            })
        }
    }
}

/// `String` ↔ a list of code points: what Erlang calls a string, and Elixir a charlist.
pub mod charlist {
    use super::*;

    /// A text as a list of its code points.
    ///
    /// # Errors
    /// When it is longer than the format can count.
    pub fn serialize<T: AsRef<str>, S: Serializer>(
        text: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(name::CHARLIST, text.as_ref())
    }

    /// A list of code points as a text.
    ///
    /// # Errors
    /// When it is no such list.
    pub fn deserialize<'de, T: From<String>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = deserializer.deserialize_newtype_struct(name::CHARLIST, Letters)?;
        Ok(T::from(text))
    }

    struct Letters;

    impl<'de> Visitor<'de> for Letters {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a charlist")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_string<E>(self, text: String) -> Result<String, E> {
            Ok(text)
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(self, kept: D) -> Result<String, D::Error> {
            match is_reading() {
                true => kept.deserialize_seq(self),
                false => kept.deserialize_string(self),
            }
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut letters: A) -> Result<String, A::Error> {
            let mut text = String::new();
            while let Some(code) = letters.next_element()? {
                let unexpected = de::Unexpected::Unsigned(u64::from(code));
                let letter = char::from_u32(code);
                text.push(letter.ok_or_else(|| de::Error::invalid_value(unexpected, &self))?);
            }
            Ok(text)
        }
    }
}

/// Pairs, a map or a struct ↔ a keyword list `[{atom, value}]`. Keys are texts or [`Atom`](crate::term::Atom)s; what is
/// to keep its order, or may have a key twice, is a `Vec<(String, V)>`.
pub mod keyword {
    use super::*;

    /// Pairs as a keyword list.
    ///
    /// # Errors
    /// Those of the values, and when it is none of these or a key is no atom.
    pub fn serialize<T: Serialize, S: Serializer>(
        pairs: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(name::KEYWORD, pairs)
    }

    /// A keyword list as pairs.
    ///
    /// # Errors
    /// Those of the values, and when it is no such list.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        deserializer.deserialize_newtype_struct(name::KEYWORD, Inner(std::marker::PhantomData))
    }
}

/// A map with texts as keys ↔ a map with atoms as keys; also what has a `flatten` in it, which serde hands over as such a
/// map. Atoms are never freed by a BEAM: keys must not come from strangers.
pub mod atom_keys {
    use super::*;

    /// A map with atoms as keys.
    ///
    /// # Errors
    /// Those of the values, and when a key is no atom.
    pub fn serialize<T: Serialize, S: Serializer>(
        map: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(name::ATOM_KEYS, map)
    }

    /// A map whose keys are atoms.
    ///
    /// # Errors
    /// Those of the values, and when a key is no atom.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        deserializer.deserialize_newtype_struct(name::ATOM_KEYS, Inner(std::marker::PhantomData))
    }
}

/// What is inside a newtype.
struct Inner<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Inner<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a keyword list, or a map with atoms as keys")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<T, D::Error> {
        T::deserialize(inner)
    }
}

/// A text ↔ an atom. Atoms are never freed by a BEAM: the text must not come from strangers.
pub mod as_atom {
    use super::*;

    /// A text as an atom.
    ///
    /// # Errors
    /// When it has more than 255 characters.
    pub fn serialize<T: AsRef<str>, S: Serializer>(
        text: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(name::ATOM, text.as_ref())
    }

    /// An atom as a text.
    ///
    /// # Errors
    /// When it is no atom.
    pub fn deserialize<'de, T: From<String>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = AtomVisitor(|text: &str| Ok(T::from(text.to_owned())));
        deserializer.deserialize_newtype_struct(name::ATOM, text)
    }
}

/// `Bytes`, `Vec<u8>` ↔ a binary. A `Bytes` that is read shares the memory of the input; without this it is copied.
pub mod as_binary {
    use super::*;

    /// Bytes as a binary.
    ///
    /// # Errors
    /// When they are longer than the format can count.
    pub fn serialize<T: AsRef<[u8]>, S: Serializer>(
        bytes: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes.as_ref())
    }

    /// A binary as bytes.
    ///
    /// # Errors
    /// When it is no binary.
    pub fn deserialize<'de, T: From<Bytes>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        deserializer.deserialize_byte_buf(Binary).map(T::from)
    }

    struct Binary;

    impl<'de> Visitor<'de> for Binary {
        type Value = Bytes;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a binary")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
            Ok(share(bytes))
        }

        fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
            Ok(bytes.into())
        }

        fn visit_str<E>(self, text: &str) -> Result<Bytes, E> {
            Ok(share(text.as_bytes()))
        }

        fn visit_string<E>(self, text: String) -> Result<Bytes, E> {
            Ok(text.into())
        }

        /// Other formats may have lists of numbers for them.
        fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Bytes, A::Error> {
            if is_reading() {
                return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
            }
            let mut bytes = Vec::new();
            while let Some(byte) = numbers.next_element()? {
                bytes.push(byte);
            }
            Ok(bytes.into())
        }
    }
}

/// [`BigInt`] ↔ an integer of any size.
pub mod as_integer {
    use super::*;

    /// An integer.
    ///
    /// # Errors
    /// When it is longer than the format can count.
    pub fn serialize<S: Serializer>(value: &BigInt, serializer: S) -> Result<S::Ok, S::Error> {
        Term::integer(value.clone()).serialize(serializer)
    }

    /// An integer.
    ///
    /// # Errors
    /// When it is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BigInt, D::Error> {
        match Term::deserialize(deserializer)? {
            Term::Int(value) => Ok(value.into()),
            Term::Big(value) => Ok(value),
            other => Err(de::Error::custom(format_args!(
                "invalid type: {}, expected an integer",
                other.to_elixir()
            ))),
        }
    }
}
