//! The term ahead, in the pieces that `visit` makes values of.

use std::borrow::Cow;
use std::fmt::Display;

use serde::de::{Error as _, Expected, Visitor};

use super::parts::{Elements, Pairs};
use super::{DEEPEST, DeserializeFault, Failed, MARK};
use crate::term::cursor::{AtomBytes, Cursor};
use crate::term::skip::skip_from;
use crate::term::{Fault, tag};

/// A term becomes what a `Deserialize` wants.
pub(super) struct Reader<'de> {
    bytes: &'de [u8],
    pub(super) cursor: Cursor<'de>,
    /// Terms that are still to come in the containers around, each of which needs a byte at least: what a `Deserialize`
    /// allocates for the lengths that it is told stays in proportion to what was received.
    owed: u64,
    /// How many levels more are allowed.
    levels: u32,
    /// Whether keys of the next map are atoms that are wanted as texts.
    pub(super) atom_keys: bool,
}

pub(super) enum Number<'de> {
    Int(i64),
    /// Whether it is negative, and its magnitude, the lowest byte first, without zeros at the end.
    Large(bool, &'de [u8]),
    Float(f64),
}

type Result<T> = std::result::Result<T, Failed>;

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Reader<'de> {
        Reader {
            bytes,
            cursor: Cursor::new(bytes, 0),
            owed: 0,
            levels: DEEPEST,
            atom_keys: false,
        }
    }

    /// A reader of `bytes`, which are a part of what this one reads.
    pub(super) fn within(&self, bytes: &'de [u8]) -> Reader<'de> {
        Reader {
            levels: self.levels,
            ..Reader::new(bytes)
        }
    }

    /// A reader of what is at a place behind.
    pub(super) fn reread(&self, at: usize) -> Reader<'de> {
        Reader {
            cursor: Cursor::new(self.bytes, at),
            ..self.within(self.bytes)
        }
    }

    #[inline]
    pub(super) fn position(&self) -> usize {
        self.cursor.position()
    }

    /// How many bytes are ahead.
    #[inline]
    pub(super) fn ahead(&self) -> usize {
        self.cursor.rest().len()
    }

    pub(super) fn fault(&self, fault: DeserializeFault) -> Failed {
        Failed::new(self.position(), fault)
    }

    /// The term ahead is not what is wanted.
    pub(super) fn mismatch(&self, wanted: &dyn Expected) -> Failed {
        let mut ahead = self.cursor;
        let error = |found: &dyn Display| {
            Failed::custom(format_args!("invalid type: {found}, expected {wanted}"))
                .at(self.position())
        };
        if let Ok(text) = ahead.atom()
            && let Some(text) = text.text()
        {
            return error(&format_args!("the atom {text:?}"));
        }
        let kind = match self.cursor.rest().first() {
            Some(&(tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG | tag::LARGE_BIG)) => {
                "an integer"
            }
            Some(&(tag::NEW_FLOAT | tag::FLOAT)) => "a float",
            Some(&(tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE)) => "a reference",
            Some(&(tag::NEW_FUN | tag::EXPORT)) => "a fun",
            Some(&(tag::V4_PORT | tag::NEW_PORT | tag::PORT)) => "a port",
            Some(&(tag::NEW_PID | tag::PID)) => "a pid",
            Some(&tag::RECORD) => "a record",
            Some(&(tag::SMALL_TUPLE | tag::LARGE_TUPLE)) => "a tuple",
            Some(&tag::MAP) => "a map",
            Some(&(tag::NIL | tag::LIST | tag::STRING)) => "a list",
            Some(&tag::BINARY) => "a binary",
            Some(&tag::BIT_BINARY) => "a bitstring",
            Some(_) => {
                return match skip_from(self.bytes, self.position(), self.owed) {
                    Ok(_) => error(&"a term"),
                    Err(fault) => fault.into(),
                };
            }
            None => return self.fault(Fault::Truncated.into()),
        };
        error(&kind)
    }

    #[inline]
    pub(super) fn tag(&self) -> Option<u8> {
        self.cursor.rest().first().copied()
    }

    #[inline]
    pub(super) fn is_atom(&self) -> bool {
        matches!(
            self.tag(),
            Some(tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::SMALL_ATOM | tag::ATOM)
        )
    }

    /// Passes the atom `text` (ASCII), if it is ahead.
    #[inline]
    pub(super) fn take_atom(&mut self, text: &str) -> bool {
        if !self.is_atom() {
            return false;
        }
        let mut ahead = self.cursor;
        match ahead.atom() {
            Ok(AtomBytes::Utf8(found) | AtomBytes::Latin1(found)) if found == text.as_bytes() => {
                self.cursor = ahead;
                true
            }
            _ => false,
        }
    }

    /// The text of the atom ahead, if it is ASCII, as almost all are, and what is behind it.
    #[inline]
    pub(super) fn ascii_atom(&self) -> Option<(&'de [u8], Cursor<'de>)> {
        let [tag::SMALL_ATOM_UTF8, length, rest @ ..] = self.cursor.rest() else {
            return None;
        };
        let (text, rest) = rest.split_at_checked((*length).into())?;
        let mut behind = self.cursor;
        behind.move_to(rest);
        text.is_ascii().then_some((text, behind))
    }

    /// The text of an atom.
    #[inline]
    pub(super) fn atom(&mut self, wanted: &dyn Expected) -> Result<Cow<'de, str>> {
        if !self.is_atom() {
            return Err(self.mismatch(wanted));
        }
        let start = self.position();
        let text = self.cursor.atom()?.text();
        text.ok_or_else(|| Failed::new(start, Fault::Atom.into()))
    }

    /// Whether a binary is ahead, be it as a bitstring of whole bytes.
    #[inline]
    pub(super) fn is_binary(&self) -> bool {
        match self.cursor.rest() {
            [tag::BINARY, ..] => true,
            [tag::BIT_BINARY, _, _, _, _, bits, ..] => matches!(bits, 0 | 8),
            _ => false,
        }
    }

    #[inline]
    pub(super) fn binary(&mut self, wanted: &dyn Expected) -> Result<&'de [u8]> {
        if !self.is_binary() {
            return Err(self.mismatch(wanted));
        }
        match self.cursor.u8()? {
            tag::BINARY => {
                let length = self.cursor.u32()? as usize;
                Ok(self.cursor.take(length)?)
            }
            _ => Ok(self.cursor.bits()?.1),
        }
    }

    /// A binary's text.
    pub(super) fn text(&mut self) -> Result<Cow<'de, str>> {
        self.binary(&"").map(String::from_utf8_lossy)
    }

    pub(super) fn number(&mut self) -> Result<Option<Number<'de>>> {
        let mut ahead = self.cursor;
        let number = match ahead.u8()? {
            tag::SMALL_INTEGER => Number::Int(ahead.u8()?.into()),
            tag::INTEGER => Number::Int(ahead.u32()?.cast_signed().into()),
            tag::NEW_FLOAT => Number::Float(ahead.float()?.get()),
            tag::FLOAT => Number::Float(ahead.float_text()?.get()),
            tag @ (tag::SMALL_BIG | tag::LARGE_BIG) => {
                let length = match tag {
                    tag::SMALL_BIG => ahead.u8()?.into(),
                    _ => ahead.u32()? as usize,
                };
                let (negative, magnitude) = ahead.integer(length)?;
                let zeros = magnitude
                    .iter()
                    .rev()
                    .take_while(|byte| **byte == 0)
                    .count();
                let (magnitude, _) = magnitude.split_at(magnitude.len() - zeros);
                match small(negative, magnitude) {
                    Some(small) => Number::Int(small),
                    None => Number::Large(negative, magnitude),
                }
            }
            _ => return Ok(None),
        };
        self.cursor = ahead;
        Ok(Some(number))
    }

    #[inline]
    pub(super) fn visit_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        match *self.cursor.rest() {
            [tag::SMALL_INTEGER, value, ref rest @ ..] => {
                self.cursor.move_to(rest);
                visitor.visit_u64(value.into())
            }
            [tag::INTEGER, a, b, c, d, ref rest @ ..] => {
                self.cursor.move_to(rest);
                let value = i32::from_be_bytes([a, b, c, d]);
                match u64::try_from(value) {
                    Ok(value) => visitor.visit_u64(value),
                    Err(_) => visitor.visit_i64(value.into()),
                }
            }
            _ => self.visit_other_number(visitor),
        }
    }

    #[cold]
    #[inline(never)]
    fn visit_other_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let start = self.position();
        match self.number()? {
            Some(Number::Int(value)) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(value),
            },
            Some(Number::Float(value)) => visitor.visit_f64(value),
            Some(Number::Large(negative, magnitude)) => {
                let Some(value) = wide(magnitude) else {
                    let message =
                        format_args!("an integer of {} bytes, expected ", magnitude.len());
                    let message =
                        format_args!("invalid value: {message}{}", &visitor as &dyn Expected);
                    return Err(Failed::custom(message).at(start));
                };
                match (negative, u64::try_from(value)) {
                    (false, Ok(value)) => visitor.visit_u64(value),
                    (false, Err(_)) => visitor.visit_u128(value),
                    (true, _) => match 0i128.checked_sub_unsigned(value) {
                        Some(value) => visitor.visit_i128(value),
                        None => {
                            let message = format_args!("invalid value: -{value}, expected ");
                            let message = format_args!("{message}{}", &visitor as &dyn Expected);
                            Err(Failed::custom(message).at(start))
                        }
                    },
                }
            }
            None => Err(self.mismatch(&visitor)),
        }
    }

    /// Whether the input ahead can hold `parts` more, which are owed from now on; and one level down.
    #[inline]
    pub(super) fn enter(&mut self, start: usize, parts: u64) -> Result<()> {
        if self.owed + parts > self.ahead() as u64 {
            let fault = Fault::Length(parts);
            return Err(Failed::new(start, fault.into()));
        }
        let levels = self.levels.checked_sub(1);
        let fault = || Failed::new(start, DeserializeFault::Depth);
        self.levels = levels.ok_or_else(fault)?;
        self.owed += parts;
        self.atom_keys = false;
        Ok(())
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.levels += 1;
    }

    /// One that was owed is here.
    #[inline]
    pub(super) fn paid(&mut self) {
        self.owed = self.owed.saturating_sub(1);
    }

    /// How many elements the tuple ahead has.
    pub(super) fn arity(&mut self, wanted: &dyn Expected) -> Result<u32> {
        let mut ahead = self.cursor;
        let arity = match ahead.u8()? {
            tag::SMALL_TUPLE => ahead.u8()?.into(),
            tag::LARGE_TUPLE => ahead.u32()?,
            _ => return Err(self.mismatch(wanted)),
        };
        self.cursor = ahead;
        Ok(arity)
    }

    /// Passes the head of a tuple of two.
    pub(super) fn pair(&mut self, wanted: &dyn Expected) -> Result<()> {
        let start = self.position();
        match self.arity(wanted)? {
            2 => Ok(()),
            other => Err(Failed::invalid_length(other as usize, wanted).at(start)),
        }
    }

    pub(super) fn tuple<V: Visitor<'de>>(
        &mut self,
        length: Option<usize>,
        visitor: V,
    ) -> Result<V::Value> {
        let start = self.position();
        let arity = self.arity(&visitor)?;
        if length.is_some_and(|length| length != arity as usize) {
            return Err(Failed::invalid_length(arity as usize, &visitor).at(start));
        }
        self.enter(start, arity.into())?;
        let mut elements = Elements::of_tuple(self, arity);
        let value = visitor
            .visit_seq(&mut elements)
            .map_err(|error| error.at(start))?;
        elements.finish(start)?;
        self.leave();
        Ok(value)
    }

    #[inline]
    pub(super) fn is_list(&self) -> bool {
        matches!(self.tag(), Some(tag::NIL | tag::LIST | tag::STRING))
    }

    /// Reads the elements of the list ahead by `read`.
    pub(super) fn list<T>(
        &mut self,
        read: impl FnOnce(&mut Elements<'_, 'de>) -> Result<T>,
    ) -> Result<T> {
        let start = self.position();
        // It is read as the tail of nothing.
        self.enter(start, 1)?;
        let mut elements = Elements::of_list(self)?;
        let value = read(&mut elements).map_err(|error| error.at(start))?;
        elements.finish(start)?;
        self.leave();
        Ok(value)
    }

    /// Passes the tail of a list, or a list itself, and returns how many elements follow before the next tail, or those
    /// of a list of bytes, which has no tail.
    pub(super) fn tail(&mut self) -> Result<Tail<'de>> {
        let start = self.position();
        let mut ahead = self.cursor;
        let tail = match ahead.u8()? {
            tag::NIL => Tail::Elements(&[]),
            tag::STRING => {
                let length = ahead.u16()?;
                Tail::Elements(ahead.take(length.into())?)
            }
            tag::LIST => Tail::More(ahead.u32()?),
            _ => return Err(self.fault(DeserializeFault::Improper)),
        };
        self.cursor = ahead;
        self.paid();
        if let Tail::More(count) = tail {
            let parts = u64::from(count) + 1;
            if self.owed + parts > self.ahead() as u64 {
                return Err(Failed::new(start, Fault::Length(parts).into()));
            }
            self.owed += parts;
        }
        Ok(tail)
    }

    pub(super) fn map<V: Visitor<'de>>(
        &mut self,
        elixir: Option<&'static str>,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let start = self.position();
        let atom_keys = self.atom_keys;
        let mut ahead = self.cursor;
        if ahead.u8()? != tag::MAP {
            return Err(self.mismatch(&visitor));
        }
        let pairs = ahead.u32()?;
        self.cursor = ahead;
        self.enter(start, 2 * u64::from(pairs))?;
        let mut map = Pairs::new(self, pairs, elixir, fields, atom_keys);
        let value = visitor
            .visit_map(&mut map)
            .map_err(|error| error.at(start))?;
        map.finish(start)?;
        self.leave();
        Ok(value)
    }

    /// The bytes of the term ahead, whatever it is.
    pub(super) fn raw(&mut self) -> Result<&'de [u8]> {
        let end = skip_from(self.bytes, self.position(), self.owed)?;
        Ok(self.cursor.take(end - self.position())?)
    }

    /// The term ahead for a visitor that may keep it for a type that knows it later.
    pub(super) fn marked(&mut self) -> Result<Vec<u8>> {
        Ok([&MARK, self.raw()?].concat())
    }

    pub(super) fn charlist(&mut self, wanted: &dyn Expected) -> Result<String> {
        if !self.is_list() {
            return Err(self.mismatch(wanted));
        }
        self.list(|elements| {
            let mut text = String::new();
            while let Some(letter) = elements.next(|reader| reader.letter(wanted))? {
                text.push(letter);
            }
            Ok(text)
        })
    }

    fn letter(&mut self, wanted: &dyn Expected) -> Result<char> {
        let start = self.cursor;
        if let Some(Number::Int(code)) = self.number()?
            && let Some(letter) = u32::try_from(code).ok().and_then(char::from_u32)
        {
            return Ok(letter);
        }
        self.cursor = start;
        Err(self.mismatch(wanted))
    }
}

/// What [`Reader::tail`] found.
pub(super) enum Tail<'de> {
    More(u32),
    Elements(&'de [u8]),
}

fn wide(magnitude: &[u8]) -> Option<u128> {
    let mut bytes = [0; 16];
    bytes.get_mut(..magnitude.len())?.copy_from_slice(magnitude);
    Some(u128::from_le_bytes(bytes))
}

fn small(negative: bool, magnitude: &[u8]) -> Option<i64> {
    let mut bytes = [0; 8];
    bytes.get_mut(..magnitude.len())?.copy_from_slice(magnitude);
    let magnitude = u64::from_le_bytes(bytes);
    match negative {
        true => 0i64.checked_sub_unsigned(magnitude),
        false => i64::try_from(magnitude).ok(),
    }
}
