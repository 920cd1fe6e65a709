//! Clusters that are set up in other ways.

use super::{CALM, DEAF, after, nodes, seconds, standing};
use crate::scenario::Step::{
    Changes, Does, Freezes, Healed, Killed, Parted, Passes, Starts, Stops, Thaws, Whole,
};
use crate::scenario::{Change, Peer, Scenario, Step, Who};

/// The guest is gone and comes back: the shortest story in which it joins twice.
fn comes_back() -> Vec<Step> {
    vec![
        Killed(Who::Guest),
        Whole("without it"),
        Passes(seconds(10)),
        Starts(vec![Who::Guest]),
        Whole("it is back"),
    ]
}

/// A node is another for a while, at least to those who ask for the cookie or the secret.
fn changes(change: Change) -> Vec<Step> {
    let last = Who::Node(2);
    vec![
        Stops(last),
        Changes(last, change),
        Passes(CALM),
        Starts(vec![last]),
        Passes(seconds(5)),
        Stops(last),
        Changes(last, Change::AsBefore),
        Passes(CALM),
        Starts(vec![last]),
        Whole("it is back"),
    ]
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "two of the nodes are hidden",
            2,
            after(standing(4), comes_back()),
        )
        .peer(Peer::numbered(2).hidden())
        .peer(Peer::numbered(3).hidden()),
        Scenario {
            // `global:sync/0` waits for ever in such a cluster, with a guest and without.
            spared: Some("global_sync"),
            ..Scenario::new("connect_all false", 3, after(standing(3), comes_back()))
                .each(|peer| peer.erl("-connect_all false"))
        },
        Scenario::new("net_ticktime 60", 3, after(standing(3), comes_back())).ticktime(60),
        Scenario::new(
            "net_ticktime 4, 8 and 60 in one cluster",
            3,
            after(
                standing(3),
                vec![
                    Freezes(Who::Guest),
                    Passes(seconds(2)),
                    Thaws(Who::Guest),
                    Passes(DEAF),
                    Whole("as before"),
                ],
            ),
        )
        .each(|peer| match &*peer.host {
            "node0" => peer.ticktime(4),
            "node1" => peer.ticktime(8),
            _ => peer.ticktime(60),
        }),
        Scenario {
            domain: Some("cluster.test"),
            ..Scenario::new("long names", 3, after(standing(3), comes_back()))
        },
        Scenario {
            ipv6: true,
            ..Scenario::new(
                "distribution over IPv6",
                3,
                after(standing(3), comes_back()),
            )
            .each(|peer| peer.erl("-proto_dist inet6_tcp"))
        },
        Scenario::new(
            "the cookie of a node is changed while the guest is cut off from it, and changed back",
            3,
            after(
                standing(3),
                vec![
                    Does(Who::Node(1), "Node.set_cookie(:another)"),
                    Parted(vec![Who::Guest], nodes(1..2)),
                    Passes(DEAF),
                    Healed,
                    Passes(seconds(20)),
                    Does(Who::Node(1), "Node.set_cookie(:reg_greenhouse_clique)"),
                    Whole("it is back"),
                ],
            ),
        ),
        Scenario::new(
            "a node comes back with another secret, and again with the right one",
            3,
            after(standing(3), changes(Change::Secret("another"))),
        ),
        Scenario::new(
            "a node comes back with another cookie, and again with the right one",
            3,
            after(standing(3), changes(Change::Cookie("another"))),
        ),
        Scenario::new(
            "eleven nodes, and the guest comes, goes and comes back",
            11,
            after(standing(11), comes_back()),
        )
        .mixed(),
    ]
}
