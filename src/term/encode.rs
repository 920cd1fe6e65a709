//! Terms into bytes.

use std::cell::Cell;
use std::mem;

use bytes::{BufMut, Bytes, BytesMut};
use num_bigint::{BigInt, Sign};
use serde::Serialize;
use smallvec::SmallVec;

use super::{Atom, EncodeError, Pid, Pieces, Reference, SerializeError, Term, append, tag};

/// A value that can be written as a term, straight to the wire.
pub trait Encode: Sync {
    /// Adds the term to `out`, without the version byte.
    ///
    /// # Errors
    /// When it cannot be expressed; `out` then holds a part of it.
    fn encode_to(&self, out: &mut BytesMut) -> Result<(), SerializeError>;

    /// As [`Encode::encode_to`]; large binaries in it need not be copied.
    ///
    /// # Errors
    /// As [`Encode::encode_to`].
    fn encode_in_pieces(&self, out: &mut Pieces) -> Result<(), SerializeError> {
        self.encode_to(out.buffer())
    }
}

/// Where terms are written.
pub(super) trait Out {
    /// Where all is written but large binaries.
    fn buffer(&mut self) -> &mut BytesMut;

    /// Adds the bytes of a binary.
    fn binary(&mut self, bytes: &Bytes);
}

impl Out for BytesMut {
    fn buffer(&mut self) -> &mut BytesMut {
        self
    }

    fn binary(&mut self, bytes: &Bytes) {
        append(self, bytes);
    }
}

impl Encode for Term {
    fn encode_to(&self, out: &mut BytesMut) -> Result<(), SerializeError> {
        Ok(self.encode(out)?)
    }

    fn encode_in_pieces(&self, out: &mut Pieces) -> Result<(), SerializeError> {
        Ok(self.encode_into(out)?)
    }
}

/// What serde can serialize, as a term.
#[derive(Debug)]
pub struct Typed<'a, T: ?Sized>(pub &'a T);

impl<T: Serialize + Sync + ?Sized> Encode for Typed<'_, T> {
    fn encode_to(&self, out: &mut BytesMut) -> Result<(), SerializeError> {
        super::serialize(self.0, out)
    }
}

impl Term {
    /// The term with the version byte in front: what `binary_to_term/1` takes.
    ///
    /// # Errors
    /// When something in it is longer than the format can count.
    ///
    /// ```
    /// use beamlink::term::Term;
    /// let bytes = Term::list([Term::from(-1), Term::from(2)]).to_external().unwrap();
    /// assert_eq!(&bytes[..], [131, 108, 0, 0, 0, 2, 98, 255, 255, 255, 255, 97, 2, 106]);
    /// ```
    pub fn to_external(&self) -> Result<Bytes, EncodeError> {
        let mut out = BytesMut::with_capacity(256);
        out.put_u8(tag::VERSION);
        self.encode(&mut out)?;
        Ok(out.freeze())
    }

    /// Adds the term to `out`, without the version byte.
    ///
    /// # Errors
    /// When something in it is longer than the format can count; `out` then holds a part of it.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_into(out)
    }

    /// As [`Term::encode`], for any place.
    pub(super) fn encode_into(&self, out: &mut impl Out) -> Result<(), EncodeError> {
        let mut outer: SmallVec<[Level<'_>; 8]> = SmallVec::new();
        let Some(mut level) = put(self, out)? else {
            return Ok(());
        };
        loop {
            match level.parts.next() {
                Some(Term::Int(value)) => put_integer(*value, out.buffer()),
                Some(Term::Atom(atom)) => put_atom(atom, out.buffer()),
                Some(part) => {
                    if let Some(child) = put(part, out)? {
                        outer.push(mem::replace(&mut level, child));
                    }
                }
                None => {
                    if level.proper_list {
                        out.buffer().put_u8(tag::NIL);
                    }
                    match outer.pop() {
                        Some(around) => level = around,
                        None => return Ok(()),
                    }
                }
            }
        }
    }
}

