//! Bitstrings whose length is not a whole number of bytes.

use std::cmp::Ordering;

use bytes::{Bytes, BytesMut};

/// A bitstring of at least one bit whose last byte has only 1 to 7 bits, the highest ones; the others are 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bits {
    bytes: Bytes,
    last: u8,
}

impl Bits {
    /// The bits of `bytes`, of which the last has only `last` (1 to 7). `None` when there is no byte, or `last` is none
    /// of these.
    pub fn new(bytes: Bytes, last: u8) -> Option<Bits> {
        if !(1..=7).contains(&last) {
            return None;
        }
        let (end, _) = bytes.split_last()?;
        let mask = 0xffu8 << (8 - last);
        if end & !mask == 0 {
            return Some(Bits { bytes, last });
        }
        let masked = end & mask;
        let mut own = BytesMut::from(bytes);
        if let Some(end) = own.last_mut() {
            *end = masked;
        }
        let bytes = own.freeze();
        Some(Bits { bytes, last })
    }

    /// The bytes that hold the bits.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many bits of the last byte count, 1 to 7.
    pub fn bits_in_last(&self) -> u8 {
        self.last
    }

    /// How many bits there are.
    pub fn bit_length(&self) -> usize {
        (self.bytes.len() - 1) * 8 + usize::from(self.last)
    }
}

/// Compares bit by bit; the shorter of two with the same begin is the lesser. The bits behind the end of the last byte
/// are 0.
pub(super) fn compare(one: (&[u8], usize), other: (&[u8], usize)) -> Ordering {
    let ((one, one_bits), (other, other_bits)) = (one, other);
    let common = one_bits.min(other_bits);
    let whole = common / 8;
    let mask = !(0xffu8 >> (common % 8));
    let last = |bytes: &[u8]| bytes.get(whole).copied().unwrap_or(0) & mask;
    one.get(..whole)
        .cmp(&other.get(..whole))
        .then_with(|| last(one).cmp(&last(other)))
        .then(one_bits.cmp(&other_bits))
}
