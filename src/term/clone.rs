//! Copies of terms, without recursion.

use std::{iter, mem};

use smallvec::SmallVec;

use super::{ImproperList, List, Map, Term, Tuple};

impl Clone for Term {
    fn clone(&self) -> Term {
        match self {
            Term::Int(value) => Term::Int(*value),
            Term::Big(value) => Term::Big(value.clone()),
            Term::Float(value) => Term::Float(*value),
            Term::Atom(atom) => Term::Atom(atom.clone()),
            Term::Ref(reference) => Term::Ref(reference.clone()),
            Term::Fun(opaque) => Term::Fun(opaque.clone()),
            Term::Export(export) => Term::Export(export.clone()),
            Term::Port(port) => Term::Port(port.clone()),
            Term::Pid(pid) => Term::Pid(pid.clone()),
            Term::Record(opaque) => Term::Record(opaque.clone()),
            Term::Binary(bytes) => Term::Binary(bytes.clone()),
            Term::Bits(bits) => Term::Bits(bits.clone()),
            container => clone_container(container),
        }
    }
}

/// A container that is being copied.
struct Level<'a> {
    of: &'a Term,
    rest: std::slice::Iter<'a, Term>,
    done: Vec<Term>,
}

impl<'a> Level<'a> {
    fn new(of: &'a Term) -> Level<'a> {
        let parts = of.parts();
        Level {
            of,
            rest: parts.iter(),
            done: Vec::with_capacity(parts.len()),
        }
    }

    fn finish(self) -> Term {
        match self.of {
            Term::Tuple(_) => Term::Tuple(Tuple::of(self.done)),
            Term::Improper(_) => Term::Improper(ImproperList::of(self.done)),
            Term::Map(_) => Term::Map(Map::of_sorted(self.done)),
            _ => Term::List(List::of(self.done)),
        }
    }
}

fn clone_container(whole: &Term) -> Term {
    let mut outer: SmallVec<[Level<'_>; 8]> = SmallVec::new();
    let mut level = Level::new(whole);
    loop {
        match level.rest.next() {
            Some(Term::Int(value)) => level.done.extend(iter::once_with(|| Term::Int(*value))),
            Some(part) if part.is_container() => {
                outer.push(mem::replace(&mut level, Level::new(part)));
            }
            Some(part) => level.done.push(part.clone()),
            None => {
                let copy = level.finish();
                match outer.pop() {
                    None => return copy,
                    Some(around) => level = around,
                }
                level.done.push(copy);
            }
        }
    }
}

macro_rules! clone_by_term {
    ($($name:ident),*) => {
        $(impl Clone for $name {
            fn clone(&self) -> $name {
                // The parts are cloned one by one; each is deep in itself, not here.
                $name::of(self.iter().cloned().collect())
            }
        })*
    };
}

clone_by_term!(Tuple, List, ImproperList);

impl Clone for Map {
    fn clone(&self) -> Map {
        Map::of_sorted(self.flat().to_vec())
    }
}
