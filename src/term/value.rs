//! A term.

use bytes::Bytes;
use num_bigint::BigInt;

use super::{Atom, Bits, Float, ImproperList, List, Map, Pid, Port, Reference, Tuple};

/// Any Erlang term.
///
/// `==`, [`Hash`] and [`Ord`] are exact (`=:=`; `1` and `1.0` differ, and integers sort before floats, as keys of maps
/// do). What Erlang's `==` and `<` say is in [`Term::eq_numeric`] and [`Term::cmp_numeric`].
pub enum Term {
    /// An integer of up to 64 bits.
    Int(i64),
    /// An integer beyond that; made by [`Term::integer`], which never leaves a smaller one here.
    Big(BigInt),
    /// A float.
    Float(Float),
    /// An atom.
    Atom(Atom),
    /// A reference.
    Ref(Reference),
    /// A fun with its environment: opaque.
    Fun(Opaque),
    /// `fun Module:Function/Arity`.
    Export(Box<Export>),
    /// A port.
    Port(Port),
    /// A pid.
    Pid(Pid),
    /// A record of OTP 29: opaque.
    Record(Opaque),
    /// A tuple.
    Tuple(Tuple),
    /// A map.
    Map(Map),
    /// A proper list; `[]` when it is empty.
    List(List),
    /// A list whose tail is no list.
    Improper(ImproperList),
    /// A binary.
    Binary(Bytes),
    /// A bitstring that is no binary.
    Bits(Box<Bits>),
}

/// A term that is carried but not understood: its bytes, from the tag on, which are sent on as they came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Opaque(pub(super) Bytes);

impl Opaque {
    /// The bytes in the External Term Format, without the version byte.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

/// `fun Module:Function/Arity`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Export {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// How many arguments it takes.
    pub arity: u8,
}

impl Term {
    /// An atom that stands in the source code.
    ///
    /// # Panics
    /// When the literal is longer than 255 code points.
    pub fn atom(text: &'static str) -> Term {
        Term::Atom(Atom::from_static(text))
    }

    /// `[]`
    pub fn nil() -> Term {
        Term::List(List::default())
    }

    /// An integer of any size.
    pub fn integer(value: BigInt) -> Term {
        match i64::try_from(&value) {
            Ok(small) => Term::Int(small),
            Err(_) => Term::Big(value),
        }
    }

    /// A float; `None` for infinities and NaN.
    pub fn float(value: f64) -> Option<Term> {
        Float::new(value).map(Term::Float)
    }

    /// A tuple of `terms`.
    pub fn tuple(terms: impl IntoIterator<Item = Term>) -> Term {
        Term::Tuple(terms.into_iter().collect())
    }

    /// A list of `terms`.
    pub fn list(terms: impl IntoIterator<Item = Term>) -> Term {
        Term::List(terms.into_iter().collect())
    }

    /// The list `[terms… | tail]`, proper or not, as the tail makes it.
    pub fn list_with_tail(terms: impl IntoIterator<Item = Term>, tail: Term) -> Term {
        let mut all: Vec<Term> = terms.into_iter().collect();
        match tail {
            tail if all.is_empty() => tail,
            Term::List(rest) => {
                all.extend(rest.into_vec());
                Term::List(all.into())
            }
            Term::Improper(rest) => {
                all.extend(rest.into_vec());
                Term::Improper(ImproperList::of(all))
            }
            tail => {
                all.push(tail);
                Term::Improper(ImproperList::of(all))
            }
        }
    }

    /// A list of the code points of `text`: what Erlang calls a string, and Elixir a charlist.
    pub fn charlist(text: &str) -> Term {
        Term::list(
            text.chars()
                .map(|letter| Term::Int(i64::from(u32::from(letter)))),
        )
    }

    /// The text of an atom.
    pub fn as_atom(&self) -> Option<&str> {
        match self {
            Term::Atom(atom) => Some(atom.as_str()),
            _ => None,
        }
    }

    /// An integer of up to 64 bits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Term::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The bytes of a binary.
    pub fn as_binary(&self) -> Option<&Bytes> {
        match self {
            Term::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements of a tuple.
    pub fn as_tuple(&self) -> Option<&[Term]> {
        match self {
            Term::Tuple(tuple) => Some(tuple),
            _ => None,
        }
    }

    /// The elements of a proper list.
    pub fn as_list(&self) -> Option<&[Term]> {
        match self {
            Term::List(list) => Some(list),
            _ => None,
        }
    }

    /// A pid.
    pub fn as_pid(&self) -> Option<&Pid> {
        match self {
            Term::Pid(pid) => Some(pid),
            _ => None,
        }
    }

    /// A reference.
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Term::Ref(reference) => Some(reference),
            _ => None,
        }
    }

    /// Whether other terms may be in it.
    pub(super) fn is_container(&self) -> bool {
        matches!(
            self,
            Term::Tuple(_) | Term::Map(_) | Term::List(_) | Term::Improper(_)
        )
    }

    /// The terms in it: elements, a tail last, keys and values in turn.
    pub(super) fn parts(&self) -> &[Term] {
        match self {
            Term::Tuple(tuple) => tuple,
            Term::List(list) => list,
            Term::Improper(list) => list,
            Term::Map(map) => map.flat(),
            _ => &[],
        }
    }
}

macro_rules! from_small {
    ($($type:ty),*) => {
        $(impl From<$type> for Term {
            fn from(value: $type) -> Term {
                Term::Int(i64::from(value))
            }
        })*
    };
}

from_small!(i8, i16, i32, i64, u8, u16, u32);

macro_rules! from_large {
    ($($type:ty),*) => {
        $(impl From<$type> for Term {
            fn from(value: $type) -> Term {
                match i64::try_from(value) {
                    Ok(small) => Term::Int(small),
                    Err(_) => Term::Big(BigInt::from(value)),
                }
            }
        })*
    };
}

from_large!(u64, i128, u128, usize);

macro_rules! from_part {
    ($($type:ty => $variant:ident),*) => {
        $(impl From<$type> for Term {
            fn from(value: $type) -> Term {
                Term::$variant(value)
            }
        })*
    };
}

from_part!(Float => Float, Atom => Atom, Reference => Ref, Port => Port, Pid => Pid, Tuple => Tuple, Map => Map, List => List, ImproperList => Improper, Bytes => Binary);

impl From<bool> for Term {
    fn from(value: bool) -> Term {
        Term::atom(if value { "true" } else { "false" })
    }
}

impl From<&str> for Term {
    /// A binary, as Elixir's strings are.
    fn from(text: &str) -> Term {
        Term::Binary(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Term {
    /// A binary, as Elixir's strings are.
    fn from(text: String) -> Term {
        Term::Binary(text.into())
    }
}

impl From<BigInt> for Term {
    fn from(value: BigInt) -> Term {
        Term::integer(value)
    }
}
