//! ExESDB's stores: who is a member, who leads, and whether all agree.

use std::collections::BTreeMap;

use serde::Serialize;

use super::asking::{Asking, nodes, ok};
use super::code::Code;
use super::examined::Examined;
use super::facts::Facts;
use super::finding::{Finding, Subject};
use crate::NodeName;
use crate::otp::erpc::RpcError;
use crate::term::Term;

/// What a node says of the stores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stores {
    /// Each store that runs there.
    pub stores: Vec<Store>,
    /// Whether Swarm's tracker answered, where Swarm runs.
    pub swarm: Option<bool>,
}

/// What a node says of one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Store {
    /// Its id.
    pub id: String,
    /// Its members, in their order.
    pub members: Option<Vec<NodeName>>,
    /// Who leads it.
    pub leader: Option<NodeName>,
}

impl Stores {
    /// Asks a node that runs khepri or Swarm.
    pub(super) async fn ask(asking: Asking<'_>, facts: &Facts) -> Option<Stores> {
        let (khepri, swarm) = (facts.runs("khepri"), facts.runs("swarm"));
        if !khepri && !swarm {
            return None;
        }
        let mut stores = Vec::new();
        if khepri {
            let ids = asking.get("khepri_cluster", "get_store_ids", vec![]).await;
            let ids = ids.unwrap_or_else(Term::nil);
            for id in ids.as_list().unwrap_or_default() {
                stores.extend(Store::ask(asking, id).await);
            }
        }
        let swarm = match swarm {
            true => tracker_answers(asking).await,
            false => None,
        };
        Some(Stores { stores, swarm })
    }
}

/// `None` where there is none.
async fn tracker_answers(asking: Asking<'_>) -> Option<bool> {
    let tracker = Term::atom("Elixir.Swarm.Tracker");
    asking
        .get("erlang", "whereis", vec![tracker.clone()])
        .await?
        .as_pid()?;
    let arguments = vec![tracker, Term::from(3_000)];
    match asking.call("sys", "get_state", arguments).await {
        Ok(_) => Some(true),
        Err(RpcError::Exit(_) | RpcError::Timeout(_)) => Some(false),
        Err(_) => None,
    }
}

impl Store {
    async fn ask(asking: Asking<'_>, id: &Term) -> Option<Store> {
        let (members, leader) = tokio::join!(
            asking.get("khepri_cluster", "members", vec![id.clone()]),
            asking.get("ra_leaderboard", "lookup_leader", vec![id.clone()]),
        );
        let members = members.and_then(ok).map(|list| {
            let list = list.as_list().unwrap_or_default();
            let mut members = nodes(&Term::list(list.iter().filter_map(second)));
            members.sort();
            members
        });
        let leader = leader.as_ref().and_then(second);
        Some(Store {
            id: id.as_atom()?.to_owned(),
            members,
            leader: leader.and_then(|leader| NodeName::new(leader.as_atom()?).ok()),
        })
    }
}

/// Of a server of `ra`, `{Name, Node}`, the node.
fn second(server: &Term) -> Option<Term> {
    server.as_tuple()?.get(1).cloned()
}

/// The findings about stores.
pub(super) fn findings(all: &[Examined]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut views: BTreeMap<&str, Vec<(&NodeName, &Store)>> = BTreeMap::new();
    for node in all {
        for store in node.stores.iter().flat_map(|stores| &stores.stores) {
            views
                .entry(&store.id)
                .or_default()
                .push((&node.node, store));
        }
        if node.stores.as_ref().and_then(|stores| stores.swarm) == Some(false) {
            let seen = "its Swarm.Tracker did not answer sys:get_state/2 within 3 s";
            let subject = Subject::Node(node.node.clone());
            found.push(Finding::new(Code::SwarmSilent, subject, seen));
        }
    }
    for (store, views) in views {
        found.extend(of_store(store, &views));
    }
    found
}

