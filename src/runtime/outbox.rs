//! The outbox: what waits to be written to one peer.
//!
//! All that waits goes out in one vectored write (DESIGN.md, "The way in and the way out"). Processes
//! wait while it is full; the node's own answers (noproc, ticks, acks) do not, because the reader that
//! makes them must never stop. Past [`Limits::hard`] the peer is not reading at all, and the connection ends.
//!
//! One at a time writes: who calls or replies, when nobody else does and nothing waits; the reader, for all that those
//! whom it has woken have said; and else the writer task, to which all others leave it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::IoSlice;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

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
    /// The soft limit is reached: a process waits for [`Outbox::room`].
    Full,
}

/// When frames are to go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// With the next ones, or within a second.
    Later,
    /// With all that others add meanwhile.
    Soon,
    /// Whoever sent them waits for an answer, or has given one.
    Now,
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
    /// Something is to go out now.
    told: bool,
    /// Somebody writes.
    writing: bool,
    /// The reader will write what those say whom it is waking.
    gathering: bool,
    /// What the socket did not take: it goes before all else.
    rest: Option<Batch>,
    /// Somebody waits for room.
    crowded: bool,
    spare: Option<Vec<u8>>,
}

impl Waiting {
    /// Takes all that waits, to be written by who takes it.
    fn take(&mut self) -> Batch {
        self.writing = true;
        if let Some(rest) = self.rest.take() {
            return rest;
        }
        self.told = false;
        self.bytes = 0;
        let pieces = std::mem::take(&mut self.pieces);
        Batch {
            pieces,
            offset: 0,
            spent: None,
        }
    }

    fn has_more(&self) -> bool {
        self.rest.is_some() || (self.bytes > 0 && (self.told || self.closed))
    }

    /// Keeps what was written in, so that the next small frames need no allocation.
    fn recycle(&mut self, batch: Batch) {
        const KEPT: usize = 64 * 1024;
        if self.pieces.capacity() == 0 {
            self.pieces = batch.pieces;
        }
        if let Some(mut buffer) = batch.spent.filter(|buffer| buffer.capacity() <= KEPT) {
            buffer.clear();
            self.spare = Some(buffer);
        }
    }
}

