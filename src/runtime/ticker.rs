//! Ticks and liveness: one timer for all connections.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection::{DownReason, millis};
use super::{Core, Runtime};
use crate::dist::Liveness;

/// Starts the timer; it ends with the runtime.
pub(super) fn start(runtime: &Runtime) {
    let core: Weak<Core> = std::sync::Arc::downgrade(&runtime.0);
    let period = (runtime.settings().net_ticktime / 16)
        .clamp(Duration::from_millis(50), Duration::from_millis(250));
    tokio::spawn(async move {
        let mut timer = tokio::time::interval(period);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let Some(core) = core.upgrade() else {
                return;
            };
            Runtime(core).tick();
        }
    });
}

impl Runtime {
    /// How long it is since the timer last went round.
    pub fn since_tick(&self) -> Duration {
        let last = Duration::from_millis(self.0.ticked.load(Ordering::Relaxed));
        self.uptime().saturating_sub(last)
    }

    fn tick(&self) {
        let now = self.uptime();
        self.0.ticked.store(millis(now), Ordering::Relaxed);
        for connection in self.connections() {
            match connection.liveness(now) {
                Liveness::Quiet => {}
                Liveness::TickDue => connection.tick(now),
                Liveness::Dead => connection.close(DownReason::NetTickTimeout),
            }
        }
    }
}
