//! The mailbox: what waits to be received by one process.
//!
//! The reader of a connection never waits for a process, so a mailbox is bounded in bytes. What happens at
//! the bound is chosen when the process is born ([`Overflow`]).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop::poll_proceed;

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

/// Whether a message comes before those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    Ordinary,
    Priority,
}

impl Priority {
    pub(crate) fn when(priority: bool) -> Priority {
        match priority {
            true => Priority::Priority,
            false => Priority::Ordinary,
        }
    }
}

/// What a message costs even when it is empty.
const LEAST_COST: usize = 64;

/// A process that receives this many messages in a row has used one of the 128 steps after which tokio lets others go
/// on. Were each message a step, a reader would bring more in its turn than the process takes in its own.
const STEP: usize = 64;

/// Messages, each with what it costs.
type Messages = VecDeque<(usize, Received)>;

/// What those have put in who are no longer waited for.
#[derive(Debug, Default)]
struct Waiting {
    messages: Messages,
    /// Priority messages: they come before all others, in their own order ("Priority Messages" in the Erlang Reference
    /// Manual).
    first: Messages,
    /// Whom to wake.
    task: Option<Waker>,
}

#[derive(Debug)]
pub(crate) struct Mailbox {
    waiting: Mutex<Waiting>,
    /// What the process has taken from there, all at once, and not looked at yet: only the process itself locks it for
    /// long. It is locked before `waiting` where both are.
    taken: Mutex<Messages>,
    /// How many messages are in `first`.
    urgent: AtomicUsize,
    bytes: AtomicUsize,
    limit: MailboxLimit,
    dropped: AtomicU64,
}

