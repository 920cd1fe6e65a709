//! The scenarios that a guest must pass without harm to anybody.

use std::time::Duration;

use crate::impairment::Impairment;
use crate::scenario::Step::{
    Deafened, Freezes, Healed, Impaired, Killed, Parted, Passes, Plugged, Starts, Stops, Thaws,
    Unplugged, Whole,
};
use crate::scenario::{Scenario, Step, Who};

/// Longer than a node with `net_ticktime` 4 waits for a sign of life.
const DEAF: Duration = Duration::from_secs(9);
/// Longer than the time in which four comings and goings reset a store.
const CALM: Duration = Duration::from_millis(5_500);

/// Why nothing helps where a node loses three others and the guest, or finds them again, within five seconds.
const ONE_MORE: &str = "a visible guest is a node more that is lost and found";

fn nodes(numbers: std::ops::Range<usize>) -> Vec<Who> {
    numbers.map(Who::Node).collect()
}

/// So many real nodes and the guest stand, and stores hold what is written from now on.
fn standing(count: usize) -> Vec<Step> {
    vec![
        Starts(nodes(0..count)),
        Whole("start"),
        Passes(CALM),
        Starts(vec![Who::Guest]),
        Whole("guest joins"),
        Passes(CALM),
    ]
}

fn after(standing: Vec<Step>, then: Vec<Step>) -> Vec<Step> {
    [standing, then].concat()
}

/// All of them.
pub fn scenarios() -> Vec<Scenario> {
    let seconds = Duration::from_secs;
    vec![
        Scenario::new(
            "the guest is there before anybody else",
            3,
            vec![
                Starts(vec![Who::Guest]),
                Passes(seconds(1)),
                Starts(nodes(0..3)),
                Whole("start"),
            ],
        ),
        Scenario::new(
            "the guest comes when one node is still to come",
            3,
            vec![
                Starts(nodes(0..2)),
                Whole("two"),
                Starts(vec![Who::Guest]),
                Whole("guest joins"),
                Starts(vec![Who::Node(2)]),
                Whole("the last joins"),
            ],
        ),
        Scenario::new(
            // With one node more, four would meet within five seconds, which is what a store is reset for.
            "all start at once",
            3,
            vec![
                Starts([nodes(0..3), vec![Who::Guest]].concat()),
                Whole("start"),
            ],
        ),
        Scenario::new(
            "a real node is killed and started again",
            3,
            after(
                standing(3),
                vec![
                    Killed(Who::Node(1)),
                    Whole("without it"),
                    Passes(CALM),
                    Starts(vec![Who::Node(1)]),
                    Whole("it is back"),
                ],
            ),
        ),
        Scenario::new(
            "all real nodes are restarted, one after the other",
            3,
            after(
                standing(3),
                (0..3)
                    .flat_map(|at| {
                        [
                            Stops(Who::Node(at)),
                            Passes(CALM),
                            Starts(vec![Who::Node(at)]),
                            Whole("it is back"),
                            // To a node that starts a visible guest is one nodeup more.
                            Passes(CALM),
                        ]
                    })
                    .collect(),
            ),
        ),
        Scenario::new(
            "the guest is frozen for longer than net_ticktime",
            3,
            after(
                standing(3),
                vec![
                    Freezes(Who::Guest),
                    Passes(DEAF),
                    Whole("without it"),
                    Thaws(Who::Guest),
                    Whole("it is back"),
                ],
            ),
        ),
        Scenario::new(
            "the guest is frozen for two seconds",
            3,
            after(
                standing(3),
                vec![
                    Freezes(Who::Guest),
                    Passes(seconds(2)),
                    Thaws(Who::Guest),
                    Whole("as before"),
                ],
            ),
        ),
        Scenario::new(
            "the guest alone is cut off",
            3,
            after(
                standing(3),
                vec![
                    Parted(vec![Who::Guest], nodes(0..3)),
                    Passes(DEAF),
                    Healed,
                    Whole("it is back"),
                ],
            ),
        ),
        Scenario::new(
            "the cable of the guest is pulled",
            3,
            after(
                standing(3),
                vec![
                    Unplugged(vec![Who::Guest]),
                    Passes(DEAF),
                    Plugged(vec![Who::Guest]),
                    Whole("it is back"),
                ],
            ),
        ),
        Scenario::new(
            "the guest hears one node, and that node does not hear it",
            3,
            after(
                standing(3),
                vec![
                    Deafened(Who::Guest, Who::Node(0)),
                    Passes(DEAF),
                    Healed,
                    Whole("as before"),
                ],
            ),
        ),
        Scenario::new(
            "one real node is cut off",
            4,
            after(
                standing(4),
                vec![
                    Parted(vec![Who::Node(3)], [nodes(0..3), vec![Who::Guest]].concat()),
                    Passes(DEAF),
                    Healed,
                    Whole("it is back"),
                ],
            ),
        )
        .resets_because(ONE_MORE),
        Scenario::new(
            "the cluster breaks into halves, the guest in one of them",
            4,
            after(
                standing(4),
                vec![
                    Parted([nodes(0..2), vec![Who::Guest]].concat(), nodes(2..4)),
                    Passes(DEAF),
                    Healed,
                    Whole("whole again"),
                ],
            ),
        )
        .resets_because(ONE_MORE),
        Scenario::new(
            "the cluster breaks into halves, the guest hears both",
            4,
            after(
                standing(4),
                vec![
                    Parted(nodes(0..2), nodes(2..4)),
                    Passes(DEAF),
                    Healed,
                    Whole("whole again"),
                ],
            ),
        ),
        Scenario::new(
            "the cable of the guest loses, delays and reorders packets",
            3,
            after(
                standing(3),
                vec![
                    Impaired(
                        Who::Guest,
                        Impairment {
                            delay: Duration::from_millis(25),
                            jitter: Duration::from_millis(10),
                            loss: 0.02,
                            duplicate: 0.01,
                            reorder: 0.02,
                        },
                    ),
                    Passes(seconds(10)),
                    Impaired(Who::Guest, Impairment::default()),
                    Whole("as before"),
                ],
            ),
        ),
        Scenario::new(
            "the guest leaves in good order",
            3,
            after(
                standing(3),
                vec![Stops(Who::Guest), Whole("without it"), Passes(seconds(1))],
            ),
        ),
        Scenario::new(
            "the guest is killed",
            3,
            after(
                standing(3),
                vec![Killed(Who::Guest), Whole("without it"), Passes(seconds(1))],
            ),
        ),
    ]
}
