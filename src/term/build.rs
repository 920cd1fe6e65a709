//! Puts terms together from their parts, one after the other, without recursion.

use smallvec::SmallVec;

use super::map::{DuplicateKey, Map};
use super::{ImproperList, List, Term, Tuple};

/// What an open container will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tuple,
    /// Elements, and a tail behind them.
    List,
    /// Keys and values in turn.
    Map,
}

#[derive(Debug)]
struct Open {
    parts: Vec<Term>,
    /// How many parts are still to come.
    left: u32,
    kind: Kind,
}

/// The containers that are open, the outermost first.
#[derive(Debug, Default)]
pub(super) struct Builder {
    open: SmallVec<[Open; 8]>,
}

impl Builder {
    /// Opens a container of `parts` parts, of which there is at least one.
    pub(super) fn open(&mut self, kind: Kind, parts: u32) {
        if self.open.len() == self.open.capacity() {
            // By a half, not to the double: a level may have come in two bytes, and what is held is to stay below
            // 64 bytes for each byte received.
            self.open.grow(self.open.len() + self.open.len() / 2);
        }
        self.open.push(Open {
            parts: Vec::with_capacity(parts as usize),
            left: parts,
            kind,
        });
    }

    /// Whether the next part is the tail of a list.
    pub(super) fn at_tail(&self) -> bool {
        matches!(self.open.last(), Some(open) if open.kind == Kind::List && open.left == 1)
    }

    /// At the tail: the list goes on with `more` elements, and a tail behind them.
    pub(super) fn extend(&mut self, more: u32) {
        if let Some(open) = self.open.last_mut() {
            open.left += more;
            let parts = &mut open.parts;
            if parts.capacity() - parts.len() < open.left as usize {
                // By a half, so that a chain of short tails takes linear time, and what is held stays in proportion.
                parts.reserve_exact((parts.len() / 2).max(open.left as usize));
            }
        }
    }

    /// Adds a part, closes what is complete with it, and returns the whole once there is nothing open.
    pub(super) fn add(&mut self, mut term: Term) -> Result<Option<Term>, DuplicateKey> {
        loop {
            let Some(open) = self.open.last_mut() else {
                return Ok(Some(term));
            };
            open.left -= 1;
            let is_end = open.left == 0 && open.kind == Kind::List;
            if is_end && open.parts.is_empty() {
                // A list without elements is its tail.
                self.open.pop();
                continue;
            }
            if !(is_end && matches!(&term, Term::List(tail) if tail.is_empty())) {
                open.parts.push(term);
                if is_end {
                    let parts = std::mem::take(&mut open.parts);
                    self.open.pop();
                    term = Term::Improper(ImproperList::of(parts));
                    continue;
                }
            }
            if open.left > 0 {
                return Ok(None);
            }
            let parts = std::mem::take(&mut open.parts);
            term = match open.kind {
                Kind::Tuple => Term::Tuple(Tuple::of(parts)),
                Kind::List => Term::List(List::of(parts)),
                Kind::Map => Term::Map(Map::from_flat(parts)?),
            };
            self.open.pop();
        }
    }
}

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

/// One level of a container that is being cloned.
struct Copying<'a> {
    of: &'a Term,
    done: Vec<Term>,
}

fn clone_container(whole: &Term) -> Term {
    let mut levels: SmallVec<[Copying<'_>; 8]> = SmallVec::new();
    let level = |of: &'_ Term| Vec::with_capacity(of.parts().len());
    levels.push(Copying {
        of: whole,
        done: level(whole),
    });
    let mut finished: Option<Term> = None;
    while let Some(top) = levels.last_mut() {
        if let Some(term) = finished.take() {
            top.done.push(term);
        }
        let rest = top.of.parts().get(top.done.len()..).unwrap_or_default();
        let simple = rest.iter().take_while(|part| !part.is_container());
        top.done.extend(simple.cloned());
        match top.of.parts().get(top.done.len()) {
            Some(part) => {
                let done = level(part);
                levels.push(Copying { of: part, done });
            }
            None => {
                let of = top.of;
                let done = std::mem::take(&mut top.done);
                levels.pop();
                finished = Some(match of {
                    Term::Tuple(_) => Term::Tuple(Tuple::of(done)),
                    Term::Improper(_) => Term::Improper(ImproperList::of(done)),
                    Term::Map(_) => Term::Map(Map::of_sorted(done)),
                    _ => Term::List(List::of(done)),
                });
            }
        }
    }
    finished.unwrap_or_else(Term::nil)
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
