//! Terms, atoms, pids, ports and references as themselves in a typed value.
//!
//! They say what they are by the name of a newtype, which only the serializer and deserializer beside this know; to
//! others they are a text or bytes.

use std::fmt;

use bytes::BytesMut;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{self, Serialize, Serializer};

use super::source::{is_reading, share};
use super::{MARK, name};
use crate::term::{Atom, Decoder, Fields, Map, Pid, Port, Reference, Term};

/// A term as others see it.
struct Carried<'a>(&'a Term);

impl Serialize for Carried<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(&self.0.to_elixir());
        }
        let mut bytes = BytesMut::with_capacity(64);
        self.0.encode(&mut bytes).map_err(ser::Error::custom)?;
        serializer.serialize_bytes(&bytes)
    }
}

impl Serialize for Term {
    /// As itself by [`serialize`](super::serialize). By other formats as a text in Elixir's syntax, or, when the format
    /// is not for humans, as its bytes without the version byte.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(name::TERM, &Carried(self))
    }
}

impl<'de> Deserialize<'de> for Term {
    /// Any term by [`deserialize`](super::deserialize). By other formats what they were given.
    ///
    /// Where serde keeps a value for later (untagged and internally tagged enums, `flatten`), lists and tuples are not
    /// told apart any more, and a `Term` there refuses them; wrap the whole as a `Term` instead, and use
    /// [`from_term`](super::from_term).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Term, D::Error> {
        deserializer.deserialize_newtype_struct(name::TERM, TermVisitor)
    }
}

fn decoded<E: de::Error>(bytes: &[u8]) -> Result<Term, E> {
    let mut decoder = Decoder::new(share(bytes));
    match decoder.term() {
        Ok(term) if decoder.remaining().is_empty() => Ok(term),
        Ok(_) => Err(E::custom("there are bytes behind the term")),
        Err(error) => Err(E::custom(format_args!("{error} of the term"))),
    }
}

/// What our reader, or another format, hands over.
struct TermVisitor;

impl<'de> Visitor<'de> for TermVisitor {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a term")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Term, E> {
        decoded(bytes)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Term, E> {
        Term::parse_elixir(text).map_err(E::custom)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, kept: D) -> Result<Term, D::Error> {
        match () {
            () if is_reading() => kept.deserialize_any(KeptVisitor),
            () if kept.is_human_readable() => kept.deserialize_str(self),
            () => kept.deserialize_bytes(self),
        }
    }
}

/// What serde kept of what our reader said to a visitor that took anything.
struct KeptVisitor;

