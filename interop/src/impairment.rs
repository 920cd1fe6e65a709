//! What a bad wire does to the frames on it. Time and randomness come in as arguments.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How much later than the others a frame leaves that is to be overtaken.
const HELD_BACK: Duration = Duration::from_millis(3);

/// What befalls the frames that go one way, as `tc netem` would have it. The default is a good wire.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Impairment {
    /// How long a frame travels.
    pub delay: Duration,
    /// By how much at most that is more or less, drawn for each frame. It reorders nothing: see `reorder`.
    pub jitter: Duration,
    /// The share of the frames that are lost, 0 to 1.
    pub loss: f64,
    /// The share of the frames that arrive twice, 0 to 1.
    pub duplicate: f64,
    /// The share of the frames that leave 3 ms late, so that those behind them overtake, 0 to 1.
    pub reorder: f64,
}

/// What becomes of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fate {
    lost: bool,
    duplicated: bool,
    overtaken: bool,
    delay: Duration,
}

impl Impairment {
    /// Draws the same number of times for every frame: a change of one value moves no fate that others decide.
    fn fate(&self, dice: &mut StdRng) -> Fate {
        let [loss, duplicate, reorder, jitter]: [f64; 4] = dice.random();
        let shortest = self.delay.saturating_sub(self.jitter);
        Fate {
            lost: loss < self.loss,
            duplicated: duplicate < self.duplicate,
            overtaken: reorder < self.reorder,
            delay: shortest + (self.delay + self.jitter - shortest).mul_f64(jitter),
        }
    }
}

/// The frames that travel one way.
#[derive(Debug)]
pub(crate) struct Lane {
    dice: StdRng,
    travelling: BinaryHeap<Reverse<Frame>>,
    /// When the last of those that keep their order arrives.
    latest: Option<Instant>,
    entered: u64,
}

#[derive(Debug)]
struct Frame {
    arrives: Instant,
    number: u64,
    bytes: Vec<u8>,
}

impl Lane {
    /// Two lanes whose fates are independent of each other.
    pub(crate) fn pair(seed: u64) -> [Lane; 2] {
        let mut dice = StdRng::seed_from_u64(seed);
        [Lane::new(dice.random()), Lane::new(dice.random())]
    }

    fn new(seed: u64) -> Lane {
        Lane {
            dice: StdRng::seed_from_u64(seed),
            travelling: BinaryHeap::new(),
            latest: None,
            entered: 0,
        }
    }

    /// A frame enters.
    pub(crate) fn enter(&mut self, bytes: &[u8], impairment: &Impairment, now: Instant) {
        let fate = impairment.fate(&mut self.dice);
        if fate.lost {
            return;
        }
        let mut arrives = now + fate.delay;
        if fate.overtaken {
            arrives += HELD_BACK;
        } else {
            arrives = self.latest.map_or(arrives, |latest| arrives.max(latest));
            self.latest = Some(arrives);
        }
        for _ in 0..=u8::from(fate.duplicated) {
            self.entered += 1;
            self.travelling.push(Reverse(Frame {
                arrives,
                number: self.entered,
                bytes: bytes.to_vec(),
            }));
        }
    }

    /// When the next frame arrives.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.travelling.peek().map(|Reverse(frame)| frame.arrives)
    }

    /// The next frame that has arrived.
    pub(crate) fn leave(&mut self, now: Instant) -> Option<Vec<u8>> {
        match self.next() {
            Some(arrives) if arrives <= now => {
                self.travelling.pop().map(|Reverse(frame)| frame.bytes)
            }
            _ => None,
        }
    }
}

impl Frame {
    fn rank(&self) -> (Instant, u64) {
        (self.arrives, self.number)
    }
}

impl Ord for Frame {
    fn cmp(&self, other: &Frame) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Frame {
    fn partial_cmp(&self, other: &Frame) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Frame) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Frame {}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Impairment = Impairment {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
        duplicate: 0.0,
        reorder: 0.0,
    };

