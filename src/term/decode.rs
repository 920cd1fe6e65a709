//! Bytes into terms. Every length is the word of a stranger: none is believed before the input can hold it.

use std::io::Read;

use bytes::Bytes;
use num_bigint::{BigInt, Sign};

use super::build::{Builder, Kind};
use super::encode as emit;
use super::skip::{latin1_atom, skip_terms};
use super::value::{Export, Opaque};
use super::{Atom, Bits, DecodeError, Fault, Float, Pid, Port, Reference, Term};

/// Tags that are accepted and never sent.
pub(super) mod tags {
    pub(in crate::term) const RECORD: u8 = 67;
    pub(in crate::term) const COMPRESSED: u8 = 80;
    pub(in crate::term) const NEW_PORT: u8 = 89;
    pub(in crate::term) const FLOAT: u8 = 99;
    pub(in crate::term) const ATOM: u8 = 100;
    pub(in crate::term) const REFERENCE: u8 = 101;
    pub(in crate::term) const PORT: u8 = 102;
    pub(in crate::term) const PID: u8 = 103;
    pub(in crate::term) const STRING: u8 = 107;
    pub(in crate::term) const NEW_FUN: u8 = 112;
    pub(in crate::term) const NEW_REFERENCE: u8 = 114;
    pub(in crate::term) const SMALL_ATOM: u8 = 115;
}

