//! Maps: pairs in the order of their keys, so that equal maps are made of equal parts.

use std::cmp::Ordering;
use std::fmt;
use std::mem;

use super::Term;
use super::seq::release;

/// A map: keys are compared exactly (`1` and `1.0` are two keys). The pairs stand in the order of their keys, in
/// one allocation.
///
/// ```
/// use beamlink::term::{Map, Term};
/// let map: Map = [(Term::atom("b"), Term::from(2)), (Term::atom("a"), Term::from(1))].into_iter().collect();
/// assert_eq!(map.get(&Term::atom("b")), Some(&Term::from(2)));
/// assert_eq!(Term::Map(map).to_erlang().to_string(), "#{a => 1,b => 2}");
/// ```
#[derive(Default)]
pub struct Map {
    /// Key, value, key, value…
    flat: Vec<Term>,
}

impl Map {
    /// Brings keys and values, in turn, into the order that they have in a map; `false` when a key is there twice.
    pub(super) fn sort(flat: &mut [Term]) -> bool {
        let (pairs, _) = flat.as_chunks_mut::<2>();
        if pairs.is_sorted_by(|[before, _], [after, _]| before < after) {
            return true;
        }
        pairs.sort_unstable_by(|[one, _], [other, _]| one.cmp(other));
        pairs.is_sorted_by(|[before, _], [after, _]| before < after)
    }

    /// A map of keys and values, in turn, which are in their order.
    pub(super) fn of_sorted(flat: Vec<Term>) -> Map {
        Map { flat }
    }

    /// Keys and values in turn.
    pub(super) fn flat(&self) -> &[Term] {
        &self.flat
    }

    fn pairs(&self) -> &[[Term; 2]] {
        self.flat.as_chunks().0
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.flat.len() / 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.flat.is_empty()
    }

    /// The value of `key`.
    pub fn get(&self, key: &Term) -> Option<&Term> {
        let pairs = self.pairs();
        let at = pairs.binary_search_by(|[known, _]| known.cmp(key)).ok()?;
        pairs.get(at).map(|[_, value]| value)
    }

    /// The value of the atom `key`.
    pub fn get_atom(&self, key: &str) -> Option<&Term> {
        let pairs = self.pairs();
        let at = pairs.binary_search_by(|[known, _]| match known {
            Term::Int(_) | Term::Big(_) | Term::Float(_) => Ordering::Less,
            Term::Atom(atom) => atom.as_str().cmp(key),
            _ => Ordering::Greater,
        });
        pairs.get(at.ok()?).map(|[_, value]| value)
    }

    /// Sets the value of `key` and returns the one that it had.
    pub fn insert(&mut self, key: Term, value: Term) -> Option<Term> {
        match self.pairs().binary_search_by(|[known, _]| known.cmp(&key)) {
            Ok(at) => Some(mem::replace(&mut self.flat[2 * at + 1], value)),
            Err(at) => {
                self.flat.splice(2 * at..2 * at, [key, value]);
                None
            }
        }
    }

    /// The pairs, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Term, &Term)> {
        self.pairs().iter().map(|[key, value]| (key, value))
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if !self.flat.is_empty() {
            release(mem::take(&mut self.flat));
        }
    }
}

impl FromIterator<(Term, Term)> for Map {
    /// Of pairs with equal keys the last counts.
    fn from_iter<I: IntoIterator<Item = (Term, Term)>>(pairs: I) -> Map {
        let mut pairs: Vec<(Term, Term)> = pairs.into_iter().collect();
        // Stable, and reversed: the last of equal ones comes first and is the one that stays.
        pairs.reverse();
        pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        pairs.dedup_by(|(later, _), (earlier, _)| later == earlier);
        let flat = pairs.into_iter().flat_map(|(key, value)| [key, value]);
        Map {
            flat: flat.collect(),
        }
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
