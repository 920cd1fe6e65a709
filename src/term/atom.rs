//! Atoms: names that compare by text and clone for the price of a reference count.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::tag;

/// The longest atom that a BEAM accepts, in Unicode code points.
pub(crate) const MAX_ATOM_CHARS: usize = 255;

/// Why a text is not an atom.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AtomError {
    /// The text has more than 255 code points, which every BEAM refuses.
    #[error("an atom has at most {MAX_ATOM_CHARS} characters, this text has {0}")]
    TooLong(usize),
    /// The bytes are no UTF-8.
    #[error("an atom is UTF-8, and byte {0} is not")]
    NotUtf8(usize),
}

/// An Erlang atom: at most 255 Unicode code points, ordered by them.
///
/// ```
/// use beamlink::term::Atom;
/// let ok = Atom::new("ok").unwrap();
/// assert_eq!(ok.as_str(), "ok");
/// assert_eq!(ok, Atom::from_static("ok"));
/// ```
#[derive(Clone)]
pub struct Atom(Arc<Text>);

struct Text {
    /// The first eight bytes, so that most comparisons are one of integers.
    prefix: u64,
    /// Tag, length and text of a short one, which are a text themselves: so it goes to the wire in one piece.
    wire: Box<str>,
    /// Where in that the text begins.
    at: usize,
}

impl Text {
    fn new(text: &str) -> Text {
        let mut wire = String::with_capacity(HEAD + text.len());
        if let Some(length) = u8::try_from(text.len()).ok().filter(u8::is_ascii) {
            wire.push(char::from(tag::SMALL_ATOM_UTF8));
            wire.push(char::from(length));
        }
        let at = wire.len();
        wire.push_str(text);
        Text {
            prefix: prefix(text.as_bytes()),
            wire: wire.into(),
            at,
        }
    }
}

/// Bytes of tag and length.
const HEAD: usize = 2;

/// Atoms seen lately by this thread are not made anew. The table has a fixed size, so strangers cannot make it grow.
const CACHE_SIZE: usize = 1024;

thread_local! {
    static CACHE: RefCell<Box<[Option<Atom>]>> =
        RefCell::new(std::iter::repeat_with(|| None).take(CACHE_SIZE).collect());
}

impl Atom {
    /// Makes an atom of `text`.
    ///
    /// # Errors
    /// [`AtomError::TooLong`].
    pub fn new(text: &str) -> Result<Atom, AtomError> {
        Atom::from_utf8(text.as_bytes())
    }

    /// Makes an atom of UTF-8 bytes, without an allocation when this thread has seen it lately.
    pub(crate) fn from_utf8(bytes: &[u8]) -> Result<Atom, AtomError> {
        let slot = slot(bytes);
        CACHE
            .try_with(|cache| match cache.borrow_mut().get_mut(slot) {
                Some(Some(atom)) if atom.as_str().as_bytes() == bytes => Ok(atom.clone()),
                Some(place) => {
                    let atom = Atom::fresh(bytes)?;
                    *place = Some(atom.clone());
                    Ok(atom)
                }
                None => Atom::fresh(bytes),
            })
            // The thread is ending, and its table is gone.
            .unwrap_or_else(|_| Atom::fresh(bytes))
    }

    fn fresh(bytes: &[u8]) -> Result<Atom, AtomError> {
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|error| AtomError::NotUtf8(error.valid_up_to()))?;
        let chars = text.chars().count();
        if chars > MAX_ATOM_CHARS {
            return Err(AtomError::TooLong(chars));
        }
        Ok(Atom(Arc::new(Text::new(text))))
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
        self.0.wire.get(self.0.at..).unwrap_or_default()
    }

    /// With its tag, if it is kept so.
    pub(super) fn wire(&self) -> Option<&[u8]> {
        (self.0.at == HEAD).then(|| self.0.wire.as_bytes())
    }
}

/// The first eight bytes as a number that sorts as they do.
fn prefix(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => bytes.iter().enumerate().fold(0, |prefix, (at, byte)| {
            prefix | u64::from(*byte) << (56 - 8 * at)
        }),
    }
}

/// Where in the cache an atom would stand: by its length and some of its bytes, which read in two or three steps
/// whatever the length. Atoms that share a place push each other out, no more.
fn slot(bytes: &[u8]) -> usize {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let (begin, end) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(begin), Some(end)) => (u64::from_le_bytes(*begin), u64::from_le_bytes(*end)),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(begin), Some(end)) => (
                u64::from(u32::from_le_bytes(*begin)),
                u64::from(u32::from_le_bytes(*end)),
            ),
            _ => {
                let byte = |at| u64::from(bytes.get::<usize>(at).copied().unwrap_or_default());
                (byte(0), byte(1) << 8 | byte(2))
            }
        },
    };
    let middle = bytes
        .get(bytes.len() / 2..)
        .and_then(|half| half.first_chunk::<8>())
        .map_or(0, |middle| u64::from_le_bytes(*middle));
    let hash = (begin ^ (bytes.len() as u64) << 56).wrapping_mul(FACTOR);
    let hash = (hash.rotate_left(29) ^ end).wrapping_mul(FACTOR);
    let hash = (hash.rotate_left(29) ^ middle).wrapping_mul(FACTOR);
    (hash >> 54) as usize
}

impl PartialEq for Atom {
    fn eq(&self, other: &Atom) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.prefix == other.0.prefix && self.0.wire == other.0.wire)
    }
}

impl Eq for Atom {}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Ord for Atom {
    // UTF-8 sorts by code points.
    fn cmp(&self, other: &Atom) -> Ordering {
        let prefixes = self.0.prefix.cmp(&other.0.prefix);
        prefixes.then_with(|| self.as_str().cmp(other.as_str()))
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Atom) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Atom({:?})", self.as_str())
    }
}