/// The queue between all who send to a peer and who writes to it.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    /// Tells the writer task that there is something to write, or nothing ever again.
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

    /// Adds complete frames for the node's own answers: whether there is room or not.
    pub(crate) fn push(&self, frames: &[u8], when: When) -> Result<Option<Batch>, Refused> {
        self.add(frames, Vec::new(), when, self.limits.hard)
    }

    /// Adds complete frames of a process. What comes back is to be written by the caller, which gives it to
    /// [`Outbox::wrote`].
    pub(crate) fn push_in_room(&self, frames: &[u8], when: When) -> Result<Option<Batch>, Refused> {
        self.add(frames, Vec::new(), when, self.limits.soft)
    }

    /// Adds one piece of a large signal: its head is copied, its body shared.
    pub(crate) fn push_piece(&self, head: &[u8], body: Vec<Bytes>) -> Result<(), Refused> {
        let added = self.add(head, body, When::Soon, self.limits.hard);
        added.map(|_| ())
    }

    /// Sends what was to be sent later, whoever else was to write it.
    pub(crate) fn flush(&self) {
        self.lock().told = true;
        self.filled.notify_one();
    }

    /// Returns once less than the soft limit waits.
    pub(crate) async fn room(&self) -> Result<(), Refused> {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            {
                let mut waiting = self.lock();
                if waiting.closed {
                    return Err(Refused::Closed);
                }
                if waiting.bytes < self.limits.soft {
                    return Ok(());
                }
                waiting.crowded = true;
            }
            drained.await;
        }
    }

    fn add(
        &self,
        head: &[u8],
        body: Vec<Bytes>,
        when: When,
        limit: usize,
    ) -> Result<Option<Batch>, Refused> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Refused::Closed);
        }
        if waiting.bytes >= limit {
            return Err(match limit < self.limits.hard {
                true => Refused::Full,
                false => Refused::Overflow,
            });
        }
        waiting.bytes += head.len() + body.iter().map(Bytes::len).sum::<usize>();
        if !head.is_empty() {
            if !matches!(waiting.pieces.back(), Some(Piece::Small(_))) {
                let fresh = waiting.spare.take().unwrap_or_default();
                waiting.pieces.push_back(Piece::Small(fresh));
            }
            if let Some(Piece::Small(bytes)) = waiting.pieces.back_mut() {
                bytes.extend_from_slice(head);
            }
        }
        waiting.pieces.extend(body.into_iter().map(Piece::Body));
        if when == When::Later {
            return Ok(None);
        }
        let told = std::mem::replace(&mut waiting.told, true);
        if waiting.writing || waiting.gathering || told || waiting.rest.is_some() {
            return Ok(None);
        }
        if when == When::Now {
            return Ok(Some(self.taken(waiting)));
        }
        drop(waiting);
        self.filled.notify_one();
        Ok(None)
    }

    /// Takes all that waits, and tells those who wait for room.
    fn taken(&self, mut waiting: MutexGuard<'_, Waiting>) -> Batch {
        let batch = waiting.take();
        let crowded = std::mem::take(&mut waiting.crowded);
        drop(waiting);
        if crowded {
            self.drained.notify_waiters();
        }
        batch
    }

    /// From now on nobody else need write: the reader will, by [`Outbox::gathered`].
    pub(crate) fn gather(&self) {
        self.lock().gathering = true;
    }

    /// What was added since [`Outbox::gather`], for the reader to write.
    pub(crate) fn gathered(&self) -> Option<Batch> {
        let mut waiting = self.lock();
        waiting.gathering = false;
        let is_free = !waiting.writing && waiting.rest.is_none();
        (is_free && waiting.has_more()).then(|| self.taken(waiting))
    }

    /// Gives back what was to be written. What is left of it goes to the writer task; else what was added meanwhile
    /// comes back, for as long as there are `turns`.
    pub(crate) fn wrote(&self, batch: Batch, turns: u32) -> Option<Batch> {
        let mut waiting = self.lock();
        waiting.writing = false;
        match batch.pieces.is_empty() {
            true => waiting.recycle(batch),
            false => waiting.rest = Some(batch),
        }
        if waiting.rest.is_none() && turns > 0 && waiting.has_more() {
            return Some(self.taken(waiting));
        }
        if waiting.has_more() || waiting.closed {
            drop(waiting);
            self.filled.notify_one();
        }
        None
    }

    /// Ends it: senders are refused from now on, and the writer learns that nothing more will come. What waits is for
    /// the caller to write, if nobody does.
    pub(crate) fn close(&self) -> Option<Batch> {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.crowded = true;
        let last = (!waiting.writing && waiting.has_more()).then(|| waiting.take());
        drop(waiting);
        self.filled.notify_one();
        self.drained.notify_waiters();
        last
    }

    /// Bytes that wait now.
    pub(crate) fn len(&self) -> usize {
        let waiting = self.lock();
        waiting.bytes + waiting.rest.as_ref().map_or(0, Buf::remaining)
    }

    /// All that waits, once there is something and nobody else writes; `None` when it is closed and empty. Who takes it
    /// gives it back by [`Outbox::wrote`].
    pub(crate) async fn take(&self) -> Option<Batch> {
        loop {
            {
                let waiting = self.lock();
                if !waiting.writing {
                    if waiting.has_more() {
                        return Some(self.taken(waiting));
                    }
                    if waiting.closed {
                        return None;
                    }
                }
            }
            self.filled.notified().await;
            others_first().await;
        }
    }
}

