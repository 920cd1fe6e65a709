//! What holds for every sequence of inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::bench::{Bench, from, node, refusal, seconds};
use super::{absent, fail, there};
use crate::cluster::*;
use crate::name::NodeName;

#[derive(Debug, Clone)]
enum Step {
    Heard(usize, u8),
    Named(usize),
    Known(usize, usize),
    Accept(usize, bool),
    Lose(usize, DownReason),
    Refused(usize, u8, RefusalKind),
    /// Answers the n-th order under way: well, or with a refusal.
    Answer(usize, Option<RefusalKind>),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0usize..14;
    let kind = select(&RefusalKind::ALL[..]);
    let reason = select(vec![
        DownReason::ConnectionClosed,
        DownReason::NetTickTimeout,
        DownReason::Replaced,
        DownReason::Disconnect,
    ]);
    let wait = prop_oneof![
        0u64..50,
        500u64..4_000,
        5_000u64..30_000,
        60_000u64..700_000
    ];
    let step = prop_oneof![
        8 => (who.clone(), 0u8..3).prop_map(|(n, source)| Step::Heard(n, source)),
        1 => (0usize..3).prop_map(Step::Named),
        3 => (who.clone(), who.clone()).prop_map(|(n, by)| Step::Known(n, by)),
        3 => (who.clone(), any::<bool>()).prop_map(|(n, hidden)| Step::Accept(n, hidden)),
        3 => (who.clone(), reason).prop_map(|(n, reason)| Step::Lose(n, reason)),
        2 => (who, 0u8..3, kind.clone()).prop_map(|(n, source, kind)| Step::Refused(n, source, kind)),
        6 => (0usize..4, proptest::option::of(kind)).prop_map(|(n, kind)| Step::Answer(n, kind)),
        8 => wait.prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..250)
}

/// What an onlooker knows, and holds against the membership.
#[derive(Default)]
struct Onlooker {
    up: BTreeSet<NodeName>,
    lost_at: BTreeMap<NodeName, Duration>,
    first_sign: BTreeMap<NodeName, Duration>,
    named: BTreeSet<NodeName>,
    named_dialled: BTreeSet<NodeName>,
    failed: BTreeMap<NodeName, (Duration, RefusalKind)>,
    refused: BTreeMap<NodeName, (RefusalKind, Duration)>,
    told_order: BTreeSet<NodeName>,
    under_way: Vec<Action>,
    checked: usize,
}

fn who(action: &Action) -> &NodeName {
    match action {
        Action::Dial(node) | Action::Look(node) => node,
    }
}

impl Onlooker {
    fn order(&mut self, now: Duration, action: &Action) {
        let node = who(action);
        assert_ne!(*node, super::node("own"));
        assert!(!self.up.contains(node), "{action:?} while up");
        assert!(
            !self.under_way.iter().any(|other| who(other) == node),
            "{action:?} twice"
        );
        if let Some(lost) = self.lost_at.get(node) {
            assert!(now >= *lost + seconds(10.0), "{action:?} within the guard");
        }
        if let Some((at, kind)) = self.failed.get(node) {
            let least = if kind.wants_quiet() { 30.0 } else { 1.0 };
            assert!(
                now >= *at + seconds(least),
                "{action:?} too soon after {kind:?}"
            );
        }
        if let Action::Dial(_) = action {
            let sign = self.first_sign.get(node);
            let in_grace = sign.is_none_or(|sign| now < *sign + seconds(3.0));
            let first_by_hand =
                self.named.contains(node) && self.named_dialled.insert(node.clone());
            assert!(first_by_hand || !in_grace, "{action:?} within the grace");
        }
        self.named_dialled.insert(node.clone());
        self.under_way.push(action.clone());
        assert!(self.under_way.len() <= 4, "{:?}", self.under_way);
    }

    fn look_on(&mut self, bench: &Bench) {
        for (at, event) in &bench.events[self.checked..] {
            match event {
                Event::Up { node, .. } => {
                    assert!(self.up.insert(node.clone()), "{node} up twice");
                    self.refused.remove(node);
                    self.failed.remove(node);
                    self.named_dialled.insert(node.clone());
                }
                Event::Down { node, .. } => {
                    assert!(self.up.remove(node), "{node} down, but not up");
                    self.lost_at.insert(node.clone(), *at);
                    self.first_sign.remove(node);
                }
                Event::Refused { node, refusal } => {
                    let told = self.refused.insert(node.clone(), (refusal.kind, *at));
                    let again = told.is_some_and(|(kind, then)| {
                        kind == refusal.kind && *at < then + seconds(600.0)
                    });
                    assert!(!again, "{node} refused for {:?} again", refusal.kind);
                    assert_ne!(refusal.kind, RefusalKind::AlreadyConnected);
                }
                Event::SortsBefore { node } => {
                    assert!(*node > super::node("own") && self.up.contains(node));
                    self.told_order.insert(node.clone());
                }
                other => panic!("the membership does not tell {other:?}"),
            }
        }
        self.checked = bench.events.len();
        let views = bench.snapshot();
        // Who is forgotten begins anew, but for the guard.
        let forgotten = |node: &NodeName| !views.iter().any(|view| view.node == *node);
        self.named_dialled.retain(|node| !forgotten(node));
        self.failed.retain(|node, _| !forgotten(node));
        self.refused.retain(|node, _| !forgotten(node));
        let up = |view: &NodeView| matches!(view.state, NodeState::Up { .. });
        let really_up: BTreeSet<_> = views
            .iter()
            .filter(|view| up(view))
            .map(|view| &view.node)
            .collect();
        assert_eq!(really_up, self.up.iter().collect());
        let candidates = views.iter().filter(|view| {
            !view.named
                && matches!(
                    view.state,
                    NodeState::Candidate | NodeState::BackingOff { .. }
                )
        });
        let just_lost = self
            .lost_at
            .values()
            .filter(|at| bench.now < **at + seconds(10.0));
        assert!(candidates.count() <= 6 + just_lost.count(), "{views:?}");
        if let Some(at) = bench.membership.next_wakeup() {
            assert!(at > bench.now);
        }
    }
}

