//! Which core a process runs on: it inherits that from the thread that starts it.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Where whoever is measured against the other side answers, or receives.
pub(crate) const FAR: usize = 0;
/// Where whoever is measured calls, sends, or works alone.
pub(crate) const NEAR: usize = 1;

/// Runs `start` on one core, so that what it starts has this core and no other. A BEAM and tokio then have one scheduler.
pub(crate) fn on<T>(core: usize, start: impl FnOnce() -> T) -> T {
    let this = Pid::from_raw(0);
    let Ok(before) = sched_getaffinity(this) else {
        return start();
    };
    let mut one = CpuSet::new();
    // On a machine with one core all share it, and the figures say so by their height.
    let _ = one.set(core).and_then(|()| sched_setaffinity(this, &one));
    let started = start();
    let _ = sched_setaffinity(this, &before);
    started
}