impl Mailbox {
    pub(crate) fn new(limit: MailboxLimit) -> Mailbox {
        Mailbox {
            waiting: Mutex::default(),
            taken: Mutex::default(),
            urgent: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            limit,
            dropped: AtomicU64::new(0),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self) -> MutexGuard<'_, Messages> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `message`, which takes `size` bytes, at the end, or, if it has priority, behind those that have it. Signals
    /// that the process must hear of (exits and downs) are given size 0 and always fit.
    pub(crate) fn put(&self, size: usize, message: Received, priority: Priority) -> Put {
        let cost = if size == 0 { 0 } else { size.max(LEAST_COST) };
        let mut waiting = self.waiting();
        let bytes = self.bytes.load(Ordering::Relaxed);
        // One message always fits, whatever its size: frames are bounded already.
        if cost > 0 && bytes > 0 && bytes + cost > self.limit.bytes {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return match self.limit.overflow {
                Overflow::End => Put::Overflowed,
                Overflow::DropNewest => Put::Dropped,
            };
        }
        self.bytes.fetch_add(cost, Ordering::Relaxed);
        match priority {
            Priority::Ordinary => waiting.messages.push_back((cost, message)),
            Priority::Priority => {
                waiting.first.push_back((cost, message));
                self.urgent.fetch_add(1, Ordering::Relaxed);
            }
        }
        let task = waiting.task.take();
        drop(waiting);
        if let Some(task) = task {
            task.wake();
        }
        Put::Done
    }

    /// Takes the next message out of what is there.
    fn pop(&self, taken: &mut Messages) -> Option<Received> {
        let first = self.pop_urgent(&mut 0, |_| true);
        let (cost, message) = first.or_else(|| taken.pop_front())?;
        self.bytes.fetch_sub(cost, Ordering::Relaxed);
        Some(message)
    }

    /// Takes the oldest priority message that is `wanted`. Those that were looked at in vain count as `seen` from now on.
    fn pop_urgent(
        &self,
        seen: &mut usize,
        wanted: impl Fn(&Received) -> bool,
    ) -> Option<(usize, Received)> {
        // Who has slept was woken under the lock, so that it sees the number.
        if self.urgent.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut waiting = self.waiting();
        let mut fresh = waiting.first.iter().skip(*seen);
        let found = fresh.position(|(_, message)| wanted(message));
        *seen = found.map_or(waiting.first.len(), |at| *seen + at);
        found?;
        self.urgent.fetch_sub(1, Ordering::Relaxed);
        waiting.first.remove(*seen)
    }

    /// The next message, if one waits.
    pub(crate) fn try_take(&self) -> Option<Received> {
        let mut taken = self.taken();
        if taken.is_empty() {
            mem::swap(&mut *taken, &mut self.waiting().messages);
        }
        self.pop(&mut taken)
    }

    /// The next message, once there is one.
    pub(crate) async fn take(&self) -> Received {
        poll_fn(|context| {
            let mut taken = self.taken();
            if taken.len().is_multiple_of(STEP) || self.urgent.load(Ordering::Relaxed) > 0 {
                let step = ready!(poll_proceed(context));
                if taken.is_empty() {
                    ready!(self.poll_more(&mut taken, 0, context));
                }
                step.made_progress();
            }
            // There is one now.
            self.pop(&mut taken).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Adds to `taken` all that waits, or asks to be woken where that is nothing, and no more priority messages wait than
    /// were `seen`.
    fn poll_more(&self, taken: &mut Messages, seen: usize, context: &Context<'_>) -> Poll<()> {
        let mut waiting = self.waiting();
        if waiting.messages.is_empty() {
            if waiting.first.len() > seen {
                return Poll::Ready(());
            }
            waiting.task = Some(context.waker().clone());
            return Poll::Pending;
        }
        match taken.is_empty() {
            true => mem::swap(taken, &mut waiting.messages),
            false => taken.append(&mut waiting.messages),
        }
        Poll::Ready(())
    }

    /// The next message that is `wanted`, once there is one; the others stay in their order.
    pub(crate) async fn take_where(&self, wanted: impl Fn(&Received) -> bool) -> Received {
        // What was looked at once is not looked at again: only this process takes messages.
        let (mut looked_at, mut seen) = (0, 0);
        poll_fn(|context| {
            let mut taken = self.taken();
            loop {
                if let Some((cost, message)) = self.pop_urgent(&mut seen, &wanted) {
                    self.bytes.fetch_sub(cost, Ordering::Relaxed);
                    return Poll::Ready(message);
                }
                let mut fresh = taken.iter().skip(looked_at);
                let found = fresh.position(|(_, message)| wanted(message));
                looked_at = found.map_or(taken.len(), |at| looked_at + at);
                if found.is_some()
                    && let Some((cost, message)) = taken.remove(looked_at)
                {
                    self.bytes.fetch_sub(cost, Ordering::Relaxed);
                    return Poll::Ready(message);
                }
                ready!(self.poll_more(&mut taken, seen, context));
            }
        })
        .await
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        let taken = self.taken();
        let waiting = self.waiting();
        taken.len() + waiting.messages.len() + waiting.first.len()
    }

    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
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

    fn put(mailbox: &Mailbox, size: usize, message: Received) -> Put {
        mailbox.put(size, message, Priority::Ordinary)
    }

    #[tokio::test]
    async fn messages_come_out_in_order_and_free_their_room() {
        let mailbox = limited(Overflow::DropNewest);
        assert_eq!(put(&mailbox, 1, message(1)), Put::Done);
        assert_eq!(put(&mailbox, 1, message(2)), Put::Done);
        assert_eq!(put(&mailbox, 1, message(3)), Put::Dropped);
        assert_eq!((mailbox.len(), mailbox.dropped()), (2, 1));
        for expected in [1, 2] {
            let Received::Message(body) = mailbox.take().await else {
                panic!("a message");
            };
            assert_eq!(body.term().unwrap(), Term::from(expected));
        }
        assert_eq!(put(&mailbox, 1, message(4)), Put::Done);
    }

    #[test]
    fn a_full_mailbox_ends_the_process_but_takes_its_signals() {
        let mailbox = limited(Overflow::End);
        assert_eq!(put(&mailbox, 2 * LEAST_COST, message(1)), Put::Done);
        assert_eq!(put(&mailbox, 1, message(2)), Put::Overflowed);
        assert_eq!(put(&mailbox, 0, message(3)), Put::Done);
    }

    fn number(received: Received) -> i64 {
        match received {
            Received::Message(body) => body.term().unwrap().as_int().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn priority_messages_come_first_in_their_own_order() {
        let mailbox = Mailbox::new(MailboxLimit::default());
        let urgent = |at| mailbox.put(1, message(at), Priority::Priority);
        for at in [1, 2, 3] {
            put(&mailbox, 1, message(at));
        }
        // From here on 2 and 3 lie among those that the process has taken already.
        assert_eq!(number(mailbox.take().await), 1);
        urgent(10);
        urgent(11);
        put(&mailbox, 1, message(4));
        assert_eq!(mailbox.len(), 5);
        let is_odd = |received: &Received| number(received.clone()) % 2 == 1;
        assert_eq!(number(mailbox.take_where(is_odd).await), 11);
        assert_eq!(number(mailbox.take_where(is_odd).await), 3);
        for expected in [10, 2, 4] {
            assert_eq!(number(mailbox.take().await), expected);
        }
        assert_eq!((mailbox.len(), mailbox.bytes()), (0, 0));
        assert!(mailbox.try_take().is_none());
    }

    /// One that is not wanted neither wakes for ever nor hides what comes later.
    #[tokio::test]
    async fn a_priority_message_that_is_not_wanted_waits() {
        let mailbox = Mailbox::new(MailboxLimit::default());
        mailbox.put(1, message(2), Priority::Priority);
        let wanted = |at| move |received: &Received| number(received.clone()) == at;
        let waiting = mailbox.take_where(wanted(3));
        let coming = async {
            tokio::task::yield_now().await;
            mailbox.put(1, message(4), Priority::Ordinary);
            tokio::task::yield_now().await;
            mailbox.put(1, message(3), Priority::Priority);
        };
        let (found, ()) = tokio::join!(waiting, coming);
        assert_eq!(number(found), 3);
        assert_eq!(number(mailbox.take().await), 2);
        assert_eq!(number(mailbox.take().await), 4);
    }
}
