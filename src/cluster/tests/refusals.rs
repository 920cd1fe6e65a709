//! Refusals: how quietly it tries again, and what it tells.

use std::time::Duration;

use super::bench::{Bench, node, refusal, seconds};
use super::{absent, dials, fail, looks, there};
use crate::cluster::*;

#[test]
fn a_wrong_cookie_costs_the_peer_few_lines() {
    let mut bench = Bench::new();
    for at in 0..3600 {
        bench.run(Duration::from_secs(at), fail(RefusalKind::Cookie));
        bench.hear(&node("a"), "10.0.0.1");
        if at == 60 {
            let first_minute = dials(&bench).len();
            assert!((1..=2).contains(&first_minute), "{first_minute}");
        }
    }
    let hour = dials(&bench).len();
    assert!((8..=25).contains(&hour), "{hour}");
    // Told at first and then once in ten minutes at most.
    assert!((3..=6).contains(&bench.events.len()), "{:?}", bench.events);
}

#[test]
fn a_refusal_is_told_when_its_kind_changes() {
    use RefusalKind::*;
    let mut bench = Bench::new();
    bench.name(&node("a"));
    let kinds = [
        NameUnknown,
        NameUnknown,
        PortClosed,
        AlreadyConnected,
        PortClosed,
        Silent,
    ];
    let mut answers = kinds.into_iter();
    bench.run(seconds(300.0), |bench, action| {
        if let Some(kind) = answers.next() {
            fail(kind)(bench, action);
        }
    });
    let told: Vec<_> = bench.events.iter().map(|(_, event)| event).collect();
    let refused = |kind| Event::Refused {
        node: node("a"),
        refusal: refusal(kind),
    };
    assert_eq!(
        told,
        [
            &refused(NameUnknown),
            &refused(PortClosed),
            &refused(Silent)
        ]
    );
}

#[test]
fn a_refused_caller_is_told_once_and_not_dialled() {
    let mut bench = Bench::new();
    for at in 0..500 {
        bench.run(Duration::from_secs(at), there);
        let now = bench.now;
        let refusal = refusal(RefusalKind::Cookie);
        bench.membership.refused(now, &node("a"), refusal.clone());
        bench.membership.refused(now, &node("own"), refusal);
    }
    bench.run(seconds(500.0), there);
    assert_eq!(bench.actions, []);
    assert_eq!(bench.events.len(), 2);
    bench.run(seconds(1200.0), there);
    assert_eq!(bench.snapshot(), []);
}

#[test]
fn a_stranger_who_is_not_where_he_said_is_rarely_asked_for() {
    let mut bench = Bench::new();
    for at in 0..3600 {
        bench.run(Duration::from_secs(at), absent);
        bench.hear(&node("a"), "10.0.0.1");
    }
    let hour = dials(&bench).len();
    assert!((8..=25).contains(&hour), "{hour}");
}

#[test]
fn a_cookie_that_was_mended_ends_the_quiet() {
    let mut bench = Bench::new();
    bench.name(&node("a"));
    bench.run(seconds(0.0), fail(RefusalKind::Cookie));
    bench.run(seconds(20.0), there);
    bench.accept(&node("a"));
    bench.lose(&node("a"), DownReason::ConnectionClosed);
    bench.run(seconds(33.0), there);
    assert!(!looks(&bench).is_empty());
}

#[test]
fn the_words_of_a_refusal() {
    let refusal = Refusal {
        kind: RefusalKind::Cookie,
        address: "10.0.0.1:4370".parse().ok(),
        detail: "the peer's digest does not fit ours".into(),
    };
    assert_eq!(
        refusal.to_string(),
        "cookie mismatch: the peer's digest does not fit ours (10.0.0.1:4370)"
    );
    assert_eq!(DownReason::NetTickTimeout.to_string(), "net_tick_timeout");
}

#[test]
fn a_stable_connection_clears_what_was_before() {
    let mut bench = Bench::new();
    bench.name(&node("a"));
    bench.run(seconds(1000.0), absent);
    bench.accept(&node("a"));
    bench.run(seconds(1060.0), there);
    bench.lose(&node("a"), DownReason::ConnectionClosed);
    bench.run(seconds(1071.0), absent);
    let first_look = looks(&bench).last().copied();
    assert!(first_look >= Some(1070.0), "{first_look:?}");
    let told = |bench: &Bench| {
        let refused = |(_, event): &&(Duration, Event)| matches!(event, Event::Refused { .. });
        bench.events.iter().filter(refused).count()
    };
    // At 0 s, 600 s and something, and now, for it was up in between.
    assert_eq!(told(&bench), 3);
}
