//! The port mapper goes, comes, and lies.

use super::{CALM, after, nodes, seconds, standing};
use crate::scenario::Step::{
    EpmdKilled, EpmdStarts, Flooded, Killed, Passes, StaleNames, Starts, Whole,
};
use crate::scenario::{Names, Scenario, Who};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "the EPMD of a real node is killed",
            3,
            after(
                standing(3),
                vec![
                    EpmdKilled(Who::Node(1)),
                    Passes(seconds(5)),
                    Whole("as before"),
                ],
            ),
        ),
        Scenario::new(
            "the EPMD of a real node is replaced, then the guest starts anew",
            3,
            after(
                standing(3),
                vec![
                    EpmdKilled(Who::Node(1)),
                    EpmdStarts(Who::Node(1)),
                    Killed(Who::Guest),
                    Whole("without it"),
                    Passes(seconds(10)),
                    Starts(vec![Who::Guest]),
                    Whole("it is back"),
                ],
            ),
        ),
        Scenario::new(
            "the EPMD that the guest is registered with is replaced",
            3,
            vec![
                EpmdStarts(Who::Guest),
                Starts(nodes(0..2)),
                Whole("start"),
                Starts(vec![Who::Guest]),
                Whole("guest joins"),
                Passes(CALM),
                EpmdKilled(Who::Guest),
                Passes(seconds(1)),
                EpmdStarts(Who::Guest),
                Starts(vec![Who::Node(2)]),
                Whole("the last joins"),
            ],
        ),
        Scenario::new(
            "the EPMD of a real node is full of stale names that gossip",
            3,
            after(
                standing(3),
                vec![
                    StaleNames(Who::Node(0)),
                    Flooded(Names::Stale, seconds(8)),
                    Whole("as before"),
                ],
            ),
        ),
    ]
}
