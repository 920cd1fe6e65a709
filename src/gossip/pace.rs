//! How eagerly a socket is read: at once while heartbeats are few, in batches while they are many.
//!
//! Waking up for each datagram costs five times its reading. With 10,000 nodes in a cluster, or with a flood, batches
//! keep that in bounds, and a heartbeat is heard a fiftieth of a second later.

use std::time::{Duration, Instant};

/// The pause between two batches. What comes meanwhile waits in the socket, which holds some 250 datagrams by Linux's
/// default; what a flood brings beyond that is dropped there.
pub(super) const REST: Duration = Duration::from_millis(20);
/// Datagrams are counted over such spans of time.
const SPAN: Duration = Duration::from_millis(100);
/// So many in a span are many.
const MANY: u32 = 20;

/// Counts what is read, and says when to rest.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    read: u32,
    busy: bool,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace {
            since: now,
            read: 0,
            busy: false,
        }
    }

    /// A datagram was read.
    pub(super) fn read(&mut self) {
        self.read = self.read.saturating_add(1);
    }

    /// No more datagrams wait: whether to rest for [`REST`] before the socket is looked at again.
    pub(super) fn is_to_rest(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= SPAN {
            self.busy = self.read >= MANY;
            self.since = now;
            self.read = 0;
        }
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one datagram each `gap` for a second; how often it was to rest.
    fn rests(pace: &mut Pace, start: Instant, gap: Duration) -> usize {
        let reads = Duration::from_secs(1).as_micros() / gap.as_micros();
        (1..=reads as u32)
            .filter(|turn| {
                pace.read();
                pace.is_to_rest(start + gap * *turn)
            })
            .count()
    }

    #[test]
    fn only_many_datagrams_are_read_in_batches() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let [slow, fast] = [Duration::from_millis(10), Duration::from_millis(1)];
        assert_eq!(rests(&mut pace, start, slow), 0);
        let second = |number| start + Duration::from_secs(number);
        assert!(rests(&mut pace, second(1), fast) >= 900);
        assert!(
            rests(&mut pace, second(2), slow) <= 10,
            "the next span is calm again"
        );
        assert_eq!(rests(&mut pace, second(3), slow), 0);
    }
}
