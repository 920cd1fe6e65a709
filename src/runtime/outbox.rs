//! The outbox: what waits to be written to one peer.
//!
//! All that waits goes out in one vectored write (DESIGN.md, "The way in and the way out"). Processes
//! wait while it is full; the node's own answers (noproc, ticks, acks) do not, because the reader that
//! makes them must never stop. Past [`Limits::hard`] the peer is not reading at all, and the connection ends.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use tokio::sync::Notify;

/// How much may wait for one peer, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From here on processes wait before they add more.
    pub(crate) soft: usize,
    /// From here on the connection is given up. One signal, of any size, may reach beyond it.
    pub(crate) hard: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // Four fragments: small signals of others never wait behind more than this much of a large one.
            soft: 256 * 1024,
            hard: 64 * 1024 * 1024,
        }
    }
}

/// Why nothing can be added any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The connection has ended.
    Closed,
    /// The peer does not read, and the hard limit is reached.
    Overflow,
}

/// One piece of what waits: small frames grow together, bodies of large ones are shared, not copied.
#[derive(Debug)]
enum Piece {
    Small(Vec<u8>),
    Body(Bytes),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Small(bytes) => bytes,
            Piece::Body(bytes) => bytes,
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    pieces: VecDeque<Piece>,
    bytes: usize,
    closed: bool,
    /// The writer was told, or knows without that.
    told: bool,
    spare: Option<Vec<u8>>,
}

/// The queue between all who send to a peer and the task that writes to it.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    /// Told when there is something to write, or nothing ever again.
    filled: Notify,
    /// Told when there is room again, or never again.
    drained: Notify,
    limits: Limits,
}

