//! What the membership does, case by case.

mod bench;
mod flood;
mod properties;
mod refusals;
mod scale;
mod simulation;

use std::time::Duration;

use super::*;
use bench::{Bench, node, refusal, seconds};

fn dials(bench: &Bench) -> Vec<f64> {
    let dials = bench.actions.iter();
    dials
        .filter(|(_, action)| matches!(action, Action::Dial(_)))
        .map(|(at, _)| at.as_secs_f64())
        .collect()
}

fn looks(bench: &Bench) -> Vec<f64> {
    let looks = bench.actions.iter();
    looks
        .filter(|(_, action)| matches!(action, Action::Look(_)))
        .map(|(at, _)| at.as_secs_f64())
        .collect()
}

fn fail(kind: RefusalKind) -> impl FnMut(&mut Bench, &Action) {
    move |bench, action| {
        let (Action::Dial(node) | Action::Look(node)) = action;
        let now = bench.now;
        bench.membership.dial_failed(now, node, refusal(kind));
    }
}

/// EPMD knows the node and a dial succeeds.
fn there(bench: &mut Bench, action: &Action) {
    let now = bench.now;
    match action {
        Action::Dial(node) => bench
            .membership
            .connected(now, node, false, Direction::Outbound),
        Action::Look(node) => bench.membership.found(now, node),
    }
}

fn absent(bench: &mut Bench, action: &Action) {
    fail(RefusalKind::NameUnknown)(bench, action);
}

#[test]
fn a_heard_node_is_left_alone_for_its_grace_and_then_dialled() {
    let mut bench = Bench::new();
    for at in [0.0, 1.4, 2.9] {
        bench.run(seconds(at), there);
        bench.hear(&node("a"), "10.0.0.1");
    }
    bench.run(seconds(4.9), there);
    assert_eq!(dials(&bench), [0.0; 0]);
    bench.hear(&node("a"), "10.0.0.1");
    bench.run(seconds(9.0), there);
    let dials = dials(&bench);
    assert!(
        matches!(dials[..], [at] if (4.9..=5.9).contains(&at)),
        "{dials:?}"
    );
    assert_eq!(bench.members(), ["a@h"]);
}

#[test]
fn a_node_heard_once_is_never_dialled_and_soon_forgotten() {
    let mut bench = Bench::new();
    bench.hear(&node("a"), "10.0.0.1");
    bench.run(seconds(19.0), there);
    assert_eq!(bench.snapshot().len(), 1);
    bench.run(seconds(21.0), there);
    assert_eq!(bench.snapshot(), []);
    assert_eq!(bench.actions, []);
}

#[test]
fn a_node_that_dials_us_is_not_dialled() {
    let mut bench = Bench::new();
    bench.hear(&node("a"), "10.0.0.1");
    bench.accept(&node("a"));
    for at in 1..60 {
        bench.run(Duration::from_secs(at), there);
        bench.hear(&node("a"), "10.0.0.1");
    }
    assert_eq!(bench.actions, []);
    assert_eq!(bench.events.len(), 1);
}

#[test]
fn by_hand_is_dialled_at_once_then_looked_for_and_met_after_its_grace() {
    let mut bench = Bench::new();
    bench.name(&node("a"));
    bench.run(seconds(600.0), absent);
    assert_eq!(dials(&bench), [0.0]);
    let looks = looks(&bench);
    assert!((10..=40).contains(&looks.len()), "{looks:?}");
    let waits = looks.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        waits.clone().all(|wait| (1.0..=60.0).contains(&wait)),
        "{looks:?}"
    );

    let mut found_at = None;
    bench.run(seconds(700.0), |bench, action| {
        found_at.get_or_insert(bench.now.as_secs_f64());
        there(bench, action);
    });
    let met = dials(&bench)[1];
    let grace = met - found_at.unwrap();
    assert!((3.0..=4.0).contains(&grace), "{grace}");
    assert_eq!(bench.members(), ["a@h"]);
}

#[test]
fn what_a_peer_knows_is_dialled_after_the_grace_and_what_a_stranger_knows_is_not() {
    let mut bench = Bench::new();
    bench.accept(&node("peer"));
    for at in 0..20 {
        bench.run(seconds(f64::from(at) * 2.0), there);
        let now = bench.now;
        for (name, by) in [("a", "peer"), ("b", "stranger"), ("own", "peer")] {
            bench.membership.known(now, &node(name), &node(by));
        }
    }
    let dials = dials(&bench);
    assert!(
        matches!(dials[..], [at] if (4.0..=5.0).contains(&at)),
        "{dials:?}"
    );
    assert_eq!(bench.members(), ["a@h", "peer@h"]);
}