/// What compressed bytes may expand to. Peers send none unless someone asked `term_to_binary/2` for it.
const MAX_INFLATED: u32 = 16 * 1024 * 1024;

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
        let mut cursor = self.cursor();
        if cursor.u8()? != emit::VERSION {
            return Err(cursor.fault_at(self.at, Fault::Version));
        }
        if cursor.peek() == Some(tags::COMPRESSED) {
            return self.compressed();
        }
        self.at += 1;
        let term = self.term();
        if term.is_err() {
            self.at -= 1;
        }
        term
    }

    /// Takes a term without a version byte.
    ///
    /// # Errors
    /// See [`DecodeError`]; nothing is taken then.
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        let mut reading = Reading {
            bytes: &self.bytes,
            cursor: self.cursor(),
            owed: 1,
        };
        let term = reading.term()?;
        self.at = reading.cursor.position();
        Ok(term)
    }

    fn cursor(&self) -> Cursor<'_> {
        Cursor {
            bytes: &self.bytes,
            at: self.at,
        }
    }

    /// 131, 80, the size that it expands to, and a zlib stream that ends the input.
    fn compressed(&mut self) -> Result<Term, DecodeError> {
        let mut cursor = self.cursor();
        cursor.pass(2)?;
        let size = cursor.u32()?;
        let fault = cursor.fault(Fault::Compressed);
        if size > MAX_INFLATED {
            return Err(fault);
        }
        let stream = self.bytes.get(cursor.position()..).unwrap_or_default();
        let mut inflated = Vec::new();
        let mut zlib = flate2::read::ZlibDecoder::new(stream);
        let read = zlib
            .by_ref()
            .take(u64::from(size) + 1)
            .read_to_end(&mut inflated);
        if read.ok() != Some(size as usize) {
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
    /// Terms that are still to come, in all containers that are open. Each needs a byte at least, so no container is
    /// opened that would owe more than there are bytes: what is allocated stays in proportion to what was received,
    /// however deep lengths lie within lengths.
    owed: u64,
}

/// What begins at a tag.
enum Begun {
    Whole(Term),
    Container(Kind, u32),
}

impl Reading<'_> {
    fn term(&mut self) -> Result<Term, DecodeError> {
        let mut builder = Builder::default();
        loop {
            let start = self.cursor.position();
            let tag = self.cursor.u8()?;
            self.owed -= 1;
            let term = match tag {
                tags::STRING => {
                    let length = usize::from(self.cursor.u16()?);
                    let bytes = self.cursor.take(length)?;
                    if builder.at_tail() {
                        let length = length as u32;
                        builder.extend(length);
                        self.add_all(&mut builder, bytes)?;
                        Term::nil()
                    } else {
                        Term::list(bytes.iter().map(|byte| Term::Int(i64::from(*byte))))
                    }
                }
                tag => match self.begin(tag, start)? {
                    Begun::Whole(term) => term,
                    Begun::Container(kind, parts) => {
                        self.owe(u64::from(parts), start)?;
                        // [1 | [2]] is [1, 2]; a chain of such tails is one list, not one in the other.
                        if kind == Kind::List && builder.at_tail() {
                            builder.extend(parts - 1);
                        } else {
                            builder.open(kind, parts);
                        }
                        continue;
                    }
                },
            };
            let added = builder.add(term);
            if let Some(whole) = added.map_err(|_| self.cursor.fault(Fault::DuplicateKey))? {
                return Ok(whole);
            }
        }
    }

    fn add_all(&self, builder: &mut Builder, bytes: &[u8]) -> Result<(), DecodeError> {
        for byte in bytes {
            let added = builder.add(Term::Int(i64::from(*byte)));
            added.map_err(|_| self.cursor.fault(Fault::DuplicateKey))?;
        }
        Ok(())
    }

    fn owe(&mut self, parts: u64, start: usize) -> Result<(), DecodeError> {
        if self.owed + parts > self.cursor.left() as u64 {
            return Err(self.cursor.fault_at(start, Fault::Length(parts)));
        }
        self.owed += parts;
        Ok(())
    }

    fn begin(&mut self, tag: u8, start: usize) -> Result<Begun, DecodeError> {
        let cursor = &mut self.cursor;
        let whole = match tag {
            emit::SMALL_INTEGER => Term::Int(i64::from(cursor.u8()?)),
            emit::INTEGER => Term::Int(i64::from(cursor.u32()?.cast_signed())),
            emit::SMALL_ATOM_UTF8 | emit::ATOM_UTF8 | tags::ATOM | tags::SMALL_ATOM => {
                Term::Atom(cursor.atom_with(tag, start)?)
            }
            emit::SMALL_TUPLE => {
                let arity = u32::from(cursor.u8()?);
                return Ok(container(Kind::Tuple, arity));
            }
            emit::LARGE_TUPLE => return Ok(container(Kind::Tuple, cursor.u32()?)),
            emit::LIST => {
                let length = cursor.u32()?;
                let fault = cursor.fault_at(start, Fault::Length(u64::from(length)));
                return Ok(Begun::Container(
                    Kind::List,
                    length.checked_add(1).ok_or(fault)?,
                ));
            }
            emit::MAP => {
                let pairs = cursor.u32()?;
                let fault = cursor.fault_at(start, Fault::Length(u64::from(pairs)));
                return Ok(container(Kind::Map, pairs.checked_mul(2).ok_or(fault)?));
            }
            emit::NIL => Term::nil(),
            emit::BINARY => {
                let length = cursor.u32()? as usize;
                let from = cursor.position();
                cursor.pass(length)?;
                Term::Binary(self.bytes.slice(from..from + length))
            }
            emit::BIT_BINARY => {
                let length = cursor.u32()?;
                let last = cursor.bits_in_last(length)?;
                let from = cursor.position();
                cursor.pass(length as usize)?;
                let bytes = self.bytes.slice(from..from + length as usize);
                match Bits::new(bytes.clone(), last) {
                    Some(bits) => Term::Bits(Box::new(bits)),
                    None => Term::Binary(bytes),
                }
            }
            emit::NEW_FLOAT | tags::FLOAT => Term::Float(cursor.float(tag)?),
            emit::SMALL_BIG => {
                let length = usize::from(cursor.u8()?);
                cursor.integer(length)?
            }
            emit::LARGE_BIG => {
                let length = cursor.u32()? as usize;
                cursor.integer(length)?
            }
            emit::NEW_PID => Term::Pid(Pid {
                node: cursor.atom()?,
                id: cursor.u32()?,
                serial: cursor.u32()?,
                creation: cursor.u32()?,
            }),
            tags::PID => Term::Pid(Pid {
                node: cursor.atom()?,
                id: cursor.u32()?,
                serial: cursor.u32()?,
                creation: u32::from(cursor.u8()?),
            }),
            emit::V4_PORT => Term::Port(Port {
                node: cursor.atom()?,
                id: cursor.u64()?,
                creation: cursor.u32()?,
            }),
            tags::NEW_PORT => Term::Port(Port {
                node: cursor.atom()?,
                id: u64::from(cursor.u32()?),
                creation: cursor.u32()?,
            }),
            tags::PORT => Term::Port(Port {
                node: cursor.atom()?,
                id: u64::from(cursor.u32()?),
                creation: u32::from(cursor.u8()?),
            }),
            emit::NEWER_REFERENCE => {
                let words = cursor.words()?;
                let node = cursor.atom()?;
                let creation = cursor.u32()?;
                cursor.reference(node, creation, words)?
            }
            tags::NEW_REFERENCE => {
                let words = cursor.words()?;
                let node = cursor.atom()?;
                let creation = u32::from(cursor.u8()?);
                cursor.reference(node, creation, words)?
            }
            tags::REFERENCE => {
                let node = cursor.atom()?;
                let word = cursor.u32()?;
                let creation = u32::from(cursor.u8()?);
                let reference = Reference::from_words(node, creation, &[word]);
                reference
                    .map(Term::Ref)
                    .ok_or_else(|| cursor.fault(Fault::Words(1)))?
            }
            emit::EXPORT => {
                let (module, function) = (cursor.atom()?, cursor.atom()?);
                if cursor.u8()? != emit::SMALL_INTEGER {
                    return Err(cursor.fault_at(start, Fault::Opaque));
                }
                let arity = cursor.u8()?;
                Term::Export(Box::new(Export {
                    module,
                    function,
                    arity,
                }))
            }
            tags::NEW_FUN => {
                let (end, terms) = cursor.new_fun()?;
                Term::Fun(self.opaque(start, terms, Some(end))?)
            }
            tags::RECORD => {
                let terms = cursor.record()?;
                Term::Record(self.opaque(start, terms, None)?)
            }
            tag => return Err(cursor.fault_at(start, Fault::Tag(tag))),
        };
        Ok(Begun::Whole(whole))
    }

    /// What began at `start` and ends behind `terms` more terms, which must be at `end`, if that is known.
    fn opaque(
        &mut self,
        start: usize,
        terms: u64,
        end: Option<usize>,
    ) -> Result<Opaque, DecodeError> {
        let inside = self.cursor.rest();
        let at = self.cursor.position();
        let length = skip_terms(inside, terms).map_err(|error| DecodeError {
            offset: error.offset + at,
            ..error
        })?;
        self.cursor.pass(length)?;
        let behind = self.cursor.position();
        if end.is_some_and(|end| end != behind) {
            return Err(self.cursor.fault_at(start, Fault::Opaque));
        }
        Ok(Opaque(self.bytes.slice(start..behind)))
    }
}