impl<'de> Visitor<'de> for KeptVisitor {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a term that can be told apart from others here, no list or tuple")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Term, E> {
        Term::float(value).ok_or_else(|| E::custom("a float is not finite"))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Term, E> {
        Atom::new(text).map(Term::Atom).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Term, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Term, E> {
        Ok(text.into())
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Term, E> {
        match bytes.strip_prefix(&MARK) {
            Some(bytes) => decoded(bytes),
            None => Ok(Term::Binary(share(bytes))),
        }
    }

    fn visit_unit<E>(self) -> Result<Term, E> {
        Ok(Term::atom("nil"))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, kept: D) -> Result<Term, D::Error> {
        kept.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Term, A::Error> {
        let mut all = Vec::new();
        while let Some(pair) = pairs.next_entry::<Term, Term>()? {
            all.push(pair);
        }
        let count = all.len();
        let map: Map = all.into_iter().collect();
        match map.len() == count {
            true => Ok(Term::Map(map)),
            false => Err(de::Error::custom("a map has a key twice")),
        }
    }
}

/// As [`TermVisitor`], for a term of one kind.
struct KindVisitor<T> {
    /// Reads it without making a term of it, if it is as nodes of today send it.
    at_once: fn(&mut Fields<'_>) -> Option<T>,
    of: fn(Term) -> Result<T, Term>,
    what: &'static str,
}

impl<T> KindVisitor<T> {
    fn made<E: de::Error>(&self, term: Term) -> Result<T, E> {
        (self.of)(term).map_err(|other| {
            let (other, what) = (other.to_elixir(), self.what);
            E::custom(format_args!("invalid type: {other}, expected {what}"))
        })
    }
}

impl<'de, T> Visitor<'de> for KindVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TermVisitor.expecting(f)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        let mut fields = Fields::new(bytes);
        match (self.at_once)(&mut fields) {
            Some(made) if fields.position() == bytes.len() => Ok(made),
            _ => self.made(decoded(bytes)?),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.made(TermVisitor.visit_str(text)?)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, kept: D) -> Result<T, D::Error> {
        self.made(TermVisitor.visit_newtype_struct(kept)?)
    }
}

macro_rules! pass {
    ($($type:ident, $variant:ident, $at_once:expr, $what:literal);*) => {
        $(impl Serialize for $type {
            /// As [`Term`] does.
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Term::from(self.clone()).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            /// As [`Term`] does.
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let visitor = KindVisitor {
                    at_once: $at_once,
                    of: |term| match term {
                        Term::$variant(found) => Ok(found),
                        other => Err(other),
                    },
                    what: $what,
                };
                deserializer.deserialize_newtype_struct(name::TERM, visitor)
            }
        })*
    };
}

pass!(
    Pid, Pid, |fields| fields.pid(), "a pid";
    Port, Port, |_| None, "a port";
    Reference, Ref, |fields| fields.reference(), "a reference"
);

impl Serialize for Atom {
    /// As an atom by [`serialize`](super::serialize), and as its text by other formats.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(name::ATOM, self.as_str())
    }
}

impl<'de> Deserialize<'de> for Atom {
    /// From an atom by [`deserialize`](super::deserialize), and from its text by other formats.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Atom, D::Error> {
        deserializer.deserialize_newtype_struct(name::ATOM, OwnAtomVisitor)
    }
}

/// As [`AtomVisitor`], for an [`Atom`]: most are known by their bytes.
struct OwnAtomVisitor;

impl OwnAtomVisitor {
    fn of_text() -> AtomVisitor<impl FnOnce(&str) -> Result<Atom, String>> {
        AtomVisitor(|text: &str| Atom::new(text).map_err(|error| error.to_string()))
    }
}

impl<'de> Visitor<'de> for OwnAtomVisitor {
    type Value = Atom;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OwnAtomVisitor::of_text().expecting(f)
    }

    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<Atom, E> {
        Atom::from_utf8(text).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Atom, E> {
        OwnAtomVisitor::of_text().visit_str(text)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, kept: D) -> Result<Atom, D::Error> {
        OwnAtomVisitor::of_text().visit_newtype_struct(kept)
    }
}

/// Makes something of the text of an atom.
pub(super) struct AtomVisitor<F>(pub(super) F);

impl<'de, T, F: FnOnce(&str) -> Result<T, String>> Visitor<'de> for AtomVisitor<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an atom")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }

    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<T, E> {
        let text = std::str::from_utf8(text).map_err(E::custom)?;
        self.visit_str(text)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, kept: D) -> Result<T, D::Error> {
        match is_reading() {
            true => kept.deserialize_any(KeptAtomVisitor(self.0)),
            false => kept.deserialize_str(self),
        }
    }
}

/// As [`KeptVisitor`]: an atom is what is borrowed.
struct KeptAtomVisitor<F>(F);

impl<'de, T, F: FnOnce(&str) -> Result<T, String>> Visitor<'de> for KeptAtomVisitor<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an atom")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Err(E::invalid_type(de::Unexpected::Str(text), &self))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<T, E> {
        (self.0)(if value { "true" } else { "false" }).map_err(E::custom)
    }

    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        (self.0)("nil").map_err(E::custom)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, kept: D) -> Result<T, D::Error> {
        kept.deserialize_any(self)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        match bytes.strip_prefix(&MARK).map(decoded::<E>) {
            Some(Ok(Term::Atom(atom))) => (self.0)(atom.as_str()).map_err(E::custom),
            _ => Err(E::invalid_type(de::Unexpected::Bytes(bytes), &self)),
        }
    }
}
