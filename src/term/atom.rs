//! Atoms: names that compare by text and clone for the price of a reference count.

use std::fmt;
use std::sync::Arc;

/// The longest atom that a BEAM accepts, in Unicode code points.
pub(crate) const MAX_ATOM_CHARS: usize = 255;

/// Why a text is not an atom.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AtomError {
    /// The text has more than 255 code points, which every BEAM refuses.
    #[error("an atom has at most {MAX_ATOM_CHARS} characters, this text has {0}")]
    TooLong(usize),
}

/// An Erlang atom: at most 255 Unicode code points, ordered by them.
///
/// ```
/// use beamlink::term::Atom;
/// let ok = Atom::new("ok").unwrap();
/// assert_eq!(ok.as_str(), "ok");
/// assert_eq!(ok, Atom::from_static("ok"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Atom(Arc<Box<str>>);

impl Atom {
    /// Makes an atom of `text`.
    pub fn new(text: &str) -> Result<Atom, AtomError> {
        let chars = text.chars().count();
        if chars > MAX_ATOM_CHARS {
            return Err(AtomError::TooLong(chars));
        }
        Ok(Atom(Arc::new(text.into())))
    }

    /// An atom that stands in the source code.
    ///
    /// # Panics
    /// When the literal is longer than 255 code points.
    pub fn from_static(text: &'static str) -> Atom {
        Atom::new(text).expect("a literal atom of at most 255 characters")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Atom({:?})", self.as_str())
    }
}