fn container(kind: Kind, parts: u32) -> Begun {
    match (kind, parts) {
        (Kind::Tuple, 0) => Begun::Whole(Term::tuple([])),
        (Kind::Map, 0) => Begun::Whole(Term::Map(super::Map::default())),
        _ => Begun::Container(kind, parts),
    }
}

/// A place in the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn fault(&self, fault: Fault) -> DecodeError {
        self.fault_at(self.at, fault)
    }

    pub(super) fn fault_at(&self, offset: usize, fault: Fault) -> DecodeError {
        DecodeError { offset, fault }
    }

    fn ahead(&self, count: usize) -> Result<&'a [u8], DecodeError> {
        let ahead = self.rest().get(..count);
        ahead.ok_or_else(|| self.fault(Fault::Truncated))
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self.ahead(count)?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn pass(&mut self, count: usize) -> Result<(), DecodeError> {
        self.take(count).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let array = self.rest().first_chunk::<N>();
        let array = array.ok_or_else(|| self.fault(Fault::Truncated))?;
        self.at += N;
        Ok(*array)
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn peek_u64(&self) -> Result<u64, DecodeError> {
        let mut ahead = *self;
        ahead.u64()
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A float behind its tag: eight bytes, or text in 31.
    pub(super) fn float(&mut self, tag: u8) -> Result<Float, DecodeError> {
        let (value, width) = match tag {
            emit::NEW_FLOAT => (Some(f64::from_bits(self.peek_u64()?)), 8),
            _ => {
                let text = self.ahead(31)?;
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                let text = std::str::from_utf8(text).ok();
                (text.and_then(|text| text.trim().parse().ok()), 31)
            }
        };
        let float = value.and_then(Float::new);
        let float = float.ok_or_else(|| self.fault(Fault::Float))?;
        self.pass(width)?;
        Ok(float)
    }

    /// The sign and `length` bytes of magnitude, the lowest first.
    fn integer(&mut self, length: usize) -> Result<Term, DecodeError> {
        let negative = self.u8()? != 0;
        let magnitude = self.take(length)?;
        if length <= 8 {
            let mut bytes = [0; 8];
            for (to, from) in bytes.iter_mut().zip(magnitude) {
                *to = *from;
            }
            let value = i128::from(u64::from_le_bytes(bytes));
            return Ok(Term::from(if negative { -value } else { value }));
        }
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        Ok(Term::integer(BigInt::from_bytes_le(sign, magnitude)))
    }

    /// The number of words of a reference.
    pub(super) fn words(&mut self) -> Result<usize, DecodeError> {
        match self.u16()? {
            words @ 1..=5 => Ok(usize::from(words)),
            words => Err(self.fault(Fault::Words(words))),
        }
    }

    fn reference(&mut self, node: Atom, creation: u32, count: usize) -> Result<Term, DecodeError> {
        let mut words = [0; 5];
        for word in words.iter_mut().take(count) {
            *word = self.u32()?;
        }
        let reference = Reference::from_words(node, creation, &words[..count]);
        reference
            .map(Term::Ref)
            .ok_or_else(|| self.fault(Fault::Words(count as u16)))
    }

    /// How many bits of the last of `length` bytes count.
    pub(super) fn bits_in_last(&mut self, length: u32) -> Result<u8, DecodeError> {
        match (self.u8()?, length) {
            (bits @ 1..=8, 1..) | (bits @ 0, 0) => Ok(bits),
            (bits, _) => Err(self.fault(Fault::Bits(bits))),
        }
    }

    fn atom(&mut self) -> Result<Atom, DecodeError> {
        let start = self.at;
        let tag = self.u8()?;
        self.atom_with(tag, start)
    }

    fn atom_with(&mut self, tag: u8, start: usize) -> Result<Atom, DecodeError> {
        let (text, latin1) = self.atom_bytes(tag, start)?;
        let atom = match latin1 && !text.is_ascii() {
            true => latin1_atom(text),
            false => Atom::from_utf8(text).ok(),
        };
        atom.ok_or_else(|| self.fault_at(start, Fault::Atom))
    }

    /// The text of an atom, and whether it is latin-1.
    pub(super) fn atom_bytes(
        &mut self,
        tag: u8,
        start: usize,
    ) -> Result<(&'a [u8], bool), DecodeError> {
        let length = match tag {
            emit::SMALL_ATOM_UTF8 | tags::SMALL_ATOM => usize::from(self.u8()?),
            emit::ATOM_UTF8 | tags::ATOM => usize::from(self.u16()?),
            _ => return Err(self.fault_at(start, Fault::NoAtom)),
        };
        let latin1 = matches!(tag, tags::ATOM | tags::SMALL_ATOM);
        Ok((self.take(length)?, latin1))
    }

    /// Behind the tag of a fun: where it ends by its own word, and how many terms it has.
    pub(super) fn new_fun(&mut self) -> Result<(usize, u64), DecodeError> {
        let begin = self.at;
        let size = self.u32()? as usize;
        // Arity, unique value, index.
        self.pass(1 + 16 + 4)?;
        let free = self.u32()?;
        let end = begin.checked_add(size);
        let end = end.filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.fault_at(begin, Fault::Opaque))?;
        // Module, old index, old unique value, pid, and the environment.
        Ok((end, 4 + u64::from(free)))
    }

    /// Behind the tag of a record: how many terms it has.
    pub(super) fn record(&mut self) -> Result<u64, DecodeError> {
        let fields = self.u32()?;
        self.pass(1)?;
        // Module, name, the names of the fields, their values.
        Ok(2 + 2 * u64::from(fields))
    }
}
