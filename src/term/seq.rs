//! What terms are made of: tuples, lists and improper lists, each one allocation.

use std::cell::{Cell, RefCell};
use std::mem;
use std::ops::Deref;

use super::Term;

/// Terms nested deeper than this are dropped from a list, not by recursion.
const DEEPEST_DROP: u32 = 100;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static DEFERRED: RefCell<Vec<Vec<Term>>> = const { RefCell::new(Vec::new()) };
}

/// Drops `terms` without using more stack than [`DEEPEST_DROP`] levels need, however deep they are.
pub(super) fn release(terms: Vec<Term>) {
    if !terms.iter().any(Term::is_container) {
        return;
    }
    let depth = DEPTH.try_with(Cell::get).unwrap_or(0);
    if depth >= DEEPEST_DROP {
        let mut rest = Some(terms);
        // When the thread is ending there is no list; then recursion must do.
        let _ = DEFERRED.try_with(|deferred| {
            if let Some(terms) = rest.take() {
                deferred.borrow_mut().push(terms);
            }
        });
        return;
    }
    let enter = |depth| DEPTH.try_with(|cell| cell.set(depth));
    let _ = enter(depth + 1);
    drop(terms);
    if depth == 0 {
        let next = || DEFERRED.try_with(|deferred| deferred.borrow_mut().pop());
        while let Ok(Some(terms)) = next() {
            drop(terms);
        }
    }
    let _ = enter(depth);
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
