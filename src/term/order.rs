//! Equality, order and hashing of terms, without recursion.
//!
//! Exact (`=:=`, and the order of a map's keys) for Rust's operators; numeric (`==`, `<`) by name. The order of the
//! types is number < atom < reference < fun < port < pid < tuple < map < list < bitstring ("Term Comparisons" in the
//! Erlang Reference Manual; `erts_cmp_compound()` in `erts/emulator/beam/utils.c`).

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use num_bigint::Sign;
use smallvec::SmallVec;

use super::number::{big_with_float, integer_with_float};
use super::{Float, Term, bits};

impl Term {
    /// Erlang's `==`: as the operator of Rust, but numbers are equal by value, except in keys of maps.
    ///
    /// ```
    /// use beamlink::term::Term;
    /// let float = Term::float(1.0).unwrap();
    /// assert!(Term::from(1).eq_numeric(&float) && Term::from(1) != float);
    /// ```
    pub fn eq_numeric(&self, other: &Term) -> bool {
        compare(self, other, false).is_eq()
    }

    /// Erlang's `<`: as the order of Rust, but numbers compare by value, except in keys of maps.
    pub fn cmp_numeric(&self, other: &Term) -> Ordering {
        compare(self, other, false)
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Term) -> bool {
        match (self, other) {
            (Term::Atom(one), Term::Atom(other)) => one == other,
            (Term::Int(one), Term::Int(other)) => one == other,
            _ => rank(self) == rank(other) && compare(self, other, true).is_eq(),
        }
    }
}

impl Eq for Term {}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Term) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Term {
    fn cmp(&self, other: &Term) -> Ordering {
        match (self, other) {
            (Term::Atom(one), Term::Atom(other)) => one.cmp(other),
            _ => compare(self, other, true),
        }
    }
}

/// Where a type stands among the others.
fn rank(term: &Term) -> u8 {
    match term {
        Term::Int(_) | Term::Big(_) | Term::Float(_) => 0,
        Term::Atom(_) => 1,
        Term::Ref(_) => 2,
        Term::Fun(_) | Term::Export(_) => 3,
        Term::Port(_) => 4,
        Term::Pid(_) => 5,
        Term::Tuple(_) => 6,
        Term::Record(_) => 7,
        Term::Map(_) => 8,
        Term::List(list) if list.is_empty() => 9,
        Term::List(_) | Term::Improper(_) => 10,
        Term::Binary(_) | Term::Bits(_) => 11,
    }
}

/// Parts of two containers that are still to be compared, pair by pair.
struct Pending<'a> {
    one: &'a [Term],
    other: &'a [Term],
    /// 2 for the keys or the values of a map.
    step: usize,
    exact: bool,
    /// What counts when the parts are equal.
    then: Ordering,
}

