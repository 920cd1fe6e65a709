//! Bytes into terms. Every length is the word of a stranger: none is believed before the input can hold it.

use std::io::Read;
use std::iter;
use std::mem;

use bytes::Bytes;
use num_bigint::{BigInt, Sign};
use smallvec::SmallVec;

use super::cursor::{AtomBytes, Cursor};
use super::value::{Export, Opaque};
use super::{
    Atom, Bits, DecodeError, Fault, ImproperList, List, Map, Pid, Port, Reference, Term, Tuple,
    skip, tag,
};

/// What compressed bytes may expand to, for each byte of them, and in any case. Peers send none unless someone asked
/// `term_to_binary/2` for it.
const INFLATED_PER_BYTE: usize = 64;
const INFLATED: usize = 64 * 1024;

/// Decodes `bytes`, which begin with the version byte and hold one term and nothing else.
///
/// # Errors
/// See [`DecodeError`].
///
/// ```
/// use beamlink::term::{Term, decode};
/// let term = decode(vec![131, 104, 2, 97, 1, 106].into()).unwrap();
/// assert_eq!(term, Term::tuple([Term::from(1), Term::nil()]));
/// ```
pub fn decode(bytes: Bytes) -> Result<Term, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let term = decoder.versioned()?;
    match decoder.remaining().is_empty() {
        true => Ok(term),
        false => Err(DecodeError {
            offset: decoder.position(),
            fault: Fault::Trailing,
        }),
    }
}

/// Takes terms off the front of some bytes. Binaries share the memory of the input.
///
/// Memory stays below 64 bytes for each byte received, beside what compressed terms expand to: 64 bytes for each
/// byte of theirs, or 64 KiB, and then as much again for each byte of that.
#[derive(Debug, Clone)]
pub struct Decoder {
    bytes: Bytes,
    at: usize,
}

impl Decoder {
    /// A decoder of `bytes`.
    pub fn new(bytes: Bytes) -> Decoder {
        Decoder { bytes, at: 0 }
    }

    /// How many bytes were taken.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes that are left.
    pub fn remaining(&self) -> Bytes {
        self.bytes.slice(self.at..)
    }

    /// Takes a term with the version byte in front of it.
    ///
    /// # Errors
    /// See [`DecodeError`]; nothing is taken then.
    pub fn versioned(&mut self) -> Result<Term, DecodeError> {
        let mut cursor = Cursor::new(&self.bytes, self.at);
        if cursor.u8()? != tag::VERSION {
            return Err(cursor.fault_at(self.at, Fault::Version));
        }
        match cursor.rest().first() {
            Some(&tag::COMPRESSED) => self.compressed(),
            _ => self.term_at(self.at + 1),
        }
    }

    /// Takes a term without a version byte.
    ///
    /// # Errors
    /// See [`DecodeError`]; nothing is taken then.
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        self.term_at(self.at)
    }

    fn term_at(&mut self, at: usize) -> Result<Term, DecodeError> {
        let mut reading = Reading {
            bytes: &self.bytes,
            cursor: Cursor::new(&self.bytes, at),
            owed: 0,
        };
        let term = reading.term()?;
        self.at = reading.cursor.position();
        Ok(term)
    }

    /// 131, 80, the size that it expands to, and a zlib stream.
    fn compressed(&mut self) -> Result<Term, DecodeError> {
        let mut cursor = Cursor::new(&self.bytes, self.at);
        cursor.pass(2)?;
        let size = cursor.u32()? as usize;
        let fault = cursor.fault(Fault::Compressed);
        let stream = cursor.rest();
        if size > INFLATED.max(stream.len().saturating_mul(INFLATED_PER_BYTE)) {
            return Err(fault);
        }
        let mut inflated = Vec::new();
        let mut zlib = flate2::read::ZlibDecoder::new(stream);
        let read = zlib
            .by_ref()
            .take(size as u64 + 1)
            .read_to_end(&mut inflated);
        if read.ok() != Some(size) {
            return Err(fault);
        }
        let used = zlib.total_in() as usize;
        let mut inner = Decoder::new(inflated.into());
        let term = inner.term().map_err(|_| fault.clone())?;
        if !inner.remaining().is_empty() {
            return Err(fault);
        }
        self.at = cursor.position() + used;
        Ok(term)
    }
}

