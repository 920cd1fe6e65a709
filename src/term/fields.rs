//! The parts of a small term of a known form, read one after the other without making the term.

use super::cursor::{AtomBytes, Cursor};
use super::{Atom, Pid, Reference, tag};

/// Reads what nodes of today send. `None` is no fault: whoever meets it decodes the whole instead.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields {
            cursor: Cursor::new(bytes, 0),
        }
    }

    /// How many bytes are behind.
    pub(crate) fn position(&self) -> usize {
        self.cursor.position()
    }

    /// How many elements the tuple has whose first one is next.
    pub(crate) fn tuple(&mut self) -> Option<u8> {
        self.behind(tag::SMALL_TUPLE)?.u8().ok()
    }

    /// An integer of one byte.
    pub(crate) fn integer(&mut self) -> Option<u8> {
        self.behind(tag::SMALL_INTEGER)?.u8().ok()
    }

    pub(crate) fn atom(&mut self) -> Option<Atom> {
        let text = self.behind(tag::SMALL_ATOM_UTF8)?;
        match text.atom_behind(tag::SMALL_ATOM_UTF8).ok()? {
            AtomBytes::Utf8(text) | AtomBytes::Latin1(text) => Atom::from_utf8(text).ok(),
        }
    }

    /// Passes an atom of this text.
    pub(crate) fn word(&mut self, text: &str) -> Option<()> {
        let cursor = self.behind(tag::SMALL_ATOM_UTF8)?;
        match cursor.atom_behind(tag::SMALL_ATOM_UTF8).ok()? {
            AtomBytes::Utf8(found) if found == text.as_bytes() => Some(()),
            _ => None,
        }
    }

    /// Passes the head of `[Head | Tail]`.
    pub(crate) fn cons(&mut self) -> Option<()> {
        let length = self.behind(tag::LIST)?.u32().ok()?;
        (length == 1).then_some(())
    }

    pub(crate) fn pid(&mut self) -> Option<Pid> {
        self.behind(tag::NEW_PID)?;
        let node = self.atom()?;
        let cursor = &mut self.cursor;
        Some(Pid {
            node,
            id: cursor.u32().ok()?,
            serial: cursor.u32().ok()?,
            creation: cursor.u32().ok()?,
        })
    }

    pub(crate) fn reference(&mut self) -> Option<Reference> {
        let count = self.behind(tag::NEWER_REFERENCE)?.words().ok()?;
        let node = self.atom()?;
        let creation = self.cursor.u32().ok()?;
        let mut words = [0; 5];
        let words = words.get_mut(..count)?;
        for word in &mut *words {
            *word = self.cursor.u32().ok()?;
        }
        Reference::from_words(node, creation, words)
    }

    /// The place behind this tag.
    fn behind(&mut self, tag: u8) -> Option<&mut Cursor<'a>> {
        match self.cursor.rest() {
            [first, rest @ ..] if *first == tag => {
                self.cursor.move_to(rest);
                Some(&mut self.cursor)
            }
            _ => None,
        }
    }
}
