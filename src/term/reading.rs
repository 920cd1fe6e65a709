//! One term is read, without recursion. Every length is the word of a stranger: none is believed before the input can
//! hold it.

use std::iter;
use std::mem;

use bytes::Bytes;
use num_bigint::{BigInt, Sign};
use smallvec::SmallVec;

use super::cursor::{AtomBytes, Cursor};
use super::skip::skip_from;
use super::value::{Export, Opaque};
use super::{
    Atom, Bits, DecodeError, Fault, ImproperList, List, Map, Pid, Port, Reference, Term, Tuple, tag,
};

/// One term under way.
pub(super) struct Reading<'a> {
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
    fn new((kind, parts): Head) -> Open {
        let tail = usize::from(kind == Kind::List);
        Open {
            parts: Vec::with_capacity(parts as usize + tail),
            left: parts,
            kind,
        }
    }

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

impl<'a> Reading<'a> {
    /// Begins at a place in `bytes`.
    pub(super) fn new(bytes: &'a Bytes, at: usize) -> Reading<'a> {
        Reading {
            bytes,
            cursor: Cursor::new(bytes, at),
            owed: 0,
        }
    }

    /// How many bytes are behind.
    pub(super) fn position(&self) -> usize {
        self.cursor.position()
    }

    pub(super) fn term(&mut self) -> Result<Term, DecodeError> {
        // The containers around the one being filled, the outermost first.
        let mut outer: SmallVec<[Open; 8]> = SmallVec::new();
        let mut simple = None;
        let mut open = match self.begin(&mut simple, 0)? {
            Some(head) => Open::new(head),
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
                self.owed += open.owed();
                if outer.len() == outer.capacity() {
                    // By a half, not to the double: a level may have come in two bytes.
                    outer.grow(outer.len() + outer.len() / 2);
                }
                outer.push(mem::replace(&mut open, Open::new(head)));
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

    /// Whether the input ahead can hold `parts` more beside what is owed to the containers `around`.
    fn can_hold(&self, parts: u64, around: u64, start: usize) -> Result<(), DecodeError> {
        match around + parts > self.cursor.rest().len() as u64 {
            true => Err(self.cursor.fault_at(start, Fault::Length(parts))),
            false => Ok(()),
        }
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
                    let around = self.owed + open.owed();
                    if let Some(head) = self.begin(&mut open.parts, around)? {
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
                let start = self.cursor.position();
                let more = ahead.u32()?;
                self.cursor = ahead;
                self.can_hold(u64::from(more) + 1, self.owed, start)?;
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
            _ => Ok(match self.begin(&mut open.parts, self.owed)? {
                Some(head) => Tail::Container(head),
                None => Tail::Simple,
            }),
        }
    }

    /// Reads a simple term and puts it into its place, or reads the head of a container and finds that the input can
    /// hold it, beside what is owed to those `around`.
    fn begin(&mut self, place: &mut impl Place, around: u64) -> Result<Option<Head>, DecodeError> {
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
            tag @ (tag::SMALL_TUPLE | tag::LARGE_TUPLE) => {
                let arity = match tag {
                    tag::SMALL_TUPLE => u32::from(cursor.u8()?),
                    _ => cursor.u32()?,
                };
                if arity > 0 {
                    self.can_hold(u64::from(arity), around, start)?;
                    return Ok(Some((Kind::Tuple, arity)));
                }
                place.put(|| Term::tuple([]));
            }
            tag::MAP => {
                let pairs = cursor.u32()?;
                if pairs > 0 {
                    let parts = u64::from(pairs) * 2;
                    self.can_hold(parts, around, start)?;
                    let fault = || self.cursor.fault_at(start, Fault::Length(parts));
                    let parts = u32::try_from(parts).map_err(|_| fault())?;
                    return Ok(Some((Kind::Map, parts)));
                }
                place.put(|| Term::Map(Map::default()));
            }
            tag::LIST => {
                let mut start = start;
                loop {
                    let length = self.cursor.u32()?;
                    self.can_hold(u64::from(length) + 1, around, start)?;
                    if length > 0 {
                        return Ok(Some((Kind::List, length)));
                    }
                    // What remains of [ | tail] is the tail.
                    if self.cursor.rest().first() != Some(&tag::LIST) {
                        return self.begin(place, around);
                    }
                    start = self.cursor.position();
                    self.cursor.pass(1)?;
                }
            }
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
                let mut numbers = cursor.part(8 + boot_width(tag))?;
                let (id, serial) = (numbers.u32()?, numbers.u32()?);
                let creation = boot(numbers)?;
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
                let width = if tag == tag::V4_PORT { 8 } else { 4 };
                let mut numbers = cursor.part(width + boot_width(tag))?;
                let id = match width {
                    8 => numbers.u64()?,
                    _ => u64::from(numbers.u32()?),
                };
                let creation = boot(numbers)?;
                place.put(|| Term::Port(Port { node, id, creation }));
            }
            tag @ (tag::NEWER_REFERENCE | tag::NEW_REFERENCE) => {
                let count = cursor.words()?;
                let node = node(cursor)?;
                let mut numbers = cursor.part(boot_width(tag) + 4 * count)?;
                let creation = boot(numbers.part(boot_width(tag))?)?;
                let mut words = [0; 5];
                for word in words.iter_mut().take(count) {
                    *word = numbers.u32()?;
                }
                let words = words.get(..count).unwrap_or_default();
                self.reference(node, creation, words, place)?;
            }
            tag::REFERENCE => {
                let node = node(cursor)?;
                let mut numbers = cursor.part(4 + boot_width(tag::REFERENCE))?;
                let word = numbers.u32()?;
                let creation = boot(numbers)?;
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
                let fun = self.opaque(start, around)?;
                place.put(|| Term::Fun(fun));
            }
            tag::RECORD => {
                let record = self.opaque(start, around)?;
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
    fn opaque(&mut self, start: usize, around: u64) -> Result<Opaque, DecodeError> {
        let end = skip_from(self.bytes, start, around)?;
        self.cursor = Cursor::new(self.bytes, end);
        Ok(Opaque(self.bytes.slice(start..end)))
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

/// How many bytes tell the boot of a node.
fn boot_width(tag: u8) -> usize {
    match tag {
        tag::PID | tag::PORT | tag::REFERENCE | tag::NEW_REFERENCE => 1,
        _ => 4,
    }
}

/// The boot of a node, which is all that is left.
fn boot(mut left: Cursor<'_>) -> Result<u32, DecodeError> {
    match left.rest().len() {
        1 => left.u8().map(u32::from),
        _ => left.u32(),
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
