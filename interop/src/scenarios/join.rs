//! How the cluster and its guest find together.

use super::{CALM, nodes, seconds};
use crate::scenario::Step::{CountsAnew, Passes, Starts, Whole};
use crate::scenario::{Kind, Peer, Scenario, Who};

pub(super) fn scenarios() -> Vec<Scenario> {
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
        )
        .mixed(),
        Scenario::new(
            "the guest comes last",
            3,
            vec![
                Starts(nodes(0..3)),
                Whole("start"),
                Starts(vec![Who::Guest]),
                Whole("guest joins"),
            ],
        )
        .mixed(),
        Scenario::new(
            "three nodes and the guest start at once",
            3,
            vec![
                Starts([nodes(0..3), vec![Who::Guest]].concat()),
                Whole("start"),
            ],
        ),
        Scenario::new(
            "four nodes and the guest start at once",
            4,
            vec![
                Starts([nodes(0..4), vec![Who::Guest]].concat()),
                Whole("start"),
            ],
        )
        .excused(
            Kind::Resets,
            "the guest is the fourth nodeup within 5 s, which is what a store is reset for; it holds nothing yet, and \
             only a guest that stays out for 5 s could avoid it",
        ),
        Scenario::new(
            "two guests start together",
            3,
            vec![
                Starts(nodes(0..3)),
                Whole("start"),
                Passes(CALM),
                Starts(vec![Who::Guest, Who::SecondGuest]),
                Whole("both join"),
            ],
        ),
        seed_topology(),
    ]
}

/// Five nodes and a gateway, one after the other, the guest last: a full mesh of seven.
fn seed_topology() -> Scenario {
    let mut steps = Vec::new();
    for at in 0..6 {
        steps.extend([Starts(vec![Who::Node(at)]), Whole("one more")]);
    }
    steps.extend([
        Passes(CALM),
        CountsAnew,
        Starts(vec![Who::Guest]),
        Whole("guest joins"),
    ]);
    Scenario::new(
        "five ExESDB nodes, a gateway and the guest, one after the other",
        5,
        steps,
    )
    .peer(Peer::new("ex_esdb_gater", "gater00"))
    .mixed()
}
