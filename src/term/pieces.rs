//! Where terms are written: a buffer, and large binaries beside it that are not copied into it.

use std::mem;

use bytes::{Bytes, BytesMut};

use super::encode::Out;

/// A binary of so many bytes stands beside the buffer: to copy a smaller one costs less than a piece of its own.
const LARGE: usize = 16 * 1024;

/// AMD's Zen 3 copies some twenty times slower where `rep movsb` writes to up to 63 bytes behind (modulo a page) what it
/// reads, as behind a short head; glibc takes that instruction from 2 to 8 KiB on.
const STRIDE: usize = 2 * 1024 - 1;

/// Adds `bytes`, of any number.
pub(crate) fn append(out: &mut BytesMut, bytes: &[u8]) {
    if bytes.len() <= STRIDE {
        return out.extend_from_slice(bytes);
    }
    out.reserve(bytes.len());
    for stride in bytes.chunks(STRIDE) {
        out.extend_from_slice(stride);
    }
}

/// Written terms, in pieces. Large binaries in them share the memory of the terms that they come from.
#[derive(Debug, Default)]
pub struct Pieces {
    buffer: BytesMut,
    /// Binaries, each with the place in the buffer where it stands.
    shared: Vec<(usize, Bytes)>,
    /// Whether all is copied.
    copies: bool,
}

impl Pieces {
    /// Writes by `write` to the end of `out`, all in one piece.
    pub(crate) fn whole<T>(out: &mut BytesMut, write: impl FnOnce(&mut Pieces) -> T) -> T {
        let mut pieces = Pieces {
            buffer: mem::take(out),
            shared: Vec::new(),
            copies: true,
        };
        let written = write(&mut pieces);
        *out = pieces.buffer;
        written
    }

    /// What is written next, and the pieces before, if it is to be written in one piece.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// How many bytes were written.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        let shared: usize = self.shared.iter().map(|(_, bytes)| bytes.len()).sum();
        self.buffer.len() + shared
    }

    /// Forgets what was written, and keeps the buffer for what will be.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.shared.clear();
    }

    /// Forgets what was written behind a place in the buffer.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.buffer.truncate(length);
        self.shared.retain(|(at, _)| *at <= length);
    }

    /// All of it, piece by piece; nothing is left.
    pub(crate) fn take(&mut self) -> Vec<Bytes> {
        let mut rest = mem::take(&mut self.buffer).freeze();
        let mut parts = Vec::with_capacity(2 * self.shared.len() + 1);
        let mut behind = 0;
        for (at, bytes) in self.shared.drain(..) {
            parts.push(rest.split_to(at - behind));
            parts.push(bytes);
            behind = at;
        }
        parts.push(rest);
        parts
    }
}

impl Out for Pieces {
    fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    fn binary(&mut self, bytes: &Bytes) {
        match bytes.len() < LARGE || self.copies {
            true => append(&mut self.buffer, bytes),
            false => self.shared.push((self.buffer.len(), bytes.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Term;

    #[test]
    fn pieces_are_what_one_piece_would_be() {
        let large = |fill| Term::Binary(vec![fill; LARGE].into());
        let small = Term::from("small");
        let term = Term::tuple([large(1), small.clone(), Term::list([large(2), small])]);
        let mut whole = BytesMut::new();
        term.encode(&mut whole).unwrap();
        let mut pieces = Pieces::default();
        pieces.buffer().extend_from_slice(b"before");
        term.encode_into(&mut pieces).unwrap();
        assert_eq!(pieces.len(), 6 + whole.len());
        let parts = pieces.take();
        assert_eq!(parts.len(), 5);
        assert_eq!(parts.concat(), [b"before", &whole[..]].concat());
        assert_eq!((pieces.len(), pieces.take().concat()), (0, vec![]));
    }
}
