//! Bytes into terms: whole ones, with or without the version byte, compressed or not.

use std::io::Read;

use bytes::Bytes;

use super::cursor::Cursor;
use super::reading::Reading;
use super::{DecodeError, Fault, Term, tag};

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
        let mut reading = Reading::new(&self.bytes, at);
        let term = reading.term()?;
        self.at = reading.position();
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