fn of_store(store: &str, views: &[(&NodeName, &Store)]) -> Vec<Finding> {
    let mut sides: BTreeMap<&NodeName, Vec<&NodeName>> = BTreeMap::new();
    for (node, view) in views {
        if let Some(leader) = &view.leader {
            sides.entry(leader).or_default().push(node);
        }
    }
    if sides.len() > 1 {
        return vec![split_brain(store, &sides)];
    }
    let all: Vec<NodeName> = views.iter().map(|(node, _)| (*node).clone()).collect();
    if sides.is_empty() {
        let seen = format!("no node knows a leader of the store {store}");
        return vec![Finding::new(Code::NoLeader, Subject::Nodes(all), seen)];
    }
    let mut found = members_differ(store, views);
    let leaderless = views.iter().filter(|(_, view)| view.leader.is_none());
    found.extend(leaderless.map(|(node, _)| {
        let seen = format!("it knows no leader of the store {store}, and others do");
        Finding::new(Code::NoLeader, Subject::Node((*node).clone()), seen)
            .means("it stands outside the store, or lost its leader: what goes through it is not written")
            .remedy("see that it is connected to the leader; then restart the store on it")
    }));
    found
}

fn split_brain(store: &str, sides: &BTreeMap<&NodeName, Vec<&NodeName>>) -> Finding {
    let mut sides: Vec<(&&NodeName, &Vec<&NodeName>)> = sides.iter().collect();
    sides.sort_by_key(|(_, side)| std::cmp::Reverse(side.len()));
    let shown = |side: &[&NodeName]| {
        let names: Vec<&str> = side.iter().map(|node| node.as_str()).collect();
        names.join(", ")
    };
    let told: Vec<String> = sides
        .iter()
        .map(|(leader, side)| format!("{leader} leads {}", shown(side)))
        .collect();
    let smaller = sides.iter().skip(1).flat_map(|(_, side)| side.iter());
    let smaller: Vec<NodeName> = smaller.map(|node| (*node).clone()).collect();
    let subject = match smaller.as_slice() {
        [one] => Subject::Node(one.clone()),
        _ => Subject::Nodes(smaller),
    };
    let seen = format!(
        "the store {store} has {} leaders: {}",
        sides.len(),
        told.join("; ")
    );
    let mut finding = Finding::new(Code::SplitBrain, subject, seen);
    for (leader, side) in sides {
        finding = finding.evidence(&format!("side of {leader}"), shown(side));
    }
    finding
}

fn members_differ(store: &str, views: &[(&NodeName, &Store)]) -> Vec<Finding> {
    let known: Vec<(NodeName, Vec<NodeName>)> = views
        .iter()
        .filter_map(|(node, view)| Some(((*node).clone(), view.members.clone()?)))
        .collect();
    super::whole::differing(
        known,
        |_| Code::MembersDiffer,
        &format!("list of the members of the store {store}"),
        |members| {
            let names: Vec<&str> = members.iter().map(NodeName::as_str).collect();
            names.join(" ")
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        format!("{text}@h").parse().unwrap()
    }

    /// `a:abc:b` is that a says that the members are a, b and c, and b leads.
    fn found(views: &str) -> Vec<String> {
        let views: Vec<(NodeName, Store)> = views
            .split_whitespace()
            .map(|view| {
                let parts: Vec<&str> = view.split(':').collect();
                let members = parts[1].chars().map(|char| name(&char.to_string()));
                let store = Store {
                    id: "s".to_owned(),
                    members: Some(members.collect()),
                    leader: Some(parts[2]).filter(|leader| !leader.is_empty()).map(name),
                };
                (name(parts[0]), store)
            })
            .collect();
        let views: Vec<(&NodeName, &Store)> =
            views.iter().map(|(node, store)| (node, store)).collect();
        let shown = |finding: &Finding| format!("{} {}", finding.code, finding.subject);
        of_store("s", &views).iter().map(shown).collect()
    }

    #[test]
    fn who_stands_on_which_side() {
        assert!(found("a:abc:a b:abc:a c:abc:a").is_empty());
        assert_eq!(found("a:abc:a b:abc:a c:abc:c"), ["split-brain c@h"]);
        assert_eq!(
            found("a:ab:a b:ab:a c:cd:c d:cd:c e:ab:a"),
            ["split-brain c@h, d@h"]
        );
        assert_eq!(found("a:abc: b:abc: c:abc:"), ["no-leader a@h, b@h, c@h"]);
        assert_eq!(found("a:abc:a b:abc:a c:abc:"), ["no-leader c@h"]);
        assert_eq!(found("a:abc:a b:abc:a c:c:a"), ["members-differ c@h"]);
    }
}