fn compare(one: &Term, other: &Term, exact: bool) -> Ordering {
    let mut pending: SmallVec<[Pending<'_>; 8]> = SmallVec::new();
    let ordering = compare_heads(one, other, exact, &mut pending);
    if ordering.is_ne() {
        return ordering;
    }
    while let Some(top) = pending.last_mut() {
        let (Some((one, rest_of_one)), Some((other, rest_of_other))) =
            (top.one.split_first(), top.other.split_first())
        else {
            let then = top.then;
            pending.pop();
            if then.is_ne() {
                return then;
            }
            continue;
        };
        let skipped = top.step - 1;
        top.one = rest_of_one.get(skipped..).unwrap_or_default();
        top.other = rest_of_other.get(skipped..).unwrap_or_default();
        let exact = top.exact;
        let ordering = compare_heads(one, other, exact, &mut pending);
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

/// Compares what can be seen of two terms at once; the rest is added to `pending`.
fn compare_heads<'a>(
    one: &'a Term,
    other: &'a Term,
    exact: bool,
    pending: &mut SmallVec<[Pending<'a>; 8]>,
) -> Ordering {
    match (one, other) {
        (Term::Atom(one), Term::Atom(other)) => one.cmp(other),
        (Term::Int(one), Term::Int(other)) => one.cmp(other),
        (Term::Ref(one), Term::Ref(other)) => one.cmp(other),
        (Term::Port(one), Term::Port(other)) => one.cmp(other),
        (Term::Pid(one), Term::Pid(other)) => one.cmp(other),
        (Term::Binary(one), Term::Binary(other)) => one.cmp(other),
        // Funs with an environment come before those without; among themselves any fixed order does.
        (Term::Fun(one), Term::Fun(other)) | (Term::Record(one), Term::Record(other)) => {
            one.cmp(other)
        }
        (Term::Fun(_), Term::Export(_)) => Ordering::Less,
        (Term::Export(_), Term::Fun(_)) => Ordering::Greater,
        (Term::Export(one), Term::Export(other)) => one.cmp(other),
        (Term::Tuple(one), Term::Tuple(other)) => {
            let sizes = one.len().cmp(&other.len());
            if sizes.is_eq() {
                pending.push(parts(one, other, exact));
            }
            sizes
        }
        (Term::Map(one), Term::Map(other)) => {
            let sizes = one.len().cmp(&other.len());
            if sizes.is_eq() {
                let mut keys = parts(one.flat(), other.flat(), true);
                keys.step = 2;
                let values = Pending {
                    one: one.flat().get(1..).unwrap_or_default(),
                    other: other.flat().get(1..).unwrap_or_default(),
                    step: 2,
                    exact,
                    then: Ordering::Equal,
                };
                pending.push(values);
                pending.push(keys);
            }
            sizes
        }
        (Term::List(one), Term::List(other)) => {
            let mut elements = parts(one, other, exact);
            elements.then = one.len().cmp(&other.len());
            pending.push(elements);
            Ordering::Equal
        }
        (Term::List(_) | Term::Improper(_), Term::List(_) | Term::Improper(_)) => {
            lists(one, other, exact, pending)
        }
        (Term::Binary(_) | Term::Bits(_), Term::Binary(_) | Term::Bits(_)) => {
            bits::compare(bits_of(one), bits_of(other))
        }
        _ if rank(one) == 0 && rank(other) == 0 => numbers(one, other, exact),
        _ => rank(one).cmp(&rank(other)),
    }
}

fn parts<'a>(one: &'a [Term], other: &'a [Term], exact: bool) -> Pending<'a> {
    Pending {
        one,
        other,
        step: 1,
        exact,
        then: Ordering::Equal,
    }
}

/// Lists of which one at least has a tail that is no list.
fn lists<'a>(
    one: &'a Term,
    other: &'a Term,
    exact: bool,
    pending: &mut SmallVec<[Pending<'a>; 8]>,
) -> Ordering {
    let (one_elements, one_tail) = split(one);
    let (other_elements, other_tail) = split(other);
    if one_elements.is_empty() || other_elements.is_empty() {
        return rank(one).cmp(&rank(other));
    }
    const NIL: u8 = 9;
    const LIST: u8 = 10;
    let tail = |tail: Option<&Term>| tail.map_or(NIL, rank);
    let mut elements = parts(one_elements, other_elements, exact);
    match one_elements.len().cmp(&other_elements.len()) {
        // What is left of the longer one is a list, which its place decides against the other's tail.
        Ordering::Less => elements.then = tail(one_tail).cmp(&LIST),
        Ordering::Greater => elements.then = LIST.cmp(&tail(other_tail)),
        Ordering::Equal => match (one_tail, other_tail) {
            (Some(one), Some(other)) => {
                let tails = (std::slice::from_ref(one), std::slice::from_ref(other));
                pending.push(parts(tails.0, tails.1, exact));
            }
            (one, other) => elements.then = tail(one).cmp(&tail(other)),
        },
    }
    pending.push(elements);
    Ordering::Equal
}

/// The elements of a list, and its tail if that is not `[]`.
fn split(list: &Term) -> (&[Term], Option<&Term>) {
    match list {
        Term::Improper(list) => (list.elements(), list.tail()),
        list => (list.parts(), None),
    }
}

fn bits_of(term: &Term) -> (&[u8], usize) {
    match term {
        Term::Bits(bits) => (bits.bytes(), bits.bit_length()),
        Term::Binary(bytes) => (bytes, bytes.len() * 8),
        _ => (&[], 0),
    }
}

fn numbers(one: &Term, other: &Term, exact: bool) -> Ordering {
    match (one, other) {
        (Term::Big(one), Term::Big(other)) => one.cmp(other),
        (Term::Int(_), Term::Big(big)) => match big.sign() {
            Sign::Minus => Ordering::Greater,
            _ => Ordering::Less,
        },
        (Term::Float(one), Term::Float(other)) if exact => one.cmp(other),
        (Term::Float(one), Term::Float(other)) => by_value(*one, *other),
        (Term::Int(_) | Term::Big(_), Term::Float(_)) if exact => Ordering::Less,
        (Term::Int(one), Term::Float(other)) => integer_with_float(*one, *other),
        (Term::Big(one), Term::Float(other)) => big_with_float(one, *other),
        (one, other) => numbers(other, one, exact).reverse(),
    }
}

fn by_value(one: Float, other: Float) -> Ordering {
    one.get()
        .partial_cmp(&other.get())
        .unwrap_or(Ordering::Equal)
}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut pending: SmallVec<[std::slice::Iter<'_, Term>; 8]> = SmallVec::new();
        hash_head(self, state);
        pending.push(self.parts().iter());
        while let Some(parts) = pending.last_mut() {
            match parts.next() {
                Some(part) => {
                    hash_head(part, state);
                    if part.is_container() {
                        pending.push(part.parts().iter());
                    }
                }
                None => drop(pending.pop()),
            }
        }
    }
}

/// All of a simple term, and the kind and size of a container.
fn hash_head<H: Hasher>(term: &Term, state: &mut H) {
    std::mem::discriminant(term).hash(state);
    match term {
        Term::Int(value) => value.hash(state),
        Term::Big(value) => value.hash(state),
        Term::Float(float) => float.hash(state),
        Term::Atom(atom) => atom.hash(state),
        Term::Ref(reference) => reference.hash(state),
        Term::Fun(opaque) | Term::Record(opaque) => opaque.hash(state),
        Term::Export(export) => export.hash(state),
        Term::Port(port) => port.hash(state),
        Term::Pid(pid) => pid.hash(state),
        Term::Binary(bytes) => bytes.hash(state),
        Term::Bits(bits) => bits.hash(state),
        container => container.parts().len().hash(state),
    }
}
