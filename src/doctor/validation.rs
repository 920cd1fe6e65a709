//! Whether a cluster is as it should be: the checks of a look at its nodes, in the order of ExESDB's guide. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::examined::Examined;
use crate::NodeName;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed,
    /// There is nothing of the kind here.
    Absent,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A word for what was checked.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// What was seen.
    pub seen: String,
}

impl Check {
    /// Passed when there are no faults; else these are what was seen.
    pub fn new(name: &'static str, faults: &[String], passed: impl Into<String>) -> Check {
        match faults {
            [] => Check {
                name,
                outcome: Outcome::Passed,
                seen: passed.into(),
            },
            _ => Check {
                name,
                outcome: Outcome::Failed,
                seen: faults.join("; "),
            },
        }
    }

    /// There is nothing of the kind.
    pub fn absent(name: &'static str, seen: impl Into<String>) -> Check {
        Check {
            name,
            outcome: Outcome::Absent,
            seen: seen.into(),
        }
    }
}

/// The members among `nodes`: the BEAMs that are no hidden nodes. Neither guests such as beamlink count, nor a remote shell.
pub fn members(nodes: &[Examined]) -> Vec<&Examined> {
    let is_member = |node: &&Examined| {
        let facts = node.facts.as_ref();
        facts.is_some_and(|facts| facts.is_beam() && !facts.hidden)
    };
    nodes.iter().filter(is_member).collect()
}

/// As many members as expected, and nobody who is known and cannot be reached.
pub fn members_check(nodes: &[Examined], expected: usize) -> Check {
    let members = members(nodes);
    let names: Vec<&str> = members.iter().map(|node| node.node.as_str()).collect();
    let names = names.join(" ");
    let mut faults = Vec::new();
    if members.len() != expected {
        let found = members.len();
        faults.push(match found {
            0 => format!("{expected} expected, none found"),
            _ => format!("{expected} expected, {found} found: {names}"),
        });
    }
    for node in nodes {
        if let Some((stage, _)) = node.stopped() {
            faults.push(format!(
                "{} is not reached: {} fails",
                node.node,
                stage.name()
            ));
        }
    }
    Check::new(
        "members",
        &faults,
        format!("{expected} of {expected}: {names}"),
    )
}

/// All members stand in each other's lists.
pub fn lists_check(members: &[&Examined]) -> Check {
    let mut faults = Vec::new();
    for node in members {
        let missing: Vec<&str> = members
            .iter()
            .filter(|other| other.node != node.node && !node.lists(&other.node))
            .map(|other| other.node.as_str())
            .collect();
        if !missing.is_empty() {
            faults.push(format!(
                "{} does not list {}",
                node.node,
                missing.join(", ")
            ));
        }
    }
    Check::new("lists", &faults, "each lists all others")
}

/// Each member has a socket open at the gossip port.
pub fn gossip_check(members: &[&Examined], port: u16) -> Check {
    let fault = |node: &&Examined| {
        let gossip = node.facts.as_ref()?.gossip.as_ref();
        let node = &node.node;
        match gossip {
            None => Some(format!("{node} does not gossip")),
            Some(gossip) if gossip.socket.is_none() => Some(format!(
                "{node} is to gossip, and has no socket open for it"
            )),
            Some(gossip) if gossip.port != port => {
                Some(format!("{node} has port {} open, not {port}", gossip.port))
            }
            Some(_) => None,
        }
    };
    let faults: Vec<String> = members.iter().filter_map(fault).collect();
    let count = members.len();
    Check::new(
        "gossip",
        &faults,
        format!("UDP {port} is open on {count} of {count}"),
    )
}

