//! The mailbox: what waits to be received by one process.
//!
//! The reader of a connection never waits for a process, so a mailbox is bounded in bytes. What happens at
//! the bound is chosen when the process is born ([`Overflow`]).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::message::Received;

/// What a mailbox does with a message that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// The process ends with reason `mailbox_overflow`; its links and monitors hear of it.
    #[default]
    End,
    /// The newest message is lost, and counted.
    DropNewest,
}

/// The bound of a mailbox and what happens there.
#[derive(Debug, Clone, Copy)]
pub struct MailboxLimit {
    /// Bytes of encoded messages that may wait; each message counts for at least 64. An empty mailbox takes a message of
    /// any size.
    pub bytes: usize,
    /// What happens to a message that does not fit.
    pub overflow: Overflow,
}

impl Default for MailboxLimit {
    fn default() -> MailboxLimit {
        MailboxLimit {
            bytes: 64 * 1024 * 1024,
            overflow: Overflow::End,
        }
    }
}

/// What became of a message that was put into a mailbox.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Done,
    /// It did not fit and is lost.
    Dropped,
    /// It did not fit, and the process must end for it.
    Overflowed,
}

/// What a message costs even when it is empty.
const LEAST_COST: usize = 64;

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<(usize, Received)>,
    bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Mailbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    limit: MailboxLimit,
    dropped: AtomicU64,
}

impl Mailbox {
    pub(crate) fn new(limit: MailboxLimit) -> Mailbox {
        Mailbox {
            waiting: Mutex::default(),
            filled: Notify::new(),
            limit,
            dropped: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `message`, which takes `size` bytes, at the end. Signals that the process must hear of
    /// (exits and downs) are given size 0 and always fit.
    pub(crate) fn put(&self, size: usize, message: Received) -> Put {
        let cost = if size == 0 { 0 } else { size.max(LEAST_COST) };
        let mut waiting = self.lock();
        // One message always fits, whatever its size: frames are bounded already.
        if cost > 0 && waiting.bytes > 0 && waiting.bytes + cost > self.limit.bytes {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return match self.limit.overflow {
                Overflow::End => Put::Overflowed,
                Overflow::DropNewest => Put::Dropped,
            };
        }
        waiting.bytes += cost;
        waiting.messages.push_back((cost, message));
        drop(waiting);
        self.filled.notify_one();
        Put::Done
    }

    /// The oldest message, if one waits.
    pub(crate) fn try_take(&self) -> Option<Received> {
        let mut waiting = self.lock();
        let (cost, message) = waiting.messages.pop_front()?;
        waiting.bytes -= cost;
        Some(message)
    }

    /// The oldest message, once there is one.
    pub(crate) async fn take(&self) -> Received {
        loop {
            if let Some(message) = self.try_take() {
                return message;
            }
            self.filled.notified().await;
        }
    }

    /// The oldest message that is `wanted`, once there is one; the others stay in their order.
    pub(crate) async fn take_where(&self, wanted: impl Fn(&Received) -> bool) -> Received {
        // What was looked at once is not looked at again: only this process takes messages.
        let mut looked_at = 0;
        loop {
            let filled = self.filled.notified();
            {
                let mut waiting = self.lock();
                let fresh = waiting.messages.iter().skip(looked_at);
                let found = fresh
                    .map(|(_, message)| wanted(message))
                    .position(|wanted| wanted);
                looked_at = found.map_or(waiting.messages.len(), |at| looked_at + at);
                if found.is_some()
                    && let Some((cost, message)) = waiting.messages.remove(looked_at)
                {
                    waiting.bytes -= cost;
                    return message;
                }
            }
            filled.await;
        }
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().messages.len()
    }

    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// How many messages did not fit.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Body;
    use super::*;
    use crate::term::Term;

    fn message(number: i64) -> Received {
        Received::Message(Body::Term(Term::from(number)))
    }

    fn limited(overflow: Overflow) -> Mailbox {
        Mailbox::new(MailboxLimit {
            bytes: 2 * LEAST_COST,
            overflow,
        })
    }

    #[tokio::test]
    async fn messages_come_out_in_order_and_free_their_room() {
        let mailbox = limited(Overflow::DropNewest);
        assert_eq!(mailbox.put(1, message(1)), Put::Done);
        assert_eq!(mailbox.put(1, message(2)), Put::Done);
        assert_eq!(mailbox.put(1, message(3)), Put::Dropped);
        assert_eq!((mailbox.len(), mailbox.dropped()), (2, 1));
        for expected in [1, 2] {
            let Received::Message(body) = mailbox.take().await else {
                panic!("a message");
            };
            assert_eq!(body.term().unwrap(), Term::from(expected));
        }
        assert_eq!(mailbox.put(1, message(4)), Put::Done);
    }

    #[test]
    fn a_full_mailbox_ends_the_process_but_takes_its_signals() {
        let mailbox = limited(Overflow::End);
        assert_eq!(mailbox.put(2 * LEAST_COST, message(1)), Put::Done);
        assert_eq!(mailbox.put(1, message(2)), Put::Overflowed);
        assert_eq!(mailbox.put(0, message(3)), Put::Done);
    }
}
