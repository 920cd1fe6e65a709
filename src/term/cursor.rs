//! A place in bytes from outside, and the small things that stand there. Nothing here allocates, save for an old
//! atom's text.

use std::borrow::Cow;

use super::atom::MAX_ATOM_CHARS;
use super::{DecodeError, Fault, Float, tag};

/// A place in the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// The length of the whole input.
    end: usize,
}

/// The text of an atom as it came.
#[derive(Debug, Clone, Copy)]
pub(super) enum AtomBytes<'a> {
    /// As all nodes of today send it; not yet checked.
    Utf8(&'a [u8]),
    /// As OTP 25 still writes it where the text allows.
    Latin1(&'a [u8]),
}

impl<'a> Cursor<'a> {
    /// The place `at` of `bytes`.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor {
            rest: bytes.get(at..).unwrap_or_default(),
            end: bytes.len(),
        }
    }

    /// How many bytes are behind.
    pub(super) fn position(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The bytes ahead.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Goes on where `rest`, an end of what was ahead, begins.
    pub(super) fn move_to(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    pub(super) fn fault(&self, fault: Fault) -> DecodeError {
        self.fault_at(self.position(), fault)
    }

    pub(super) fn fault_at(&self, offset: usize, fault: Fault) -> DecodeError {
        DecodeError { offset, fault }
    }

    /// As [`Cursor::run`], and tells how many they were.
    pub(super) fn pass_run<const N: usize>(&mut self, most: u64) -> u64 {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        self.run::<N>(most).len() as u64
    }

    /// Takes pieces of `N` bytes that begin as the first one does, `most` of them at most.
    pub(super) fn run<const N: usize>(&mut self, most: u32) -> &'a [[u8; N]] {
        let (pieces, _) = self.rest.as_chunks::<N>();
        let first = self.rest.first();
        let run = pieces.iter().take(most as usize);
        let length = run.take_while(|piece| piece.first() == first).count();
        let (run, _) = pieces.split_at(length);
        self.rest = self.rest.get(length * N..).unwrap_or_default();
        run
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.fault(Fault::Truncated)),
        }
    }

    /// Takes `count` bytes to be read on their own.
    pub(super) fn part(&mut self, count: usize) -> Result<Cursor<'a>, DecodeError> {
        self.take(count).map(|part| Cursor::new(part, 0))
    }

    pub(super) fn pass(&mut self, count: usize) -> Result<(), DecodeError> {
        self.take(count).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((array, rest)) => {
                self.rest = rest;
                Ok(*array)
            }
            None => Err(self.fault(Fault::Truncated)),
        }
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

    /// Behind the tag of a float of eight bytes.
    pub(super) fn float(&mut self) -> Result<Float, DecodeError> {
        let start = self.position();
        let value = f64::from_bits(self.u64()?);
        Float::new(value).ok_or_else(|| self.fault_at(start, Fault::Float))
    }

    /// Behind the tag of a float as text, filled up with zeros to 31 bytes.
    pub(super) fn float_text(&mut self) -> Result<Float, DecodeError> {
        let start = self.position();
        let text = self.take(31)?;
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .and_then(Float::new)
            .ok_or_else(|| self.fault_at(start, Fault::Float))
    }

    /// Behind the tag and length of a large integer: whether it is negative, and its magnitude, the lowest byte first.
    pub(super) fn integer(&mut self, length: usize) -> Result<(bool, &'a [u8]), DecodeError> {
        let sign = self.u8()?;
        Ok((sign != 0, self.take(length)?))
    }

    /// The number of words of a reference.
    pub(super) fn words(&mut self) -> Result<usize, DecodeError> {
        let start = self.position();
        match self.u16()? {
            words @ 1..=5 => Ok(usize::from(words)),
            words => Err(self.fault_at(start, Fault::Words(words))),
        }
    }

    /// The bytes of a bitstring, and how many bits of the last one count.
    pub(super) fn bits(&mut self) -> Result<(u8, &'a [u8]), DecodeError> {
        let length = self.u32()?;
        let start = self.position();
        match (self.u8()?, length) {
            (bits @ 1..=8, 1..) | (bits @ 0, 0) => Ok((bits, self.take(length as usize)?)),
            (bits, _) => Err(self.fault_at(start, Fault::Bits(bits))),
        }
    }

    /// Behind the function's name in `fun Module:Function/Arity`.
    pub(super) fn arity(&mut self) -> Result<u8, DecodeError> {
        let start = self.position();
        match self.array()? {
            [tag::SMALL_INTEGER, arity] => Ok(arity),
            _ => Err(self.fault_at(start, Fault::Opaque)),
        }
    }

    /// An atom with its tag.
    pub(super) fn atom(&mut self) -> Result<AtomBytes<'a>, DecodeError> {
        let start = self.position();
        match self.u8()? {
            tag @ (tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::ATOM | tag::SMALL_ATOM) => {
                self.atom_behind(tag)
            }
            _ => Err(self.fault_at(start, Fault::NoAtom)),
        }
    }

    /// An atom behind its tag.
    pub(super) fn atom_behind(&mut self, tag: u8) -> Result<AtomBytes<'a>, DecodeError> {
        let length = match tag {
            tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM => usize::from(self.u8()?),
            _ => usize::from(self.u16()?),
        };
        let text = self.take(length)?;
        Ok(match tag {
            tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 => AtomBytes::Utf8(text),
            _ => AtomBytes::Latin1(text),
        })
    }

    /// Behind the tag of a fun: where it ends by its own word, and how many terms it has.
    pub(super) fn fun(&mut self) -> Result<(usize, u64), DecodeError> {
        let begin = self.position();
        let size = self.u32()?;
        // Arity, unique value, index.
        self.pass(1 + 16 + 4)?;
        let free = self.u32()?;
        // Module, old index, old unique value, pid, and the environment.
        Ok((begin.saturating_add(size as usize), 4 + u64::from(free)))
    }

    /// Behind the tag of a record: how many terms it has.
    pub(super) fn record(&mut self) -> Result<u64, DecodeError> {
        let fields = self.u32()?;
        self.pass(1)?;
        // Module, name, the names of the fields, their values.
        Ok(2 + 2 * u64::from(fields))
    }
}

impl<'a> AtomBytes<'a> {
    /// The text, if it is that of an atom.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            AtomBytes::Latin1(text) if !text.is_ascii() => {
                let is_atom = text.len() <= MAX_ATOM_CHARS;
                let text = text.iter().map(|byte| char::from(*byte));
                is_atom.then(|| Cow::Owned(text.collect()))
            }
            AtomBytes::Utf8(text) | AtomBytes::Latin1(text) => {
                let text = std::str::from_utf8(text).ok()?;
                is_short(text).then_some(Cow::Borrowed(text))
            }
        }
    }

    /// Whether they are the text of an atom.
    pub(super) fn are_valid(self) -> bool {
        match self {
            AtomBytes::Latin1(text) => text.len() <= MAX_ATOM_CHARS,
            // Most are ASCII, which is found out several times as fast.
            AtomBytes::Utf8(text) if text.is_ascii() => text.len() <= MAX_ATOM_CHARS,
            AtomBytes::Utf8(text) => std::str::from_utf8(text).is_ok_and(is_short),
        }
    }
}

/// Whether an atom may have this text. Most are short, and then no more need be counted.
fn is_short(text: &str) -> bool {
    text.len() <= MAX_ATOM_CHARS || text.chars().count() <= MAX_ATOM_CHARS
}
