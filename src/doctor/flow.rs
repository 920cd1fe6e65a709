//! Whether heartbeats get through: what each node sent and received in a time, beside what was heard here.

use std::net::IpAddr;

use super::code::Code;
use super::discovery::{HeardNode, Key, Reason, Table};
use super::examined::Examined;
use super::finding::{Finding, Subject};
use super::majority::Split;
use super::strategy::Traffic;
use crate::NodeName;

/// What went through a node's gossip socket while we listened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) node: NodeName,
    /// Between two looks at its socket.
    pub(super) traffic: Traffic,
    /// Whether it was heard here at any time of the round.
    pub(super) heard: bool,
    /// How many of the nodes that gossip as it does, but itself, were heard here.
    pub(super) others_heard: usize,
    /// Whether it runs on this host.
    pub(super) is_here: bool,
    /// The one address that its socket is bound to.
    pub(super) bound: Option<IpAddr>,
}

impl Flow {
    /// Its own heartbeats come back to it, unless they are dropped.
    fn hears_nobody(&self) -> bool {
        self.others_heard > 0 && self.traffic.received <= self.traffic.sent
    }

    fn is_not_heard(&self) -> bool {
        !self.heard && self.traffic.sent > 0
    }

    fn seen(&self) -> Option<String> {
        let Traffic { received, sent } = self.traffic;
        match (self.is_not_heard(), self.hears_nobody()) {
            (false, false) => None,
            (true, false) => Some(format!("it sent {sent} heartbeats, and none came here")),
            (false, true) => Some(format!(
                "it received {received} datagrams while it sent {sent} itself and {} others were heard here",
                self.others_heard
            )),
            (true, true) => Some(format!(
                "it sent {sent} heartbeats of which none came here, and received {received} while {} others were heard here",
                self.others_heard
            )),
        }
    }
}

/// The findings about heartbeats that do not get through.
pub(super) fn blocked(flows: &[Flow], here: &str) -> Vec<Finding> {
    let afar: Vec<&Flow> = flows.iter().filter(|flow| !flow.is_here).collect();
    let silent = afar.iter().filter(|flow| flow.is_not_heard()).count();
    if silent > 1 && afar.iter().all(|flow| !flow.heard) {
        let seen =
            format!("{silent} nodes of other hosts send heartbeats, and none of them comes here");
        return vec![Finding::new(
            Code::GossipBlocked,
            Subject::Host(here.to_owned()),
            seen,
        )];
    }
    let finding = |flow: &Flow| {
        let seen = flow.seen()?;
        let subject = Subject::Node(flow.node.clone());
        let finding = Finding::new(Code::GossipBlocked, subject, seen);
        let finding = match flow.bound {
            Some(ip) if flow.hears_nobody() && !flow.is_not_heard() => finding
                .means(format!(
                    "its gossip socket is bound to {ip} (if_addr): on Linux such a socket gets neither multicast nor broadcast"
                ))
                .remedy("set if_addr (EX_ESDB_CLUSTER_INTERFACE) to 0.0.0.0, and name the interface by multicast_if"),
            _ => finding,
        };
        Some(
            finding
                .evidence("sent", flow.traffic.sent)
                .evidence("received", flow.traffic.received)
                .evidence("heard here", flow.heard),
        )
    };
    flows.iter().filter_map(finding).collect()
}

/// The findings about who is heard, as far as the nodes themselves do not tell.
pub(super) fn heard(table: &Table, all: &[Examined]) -> Vec<Finding> {
    let mut found = names_twice(table, all);
    let told = |ip: IpAddr| {
        all.iter()
            .any(|node| node.facts.is_some() && is_at(node, ip))
    };
    for row in table.unreadable() {
        let (Reason::OtherSecret | Reason::NoSecret) = row.reason else {
            continue;
        };
        if !told(row.source) {
            let seen = format!(
                "{} heartbeats from {} of {} bytes: {}",
                row.times.count, row.source, row.length, row.reason
            );
            let finding = Finding::new(Code::SecretDiffers, subject_at(row.source, all), seen);
            found.push(match row.reason {
                Reason::NoSecret => finding
                    .means("this command has no secret, so that it cannot tell whose heartbeats these are")
                    .remedy("give it the secret of the cluster (--secret-file, EX_ESDB_CLUSTER_SECRET)"),
                _ => finding,
            });
        }
    }
    let keys = table.nodes().iter();
    let keys = keys.map(|heard| (heard.node.clone(), heard.key)).collect();
    if let Some(Split::Odd(Key::Secret(_), odd)) = Split::of(keys) {
        let plain = odd.iter().filter(|(_, key)| *key == Key::Plain);
        for (node, _) in plain.filter(|(node, _)| {
            !all.iter()
                .any(|known| known.node == *node && known.facts.is_some())
        }) {
            let seen = "its heartbeats are not encrypted, those of most others are";
            found.push(Finding::new(
                Code::PlainHeartbeats,
                Subject::Node(node.clone()),
                seen,
            ));
        }
    }
    found
}

