//! Pace: a limit on how often something may happen.

use std::time::Duration;

/// A token bucket, kept as one moment (the generic cell rate algorithm): `burst` at once, then one
/// each `every`.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    every: Duration,
    lead: Duration,
    full_at: Duration,
}

impl Pace {
    pub(super) fn new(every: Duration, burst: u32) -> Pace {
        Pace {
            every,
            lead: every.saturating_mul(burst.max(1) - 1),
            full_at: Duration::ZERO,
        }
    }

    /// Whether it may happen now; if so, it counts as done.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let free = now >= self.ready_at();
        if free {
            self.full_at = self.full_at.max(now).saturating_add(self.every);
        }
        free
    }

    /// From when on it may happen again.
    pub(super) fn ready_at(&self) -> Duration {
        self.full_at.saturating_sub(self.lead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let at = Duration::from_millis;
        let mut pace = Pace::new(at(250), 4);
        let taken =
            |pace: &mut Pace, from, to| (from..to).filter(|now| pace.take(at(*now))).count();
        assert_eq!(taken(&mut pace, 0, 250), 4);
        assert_eq!(taken(&mut pace, 250, 1250), 4);
        assert_eq!(taken(&mut pace, 100_000, 100_250), 4);
        assert_eq!(pace.ready_at(), at(100_250));
    }
}
