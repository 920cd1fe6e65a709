//! What befalls the guest alone: nobody else may notice more than that.

use std::time::Duration;

use super::{CALM, DEAF, after, nodes, seconds, standing};
use crate::impairment::Impairment;
use crate::scenario::Step::{
    Feeds, FilesReturn, FilesRunOut, Forgets, Freezes, Healed, Impaired, Killed, Parted, Passes,
    Plugged, Readdressed, Remembered, Starts, Starves, Thaws, Unplugged, Whole,
};
use crate::scenario::{Scenario, Who};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
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
            "the guest is frozen for five seconds, net_ticktime 60",
            3,
            after(
                standing(3),
                vec![
                    Freezes(Who::Guest),
                    Passes(seconds(5)),
                    Thaws(Who::Guest),
                    Whole("as before"),
                ],
            ),
        )
        .ticktime(60),
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
        )
        .mixed(),
        Scenario::new(
            "the guest has a tenth of a processor for 15 s",
            3,
            after(
                standing(3),
                vec![
                    Starves(Who::Guest),
                    Passes(seconds(15)),
                    Whole("meanwhile"),
                    Feeds(Who::Guest),
                    Whole("as before"),
                ],
            ),
        ),
        Scenario::new(
            "the guest runs out of files while a node comes",
            3,
            vec![
                Starts(nodes(0..2)),
                Starts(vec![Who::Guest]),
                Whole("guest joins"),
                Passes(CALM),
                FilesRunOut,
                Starts(vec![Who::Node(2)]),
                Passes(seconds(3)),
                FilesReturn,
                Whole("all are there"),
            ],
        ),
        Scenario::new(
            "the guest alone is cut off for five seconds",
            3,
            after(
                standing(3),
                vec![
                    Parted(vec![Who::Guest], nodes(0..3)),
                    Passes(seconds(5)),
                    Healed,
                    Whole("it is back"),
                ],
            ),
        ),
        Scenario::new(
            "the guest alone is cut off for three net_ticktimes",
            3,
            after(
                standing(3),
                vec![
                    Parted(vec![Who::Guest], nodes(0..3)),
                    Passes(seconds(12)),
                    Healed,
                    Whole("it is back"),
                ],
            ),
        )
        .mixed(),
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
            "the guest comes back with another address",
            3,
            after(
                standing(3),
                vec![Readdressed(Who::Guest), Passes(DEAF), Whole("it is back")],
            ),
        ),
        Scenario::new(
            "a host that the guest knew resolves no more",
            3,
            after(
                standing(3),
                vec![
                    Forgets(Who::Guest, Who::Node(1)),
                    Killed(Who::Node(1)),
                    Whole("without it"),
                    Passes(CALM),
                    Starts(vec![Who::Node(1)]),
                    Whole("it is back"),
                    Remembered,
                ],
            ),
        ),
        Scenario::new(
            "no node can resolve the guest's host",
            2,
            vec![
                Starts(nodes(0..2)),
                Whole("start"),
                Forgets(Who::Node(0), Who::Guest),
                Forgets(Who::Node(1), Who::Guest),
                Starts(vec![Who::Guest]),
                Whole("guest joins"),
                Passes(CALM),
                Remembered,
            ],
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
    ]
}