    /// Sends frames 0 to 999, one a millisecond, and tells which arrives when, in milliseconds.
    fn arrivals(lane: &mut Lane, impairment: &Impairment) -> Vec<(u16, u128)> {
        let begin = Instant::now();
        let mut arrived = Vec::new();
        for at in 0..2000 {
            let now = begin + Duration::from_millis(at);
            if let Some(number) = u16::try_from(at).ok().filter(|number| *number < 1000) {
                lane.enter(&number.to_be_bytes(), impairment, now);
            }
            while let Some(bytes) = lane.leave(now) {
                let number = u16::from_be_bytes([bytes[0], bytes[1]]);
                arrived.push((number, (now - begin).as_millis()));
            }
        }
        assert_eq!(lane.next(), None);
        arrived
    }

    fn numbers(seed: u64, impairment: &Impairment) -> Vec<u16> {
        let arrived = arrivals(&mut Lane::new(seed), impairment);
        arrived.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_good_wire_changes_nothing() {
        let arrived = arrivals(&mut Lane::new(1), &GOOD);
        assert!(
            arrived
                .iter()
                .all(|(number, at)| u128::from(*number) == *at)
        );
        assert_eq!(arrived.len(), 1000);
        assert_eq!(GOOD, Impairment::default());
    }

    #[test]
    fn the_seed_decides_the_fates() {
        let bad = Impairment {
            jitter: Duration::from_millis(4),
            loss: 0.3,
            duplicate: 0.1,
            reorder: 0.1,
            ..GOOD
        };
        let run = |seed| arrivals(&mut Lane::new(seed), &bad);
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let [mut one, mut other] = Lane::pair(7);
        assert_ne!(arrivals(&mut one, &bad), arrivals(&mut other, &bad));
    }

    #[test]
    fn a_share_is_lost_and_the_same_whatever_else_befalls() {
        let lossy = Impairment { loss: 0.2, ..GOOD };
        let kept = numbers(7, &lossy);
        assert!((700..900).contains(&kept.len()), "{}", kept.len());
        let mut worse = numbers(
            7,
            &Impairment {
                jitter: Duration::from_millis(9),
                duplicate: 0.5,
                reorder: 0.5,
                ..lossy
            },
        );
        worse.sort_unstable();
        worse.dedup();
        assert_eq!(kept, worse);
        assert!(numbers(7, &Impairment { loss: 1.0, ..GOOD }).is_empty());
    }

    #[test]
    fn duplicates_come_at_once() {
        let twice = Impairment {
            duplicate: 1.0,
            ..GOOD
        };
        let expected: Vec<u16> = (0..1000).flat_map(|number| [number, number]).collect();
        assert_eq!(numbers(7, &twice), expected);
    }

    #[test]
    fn the_delay_varies_by_the_jitter_and_keeps_the_order() {
        let slow = Impairment {
            delay: Duration::from_millis(50),
            jitter: Duration::from_millis(10),
            ..GOOD
        };
        let arrived = arrivals(&mut Lane::new(7), &slow);
        assert!(arrived.is_sorted());
        let delays = arrived.iter().map(|(number, at)| at - u128::from(*number));
        let delays: Vec<u128> = delays.collect();
        assert!(delays.iter().all(|delay| (40..=61).contains(delay)));
        assert!(delays.iter().max() > delays.iter().min());
    }

    #[test]
    fn the_overtaken_arrive_late() {
        let some = Impairment {
            reorder: 0.1,
            ..GOOD
        };
        let arrived = arrivals(&mut Lane::new(7), &some);
        assert!(!arrived.is_sorted());
        let late = arrived
            .iter()
            .filter(|(number, at)| u128::from(*number) != *at);
        assert!((50..200).contains(&late.count()));
        assert_eq!(arrived.len(), 1000);
    }
}
