//! Ticks, and when a peer is taken for dead (PROTOCOL.md, C.1; `dist_util.erl`, `con_loop`).

use std::time::Duration;

/// Longer than this we are never silent: peers may have a shorter `net_ticktime` than ours.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);
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
    /// Ticks four times in `net_ticktime`, and at least every 5 s; a peer is dead after 1.25 times `net_ticktime`.
    pub fn new(net_ticktime: Duration) -> LivenessClock {
        LivenessClock {
            // Early rather than late: OTP 29 can log each tick that it misses.
            tick: (net_ticktime / INTENSITY).min(LONGEST_SILENCE) * 4 / 5,
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
    /// assert_eq!(clock.judge(at(3), at(0), at(0)), Liveness::Quiet);
    /// assert_eq!(clock.judge(at(5), at(0), at(0)), Liveness::TickDue);
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