/// Each store has one leader, of whom all its members know.
pub fn leader_check(members: &[&Examined]) -> Check {
    let mut leaders: BTreeMap<&str, BTreeMap<Option<&NodeName>, Vec<&NodeName>>> = BTreeMap::new();
    for node in members {
        for store in node.stores.iter().flat_map(|stores| &stores.stores) {
            let sides = leaders.entry(&store.id).or_default();
            sides
                .entry(store.leader.as_ref())
                .or_default()
                .push(&node.node);
        }
    }
    if leaders.is_empty() {
        return Check::absent("leader", "no node runs a store");
    }
    let mut faults = Vec::new();
    let mut passed = Vec::new();
    for (store, sides) in leaders {
        let sides: Vec<_> = sides.into_iter().collect();
        match sides.as_slice() {
            [(Some(leader), _)] => passed.push(format!("{store}: {leader}")),
            sides => faults.extend(sides.iter().map(|(leader, side)| {
                let side: Vec<&str> = side.iter().map(|node| node.as_str()).collect();
                let leader = leader.map_or("no leader", NodeName::as_str);
                format!("{store}: {leader} according to {}", side.join(", "))
            })),
        }
    }
    Check::new("leader", &faults, passed.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::exesdb::{Store, Stores};
    use super::super::facts::Facts;
    use super::super::reach::{Obstacle, Reach, Stage};
    use super::super::strategy::{Origin, Strategy};
    use super::*;

    fn name(text: &str) -> NodeName {
        format!("{text}@h").parse().unwrap()
    }

    /// A member that lists these others.
    fn node(own: &str, lists: &str) -> Examined {
        let facts = Facts {
            nodes: lists.split_whitespace().map(name).collect(),
            machine: Some("BEAM".to_owned()),
            ..Facts::default()
        };
        Examined {
            node: name(own),
            reach: Reach {
                address: None,
                port: None,
                given_port: false,
                passed: Vec::new(),
                stopped: None,
            },
            facts: Some(facts),
            stores: None,
            others: Vec::new(),
        }
    }

    fn led_by(own: &str, leader: Option<&str>) -> Examined {
        let store = Store {
            id: "reg_gh".to_owned(),
            members: None,
            leader: leader.map(name),
        };
        Examined {
            stores: Some(Stores {
                stores: vec![store],
                swarm: None,
            }),
            ..node(own, "")
        }
    }

    #[test]
    fn guests_and_those_who_are_not_reached_are_no_members() {
        let mut guest = node("zz", "a b");
        guest.facts.as_mut().unwrap().machine = Some("beamlink".to_owned());
        let mut shell = node("remsh", "");
        shell.facts.as_mut().unwrap().hidden = true;
        let mut all = vec![node("a", "b zz"), node("b", "a zz"), guest, shell];
        assert_eq!(members_check(&all, 2).seen, "2 of 2: a@h b@h");
        assert_eq!(members_check(&all, 3).seen, "3 expected, 2 found: a@h b@h");
        all[1].reach.stopped = Some((Stage::Tcp, Obstacle::Tcp(None)));
        all[1].facts = None;
        let check = members_check(&all, 2);
        assert_eq!(check.outcome, Outcome::Failed);
        assert_eq!(
            check.seen,
            "2 expected, 1 found: a@h; b@h is not reached: TCP fails"
        );
        assert_eq!(members_check(&[], 2).seen, "2 expected, none found");
    }

    #[test]
    fn an_edge_that_is_missing_is_named() {
        let whole = [node("a", "b c"), node("b", "a c"), node("c", "a b")];
        assert_eq!(lists_check(&members(&whole)).outcome, Outcome::Passed);
        let cut = [node("a", "b c"), node("b", "a"), node("c", "a b")];
        assert_eq!(lists_check(&members(&cut)).seen, "b@h does not list c@h");
    }

    #[test]
    fn the_port_must_be_the_one() {
        let mut one = node("a", "");
        assert_eq!(gossip_check(&[&one], 45892).seen, "a@h does not gossip");
        one.facts.as_mut().unwrap().gossip = Some(Strategy {
            origin: Origin::Application,
            secret: None,
            port: 45892,
            multicast_addr: [239, 255, 0, 1].into(),
            if_addr: [0; 4].into(),
            broadcast_only: false,
            socket: None,
        });
        let seen = gossip_check(&[&one], 45892).seen;
        assert_eq!(seen, "a@h is to gossip, and has no socket open for it");
    }

    #[test]
    fn a_store_has_one_leader() {
        let check = |nodes: &[Examined]| leader_check(&members(nodes));
        assert_eq!(check(&[node("a", "")]).outcome, Outcome::Absent);
        let agreed = [led_by("a", Some("b")), led_by("b", Some("b"))];
        assert_eq!(check(&agreed).seen, "reg_gh: b@h");
        let two = [led_by("a", Some("a")), led_by("b", Some("b"))];
        let seen = "reg_gh: a@h according to a@h; reg_gh: b@h according to b@h";
        assert_eq!(
            (check(&two).outcome, &*check(&two).seen),
            (Outcome::Failed, seen)
        );
        assert_eq!(
            check(&[led_by("a", None)]).seen,
            "reg_gh: no leader according to a@h"
        );
    }
}
