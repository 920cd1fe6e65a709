//! What terms are made of: tuples, lists and improper lists, each one allocation.

use std::cell::{Cell, RefCell};
use std::mem;
use std::ops::Deref;

use super::Term;

/// Terms nested deeper than this are dropped from a list, not by recursion.
const DEEPEST_DROP: u32 = 100;

thread_local! {
    /// How deep the thread is in dropping.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Whether there is anything in [`DEFERRED`].
    static ANY_DEFERRED: Cell<bool> = const { Cell::new(false) };
    static DEFERRED: RefCell<Vec<Vec<Term>>> = const { RefCell::new(Vec::new()) };
}

/// Drops `terms` without using more stack than [`DEEPEST_DROP`] levels need, however deep they are.
pub(super) fn release(terms: Vec<Term>) {
    let depth = DEPTH.get();
    if depth >= DEEPEST_DROP && terms.iter().any(Term::is_container) {
        return defer(terms);
    }
    DEPTH.set(depth + 1);
    drop(terms);
    while depth == 0 && ANY_DEFERRED.get() {
        let next = DEFERRED.try_with(|deferred| deferred.borrow_mut().pop());
        let next = next.unwrap_or_default();
        ANY_DEFERRED.set(next.is_some());
        drop(next);
    }
    DEPTH.set(depth);
}

#[cold]
fn defer(terms: Vec<Term>) {
    let mut terms = Some(terms);
    // When the thread is ending there is no list; then recursion must do.
    let deferred = DEFERRED.try_with(|deferred| deferred.borrow_mut().extend(terms.take()));
    ANY_DEFERRED.set(deferred.is_ok());
}

macro_rules! sequence {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name(Vec<Term>);

        impl $name {
            pub(super) fn of(terms: Vec<Term>) -> $name {
                $name(terms)
            }

            /// The elements, taken out.
            pub fn into_vec(mut self) -> Vec<Term> {
                mem::take(&mut self.0)
            }

            /// The elements.
            pub fn as_slice(&self) -> &[Term] {
                &self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if !self.0.is_empty() {
                    release(mem::take(&mut self.0));
                }
            }
        }

        impl Deref for $name {
            type Target = [Term];

            fn deref(&self) -> &[Term] {
                &self.0
            }
        }
    };
}

sequence! {
    /// A tuple.
    Tuple
}

sequence! {
    /// A proper list. Without elements it is `[]`.
    List
}

sequence! {
    /// A list whose tail is no list, as `[alias | Ref]`: at least one element, and behind them the tail.
    ImproperList
}

impl From<Vec<Term>> for Tuple {
    fn from(terms: Vec<Term>) -> Tuple {
        Tuple(terms)
    }
}

impl From<Vec<Term>> for List {
    fn from(terms: Vec<Term>) -> List {
        List(terms)
    }
}

impl FromIterator<Term> for Tuple {
    fn from_iter<I: IntoIterator<Item = Term>>(terms: I) -> Tuple {
        Tuple(terms.into_iter().collect())
    }
}

impl FromIterator<Term> for List {
    fn from_iter<I: IntoIterator<Item = Term>>(terms: I) -> List {
        List(terms.into_iter().collect())
    }
}

impl ImproperList {
    /// The elements before the tail.
    pub fn elements(&self) -> &[Term] {
        self.0.split_last().map_or(&[], |(_, elements)| elements)
    }

    /// What stands behind the bar.
    pub fn tail(&self) -> Option<&Term> {
        self.0.last()
    }
}