#[test]
fn a_lost_node_is_not_dialled_within_the_guard_and_then_sought_for_an_hour() {
    let mut bench = Bench::new();
    bench.accept(&node("a"));
    bench.run(seconds(100.0), there);
    bench.lose(&node("a"), DownReason::ConnectionClosed);
    // It is heard all the time, so nothing but the guard holds the dial back.
    for at in 101..120 {
        bench.run(Duration::from_secs(at), there);
        bench.hear(&node("a"), "10.0.0.1");
    }
    bench.run(seconds(120.0), there);
    let dials = dials(&bench);
    assert!(
        matches!(dials[..], [at] if (110.0..=113.0).contains(&at)),
        "{dials:?}"
    );

    bench.lose(&node("a"), DownReason::ConnectionClosed);
    bench.run(seconds(3000.0), absent);
    assert_eq!(bench.snapshot().len(), 1);
    let asked = looks(&bench).len();
    assert!(asked > 45, "{asked}");
    bench.run(seconds(3900.0), absent);
    assert_eq!(bench.snapshot(), []);
}

#[test]
fn connections_that_die_young_come_back_later_and_later_and_hush_the_heartbeat() {
    let mut bench = Bench::new();
    bench.name(&node("a"));
    bench.run(seconds(3600.0), |bench, action| {
        there(bench, action);
        if let Action::Dial(node) = action {
            bench.lose(node, DownReason::ProtocolError);
            let hushed = bench.membership.quiet_until() - bench.now;
            assert_eq!(hushed, seconds(10.0));
        }
    });
    let dials = dials(&bench);
    let gaps: Vec<f64> = dials.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= 13.0), "{gaps:?}");
    assert!((50..=160).contains(&dials.len()), "{}", dials.len());
}

#[test]
fn a_long_lived_connection_does_not_hush_the_heartbeat() {
    let mut bench = Bench::new();
    bench.accept(&node("a"));
    bench.run(seconds(11.0), there);
    bench.lose(&node("a"), DownReason::NetTickTimeout);
    assert_eq!(bench.membership.quiet_until(), Duration::ZERO);
}

#[test]
fn a_name_that_sorts_first_is_told_once_for_a_visible_node() {
    let mut bench = Bench::new();
    for (peer, hidden) in [
        ("abc", false),
        ("zed", true),
        ("zoe", false),
        ("zoe", false),
    ] {
        let now = bench.now;
        bench
            .membership
            .connected(now, &node(peer), hidden, Direction::Inbound);
        bench.lose(&node(peer), DownReason::ConnectionClosed);
    }
    let sorted = bench.events.iter().filter_map(|(_, event)| match event {
        Event::SortsBefore { node } => Some(node.as_str()),
        _ => None,
    });
    assert_eq!(sorted.collect::<Vec<_>>(), ["zoe@h"]);
}

#[test]
fn hidden_nodes_are_no_members_and_not_sought() {
    let mut bench = Bench::new();
    bench
        .membership
        .connected(bench.now, &node("a"), true, Direction::Inbound);
    assert_eq!(bench.members(), [""; 0]);
    bench.lose(&node("a"), DownReason::ConnectionClosed);
    assert_eq!(bench.membership.quiet_until(), Duration::ZERO);
    bench.run(seconds(60.0), there);
    assert_eq!(bench.actions, []);
    assert_eq!(bench.snapshot(), []);
}

#[test]
fn a_disconnect_by_us_ends_the_search() {
    let mut bench = Bench::new();
    bench.name(&node("a"));
    bench.run(seconds(1.0), there);
    bench.lose(&node("a"), DownReason::Disconnect);
    bench.run(seconds(100.0), there);
    assert_eq!(dials(&bench).len(), 1);
    assert_eq!(bench.snapshot(), []);
}

#[test]
fn a_quiet_start_holds_dials_and_heartbeats() {
    let config = MembershipConfig {
        quiet_start: seconds(8.0),
        ..MembershipConfig::default()
    };
    let mut bench = Bench::with(config);
    assert_eq!(bench.membership.quiet_until(), seconds(8.0));
    bench.name(&node("a"));
    bench.run(seconds(20.0), there);
    assert_eq!(dials(&bench), [8.0]);
}

#[test]
fn a_second_connection_of_the_same_node_is_one() {
    let mut bench = Bench::new();
    bench.name(&node("a"));
    bench.run(seconds(0.0), |_, _| {});
    bench.accept(&node("a"));
    fail(RefusalKind::AlreadyConnected)(&mut bench, &Action::Dial(node("a")));
    bench.run(seconds(100.0), there);
    assert_eq!(bench.events.len(), 1);
    assert_eq!(bench.actions.len(), 1);
    bench.lose(&node("a"), DownReason::Replaced);
    bench.accept(&node("a"));
    bench.run(seconds(200.0), there);
    assert_eq!(bench.events.len(), 3);
    assert_eq!(bench.actions.len(), 1);
}

