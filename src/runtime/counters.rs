//! What the node counts of itself, for whoever watches it. Counting costs an atomic addition or two.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{PeerInfo, Runtime};

/// Upper bounds of the latencies that are told apart, in seconds.
pub const LATENCY_BOUNDS: [f64; 10] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// What was counted since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Functions of peers that this node called.
    pub made: Calls,
    /// Functions of this node that peers called.
    pub served: Calls,
    /// Quarters of `net_ticktime` that passed without a frame from a connected peer.
    pub(super) tick_misses: AtomicU64,
    /// Longest time that the ticker stood still, in microseconds.
    pub(super) longest_gap: AtomicU64,
}

impl Counters {
    /// Quarters of `net_ticktime` that passed without a frame from a connected peer, of all peers.
    pub fn tick_misses(&self) -> u64 {
        self.tick_misses.load(Ordering::Relaxed)
    }

    /// The longest time between two rounds of the loop that sends ticks: a quarter of a second or less where nothing
    /// holds it up.
    pub fn longest_tick_gap(&self) -> Duration {
        Duration::from_micros(self.longest_gap.load(Ordering::Relaxed))
    }
}

/// How calls ended, and how long they took.
#[derive(Debug, Default)]
pub struct Calls {
    returned: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
    /// One more than bounds: what took longer than the last.
    within: [AtomicU64; LATENCY_BOUNDS.len() + 1],
}

impl Calls {
    pub(crate) fn note(&self, took: Duration, returned: bool) {
        let add = |counter: &AtomicU64, count| counter.fetch_add(count, Ordering::Relaxed);
        let seconds = took.as_secs_f64();
        let bucket = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound);
        add(&self.within[bucket.unwrap_or(LATENCY_BOUNDS.len())], 1);
        add(&self.micros, took.as_micros().try_into().unwrap_or(0));
        add(
            if returned {
                &self.returned
            } else {
                &self.failed
            },
            1,
        );
    }

    /// How many brought a value.
    pub fn returned(&self) -> u64 {
        self.returned.load(Ordering::Relaxed)
    }

    /// How many ended otherwise.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// What all of them took together.
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    /// How many took no longer than each of [`LATENCY_BOUNDS`], and how many there were in all.
    pub fn within(&self) -> [u64; LATENCY_BOUNDS.len() + 1] {
        let mut sum = 0;
        self.within.each_ref().map(|count| {
            sum += count.load(Ordering::Relaxed);
            sum
        })
    }
}

/// How a connection stands.
#[derive(Debug, Clone)]
pub struct PeerUsage {
    /// To whom it is.
    pub info: PeerInfo,
    /// Bytes that came, and that went, since it was made.
    pub received: u64,
    /// Bytes that were written to it.
    pub sent: u64,
    /// Bytes that wait to be written.
    pub waiting: usize,
    /// How long ago its last frame was complete.
    pub silent: Duration,
}

/// What waits in the mailboxes of this node's processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mailboxes {
    /// Processes.
    pub processes: usize,
    /// Messages in all mailboxes.
    pub messages: usize,
    /// Their bytes, encoded.
    pub bytes: usize,
    /// Bytes in the fullest mailbox.
    pub fullest: usize,
    /// Messages that did not fit, of processes that live and asked to lose them.
    pub dropped: u64,
}

impl Runtime {
    /// What was counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// How each connection stands.
    pub fn peer_usage(&self) -> Vec<PeerUsage> {
        let now = self.uptime();
        let connections = self.connections();
        let usage = connections.iter().map(|connection| {
            let (received, sent) = connection.traffic();
            PeerUsage {
                info: connection.info().clone(),
                received,
                sent,
                waiting: connection.waiting(),
                silent: connection.silent(now),
            }
        });
        usage.collect()
    }

    /// What waits in the mailboxes.
    pub fn mailboxes(&self) -> Mailboxes {
        let mut all = Mailboxes::default();
        for entry in self.entries() {
            let bytes = entry.mailbox.bytes();
            all.processes += 1;
            all.messages += entry.mailbox.len();
            all.bytes += bytes;
            all.fullest = all.fullest.max(bytes);
            all.dropped += entry.mailbox.dropped();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_add_up() {
        let calls = Calls::default();
        for micros in [100, 500, 501, 4_000, 9_000_000] {
            calls.note(Duration::from_micros(micros), micros != 501);
        }
        assert_eq!(calls.within(), [2, 3, 3, 4, 4, 4, 4, 4, 4, 4, 5]);
        assert_eq!((calls.returned(), calls.failed()), (4, 1));
        assert_eq!(calls.time(), Duration::from_micros(9_005_101));
    }
}
