//! Backoff: how long to wait before one tries again.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Exponential backoff with full jitter over a floor.
///
/// The n-th delay (from 0) is drawn evenly from `first ..= min(first × 2^(n+1), max)`: never shorter
/// than `first`, so that a limit can be promised, and spread over all that lies above it, so that many
/// who lost the same peer do not come back together.
///
/// ```
/// use std::time::Duration;
/// use beamlink::cluster::Backoff;
/// use rand::{SeedableRng, rngs::SmallRng};
///
/// let mut rng = SmallRng::seed_from_u64(7);
/// let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// assert!(backoff.next_delay(&mut rng) <= Duration::from_secs(2));
/// assert!(backoff.next_delay(&mut rng) <= Duration::from_secs(4));
/// backoff.reset();
/// assert!(backoff.next_delay(&mut rng) <= Duration::from_secs(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    attempts: u32,
}

impl Backoff {
    /// Delays from `first` up to `max`. A `max` below `first` counts as `first`.
    pub const fn new(first: Duration, max: Duration) -> Backoff {
        Backoff {
            first,
            max,
            attempts: 0,
        }
    }

    /// Draws the next delay and counts one attempt more.
    pub fn next_delay(&mut self, rng: &mut impl Rng) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        let ceiling = self.first.saturating_mul(factor).min(self.max);
        rng.random_range(self.first..=ceiling.max(self.first))
    }

    /// Starts again with the shortest delays.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Delays drawn since the start or the last [`reset`](Backoff::reset).
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn the_window_doubles_until_the_maximum() {
        let mut rng = SmallRng::seed_from_u64(1);
        let longest = |n: u32, rng: &mut SmallRng| {
            (0..2000)
                .map(|_| {
                    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
                    for _ in 0..n {
                        backoff.next_delay(rng);
                    }
                    backoff.next_delay(rng)
                })
                .max()
                .unwrap()
                .as_secs_f64()
        };
        for (n, ceiling) in [(0, 2.0), (1, 4.0), (4, 32.0), (5, 60.0), (40, 60.0)] {
            let seen = longest(n, &mut rng);
            assert!(seen <= ceiling && seen > 0.95 * ceiling, "{n}: {seen}");
        }
    }

    proptest! {
        #[test]
        fn never_below_the_first_nor_above_the_maximum(
            first in any::<Duration>(), max in any::<Duration>(), n in 0usize..70, seed: u64,
        ) {
            let mut rng = SmallRng::seed_from_u64(seed);
            let mut backoff = Backoff::new(first, max);
            for _ in 0..n {
                let delay = backoff.next_delay(&mut rng);
                prop_assert!(delay >= first && delay <= max.max(first));
            }
        }
    }
}