thread_local! {
    /// Whether a record of OTP 29 was written: whoever sends must know, whatever `Encode` or `Serialize` it was in.
    static RECORD: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread has written a record since it was last asked.
pub(crate) fn has_written_record() -> bool {
    RECORD.take()
}

/// The parts of a container that are still to be written.
struct Level<'a> {
    parts: std::slice::Iter<'a, Term>,
    proper_list: bool,
}

/// Writes a simple term, or the head of a container.
fn put<'a>(term: &'a Term, place: &mut impl Out) -> Result<Option<Level<'a>>, EncodeError> {
    let out = place.buffer();
    match term {
        Term::Int(value) => put_integer(*value, out),
        Term::Big(value) => put_big(value, out)?,
        Term::Float(float) => {
            out.put_u8(tag::NEW_FLOAT);
            out.put_f64(float.get());
        }
        Term::Atom(atom) => put_atom(atom, out),
        Term::Ref(reference) => put_reference(reference, out),
        Term::Fun(opaque) => out.put_slice(&opaque.0),
        Term::Record(opaque) => {
            RECORD.set(true);
            out.put_slice(&opaque.0);
        }
        Term::Export(export) => {
            out.put_u8(tag::EXPORT);
            put_atom(&export.module, out);
            put_atom(&export.function, out);
            out.put_slice(&[tag::SMALL_INTEGER, export.arity]);
        }
        Term::Port(port) => {
            out.put_u8(tag::V4_PORT);
            put_atom(&port.node, out);
            out.put_u64(port.id);
            out.put_u32(port.creation);
        }
        Term::Pid(pid) => put_pid(pid, out),
        Term::Binary(bytes) => {
            put_head(tag::BINARY, "a binary", bytes.len(), out)?;
            place.binary(bytes);
        }
        Term::Bits(bits) => {
            put_head(tag::BIT_BINARY, "a bitstring", bits.bytes().len(), out)?;
            out.put_u8(bits.bits_in_last());
            out.put_slice(bits.bytes());
        }
        Term::List(list) if list.is_empty() => out.put_u8(tag::NIL),
        Term::Tuple(tuple) => {
            match u8::try_from(tuple.len()) {
                Ok(arity) => out.put_slice(&[tag::SMALL_TUPLE, arity]),
                Err(_) => put_head(tag::LARGE_TUPLE, "a tuple", tuple.len(), out)?,
            }
            return Ok(Some(level(tuple, false)));
        }
        Term::List(list) => {
            put_head(tag::LIST, "a list", list.len(), out)?;
            return Ok(Some(level(list, true)));
        }
        Term::Improper(list) => {
            put_head(tag::LIST, "a list", list.elements().len(), out)?;
            return Ok(Some(level(list, false)));
        }
        Term::Map(map) => {
            put_head(tag::MAP, "a map", map.len(), out)?;
            return Ok(Some(level(map.flat(), false)));
        }
    }
    Ok(None)
}

fn level(parts: &[Term], proper_list: bool) -> Level<'_> {
    Level {
        parts: parts.iter(),
        proper_list,
    }
}

pub(super) fn put_head(
    tag: u8,
    what: &'static str,
    length: usize,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let counted = u32::try_from(length).map_err(|_| EncodeError { what, length })?;
    let [a, b, c, d] = counted.to_be_bytes();
    out.put_slice(&[tag, a, b, c, d]);
    Ok(())
}

pub(super) fn put_integer(value: i64, out: &mut BytesMut) {
    if let Ok(byte) = u8::try_from(value) {
        out.put_slice(&[tag::SMALL_INTEGER, byte]);
    } else if let Ok(small) = i32::try_from(value) {
        let [a, b, c, d] = small.to_be_bytes();
        out.put_slice(&[tag::INTEGER, a, b, c, d]);
    } else {
        let magnitude = value.unsigned_abs().to_le_bytes();
        let length = 8 - value.unsigned_abs().leading_zeros() as usize / 8;
        out.put_slice(&[tag::SMALL_BIG, length as u8, u8::from(value < 0)]);
        out.put_slice(&magnitude[..length]);
    }
}

