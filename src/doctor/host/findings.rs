//! What is wrong with this host: pure.

use super::facts::{Epmd, Facts, GossipFacts};
use super::{Question, cookies};
use crate::doctor::code::Code;
use crate::doctor::finding::{Finding, Subject};
use crate::doctor::settings;
use crate::gossip::Gossip;

/// A clock that stands before 2025 is wrong: this was written later.
const YEAR_2025: u64 = 1_735_689_600;

pub(super) fn of(facts: &Facts, question: &Question<'_>) -> Vec<Finding> {
    let host = Subject::Host(facts.hostname.clone());
    let mut found: Vec<Finding> = cookies::findings(question.cookies, &host)
        .into_iter()
        .collect();
    if let (Some(gossip), Some(became)) = (question.gossip, &facts.gossip) {
        let addresses = super::facts::ipv4_addresses();
        found.extend(settings::network(gossip, &addresses, &host));
        found.extend(of_gossip(gossip, became, &host));
    }
    found.extend(of_name(facts, question));
    if let Epmd::Other { holders, error } = &facts.epmd {
        let finding = Finding::new(Code::EpmdAlien, host.clone(), error.clone());
        found.push(finding.evidence("held by", holders.join(", ")));
    }
    if facts.clock < YEAR_2025 {
        let seen = format!("its clock says {} seconds since 1970", facts.clock);
        found.push(Finding::new(Code::ClockWrong, host, seen));
    }
    found
}

fn of_gossip(gossip: &Gossip, became: &GossipFacts, host: &Subject) -> Vec<Finding> {
    let to = format!("{}:{}", gossip.multicast_addr, gossip.port);
    let mut found = Vec::new();
    if let Err(error) = &became.route {
        let seen = format!("nothing can be sent to {to}: {error}");
        found.push(Finding::new(Code::GossipNoRoute, host.clone(), seen));
    }
    if let Some(error) = &became.port_refused {
        let finding = Finding::new(Code::GossipPortTaken, host.clone(), error.clone());
        found.push(finding.evidence("held by", became.port_holders.join(", ")));
    }
    for (interface, error) in &became.not_joined {
        let seen = format!(
            "{} cannot be joined on {interface}: {error}",
            gossip.multicast_addr
        );
        let finding = Finding::new(Code::MulticastJoin, host.clone(), seen);
        found.push(finding.evidence("interface", interface));
    }
    if became.echo == Some(false) && became.not_joined.is_empty() {
        let seen = format!("what it sends to {to} does not come back to itself");
        found.push(Finding::new(Code::OwnEchoLost, host.clone(), seen));
    }
    found
}

/// A name that was configured must lead here; what else this host is called need not be known to anybody.
fn of_name(facts: &Facts, question: &Question<'_>) -> Option<Finding> {
    let name = question.name?;
    let found = facts.name_resolves.as_ref()?;
    if found.iter().any(|address| facts.is_here(address)) {
        return None;
    }
    let seen = match found.as_slice() {
        [] => format!("{} has no address on this host", name.host()),
        [first, ..] => format!(
            "{} leads to {first}, which is no address of this host",
            name.host()
        ),
    };
    Some(Finding::new(
        Code::OwnNameElsewhere,
        Subject::Node(name.clone()),
        seen,
    ))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn facts() -> Facts {
        Facts {
            interfaces: Vec::new(),
            memberships: Vec::new(),
            gossip: Some(GossipFacts {
                route: Ok(Ipv4Addr::new(172, 20, 0, 2)),
                not_joined: Vec::new(),
                port_refused: None,
                port_holders: vec!["beam.smp (pid 7)".to_owned()],
                echo: Some(true),
            }),
            hostname: "here".to_owned(),
            hostname_resolves: Vec::new(),
            name_resolves: None,
            epmd: Epmd::None,
            clock: YEAR_2025,
        }
    }

    fn codes(change: impl FnOnce(&mut Facts)) -> Vec<&'static str> {
        let mut facts = facts();
        change(&mut facts);
        let gossip = Gossip::default();
        let name = "a@node0".parse().unwrap();
        let question = Question {
            gossip: Some(&gossip),
            name: Some(&name),
            cookies: &[],
            epmd_port: 4369,
        };
        let found = of(&facts, &question);
        found.iter().map(|finding| finding.code.name()).collect()
    }

    fn became(facts: &mut Facts) -> &mut GossipFacts {
        facts.gossip.as_mut().unwrap()
    }

    #[test]
    fn a_healthy_host_yields_nothing_and_each_fault_its_own() {
        assert_eq!(codes(|_| ()), [""; 0]);
        assert_eq!(
            codes(|facts| became(facts).route = Err("unreachable".into())),
            ["gossip-no-route"]
        );
        assert_eq!(
            codes(|facts| became(facts).echo = Some(false)),
            ["own-echo-lost"]
        );
        assert_eq!(codes(|facts| became(facts).echo = None), [""; 0]);
        let refused = |facts: &mut Facts| became(facts).port_refused = Some("taken".into());
        assert_eq!(codes(refused), ["gossip-port-taken"]);
        let not_joined = |facts: &mut Facts| {
            became(facts)
                .not_joined
                .push((Ipv4Addr::LOCALHOST, "no".into()));
            became(facts).echo = Some(false);
        };
        assert_eq!(codes(not_joined), ["multicast-join"]);
        assert_eq!(codes(|facts| facts.clock = 0), ["clock-wrong"]);
        let alien = |facts: &mut Facts| {
            facts.epmd = Epmd::Other {
                holders: vec!["nginx (pid 9)".into()],
                error: "no EPMD".into(),
            };
        };
        assert_eq!(codes(alien), ["epmd-alien"]);
        let elsewhere = |facts: &mut Facts| facts.name_resolves = Some(vec![[10, 0, 0, 9].into()]);
        assert_eq!(codes(elsewhere), ["own-name-elsewhere"]);
        assert_eq!(
            codes(|facts| facts.name_resolves = Some(vec![])),
            ["own-name-elsewhere"]
        );
        assert_eq!(
            codes(|facts| facts.name_resolves = Some(vec![[127, 0, 1, 1].into()])),
            [""; 0]
        );
    }
}
