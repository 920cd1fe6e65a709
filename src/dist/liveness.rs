//! Ticks, and when a peer is taken for dead (PROTOCOL.md, C.1; `dist_util.erl`, `con_loop`).

use std::time::Duration;

/// Longer than this we are never silent: a peer does not tell its `net_ticktime`, and with one of 4 s it gives up
/// after 3 s of silence.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);
/// `net_tickintensity`: how often within `net_ticktime` a node makes itself heard.
const INTENSITY: u32 = 4;

/// What is to be done about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// Nothing.
    Quiet,
    /// We were silent long enough: a tick must go out.
    TickDue,
    /// The peer was silent for too long.
    Dead,
}

/// The times that follow from `net_ticktime`.
#[derive(Debug, Clone, Copy)]
pub struct LivenessClock {
    tick: Duration,
    dead: Duration,
}

impl LivenessClock {
    /// Ticks four times in `net_ticktime`, and at least every second; a peer is dead after 1.25 times `net_ticktime`.
    pub fn new(net_ticktime: Duration) -> LivenessClock {
        LivenessClock {
            tick: (net_ticktime / INTENSITY).min(LONGEST_SILENCE),
            dead: net_ticktime + net_ticktime / INTENSITY,
        }
    }

    /// Judges a connection at `now`, on which a frame was last completed at `heard` and something last written at
    /// `written`, all on one clock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use beamlink::dist::{Liveness, LivenessClock};
    /// let clock = LivenessClock::new(Duration::from_secs(60));
    /// let at = Duration::from_secs;
    /// assert_eq!(clock.judge(at(3), at(0), at(3)), Liveness::Quiet);
    /// assert_eq!(clock.judge(at(3), at(0), at(2)), Liveness::TickDue);
    /// assert_eq!(clock.judge(at(76), at(0), at(75)), Liveness::Dead);
    /// ```
    pub fn judge(&self, now: Duration, heard: Duration, written: Duration) -> Liveness {
        if now.saturating_sub(heard) > self.dead {
            Liveness::Dead
        } else if now.saturating_sub(written) >= self.tick {
            Liveness::TickDue
        } else {
            Liveness::Quiet
        }
    }
}