/// One term under way.
struct Reading<'a> {
    bytes: &'a Bytes,
    cursor: Cursor<'a>,
    /// Terms that are still to come in the containers around the one being filled. Each needs a byte at least, so no
    /// container is opened when more would be owed than there are bytes: what is allocated stays in proportion to
    /// what was received, however deep lengths lie within lengths.
    owed: u64,
}

/// What an open container will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tuple,
    /// Keys and values in turn.
    Map,
    /// Elements; their tail is still to come.
    List,
    /// Elements; their tail, a tuple or map, is the next part.
    Improper,
}

#[derive(Debug)]
struct Open {
    parts: Vec<Term>,
    /// How many parts are still to come, without the tail of a list.
    left: u32,
    kind: Kind,
}

impl Open {
    fn owed(&self) -> u64 {
        u64::from(self.left) + u64::from(self.kind == Kind::List)
    }

    /// The term that it is, complete.
    fn close(self) -> Term {
        match self.kind {
            Kind::Tuple => Term::Tuple(Tuple::of(self.parts)),
            Kind::Map => Term::Map(Map::of_sorted(self.parts)),
            Kind::List => Term::List(List::of(self.parts)),
            Kind::Improper => Term::Improper(ImproperList::of(self.parts)),
        }
    }
}

/// A container of at least one part, and how many it has (a list beside its tail).
type Head = (Kind, u32);

/// Where a term is put. It is made where it will stay: to make it first and to move it then takes several times as
/// long.
trait Place {
    fn put(&mut self, make: impl FnOnce() -> Term);
}

impl Place for Vec<Term> {
    #[inline(always)]
    fn put(&mut self, make: impl FnOnce() -> Term) {
        self.extend(iter::once_with(make));
    }
}

impl Place for Option<Term> {
    fn put(&mut self, make: impl FnOnce() -> Term) {
        *self = Some(make());
    }
}