fn name(n: usize) -> NodeName {
    node(&format!(
        "{}{n}",
        if n.is_multiple_of(2) { "a" } else { "z" }
    ))
}

fn play(steps: &[Step]) {
    let mut bench = Bench::with(MembershipConfig {
        dials: 4,
        candidates: 6,
        per_source: 3,
        ..MembershipConfig::default()
    });
    let mut onlooker = Onlooker::default();
    for step in steps {
        let now = bench.now;
        let mut wait = Duration::ZERO;
        match step {
            Step::Heard(n, source) => {
                onlooker.first_sign.entry(name(*n)).or_insert(now);
                bench.hear(&name(*n), &Ipv4Addr::new(10, 0, 0, *source).to_string());
            }
            Step::Named(n) => {
                onlooker.named.insert(name(*n));
                bench.name(&name(*n));
            }
            Step::Known(n, by) => {
                if onlooker.up.contains(&name(*by)) {
                    onlooker.first_sign.entry(name(*n)).or_insert(now);
                }
                bench.membership.known(now, &name(*n), &name(*by));
            }
            Step::Accept(n, hidden) => {
                bench
                    .membership
                    .connected(now, &name(*n), *hidden, Direction::Inbound);
            }
            Step::Lose(n, reason) => bench.membership.disconnected(now, &name(*n), *reason),
            Step::Refused(n, source, kind) => {
                let mut refusal = refusal(*kind);
                refusal.address = Some(from(&Ipv4Addr::new(10, 0, 0, *source).to_string()));
                bench.membership.refused(now, &name(*n), refusal);
            }
            Step::Answer(n, kind) if *n < onlooker.under_way.len() => {
                let action = onlooker.under_way.remove(*n);
                let node = who(&action).clone();
                match kind {
                    Some(kind) => {
                        fail(*kind)(&mut bench, &action);
                        if !onlooker.up.contains(&node) {
                            onlooker.failed.insert(node.clone(), (now, *kind));
                            if kind.nobody_there() {
                                onlooker.first_sign.remove(&node);
                            }
                        }
                    }
                    None => {
                        if let Action::Look(_) = action {
                            onlooker.first_sign.entry(node).or_insert(now);
                        }
                        there(&mut bench, &action);
                    }
                }
            }
            Step::Answer(..) => {}
            Step::Wait(millis) => wait = Duration::from_millis(*millis),
        }
        bench.run(now, |bench, action| onlooker.order(bench.now, action));
        onlooker.look_on(&bench);
        // A step at a time: what is left unanswered stays under way.
        let until = now + wait;
        bench.run(until, |bench, action| onlooker.order(bench.now, action));
        onlooker.look_on(&bench);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_inputs_leave_the_promises_whole(steps in steps()) {
        play(&steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whoever is heard at libcluster's pace and can be dialled is met, among as many forged names as one
    /// address can send.
    #[test]
    fn who_is_heard_and_there_is_met(
        nodes in 1usize..40, forged in 0usize..200, gap in 1000u64..5000, seed: u64,
    ) {
        let mut bench = Bench::new();
        bench.membership = Membership::new(MembershipConfig::default(), node("own"), seed);
        let real = |node: &NodeName| node.as_str().starts_with("real");
        let mut at = Duration::ZERO;
        while at < seconds(90.0) {
            bench.run(at, |bench, action| match real(who(action)) {
                true => there(bench, action),
                false => absent(bench, action),
            });
            for n in 0..forged {
                bench.hear(&node(&format!("forged{n}")), "10.6.6.6");
            }
            for n in 0..nodes {
                bench.hear(&node(&format!("real{n}")), &format!("10.0.0.{n}"));
            }
            at += Duration::from_millis(gap);
        }
        prop_assert_eq!(bench.members().len(), nodes);
    }

    /// Whatever befalls a node given by hand, it is tried again within the longest backoff.
    #[test]
    fn by_hand_is_tried_for_ever(
        kinds in proptest::collection::vec(select(&RefusalKind::ALL[..]), 1..40), found in 0usize..4, seed: u64,
    ) {
        let mut bench = Bench::new();
        bench.membership = Membership::new(MembershipConfig::default(), node("own"), seed);
        bench.name(&node("a"));
        let mut answers = kinds.iter().cycle().enumerate();
        bench.run(seconds(100_000.0), |bench, action| {
            let (n, kind) = answers.next().unwrap();
            match action {
                Action::Look(_) if n % 4 < found => there(bench, action),
                _ => fail(*kind)(bench, action),
            }
        });
        let times: Vec<Duration> = bench.actions.iter().map(|(at, _)| *at).collect();
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
        prop_assert!(longest <= Some(seconds(604.0)), "{longest:?}");
        prop_assert!(*times.last().unwrap() > seconds(99_000.0));
    }
}
