//! What a running node can see to be wrong by itself, in the doctor's words. The doctor goes and looks; this only tells
//! what came by.

use std::collections::BTreeSet;
use std::time::Duration;

use beamlink::cluster::{NodeState, Refusal, RefusalKind, SourceView};
use beamlink::doctor::{Code, Finding, Subject, ranked};
use beamlink::gossip::Verdict;

use super::cluster::{Drawn, Edge};

/// What was seen longer ago is over.
const RECENT: Duration = Duration::from_secs(60);

pub(super) fn of(drawn: &Drawn<'_>, edges: &[Edge]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = edges.iter().filter_map(missing).collect();
    findings.extend(refusals(drawn));
    findings.extend(drawn.overview.sources.iter().filter_map(heartbeats));
    findings.extend(silent(drawn));
    findings.extend(stores(drawn));
    ranked(findings)
}

/// Two nodes that both answer us, and of which at least one does not list the other.
fn missing(edge: &Edge) -> Option<Finding> {
    let (Some(there), Some(back)) = (edge.from_lists, edge.to_lists) else {
        return None;
    };
    let seen = match (there, back) {
        (true, true) => return None,
        (false, false) => format!("neither {} nor {} lists the other", edge.from, edge.to),
        (true, false) => format!("{} lists {}, which does not list it", edge.from, edge.to),
        (false, true) => format!("{} lists {}, which does not list it", edge.to, edge.from),
    };
    let nodes = [&edge.from, &edge.to].map(|name| name.parse().ok());
    let nodes = Subject::Nodes(nodes.into_iter().flatten().collect());
    Some(Finding::new(Code::MissingEdge, nodes, seen))
}

fn refusals(drawn: &Drawn<'_>) -> Vec<Finding> {
    let refused = drawn
        .known()
        .filter(|node| !matches!(node.state, NodeState::Up { .. }));
    let found = refused.filter_map(|node| {
        let (at, refusal) = node.refusal.as_ref()?;
        let code = code(refusal)?;
        let subject = Subject::Node(node.node.clone());
        let ago = drawn.overview.now.saturating_sub(*at).as_secs();
        let finding = Finding::new(code, subject, format!("no connection: {refusal}"));
        Some(finding.evidence("seconds ago", ago))
    });
    found.collect()
}

fn code(refusal: &Refusal) -> Option<Code> {
    Some(match refusal.kind {
        RefusalKind::Unresolvable => Code::HostUnresolved,
        RefusalKind::EpmdUnreachable => Code::EpmdDown,
        RefusalKind::NameUnknown => Code::NodeUnknown,
        RefusalKind::PortClosed => Code::PortClosed,
        RefusalKind::Silent => Code::PortFiltered,
        RefusalKind::Closed => Code::HandshakeFailed,
        RefusalKind::Cookie => Code::CookieMismatch,
        RefusalKind::Flags => Code::FlagsRejected,
        RefusalKind::NotAllowed => Code::NotAllowed,
        RefusalKind::NameForm => Code::NameForm,
        RefusalKind::NameTaken => Code::SameNameTwice,
        RefusalKind::Garbage => Code::NotErlang,
        _ => return None,
    })
}

fn heartbeats(source: &SourceView) -> Option<Finding> {
    if source.ago > RECENT {
        return None;
    }
    let address = Subject::address(source.address);
    let finding = match &source.last {
        Verdict::Undecryptable { .. } => Finding::new(
            Code::SecretDiffers,
            address,
            "its heartbeats are encrypted with another secret than ours",
        ),
        Verdict::EncryptedButNoSecret { .. } => Finding::new(
            Code::SecretDiffers,
            address,
            "its heartbeats are encrypted, and this node has no gossip secret",
        )
        .remedy("give this node the secret of the others (--secret-file, EX_ESDB_CLUSTER_SECRET)"),
        Verdict::PlainButSecret(node) => Finding::new(
            Code::PlainHeartbeats,
            Subject::Node(node.clone()),
            "its heartbeats are plain, and this node has a gossip secret",
        ),
        _ => return None,
    };
    Some(finding.evidence("address", source.address))
}

fn silent(drawn: &Drawn<'_>) -> Vec<Finding> {
    let asked = drawn.sighting.statements.iter();
    let silent = asked
        .filter(|(node, statement)| statement.lists.is_none() && drawn.up().any(|up| up == *node));
    let finding = |(node, _): (&beamlink::NodeName, _)| {
        let seen = "it is connected, and does not say whom it lists";
        Finding::new(Code::RpcFailed, Subject::Node(node.clone()), seen)
    };
    silent.map(finding).collect()
}

fn stores(drawn: &Drawn<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, views) in drawn.stores() {
        let nodes = views.iter().map(|(node, _)| (*node).clone());
        let subject = Subject::Nodes(nodes.collect::<BTreeSet<_>>().into_iter().collect());
        let leaders: BTreeSet<&String> = views
            .iter()
            .filter_map(|(_, view)| view.leader.as_ref())
            .collect();
        let members: BTreeSet<BTreeSet<&String>> = views
            .iter()
            .map(|(_, view)| view.members.iter().collect())
            .collect();
        match leaders.len() {
            0 => {
                let seen = format!("nobody leads the store {name}");
                findings.push(Finding::new(Code::NoLeader, subject.clone(), seen));
            }
            1 => {}
            _ => {
                let leaders: Vec<&str> = leaders.iter().map(|leader| leader.as_str()).collect();
                let seen = format!("the store {name} has the leaders {}", leaders.join(", "));
                findings.push(Finding::new(Code::SplitBrain, subject.clone(), seen));
            }
        }
        if members.len() > 1 {
            let seen = format!("its nodes name different members of the store {name}");
            findings.push(Finding::new(Code::MembersDiffer, subject, seen));
        }
        let own = drawn.own();
        if let Some((node, _)) = views.iter().find(|(node, _)| own < *node) {
            let seen = format!("{own} sorts before {node}, which keeps the store {name}");
            findings.push(Finding::new(
                Code::SortsFirst,
                Subject::Node(own.clone()),
                seen,
            ));
        }
    }
    findings
}