/// One name that comes from two places.
fn names_twice(table: &Table, all: &[Examined]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for heard in table.nodes() {
        let same =
            |other: &&HeardNode| other.node == heard.node && other.source.ip() != heard.source.ip();
        let Some(other) = table.nodes().iter().find(same) else {
            continue;
        };
        let (one, other) = (heard.source.ip(), other.source.ip());
        let known = all.iter().find(|node| node.node == heard.node);
        let own = known.map(Examined::own_addresses).unwrap_or_default();
        let is_one = own.contains(&one) && own.contains(&other);
        let subject = Subject::Node(heard.node.clone());
        if is_one || found.iter().any(|finding| finding.subject == subject) {
            continue;
        }
        let seen = format!("heartbeats of this name come from {one} and from {other}");
        let finding = Finding::new(Code::SameNameTwice, subject, seen);
        found.push(finding.evidence("address", one).evidence("address", other));
    }
    found
}

fn is_at(node: &Examined, ip: IpAddr) -> bool {
    node.own_addresses().contains(&ip) || node.reach.address == Some(ip)
}

fn subject_at(ip: IpAddr, all: &[Examined]) -> Subject {
    match all.iter().find(|node| node.reach.address == Some(ip)) {
        Some(node) => Subject::Node(node.node.clone()),
        None => Subject::address(ip),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::discovery::{Candidate, Candidates};
    use super::*;
    use crate::GossipSecret;
    use crate::gossip::Codec;

    fn flow(name: &str, sent: i64, received: i64, heard: bool) -> Flow {
        Flow {
            node: format!("{name}@h").parse().unwrap(),
            traffic: Traffic { received, sent },
            heard,
            others_heard: 3,
            is_here: false,
            bound: None,
        }
    }

    fn found(flows: &[Flow]) -> Vec<String> {
        let shown = |finding: &Finding| finding.subject.to_string();
        blocked(flows, "rust").iter().map(shown).collect()
    }

    #[test]
    fn each_way_that_is_blocked() {
        let sound = flow("a", 2, 6, true);
        assert!(found(std::slice::from_ref(&sound)).is_empty());
        for bad in [
            flow("b", 2, 6, false),
            flow("b", 2, 2, true),
            flow("b", 2, 0, false),
        ] {
            assert_eq!(found(&[sound.clone(), bad]), ["b@h"]);
        }
        // It had nothing to say yet.
        assert!(found(&[sound, flow("b", 0, 3, false)]).is_empty());
    }

    #[test]
    fn who_has_no_secret_is_told_so() {
        let packet = |secret: &str| {
            let secret = GossipSecret::new(secret);
            Codec::new(&"a@h".parse().unwrap(), Some(&secret)).encode([9; 16])
        };
        let own = Candidate {
            label: "own".to_owned(),
            secret: GossipSecret::new("own"),
        };
        for (candidates, remedy) in [
            (vec![], "give it the secret of the cluster"),
            (vec![own], "give it the secret of the others"),
        ] {
            let mut table = Table::default();
            let to = ([239, 255, 0, 1].into(), 45_892);
            let from = ([172, 20, 0, 2], 45_892).into();
            let candidates = Candidates::new(candidates);
            table.note(&candidates, from, to, &packet("theirs"), Instant::now());
            let found = heard(&table, &[]);
            assert_eq!(found[0].code, Code::SecretDiffers);
            assert_eq!(found[0].subject.to_string(), "host 172.20.0.2");
            assert!(found[0].remedy.starts_with(remedy), "{}", found[0]);
        }
    }

    #[test]
    fn who_hears_nobody_is_deaf_himself() {
        let flows = [flow("a", 2, 6, false), flow("b", 1, 6, false)];
        assert_eq!(found(&flows), ["host rust"]);
    }
}
