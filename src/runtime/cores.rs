//! Whether there is time to look for an answer instead of sleeping until it comes.

use std::fs;
use std::num::NonZero;
use std::thread::available_parallelism;

/// Not where this process may use less than a core, by a quota, nor on a machine of one core: those who are waited for need
/// it. Who has one core of several to itself has it to spare.
pub(super) fn are_to_spare() -> bool {
    let usable = available_parallelism().map_or(1, NonZero::get);
    if usable > 1 {
        return true;
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let online = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    is_pinned(&status) && has_several(&online)
}

/// Whether a process with this `/proc/self/status` may run on one core only; one that may run on more has a quota.
fn is_pinned(status: &str) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed:"));
    mask.is_some_and(|mask| {
        let digits = mask.chars().filter_map(|letter| letter.to_digit(16));
        digits.map(u32::count_ones).sum::<u32>() == 1
    })
}

/// Whether a list such as `0-3` names more than one core.
fn has_several(online: &str) -> bool {
    online.contains(['-', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_told_from_a_core_of_its_own() {
        assert!(is_pinned(
            "Name:\tbeamlink\nCpus_allowed:\t00000000,00000002\n"
        ));
        assert!(!is_pinned("Name:\tbeamlink\nCpus_allowed:\tff\n"));
        assert!(!is_pinned(""));
        assert!(has_several("0-1\n") && has_several("0,2\n") && !has_several("0\n"));
    }
}
