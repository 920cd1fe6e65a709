//! Floods: 10,000 forged heartbeats a second must not make us dial about, forget, or grow.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::bench::{Bench, node, refusal, seconds};
use super::{dials, fail, there};
use crate::cluster::*;

const A_SECOND: u64 = 10_000;

/// What the forger puts into his n-th heartbeat.
type Forgery = fn(u64) -> (String, IpAddr);

/// Floods for so many seconds; real nodes are called `real…` and exist, all others do not.
fn flood(bench: &mut Bench, for_seconds: u64, forgery: Forgery, real: &[&str]) -> usize {
    let start = bench.now;
    let mut largest = 0;
    for n in 0..for_seconds * A_SECOND {
        let at = start + Duration::from_micros(n * 1_000_000 / A_SECOND);
        bench.run(at, |bench, action| match action {
            Action::Dial(node) | Action::Look(node) if node.as_str().starts_with("real") => {
                there(bench, action);
            }
            _ => fail(RefusalKind::NameUnknown)(bench, action),
        });
        let (name, source) = forgery(n);
        bench.hear(&node(&name), &source.to_string());
        if n % (2 * A_SECOND) == 0 {
            for name in real {
                bench.hear(&node(name), "10.9.9.9");
            }
        }
        if n % 1000 == 0 {
            largest = largest.max(bench.snapshot().len());
        }
    }
    largest
}

fn one_source(_: u64) -> IpAddr {
    Ipv4Addr::new(10, 6, 6, 6).into()
}

fn any_source(n: u64) -> IpAddr {
    Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761) as u32).into()
}

#[test]
fn of_new_names_from_one_source() {
    let mut bench = Bench::new();
    let largest = flood(
        &mut bench,
        10,
        |n| (format!("f{n}"), one_source(n)),
        &["real1", "real2"],
    );
    assert!(largest <= 64 + 2, "{largest}");
    assert_eq!(bench.members(), ["real1@h", "real2@h"]);
    // A name heard once is not dialled at all.
    assert_eq!(dials(&bench).len(), 2);
}

#[test]
fn of_the_same_names_from_one_source() {
    let mut bench = Bench::new();
    let forgery: Forgery = |n| (format!("f{}", n % 500), one_source(n));
    let largest = flood(&mut bench, 20, forgery, &["real1"]);
    assert!(largest <= 64 + 1, "{largest}");
    assert_eq!(bench.members(), ["real1@h"]);
    let dials = dials(&bench);
    assert!(dials.len() <= 16 + 20 * 4 + 1, "{}", dials.len());
    for second in 0..20 {
        let within = dials.iter().filter(|at| at.floor() == f64::from(second));
        assert!(within.count() <= 16 + 4 + 1);
    }
    let told = bench.events.len();
    assert!(told <= 16 + 10 + 1, "{told} events");
}

#[test]
fn from_forged_addresses_leaves_alone_who_is_known() {
    let mut bench = Bench::new();
    bench.accept(&node("peer"));
    bench.accept(&node("real_lost"));
    bench.name(&node("real_named"));
    bench.lose(&node("real_lost"), DownReason::ConnectionClosed);
    let forgery: Forgery = |n| (format!("f{n}"), any_source(n));
    let mut largest = flood(&mut bench, 5, forgery, &[]);
    for _ in 0..15 {
        let now = bench.now;
        let (known, by) = (node("real_known"), node("peer"));
        bench.membership.known(now, &known, &by);
        largest = largest.max(flood(&mut bench, 1, forgery, &[]));
    }
    assert!(largest <= 1024 + 4, "{largest}");
    let expected = ["peer@h", "real_known@h", "real_lost@h", "real_named@h"];
    assert_eq!(bench.members(), expected);
    assert!(bench.membership.counters().turned_away > 100_000);
}

#[test]
fn of_names_that_are_connected_changes_nothing() {
    let mut bench = Bench::new();
    for n in 0..5 {
        bench.accept(&node(&format!("f{n}")));
    }
    let forgery: Forgery = |n| (format!("f{}", n % 5), any_source(n));
    let largest = flood(&mut bench, 5, forgery, &[]);
    assert_eq!(
        (largest, bench.actions.len(), bench.events.len()),
        (5, 0, 5)
    );
    assert_eq!(bench.membership.next_wakeup(), None);
}

#[test]
fn of_nodes_that_swallow_a_dial_leaves_slots_for_the_sound() {
    let mut bench = Bench::new();
    let mut swallowed: Vec<(Duration, Action)> = Vec::new();
    let mut most = 0;
    for tick in 0..4000 {
        let now = Duration::from_millis(tick * 10);
        bench.run(now, |bench, action| match action {
            Action::Dial(peer) if *peer == node("sound") => there(bench, action),
            _ => swallowed.push((bench.now, action.clone())),
        });
        most = most.max(swallowed.len());
        swallowed.retain(|(since, action)| {
            let over = now >= *since + seconds(7.0);
            if over {
                fail(RefusalKind::Silent)(&mut bench, action);
            }
            !over
        });
        bench.hear(&node(&format!("hole{}", tick % 50)), "10.6.6.6");
        if tick == 3000 {
            bench.name(&node("sound"));
        }
    }
    assert_eq!(most, 3);
    assert_eq!(bench.members(), ["sound@h"]);
    let met = bench
        .actions
        .iter()
        .find(|(_, action)| *action == Action::Dial(node("sound")));
    assert_eq!(met.map(|(at, _)| *at), Some(seconds(30.0)));
    let states = bench.snapshot();
    assert!(states.iter().any(|view| matches!(&view.refusal,
        Some((_, told)) if *told == refusal(RefusalKind::Silent))));
}
