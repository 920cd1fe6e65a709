//! The scenarios that a guest must pass without harm to anybody, by theme.

mod epmd;
mod guest;
mod join;
mod partition;
mod restart;
mod settings;
mod strangers;

use std::time::Duration;

use crate::scenario::Step::{CountsAnew, Passes, Starts, Whole};
use crate::scenario::{Scenario, Step, Who};

/// Longer than a node with `net_ticktime` 4 waits for a sign of life.
const DEAF: Duration = Duration::from_secs(7);
/// Longer than the time in which four comings and goings reset a store.
const CALM: Duration = Duration::from_millis(5_500);

/// Why nothing helps where a node loses three others and the guest, or finds them again, within five seconds.
const ONE_MORE: &str = "a visible guest is a node more that is lost and found, and ExESDB's monitor counts all \
                        (EXESDB.md, 2)";

fn nodes(numbers: std::ops::Range<usize>) -> Vec<Who> {
    numbers.map(Who::Node).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many real nodes and the guest stand, and stores hold what is written from now on.
fn standing(count: usize) -> Vec<Step> {
    let mut steps = vec![Starts(nodes(0..count)), Whole("start")];
    if count > 3 {
        // Three others and the guest would be four that a node meets.
        steps.extend([Passes(CALM), CountsAnew]);
    }
    steps.extend([Starts(vec![Who::Guest]), Whole("guest joins"), Passes(CALM)]);
    steps
}

fn after(standing: Vec<Step>, then: Vec<Step>) -> Vec<Step> {
    [standing, then].concat()
}

/// All of them.
pub fn scenarios() -> Vec<Scenario> {
    [
        join::scenarios(),
        restart::scenarios(),
        guest::scenarios(),
        partition::scenarios(),
        strangers::scenarios(),
        epmd::scenarios(),
        settings::scenarios(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::scenarios;

    #[test]
    fn each_has_a_name_of_its_own() {
        let all = scenarios();
        let names: BTreeSet<&str> = all.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all.len());
    }
}
