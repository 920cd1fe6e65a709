//! How many complaints about other people's connections reach the log: a port scanner must not fill a disk. Pure.

use std::time::{Duration, Instant};

/// The time within which at most [`MOST`] complaints are told.
const WINDOW: Duration = Duration::from_secs(10);

/// Enough for every neighbour of a small cluster that is set up wrongly.
const MOST: u32 = 10;

/// Lets the first few complaints of each window pass and counts the others.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    window_began: Option<Instant>,
    told: u32,
    withheld: u64,
}

impl Complaints {
    /// Whether to tell one more at `now`; if so, how many were withheld since the last that was told.
    pub(super) fn tell(&mut self, now: Instant) -> Option<u64> {
        let began = *self.window_began.get_or_insert(now);
        if now.saturating_duration_since(began) >= WINDOW {
            self.window_began = Some(now);
            self.told = 0;
        }
        if self.told == MOST {
            self.withheld += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_in_part_and_counted_in_whole() {
        let start = Instant::now();
        let mut complaints = Complaints::default();
        let told = (0..1000).filter_map(|_| complaints.tell(start)).count();
        assert_eq!(told, MOST as usize);
        let just_before = start + WINDOW - Duration::from_nanos(1);
        assert_eq!(complaints.tell(just_before), None);
        let next = start + WINDOW;
        assert_eq!(complaints.tell(next), Some(1001 - u64::from(MOST)));
        assert_eq!(complaints.tell(next), Some(0));
        let told = (0..1000).filter_map(|_| complaints.tell(next)).count();
        assert_eq!(told, MOST as usize - 2);
    }
}
