//! Those who do not belong to the cluster and would like to be heard.

use super::{CALM, after, seconds, standing};
use crate::scenario::Step::{Flooded, Passes, Starts, Stops, Whole};
use crate::scenario::{Kind, Names, Peer, Scenario, Who};

/// Longer than the heartbeats of an impostor and of its victims take to be heard.
const A_WHILE: u64 = 20;

pub(super) fn scenarios() -> Vec<Scenario> {
    let flood = || {
        vec![
            Flooded(Names::Unknown, seconds(8)),
            Flooded(Names::Known, seconds(4)),
            Whole("as before"),
        ]
    };
    vec![
        Scenario::new(
            "two nodes with another cookie gossip for a minute",
            3,
            after(
                standing(3),
                vec![
                    Starts(vec![Who::Node(3), Who::Node(4)]),
                    Passes(seconds(60)),
                    Whole("meanwhile"),
                ],
            ),
        )
        .peer(Peer::stranger(0).cookie("another"))
        .peer(Peer::stranger(1).cookie("another")),
        Scenario::new(
            "two nodes with another secret gossip on the same port",
            3,
            after(
                standing(3),
                vec![
                    Starts(vec![Who::Node(3), Who::Node(4)]),
                    Passes(seconds(10)),
                    Whole("meanwhile"),
                ],
            ),
        )
        .peer(Peer::stranger(0).secret("another"))
        .peer(Peer::stranger(1).secret("another")),
        Scenario::new(
            "an impostor with the guest's name and another cookie",
            3,
            after(
                standing(3),
                vec![
                    Starts(vec![Who::Node(3)]),
                    Passes(seconds(A_WHILE)),
                    Stops(Who::Node(3)),
                    Passes(CALM),
                    Whole("it is back"),
                ],
            ),
        )
        .peer(Peer::impostor().cookie("another"))
        .excused(
            Kind::Flaps,
            "a BEAM gives up its connection to a name when somebody who calls himself so answers `alive` by `true`, \
             before it has seen his digest (`dist_util:handshake_other_started/1`, `do_mark_pending/5`)",
        ),
        Scenario::new(
            "10,000 forged heartbeats a second, encrypted with the secret",
            3,
            after(standing(3), flood()),
        ),
        Scenario {
            secret: None,
            ..Scenario::new(
                "10,000 forged heartbeats a second, plain",
                3,
                after(standing(3), flood()),
            )
        },
    ]
}