#[test]
fn a_late_failure_does_not_shorten_the_guard() {
    let mut bench = Bench::new();
    bench.name(&node("a"));
    bench.run(seconds(0.0), |_, _| {});
    bench.accept(&node("a"));
    bench.lose(&node("a"), DownReason::ConnectionClosed);
    absent(&mut bench, &Action::Dial(node("a")));
    bench.run(seconds(10.0), absent);
    assert_eq!(bench.actions.len(), 1);
}

#[test]
fn nodes_that_failed_before_leave_slots_for_others() {
    let mut bench = Bench::new();
    for n in 0..20 {
        bench.name(&node(&format!("a{n}")));
    }
    bench.run(seconds(0.0), fail(RefusalKind::Silent));
    let before = bench.actions.len();
    bench.run(seconds(60.0), |_, _| {});
    assert_eq!((before, bench.actions.len()), (20, 24));
    bench.name(&node("b"));
    bench.run(seconds(60.0), there);
    assert_eq!(bench.members(), ["b@h"]);
}

#[test]
fn being_found_now_and_then_is_no_grace() {
    let mut bench = Bench::new();
    bench.name(&node("a"));
    bench.run(seconds(0.0), absent);
    let mut at = 0.0;
    for _ in 0..10 {
        bench.run(seconds(at), |_, _| {});
        bench.membership.found(bench.now, &node("a"));
        at += 8.0;
    }
    assert_eq!(dials(&bench), [0.0]);
    bench.run(seconds(at), there);
    assert_eq!(bench.members(), ["a@h"]);
}

#[test]
fn who_is_heard_is_dialled_on_a_heartbeat_and_not_on_being_found() {
    let mut bench = Bench::new();
    bench.name(&node("a"));
    bench.run(seconds(0.0), absent);
    bench.run(seconds(3.0), |_, _| {});
    bench.hear(&node("a"), "10.0.0.1");
    bench.run(seconds(7.0), |_, _| {});
    bench.membership.found(bench.now, &node("a"));
    bench.run(seconds(10.0), there);
    assert_eq!((dials(&bench), looks(&bench).len()), (vec![0.0], 1));
    bench.hear(&node("a"), "10.0.0.1");
    bench.run(seconds(12.0), there);
    assert_eq!(dials(&bench).len(), 2);
}

#[test]
fn a_turn_that_comes_late_waits_for_a_sign_of_life() {
    let config = MembershipConfig {
        dials: 1,
        ..MembershipConfig::default()
    };
    let mut bench = Bench::with(config);
    bench.name(&node("slow"));
    bench.run(seconds(0.0), |_, _| {});
    for at in [1.0, 5.0] {
        bench.run(seconds(at), there);
        bench.hear(&node("a"), "10.0.0.1");
    }
    bench.run(seconds(8.0), there);
    fail(RefusalKind::Cookie)(&mut bench, &Action::Dial(node("slow")));
    bench.run(seconds(9.0), there);
    assert_eq!(dials(&bench), [0.0]);
    bench.hear(&node("a"), "10.0.0.1");
    bench.run(seconds(9.0), there);
    assert_eq!(dials(&bench), [0.0, 9.0]);
}

#[test]
fn a_snapshot_tells_how_we_stand() {
    let mut bench = Bench::new();
    bench.name(&node("lost"));
    bench.name(&node("met"));
    bench.name(&node("slow"));
    bench.run(seconds(0.5), |bench, action| match action {
        Action::Dial(peer) if *peer == node("lost") => absent(bench, action),
        Action::Dial(peer) if *peer == node("met") => there(bench, action),
        _ => {}
    });
    bench.hear(&node("new"), "10.0.0.1");
    let views = bench.snapshot();
    let states: Vec<_> = views
        .iter()
        .map(|view| (view.node.as_str(), view.state))
        .collect();
    let NodeState::BackingOff { until } = states[0].1 else {
        panic!("{states:?}");
    };
    assert!(until >= seconds(1.0));
    assert_eq!(
        states[1..],
        [
            (
                "met@h",
                NodeState::Up {
                    since: Duration::ZERO,
                    hidden: false,
                    direction: Direction::Outbound
                }
            ),
            ("new@h", NodeState::Candidate),
            (
                "slow@h",
                NodeState::Dialling {
                    since: Duration::ZERO
                }
            ),
        ]
    );
    assert_eq!(
        views[0].refusal,
        Some((Duration::ZERO, refusal(RefusalKind::NameUnknown)))
    );
    assert_eq!(views[2].heard.unwrap().0, seconds(0.5));
}
