//! When heartbeats go out: one at once, the next after 1 to 5000 ms each time, as libcluster does.

use std::time::{Duration, Instant};

use super::SendError;

/// The longest pause between two heartbeats.
pub const MAX_PAUSE: Duration = Duration::from_millis(5000);

/// The times of our heartbeats, and whether the last one went out.
///
/// ```
/// use std::time::{Duration, Instant};
/// use beamlink::gossip::{MAX_PAUSE, Schedule};
/// let now = Instant::now();
/// let mut schedule = Schedule::new(now);
/// assert_eq!(schedule.due(), now);
/// assert_eq!(schedule.sent(Ok(()), now, 0x1234), None);
/// assert!(schedule.due() > now && schedule.due() <= now + MAX_PAUSE);
/// ```
#[derive(Debug)]
pub struct Schedule {
    due: Instant,
    failing: Option<SendError>,
}

/// How sending changed: to be told once, not with each heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Turn {
    /// Heartbeats do not go out any more, or for another reason than before.
    #[error("heartbeats do not go out: {0}")]
    Failing(SendError),
    /// Heartbeats go out again.
    #[error("heartbeats go out again")]
    Recovered,
}

impl Schedule {
    /// The first heartbeat is due at once.
    pub fn new(now: Instant) -> Schedule {
        Schedule {
            due: now,
            failing: None,
        }
    }

    /// When the next heartbeat is to be sent.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Takes the outcome of a heartbeat sent at `now` and sets the next one, failed or not, by the chance in
    /// `random`.
    pub fn sent(
        &mut self,
        outcome: Result<(), SendError>,
        now: Instant,
        random: u64,
    ) -> Option<Turn> {
        let span = MAX_PAUSE.as_millis() as u64;
        self.due = now + Duration::from_millis(1 + random % span);
        let before = std::mem::replace(&mut self.failing, outcome.err());
        match &self.failing {
            now_failing if *now_failing == before => None,
            Some(error) => Some(Turn::Failing(error.clone())),
            None => Some(Turn::Recovered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn no_route() -> SendError {
        SendError::NoRoute("239.255.0.1:45892".parse().unwrap())
    }

    fn refused() -> SendError {
        SendError::Refused("239.255.0.1:45892".parse().unwrap())
    }

    #[test]
    fn a_failure_is_told_once_and_so_is_its_end() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now);
        let mut told = Vec::new();
        for outcome in [
            Ok(()),
            Err(no_route()),
            Err(no_route()),
            Err(refused()),
            Ok(()),
            Ok(()),
        ] {
            told.extend(schedule.sent(outcome, now, 0));
        }
        let expected = [
            Turn::Failing(no_route()),
            Turn::Failing(refused()),
            Turn::Recovered,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_pauses_reach_both_ends_and_spread_evenly() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now);
        let mut pauses: Vec<u128> = (0..5000)
            .map(|random| {
                schedule.sent(Ok(()), now, random);
                (schedule.due() - now).as_millis()
            })
            .collect();
        pauses.sort_unstable();
        assert!(pauses.iter().copied().eq(1..=5000));
    }

    proptest! {
        #[test]
        fn any_chance_gives_a_pause_in_bounds(random: u64, failed: bool) {
            let now = Instant::now();
            let mut schedule = Schedule::new(now);
            schedule.sent(if failed { Err(no_route()) } else { Ok(()) }, now, random);
            let pause = schedule.due() - now;
            prop_assert!(pause >= Duration::from_millis(1) && pause <= MAX_PAUSE);
        }
    }
}