impl Outbox {
    pub(crate) fn new(limits: Limits) -> Outbox {
        Outbox {
            waiting: Mutex::default(),
            filled: Notify::new(),
            drained: Notify::new(),
            limits,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds complete frames without waiting: for the node's own answers.
    pub(crate) fn push(&self, frames: &[u8]) -> Result<(), Refused> {
        self.add(frames, Bytes::new(), true)
    }

    /// Adds complete frames that need not go out before the next ones do.
    pub(crate) fn push_later(&self, frames: &[u8]) -> Result<(), Refused> {
        self.add(frames, Bytes::new(), false)
    }

    /// Sends what was to be sent later.
    pub(crate) fn flush(&self) {
        self.lock().told = true;
        self.filled.notify_one();
    }

    /// Adds one piece of a large signal: its head is copied, its body shared.
    pub(crate) fn push_piece(&self, head: &[u8], body: Bytes) -> Result<(), Refused> {
        self.add(head, body, true)
    }

    /// Returns once less than the soft limit waits.
    pub(crate) async fn room(&self) -> Result<(), Refused> {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            {
                let waiting = self.lock();
                if waiting.closed {
                    return Err(Refused::Closed);
                }
                if waiting.bytes < self.limits.soft {
                    return Ok(());
                }
            }
            drained.await;
        }
    }

    fn add(&self, head: &[u8], body: Bytes, now: bool) -> Result<(), Refused> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Refused::Closed);
        }
        if waiting.bytes >= self.limits.hard {
            return Err(Refused::Overflow);
        }
        waiting.bytes += head.len() + body.len();
        if !head.is_empty() {
            if !matches!(waiting.pieces.back(), Some(Piece::Small(_))) {
                let fresh = waiting.spare.take().unwrap_or_default();
                waiting.pieces.push_back(Piece::Small(fresh));
            }
            if let Some(Piece::Small(bytes)) = waiting.pieces.back_mut() {
                bytes.extend_from_slice(head);
            }
        }
        if !body.is_empty() {
            waiting.pieces.push_back(Piece::Body(body));
        }
        let tell = now && !waiting.told;
        waiting.told |= now;
        drop(waiting);
        if tell {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Ends it: senders are refused from now on, and the writer learns that nothing more will come.
    /// What waits already is still handed to the writer.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.drained.notify_waiters();
    }

    /// Bytes that wait now.
    pub(crate) fn len(&self) -> usize {
        self.lock().bytes
    }

    /// All that waits, once there is something; `None` when it is closed and empty.
    pub(crate) async fn take(&self) -> Option<Batch> {
        loop {
            {
                let mut waiting = self.lock();
                if waiting.bytes > 0 && (waiting.told || waiting.closed) {
                    waiting.bytes = 0;
                    waiting.told = false;
                    let pieces = std::mem::take(&mut waiting.pieces);
                    drop(waiting);
                    self.drained.notify_waiters();
                    return Some(Batch {
                        pieces,
                        offset: 0,
                        spent: None,
                    });
                }
                if waiting.closed {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }

    /// Gives a written buffer back, so that the next small frames need no allocation.
    pub(crate) fn recycle(&self, batch: Batch) {
        const KEPT: usize = 64 * 1024;
        let Some(mut buffer) = batch.spent else {
            return;
        };
        if buffer.capacity() <= KEPT {
            buffer.clear();
            self.lock().spare = Some(buffer);
        }
    }
}

/// What one vectored write carries: a [`Buf`] over all its pieces.
#[derive(Debug)]
pub(crate) struct Batch {
    pieces: VecDeque<Piece>,
    /// How much of the first piece is written already.
    offset: usize,
    /// A buffer that is written and can be filled again.
    spent: Option<Vec<u8>>,
}

impl Buf for Batch {
    fn remaining(&self) -> usize {
        let total: usize = self.pieces.iter().map(|piece| piece.bytes().len()).sum();
        total - self.offset
    }

    fn chunk(&self) -> &[u8] {
        self.pieces
            .front()
            .and_then(|piece| piece.bytes().get(self.offset..))
            .unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut offset = self.offset;
        let mut filled = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece.bytes().get(offset..).unwrap_or_default());
            offset = 0;
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, count: usize) {
        self.offset += count;
        while let Some(first) = self.pieces.front() {
            let length = first.bytes().len();
            if self.offset < length {
                return;
            }
            self.offset -= length;
            if let Some(Piece::Small(buffer)) = self.pieces.pop_front() {
                self.spent = Some(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIGHT: Limits = Limits { soft: 8, hard: 16 };

    #[tokio::test]
    async fn all_that_waits_goes_out_in_order_and_in_one_batch() {
        let outbox = Outbox::new(Limits::default());
        outbox.push(b"ab").unwrap();
        outbox.push(b"cd").unwrap();
        outbox
            .push_piece(b"head", Bytes::from_static(b"body"))
            .unwrap();
        outbox.push(b"ef").unwrap();
        let mut batch = outbox.take().await.unwrap();
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(batch.chunks_vectored(&mut slices), 3);
        assert_eq!(&*batch.copy_to_bytes(batch.remaining()), b"abcdheadbodyef");
        assert_eq!(outbox.len(), 0);
    }

    #[tokio::test]
    async fn a_full_outbox_makes_processes_wait_and_then_ends_the_connection() {
        let outbox = Outbox::new(TIGHT);
        outbox.push(b"12345678").unwrap();
        assert!(futures_pending(outbox.room()).await);
        outbox.push(b"12345678").unwrap();
        assert_eq!(outbox.push(b"x"), Err(Refused::Overflow));
        let batch = outbox.take().await.unwrap();
        outbox.room().await.unwrap();
        outbox.recycle(batch);
    }

    #[tokio::test]
    async fn closing_hands_out_the_rest_and_wakes_those_who_wait() {
        let outbox = Outbox::new(TIGHT);
        outbox.push(b"12345678").unwrap();
        outbox.close();
        assert_eq!(outbox.push(b"x"), Err(Refused::Closed));
        assert_eq!(outbox.room().await, Err(Refused::Closed));
        assert!(outbox.take().await.is_some());
        assert!(outbox.take().await.is_none());
    }

    async fn futures_pending(future: impl Future) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = tokio::task::yield_now() => true,
        }
    }
}