fn put_big(value: &BigInt, out: &mut BytesMut) -> Result<(), EncodeError> {
    let (sign, magnitude) = value.to_bytes_le();
    match u8::try_from(magnitude.len()) {
        Ok(length) => out.put_slice(&[tag::SMALL_BIG, length]),
        Err(_) => put_head(tag::LARGE_BIG, "an integer", magnitude.len(), out)?,
    }
    out.put_u8(u8::from(sign == Sign::Minus));
    out.put_slice(&magnitude);
    Ok(())
}

/// An integer of up to 128 bits that is beyond 64.
pub(super) fn put_wide(negative: bool, magnitude: u128, out: &mut BytesMut) {
    let length = 16 - magnitude.leading_zeros() as usize / 8;
    out.put_slice(&[tag::SMALL_BIG, length as u8, u8::from(negative)]);
    out.put_slice(&magnitude.to_le_bytes()[..length]);
}

fn put_reference(reference: &Reference, out: &mut BytesMut) {
    let words = reference.words();
    out.put_slice(&[tag::NEWER_REFERENCE, 0, words.len() as u8]);
    put_atom(&reference.node, out);
    let mut numbers = [0; 4 + 4 * 5];
    let (places, _) = numbers.as_chunks_mut::<4>();
    for (place, word) in places
        .iter_mut()
        .zip([&reference.creation].into_iter().chain(words))
    {
        *place = word.to_be_bytes();
    }
    let (used, _) = places.split_at(1 + words.len().min(5));
    out.put_slice(used.as_flattened());
}

fn put_pid(pid: &Pid, out: &mut BytesMut) {
    out.put_u8(tag::NEW_PID);
    put_atom(&pid.node, out);
    let numbers = [pid.id, pid.serial, pid.creation].map(u32::to_be_bytes);
    out.put_slice(numbers.as_flattened());
}

/// What stands in a message around its own terms, written without making a term of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    Int(i64),
    Atom(&'a Atom),
    /// An atom that stands in the source code.
    Word(&'static str),
    Pid(&'a Pid),
    Reference(&'a Reference),
    Term(&'a Term),
    /// So many parts follow, which are those of a tuple.
    Tuple(u8),
    /// `[Head | Tail]`, which follow.
    Cons,
}

impl Part<'_> {
    /// Writes `parts`, one after the other.
    ///
    /// # Errors
    /// When a term among them cannot be expressed.
    pub(crate) fn write(parts: &[Part<'_>], out: &mut BytesMut) -> Result<(), EncodeError> {
        const ONE: [u8; 4] = [0, 0, 0, 1];
        for part in parts {
            match part {
                Part::Int(value) => put_integer(*value, out),
                Part::Atom(atom) => put_atom(atom, out),
                Part::Word(text) => put_atom_text(text, out),
                Part::Pid(pid) => put_pid(pid, out),
                Part::Reference(reference) => put_reference(reference, out),
                Part::Term(term) => term.encode(out)?,
                Part::Tuple(arity) => out.put_slice(&[tag::SMALL_TUPLE, *arity]),
                Part::Cons => {
                    out.put_u8(tag::LIST);
                    out.put_slice(&ONE);
                }
            }
        }
        Ok(())
    }
}

fn put_atom(atom: &Atom, out: &mut BytesMut) {
    match atom.wire() {
        Some(wire) => out.put_slice(wire),
        None => put_atom_text(atom.as_str(), out),
    }
}

/// An atom of `text`, which is known to be short enough for one.
pub(super) fn put_atom_text(text: &str, out: &mut BytesMut) {
    let text = text.as_bytes();
    match u8::try_from(text.len()) {
        Ok(length) => out.put_slice(&[tag::SMALL_ATOM_UTF8, length]),
        Err(_) => {
            out.put_u8(tag::ATOM_UTF8);
            // At most 255 characters of four bytes.
            out.put_u16(text.len() as u16);
        }
    }
    out.put_slice(text);
}