impl Reading<'_> {
    fn term(&mut self) -> Result<Term, DecodeError> {
        // The containers around the one being filled, the outermost first.
        let mut outer: SmallVec<[Open; 8]> = SmallVec::new();
        let mut simple = None;
        let mut open = match self.begin(&mut simple)? {
            Some(head) => self.open(head, 0)?,
            None => return simple.ok_or_else(|| self.cursor.fault(Fault::Truncated)),
        };
        loop {
            let mut child = self.fill(&mut open)?;
            if child.is_none() && open.kind == Kind::List {
                match self.tail(&mut open)? {
                    Tail::None => {}
                    Tail::More => continue,
                    Tail::Simple => open.kind = Kind::Improper,
                    Tail::Container(head) => {
                        open.kind = Kind::Improper;
                        child = Some(head);
                    }
                }
            }
            if let Some(head) = child {
                let child = self.open(head, open.owed())?;
                self.owed += open.owed();
                if outer.len() == outer.capacity() {
                    // By a half, not to the double: a level may have come in two bytes.
                    outer.grow(outer.len() + outer.len() / 2);
                }
                outer.push(mem::replace(&mut open, child));
                continue;
            }
            if open.kind == Kind::Map && !Map::sort(&mut open.parts) {
                return Err(self.cursor.fault(Fault::DuplicateKey));
            }
            let Some(around) = outer.pop() else {
                return Ok(open.close());
            };
            self.owed -= around.owed();
            let complete = mem::replace(&mut open, around);
            open.parts.put(|| complete.close());
        }
    }

    /// Opens a container, if the input can hold its parts and all that the others are still owed, `around` by the
    /// next one.
    fn open(&self, (kind, parts): Head, around: u64) -> Result<Open, DecodeError> {
        let tail = u32::from(kind == Kind::List);
        let owed = u64::from(parts) + u64::from(tail);
        if self.owed + around + owed > self.cursor.rest().len() as u64 {
            return Err(self.cursor.fault(Fault::Length(owed)));
        }
        Ok(Open {
            parts: Vec::with_capacity(parts as usize + tail as usize),
            left: parts,
            kind,
        })
    }

    /// Adds parts until there are all, or one is a container itself. What is frequent has a way of its own here.
    fn fill(&mut self, open: &mut Open) -> Result<Option<Head>, DecodeError> {
        while open.left > 0 {
            let start = self.cursor.position();
            match *self.cursor.rest() {
                [tag::SMALL_INTEGER, _, ..] => {
                    let integers = self.cursor.run::<2>(open.left);
                    let values = integers.iter().map(|[_, value]| i64::from(*value));
                    open.parts.extend(values.map(Term::Int));
                    open.left -= integers.len() as u32;
                }
                [tag::INTEGER, _, _, _, _, ..] => {
                    let integers = self.cursor.run::<5>(open.left);
                    let values = integers.iter().map(|[_, a, b, c, d]| [*a, *b, *c, *d]);
                    let values = values.map(|bytes| i64::from(i32::from_be_bytes(bytes)));
                    open.parts.extend(values.map(Term::Int));
                    open.left -= integers.len() as u32;
                }
                [tag @ tag::SMALL_ATOM_UTF8, ref rest @ ..] => {
                    self.cursor.move_to(rest);
                    let text = self.cursor.atom_behind(tag)?;
                    let atom = atom(text);
                    let atom = atom.ok_or_else(|| self.cursor.fault_at(start, Fault::Atom))?;
                    open.parts.put(|| Term::Atom(atom));
                    open.left -= 1;
                }
                [tag::BINARY, ref rest @ ..] => {
                    self.cursor.move_to(rest);
                    let length = self.cursor.u32()? as usize;
                    let bytes = self.cursor.take(length)?;
                    open.parts.put(|| Term::Binary(self.bytes.slice_ref(bytes)));
                    open.left -= 1;
                }
                _ => {
                    open.left -= 1;
                    if let Some(head) = self.begin(&mut open.parts)? {
                        return Ok(Some(head));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Reads what stands behind the elements of a list.
    fn tail(&mut self, open: &mut Open) -> Result<Tail, DecodeError> {
        let mut ahead = self.cursor;
        match ahead.u8()? {
            tag::NIL => {
                self.cursor = ahead;
                Ok(Tail::None)
            }
            // [1 | [2]] is [1, 2]: a chain of such tails is one list, not one in the other.
            tag::LIST => {
                let more = ahead.u32()?;
                let owed = u64::from(more) + 1;
                if self.owed + owed > ahead.rest().len() as u64 {
                    return Err(self.cursor.fault(Fault::Length(owed)));
                }
                self.cursor = ahead;
                open.left = more;
                reserve(&mut open.parts, more as usize + 1);
                Ok(Tail::More)
            }
            tag::STRING => {
                let length = ahead.u16()?;
                let bytes = ahead.take(usize::from(length))?;
                self.cursor = ahead;
                reserve(&mut open.parts, bytes.len());
                let integers = bytes.iter().map(|byte| Term::Int(i64::from(*byte)));
                open.parts.extend(integers);
                Ok(Tail::None)
            }
            _ => Ok(match self.begin(&mut open.parts)? {
                Some(head) => Tail::Container(head),
                None => Tail::Simple,
            }),
        }
    }

    /// Reads a simple term and puts it into its place, or reads the head of a container.
    fn begin(&mut self, place: &mut impl Place) -> Result<Option<Head>, DecodeError> {
        let start = self.cursor.position();
        let cursor = &mut self.cursor;
        match cursor.u8()? {
            tag::SMALL_INTEGER => {
                let value = cursor.u8()?;
                place.put(|| Term::Int(i64::from(value)));
            }
            tag::INTEGER => {
                let value = cursor.u32()?.cast_signed();
                place.put(|| Term::Int(i64::from(value)));
            }
            tag @ (tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::ATOM | tag::SMALL_ATOM) => {
                let text = cursor.atom_behind(tag)?;
                let atom = atom(text).ok_or_else(|| cursor.fault_at(start, Fault::Atom))?;
                place.put(|| Term::Atom(atom));
            }
            tag::SMALL_TUPLE => match cursor.u8()? {
                0 => place.put(|| Term::tuple([])),
                arity => return Ok(Some((Kind::Tuple, u32::from(arity)))),
            },
            tag::LARGE_TUPLE => match cursor.u32()? {
                0 => place.put(|| Term::tuple([])),
                arity => return Ok(Some((Kind::Tuple, arity))),
            },
            tag::LIST => loop {
                match cursor.u32()? {
                    // What remains of [ | tail] is the tail.
                    0 if cursor.rest().first() == Some(&tag::LIST) => cursor.pass(1)?,
                    0 => return self.begin(place),
                    length => return Ok(Some((Kind::List, length))),
                }
            },
            tag::MAP => match cursor.u32()? {
                0 => place.put(|| Term::Map(Map::default())),
                pairs => match pairs.checked_mul(2) {
                    Some(parts) => return Ok(Some((Kind::Map, parts))),
                    None => return Err(cursor.fault_at(start, Fault::Length(u64::from(pairs)))),
                },
            },
            tag::NIL => place.put(Term::nil),
            tag::STRING => {
                let length = usize::from(cursor.u16()?);
                let bytes = cursor.take(length)?;
                let integers = bytes.iter().map(|byte| Term::Int(i64::from(*byte)));
                place.put(|| Term::list(integers));
            }
            tag::BINARY => {
                let length = cursor.u32()? as usize;
                let bytes = cursor.take(length)?;
                place.put(|| Term::Binary(self.bytes.slice_ref(bytes)));
            }
            tag::BIT_BINARY => {
                let (last, bytes) = cursor.bits()?;
                let bytes = self.bytes.slice_ref(bytes);
                place.put(|| match Bits::new(bytes.clone(), last) {
                    Some(bits) => Term::Bits(Box::new(bits)),
                    None => Term::Binary(bytes),
                });
            }
            tag::NEW_FLOAT => {
                let value = cursor.float()?;
                place.put(|| Term::Float(value));
            }
            tag::FLOAT => {
                let value = cursor.float_text()?;
                place.put(|| Term::Float(value));
            }
            tag::SMALL_BIG => {
                let length = usize::from(cursor.u8()?);
                let (negative, magnitude) = cursor.integer(length)?;
                place.put(|| integer(negative, magnitude));
            }
            tag::LARGE_BIG => {
                let length = cursor.u32()? as usize;
                let (negative, magnitude) = cursor.integer(length)?;
                place.put(|| integer(negative, magnitude));
            }
            tag @ (tag::NEW_PID | tag::PID) => {
                let node = node(cursor)?;
                let (id, serial) = (cursor.u32()?, cursor.u32()?);
                let creation = creation(cursor, tag == tag::PID)?;
                place.put(|| {
                    Term::Pid(Pid {
                        node,
                        id,
                        serial,
                        creation,
                    })
                });
            }
            tag @ (tag::V4_PORT | tag::NEW_PORT | tag::PORT) => {
                let node = node(cursor)?;
                let id = match tag {
                    tag::V4_PORT => cursor.u64()?,
                    _ => u64::from(cursor.u32()?),
                };
                let creation = creation(cursor, tag == tag::PORT)?;
                place.put(|| Term::Port(Port { node, id, creation }));
            }
            tag @ (tag::NEWER_REFERENCE | tag::NEW_REFERENCE) => {
                let count = cursor.words()?;
                let node = node(cursor)?;
                let creation = creation(cursor, tag == tag::NEW_REFERENCE)?;
                let mut words = [0; 5];
                for word in words.iter_mut().take(count) {
                    *word = cursor.u32()?;
                }
                let words = words.get(..count).unwrap_or_default();
                self.reference(node, creation, words, place)?;
            }
            tag::REFERENCE => {
                let (node, word) = (node(cursor)?, cursor.u32()?);
                let creation = creation(cursor, true)?;
                self.reference(node, creation, &[word], place)?;
            }
            tag::EXPORT => {
                let (module, function) = (node(cursor)?, node(cursor)?);
                let arity = cursor.arity()?;
                let export = Box::new(Export {
                    module,
                    function,
                    arity,
                });
                place.put(|| Term::Export(export));
            }
            tag::NEW_FUN => {
                let fun = self.opaque(start)?;
                place.put(|| Term::Fun(fun));
            }
            tag::RECORD => {
                let record = self.opaque(start)?;
                place.put(|| Term::Record(record));
            }
            tag => return Err(cursor.fault_at(start, Fault::Tag(tag))),
        }
        Ok(None)
    }

    fn reference(
        &self,
        node: Atom,
        creation: u32,
        words: &[u32],
        place: &mut impl Place,
    ) -> Result<(), DecodeError> {
        let reference = Reference::from_words(node, creation, words);
        let fault = || self.cursor.fault(Fault::Words(words.len() as u16));
        let reference = reference.ok_or_else(fault)?;
        place.put(|| Term::Ref(reference));
        Ok(())
    }

    /// What began at `start`, as it is.
    fn opaque(&mut self, start: usize) -> Result<Opaque, DecodeError> {
        let from = self.bytes.get(start..).unwrap_or_default();
        let length = skip(from).map_err(|error| DecodeError {
            offset: start + error.offset,
            ..error
        })?;
        self.cursor = Cursor::new(self.bytes, start + length);
        Ok(Opaque(self.bytes.slice(start..start + length)))
    }
}

/// What stands behind the elements of a list.
enum Tail {
    /// The list is complete, and a proper one.
    None,
    /// More elements.
    More,
    /// A simple term, which was added.
    Simple,
    Container(Head),
}

/// Makes room for `more` terms: by a half at least, so that many tails in a row are not copied again and again, and
/// not to the double, which would be more than a term of one byte may take.
fn reserve(parts: &mut Vec<Term>, more: usize) {
    if parts.capacity() - parts.len() < more {
        parts.reserve_exact(more.max(parts.len() / 2));
    }
}

/// The atom that `text` is, if it is one.
fn atom(text: AtomBytes<'_>) -> Option<Atom> {
    match text {
        AtomBytes::Latin1(text) if !text.is_ascii() => {
            let text: String = text.iter().map(|byte| char::from(*byte)).collect();
            Atom::new(&text).ok()
        }
        AtomBytes::Utf8(text) | AtomBytes::Latin1(text) => Atom::from_utf8(text).ok(),
    }
}

/// An atom with its tag: a node, or a name.
fn node(cursor: &mut Cursor<'_>) -> Result<Atom, DecodeError> {
    let start = cursor.position();
    let text = cursor.atom()?;
    atom(text).ok_or_else(|| cursor.fault_at(start, Fault::Atom))
}

/// The boot of a node: in older forms a byte.
fn creation(cursor: &mut Cursor<'_>, in_a_byte: bool) -> Result<u32, DecodeError> {
    match in_a_byte {
        true => cursor.u8().map(u32::from),
        false => cursor.u32(),
    }
}

fn integer(negative: bool, magnitude: &[u8]) -> Term {
    if magnitude.len() <= 8 {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(magnitude) {
            *to = *from;
        }
        let value = i128::from(u64::from_le_bytes(bytes));
        return Term::from(if negative { -value } else { value });
    }
    let sign = if negative { Sign::Minus } else { Sign::Plus };
    Term::integer(BigInt::from_bytes_le(sign, magnitude))
}
