//! Ticks and liveness: one timer for all connections.

use std::collections::HashMap;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection::{DownReason, millis};
use super::{Core, Runtime};
use crate::NodeName;
use crate::dist::Liveness;

/// Starts the timer; it ends with the runtime.
pub(super) fn start(runtime: &Runtime) {
    let core: Weak<Core> = std::sync::Arc::downgrade(&runtime.0);
    let period = (runtime.settings().net_ticktime / 16)
        .clamp(Duration::from_millis(50), Duration::from_millis(250));
    tokio::spawn(async move {
        let mut timer = tokio::time::interval(period);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut silences = Silences::default();
        loop {
            timer.tick().await;
            let Some(core) = core.upgrade() else {
                return;
            };
            Runtime(core).tick(&mut silences);
        }
    });
}

/// How many quarters of `net_ticktime` each peer has been silent for.
type Silences = HashMap<NodeName, u32>;

impl Runtime {
    /// How long it is since the timer last went round.
    pub fn since_tick(&self) -> Duration {
        let last = Duration::from_millis(self.0.ticked.load(Ordering::Relaxed));
        self.uptime().saturating_sub(last)
    }

    fn tick(&self, silences: &mut Silences) {
        let now = self.uptime();
        let gap = u64::try_from(self.since_tick().as_micros()).unwrap_or(u64::MAX);
        let counters = self.counters();
        counters.longest_gap.fetch_max(gap, Ordering::Relaxed);
        self.0.ticked.store(millis(now), Ordering::Relaxed);
        let quarter = (self.settings().net_ticktime / 4).max(Duration::from_millis(1));
        let before = std::mem::take(silences);
        for connection in self.connections() {
            match connection.liveness(now) {
                Liveness::Quiet => {}
                Liveness::TickDue => connection.tick(now),
                Liveness::Dead => connection.close(DownReason::NetTickTimeout),
            }
            let silent = connection.silent(now).as_millis() / quarter.as_millis();
            let silent = u32::try_from(silent).unwrap_or(u32::MAX);
            if silent > 0 {
                let peer = &connection.info().name;
                let known = before.get(peer).copied().unwrap_or(0);
                let more = u64::from(silent.saturating_sub(known));
                counters.tick_misses.fetch_add(more, Ordering::Relaxed);
                silences.insert(peer.clone(), silent);
            }
        }
    }
}