/// Lets all tasks run that wait for their turn in this thread. tokio runs what was woken last first: the writer would
/// come before those who were woken with whoever told it.
pub(super) async fn others_first() {
    let mut is_back = false;
    poll_fn(|context| {
        if is_back {
            return Poll::Ready(());
        }
        is_back = true;
        // A task that wakes itself goes to the end of the queue.
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
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
        outbox.push(b"ab", When::Soon).unwrap();
        outbox.push(b"cd", When::Soon).unwrap();
        outbox
            .push_piece(b"head", vec![Bytes::from_static(b"body")])
            .unwrap();
        outbox.push(b"ef", When::Soon).unwrap();
        let mut batch = outbox.take().await.unwrap();
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(batch.chunks_vectored(&mut slices), 3);
        assert_eq!(&*batch.copy_to_bytes(batch.remaining()), b"abcdheadbodyef");
        assert_eq!(outbox.len(), 0);
    }

    #[tokio::test]
    async fn a_full_outbox_makes_processes_wait_and_then_ends_the_connection() {
        let outbox = Outbox::new(TIGHT);
        outbox.push(b"12345678", When::Soon).unwrap();
        assert!(futures_pending(outbox.room()).await);
        outbox.push(b"12345678", When::Soon).unwrap();
        assert_eq!(refused(outbox.push(b"x", When::Now)), Refused::Overflow);
        let written = written(outbox.take().await.unwrap());
        outbox.room().await.unwrap();
        assert!(outbox.wrote(written, 1).is_none());
    }

    #[tokio::test]
    async fn one_at_a_time_writes_and_leaves_what_the_socket_does_not_take() {
        let outbox = Outbox::new(Limits::default());
        let mut mine = outbox.push(b"ab", When::Now).unwrap().unwrap();
        assert!(outbox.push(b"cd", When::Now).unwrap().is_none());
        mine.advance(1);
        assert!(outbox.wrote(mine, 1).is_none());
        assert!(outbox.push(b"ef", When::Now).unwrap().is_none());
        let rest = outbox.take().await.unwrap();
        assert_eq!(rest.chunk(), b"b");
        let next = outbox.wrote(written(rest), 1).unwrap();
        assert_eq!(next.chunk(), b"cdef");
        assert!(futures_pending(outbox.take()).await);
        assert!(outbox.wrote(written(next), 1).is_none());
        assert!(outbox.push(b"gh", When::Now).unwrap().is_some());
    }

    #[tokio::test]
    async fn the_reader_writes_what_those_say_whom_it_wakes() {
        let outbox = Outbox::new(Limits::default());
        outbox.gather();
        assert!(outbox.push(b"ab", When::Now).unwrap().is_none());
        assert!(outbox.push(b"cd", When::Soon).unwrap().is_none());
        let batch = outbox.gathered().unwrap();
        assert_eq!(batch.chunk(), b"abcd");
        assert!(outbox.wrote(written(batch), 1).is_none());
        outbox.gather();
        outbox.push(b"ef", When::Later).unwrap();
        assert!(outbox.gathered().is_none());
        assert!(outbox.push(b"gh", When::Now).unwrap().is_some());
    }

    #[tokio::test]
    async fn closing_hands_out_the_rest_and_wakes_those_who_wait() {
        let outbox = Outbox::new(TIGHT);
        outbox.push(b"12345678", When::Soon).unwrap();
        let last = outbox.close().unwrap();
        assert_eq!(refused(outbox.push(b"x", When::Now)), Refused::Closed);
        assert_eq!(outbox.room().await, Err(Refused::Closed));
        assert_eq!(last.chunk(), b"12345678");
        outbox.wrote(last, 0);
        let last = outbox.take().await.unwrap();
        outbox.wrote(written(last), 0);
        assert!(outbox.take().await.is_none());
    }

    fn written(mut batch: Batch) -> Batch {
        batch.advance(batch.remaining());
        batch
    }

    fn refused(result: Result<Option<Batch>, Refused>) -> Refused {
        result.unwrap_err()
    }

    async fn futures_pending(future: impl Future) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = tokio::task::yield_now() => true,
        }
    }
}
