//! Puts the fragments of large signals together (`erts/emulator/beam/dist.c`, `erts_net_message`).
//!
//! What a peer says of the length of a signal is its word: memory is taken for what arrives, and for little ahead of it.

use std::collections::HashMap;

use bytes::{Buf, Bytes, BytesMut};

use super::frame::{FRAGMENT_SIZE, FrameError, FrameLimits};
use crate::term::append;

/// Room that is made ahead is at most so many times what has come, and so many bytes.
const AHEAD_TIMES: usize = 16;
const AHEAD: usize = 2 * 1024 * 1024;
/// Of a signal that has come, at most so many times its length stays in memory.
const WASTE_TIMES: usize = 2;
/// Of a fragment that has come in part, so much must be missing to be worth a read of its own.
const WORTH_A_READ: usize = 8 * 1024;

/// Signals of which fragments are missing.
#[derive(Debug)]
pub(super) struct Assembly {
    limits: FrameLimits,
    unfinished: HashMap<u64, Unfinished>,
    held: usize,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct Unfinished {
    /// The number that the next fragment must have.
    next: u64,
    bytes: BytesMut,
}

/// A fragment whose end has not come.
#[derive(Debug)]
struct UnderWay {
    sequence: u64,
    left: usize,
}

/// What the head of a fragment says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// The signal that it belongs to.
    pub(super) sequence: u64,
    /// Its number, which counts down to 1.
    pub(super) fragment: u64,
}

impl Head {
    /// Bytes that it takes.
    pub(super) const LENGTH: usize = 16;

    /// Takes one off the front; there must be as many bytes.
    pub(super) fn take(bytes: &mut impl Buf) -> Head {
        Head {
            sequence: bytes.get_u64(),
            fragment: bytes.get_u64(),
        }
    }

    fn is_wrong(self) -> FrameError {
        FrameError::Fragment {
            sequence: self.sequence,
            fragment: self.fragment,
        }
    }
}

impl Assembly {
    pub(super) fn new(limits: FrameLimits) -> Assembly {
        Assembly {
            limits,
            unfinished: HashMap::new(),
            held: 0,
            under_way: None,
        }
    }

    /// Whether fragments are missing.
    pub(super) fn is_waiting(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// Whether a signal of this number is being put together.
    pub(super) fn has(&self, head: Head) -> bool {
        self.unfinished.contains_key(&head.sequence)
    }

    /// Begins with the first fragment of several.
    pub(super) fn begin(&mut self, head: Head, part: &Bytes) -> Result<(), FrameError> {
        if head.fragment == 0 || self.has(head) {
            return Err(head.is_wrong());
        }
        if self.unfinished.len() >= self.limits.sequences {
            return Err(FrameError::TooMuch);
        }
        let announced = usize::try_from(head.fragment).unwrap_or(usize::MAX);
        let ahead = announced.saturating_mul(FRAGMENT_SIZE).min(AHEAD);
        let ahead = ahead.min(part.len().saturating_mul(AHEAD_TIMES));
        let mut bytes = BytesMut::with_capacity(ahead.max(part.len()));
        append(&mut bytes, part);
        hold(&mut self.held, part.len(), self.limits)?;
        let unfinished = Unfinished {
            next: head.fragment - 1,
            bytes,
        };
        self.unfinished.insert(head.sequence, unfinished);
        Ok(())
    }

    /// Adds a whole fragment. The signal, if this was its last one.
    pub(super) fn go_on(&mut self, head: Head, part: &[u8]) -> Result<Option<Bytes>, FrameError> {
        self.add(head, part)?;
        self.end(head.sequence)
    }

    /// Adds what has come of a fragment of which `left` bytes are missing. False when they are to be waited for instead.
    pub(super) fn go_on_in_part(
        &mut self,
        head: Head,
        part: &[u8],
        left: usize,
    ) -> Result<bool, FrameError> {
        if left < WORTH_A_READ {
            return Ok(false);
        }
        self.add(head, part)?;
        self.under_way = Some(UnderWay {
            sequence: head.sequence,
            left,
        });
        Ok(true)
    }

    /// Where the rest of the fragment that is under way belongs, and how much is missing.
    pub(super) fn missing(&mut self) -> Option<(&mut BytesMut, usize)> {
        let under_way = self.under_way.as_ref().filter(|part| part.left > 0)?;
        let unfinished = self.unfinished.get_mut(&under_way.sequence)?;
        Some((&mut unfinished.bytes, under_way.left))
    }

    /// So many bytes were put where [`Assembly::missing`] said.
    pub(super) fn arrived(&mut self, length: usize) -> Result<(), FrameError> {
        if let Some(under_way) = &mut self.under_way {
            under_way.left = under_way.left.saturating_sub(length);
        }
        hold(&mut self.held, length, self.limits)
    }

    /// Whether a fragment is under way, and if it is complete, the signal if this was its last one.
    pub(super) fn completed(&mut self) -> Result<Progress, FrameError> {
        match self.under_way {
            None => Ok(Progress::None),
            Some(UnderWay { left: 1.., .. }) => Ok(Progress::Waits),
            Some(UnderWay { sequence, .. }) => {
                self.under_way = None;
                Ok(Progress::Complete(self.end(sequence)?))
            }
        }
    }

    fn add(&mut self, head: Head, part: &[u8]) -> Result<(), FrameError> {
        hold(&mut self.held, part.len(), self.limits)?;
        let unfinished = self.unfinished.get_mut(&head.sequence);
        let unfinished = unfinished
            .filter(|unfinished| unfinished.next == head.fragment)
            .ok_or_else(|| head.is_wrong())?;
        append(&mut unfinished.bytes, part);
        Ok(())
    }

    /// A fragment of `sequence` is complete. The signal, if no more are to come.
    fn end(&mut self, sequence: u64) -> Result<Option<Bytes>, FrameError> {
        let Some(unfinished) = self.unfinished.get_mut(&sequence) else {
            return Ok(None);
        };
        unfinished.next -= 1;
        if unfinished.next > 0 {
            return Ok(None);
        }
        let whole = self.unfinished.remove(&sequence);
        let whole = whole.map(|Unfinished { bytes, .. }| {
            match bytes.capacity() > bytes.len().saturating_mul(WASTE_TIMES) {
                true => Bytes::copy_from_slice(&bytes),
                false => bytes.freeze(),
            }
        });
        self.held -= whole.as_ref().map_or(0, Bytes::len);
        Ok(whole)
    }
}

/// What became of a fragment that was under way.
pub(super) enum Progress {
    /// There was none.
    None,
    /// More of it must come.
    Waits,
    /// It is complete, and with it this signal, if it is one.
    Complete(Option<Bytes>),
}

fn hold(held: &mut usize, length: usize, limits: FrameLimits) -> Result<(), FrameError> {
    *held += length;
    match *held > limits.fragments {
        true => Err(FrameError::TooMuch),
        false => Ok(()),
    }
}
