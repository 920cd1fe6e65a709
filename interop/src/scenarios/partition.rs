//! A cluster whose nodes cannot all reach each other.

use super::{DEAF, ONE_MORE, after, nodes, seconds, standing};
use crate::scenario::Step::{Deafened, Healed, Parted, Passes, Whole};
use crate::scenario::{Kind, Scenario, Step, Who};

fn with_guest(nodes: Vec<Who>) -> Vec<Who> {
    [nodes, vec![Who::Guest]].concat()
}

fn heals(some: Vec<Who>, others: Vec<Who>, after_seconds: u64) -> Vec<Step> {
    vec![
        Parted(some, others),
        Passes(seconds(after_seconds)),
        Healed,
        Whole("whole again"),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "one real node is cut off for three net_ticktimes",
            4,
            after(
                standing(4),
                heals(vec![Who::Node(3)], with_guest(nodes(0..3)), 12),
            ),
        )
        .chancy()
        .excused(Kind::Resets, ONE_MORE)
        .mixed(),
        Scenario::new(
            "the cluster breaks into halves, the guest in one of them",
            4,
            after(standing(4), heals(with_guest(nodes(0..2)), nodes(2..4), 9)),
        )
        .chancy()
        .excused(Kind::Resets, ONE_MORE)
        .mixed(),
        Scenario::new(
            "the cluster breaks into halves, the guest hears both",
            4,
            after(standing(4), heals(nodes(0..2), nodes(2..4), 9)),
        )
        .chancy()
        .excused(Kind::Resets, ONE_MORE),
        Scenario::new(
            "the cluster breaks into halves for five seconds, which net_ticktime 16 bears",
            4,
            after(standing(4), heals(with_guest(nodes(0..2)), nodes(2..4), 5)),
        )
        .ticktime(16),
        Scenario::new(
            "halves that a node in the middle hears",
            5,
            after(standing(5), heals(nodes(0..2), nodes(3..5), 9)),
        )
        .chancy()
        .excused(Kind::Resets, ONE_MORE),
        Scenario::new(
            "halves, prevent_overlapping_partitions false",
            4,
            after(standing(4), heals(with_guest(nodes(0..2)), nodes(2..4), 9)),
        )
        .each(|peer| peer.erl("-kernel prevent_overlapping_partitions false"))
        .chancy()
        .excused(Kind::Resets, ONE_MORE),
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
            "one node hears the guest, and the guest does not hear it",
            3,
            after(
                standing(3),
                vec![
                    Deafened(Who::Node(0), Who::Guest),
                    Passes(DEAF),
                    Healed,
                    Whole("as before"),
                ],
            ),
        ),
        Scenario::new(
            "a real node hears another that does not hear it",
            3,
            after(
                standing(3),
                vec![
                    Deafened(Who::Node(0), Who::Node(1)),
                    Passes(DEAF),
                    Healed,
                    Whole("as before"),
                ],
            ),
        )
        .chancy()
        .excused(Kind::Resets, ONE_MORE),
    ]
}
