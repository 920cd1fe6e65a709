//! Counts what a stranger can cause at will, so that a flood of it is a few lines in the log: the first of
//! a (source, reason) at once, then how many more at most every ten seconds. Sources beyond the
//! sixty-fourth at a time are counted together, since a sender can make them up.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The least time between two lines of one (source, reason).
const PERIOD: Duration = Duration::from_secs(10);

/// How many (source, reason) pairs are kept apart.
const PAIRS: usize = 64;

/// What to say now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Count<R> {
    /// None: from many.
    pub(crate) source: Option<IpAddr>,
    pub(crate) reason: R,
    /// Since the last line of this source and reason.
    pub(crate) count: u64,
}

/// The counters.
#[derive(Debug)]
pub(crate) struct Tally<R> {
    windows: HashMap<(Option<IpAddr>, R), Window>,
}

#[derive(Debug)]
struct Window {
    opened: Instant,
    count: u64,
}

impl<R: Copy + Eq + std::hash::Hash> Tally<R> {
    pub(crate) fn new() -> Tally<R> {
        Tally {
            windows: HashMap::new(),
        }
    }

    /// True when this one is to be told at once; else it is counted.
    pub(crate) fn note(&mut self, source: Option<IpAddr>, reason: R, now: Instant) -> bool {
        let own = (source, reason);
        let room = self.windows.len() < PAIRS || self.windows.contains_key(&own);
        let key = if room { own } else { (None, reason) };
        if let Some(window) = self.windows.get_mut(&key) {
            window.count += 1;
            return false;
        }
        let window = Window {
            opened: now,
            count: 0,
        };
        self.windows.insert(key, window);
        true
    }

    /// What has been counted in the windows that are over; a quiet one is forgotten.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Count<R>> {
        let mut due = Vec::new();
        self.windows.retain(|&(source, reason), window| {
            if now.saturating_duration_since(window.opened) < PERIOD {
                return true;
            }
            let count = std::mem::take(&mut window.count);
            window.opened = now;
            if count > 0 {
                due.push(Count {
                    source,
                    reason,
                    count,
                });
            }
            count > 0
        });
        due
    }

    /// When [`Tally::due`] is next worth a call.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.windows
            .values()
            .map(|window| window.opened + PERIOD)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(n.into()))
    }

    #[test]
    fn the_first_at_once_then_a_count_every_ten_seconds() {
        let (mut tally, start) = (Tally::new(), Instant::now());
        assert!(tally.note(ip(1), 'a', start));
        for _ in 0..1000 {
            assert!(!tally.note(ip(1), 'a', start + PERIOD / 2));
        }
        assert!(tally.note(ip(1), 'b', start + PERIOD / 2));
        assert!(tally.note(ip(2), 'a', start + PERIOD / 2));
        assert_eq!(tally.due(start + PERIOD / 2), []);
        assert_eq!(tally.next_due(), Some(start + PERIOD));
        let more = Count {
            source: ip(1),
            reason: 'a',
            count: 1000,
        };
        assert_eq!(tally.due(start + PERIOD), [more]);
        assert_eq!(tally.due(start + 2 * PERIOD), []);
        assert_eq!(tally.next_due(), None);
        assert!(tally.note(ip(1), 'a', start + 2 * PERIOD));
    }

    proptest! {
        /// However many sources a flood has, the lines stay few and none of it is lost.
        #[test]
        fn a_flood_of_made_up_sources(sources in prop::collection::vec((0u32..2000, 0u64..30), 1..3000)) {
            let (mut tally, start) = (Tally::new(), Instant::now());
            let mut at = start;
            let (mut lines, mut told) = (0, 0);
            let mut say = |count: u64| { lines += 1; told += count; };
            for (source, milliseconds) in &sources {
                at += Duration::from_millis(*milliseconds);
                tally.due(at).into_iter().for_each(|count| say(count.count));
                if tally.note(ip(*source), (), at) {
                    say(1);
                }
            }
            tally.due(at + PERIOD).into_iter().for_each(|count| say(count.count));
            let periods = 2 + (at - start).as_secs() / PERIOD.as_secs();
            prop_assert!(lines <= periods * 2 * (PAIRS as u64 + 1), "{lines} lines in {periods} periods");
            prop_assert_eq!(told, sources.len() as u64);
        }
    }
}
