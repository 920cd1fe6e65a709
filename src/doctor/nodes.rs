//! What stands in the way to each node.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::IpAddr;

use super::code::Code;
use super::examined::Examined;
use super::finding::{Finding, Subject};
use super::reach::{Obstacle, Stage};
use crate::dist::HandshakeError;
use crate::epmd::{AskError, LookupError};

/// How much of a limit may be used up before it is worth a word.
const NEAR: f64 = 0.8;

/// The findings about nodes, each by itself.
pub(super) fn findings(all: &[Examined]) -> Vec<Finding> {
    let mut found: Vec<Finding> = all.iter().filter_map(|node| obstacle(node, all)).collect();
    found.extend(name_forms(all));
    found.extend(all.iter().flat_map(limits));
    one_for_a_host(own_cookie(found, all))
}

fn obstacle(node: &Examined, all: &[Examined]) -> Option<Finding> {
    let (stage, obstacle) = node.stopped()?;
    if let Some(finding) = resolves_elsewhere(node, all) {
        return Some(finding);
    }
    let subject = Subject::Node(node.node.clone());
    let host = Subject::Host(node.node.host().to_owned());
    let (name, at) = (&node.node, place(node));
    let finding = match obstacle {
        Obstacle::Unresolved(error) => Finding::new(
            Code::HostUnresolved,
            host,
            format!("the host of {name} is not resolved here: {error}"),
        ),
        Obstacle::Epmd(LookupError::UnknownName { epmd, .. }) => Finding::new(
            Code::NodeUnknown,
            subject,
            format!("the EPMD at {epmd} knows no node {:?}", name.name()),
        ),
        Obstacle::Epmd(LookupError::Ask(error)) => of_epmd(error, host),
        Obstacle::Epmd(error) => Finding::new(Code::NodeUnknown, subject, error.to_string()),
        Obstacle::Tcp(None) => Finding::new(
            Code::PortFiltered,
            subject,
            format!("nothing came back from {at} when we connected"),
        ),
        Obstacle::Tcp(Some(kind)) => {
            let code = match (kind, node.reach.given_port) {
                (ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable, _) => Code::HostSilent,
                (_, true) => Code::PortClosed,
                (_, false) => Code::StalePort,
            };
            let told = if node.reach.given_port {
                ""
            } else {
                ", which EPMD tells"
            };
            Finding::new(
                code,
                subject,
                format!("no connection to {at}{told}: {kind}"),
            )
        }
        Obstacle::Handshake(error) => Finding::new(
            of_handshake(error),
            subject,
            format!("the handshake at {at} came to nothing: {error}"),
        ),
        Obstacle::Silent => Finding::new(
            Code::RpcFailed,
            subject,
            format!("connected at {at}, and no answer to a {}", stage.name()),
        ),
    };
    Some(with_way(finding, node))
}

fn place(node: &Examined) -> String {
    match (node.reach.address, node.reach.port) {
        (Some(ip), Some(port)) => std::net::SocketAddr::new(ip, port).to_string(),
        (Some(ip), None) => ip.to_string(),
        (None, _) => "an unknown address".to_owned(),
    }
}

/// The stages that were passed, as evidence.
fn with_way(mut finding: Finding, node: &Examined) -> Finding {
    finding = finding.evidence("node", &node.node);
    if let Some(address) = node.reach.address {
        finding = finding.evidence("address", address);
    }
    for (stage, took) in &node.reach.passed {
        let millis = took.as_secs_f64() * 1000.0;
        finding = finding.evidence(stage.name(), format!("{millis:.1} ms"));
    }
    finding
}

fn of_epmd(error: &AskError, host: Subject) -> Finding {
    let code = match error {
        AskError::Unreachable {
            kind: ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable,
            ..
        } => Code::HostSilent,
        AskError::Unreachable { .. } => Code::EpmdDown,
        AskError::Silent { .. } => Code::EpmdSilent,
        AskError::Closed { .. } | AskError::Malformed { .. } => Code::EpmdDown,
    };
    Finding::new(code, host, error.to_string())
}

fn of_handshake(error: &HandshakeError) -> Code {
    match error {
        HandshakeError::CookieDiffers | HandshakeError::CookieRefused => Code::CookieMismatch,
        HandshakeError::FlagsMissing(_) => Code::FlagsRejected,
        HandshakeError::NotAllowed => Code::NotAllowed,
        HandshakeError::WrongName { .. } => Code::StalePort,
        HandshakeError::Tls => Code::TlsOnly,
        HandshakeError::Garbage(_) => Code::NotErlang,
        HandshakeError::Silent { .. } => Code::NodeFrozen,
        _ => Code::HandshakeFailed,
    }
}

/// A node that was not reached at the address that its name has here, while its peers are connected to it elsewhere, or
/// while another node stands at that address.
fn resolves_elsewhere(node: &Examined, all: &[Examined]) -> Option<Finding> {
    let here = node.reach.address?;
    let host = node.node.host();
    let seen = |there: &str| format!("on this host {host} is {here}; {there}");
    let subject = Subject::Host(host.to_owned());
    let known = addresses_by_peers(node, all);
    if let Some((there, peers)) = known.first()
        && !known.iter().any(|(address, _)| *address == here)
    {
        let seen = seen(&format!(
            "its peers are connected to {} at {there}",
            node.node
        ));
        let finding = Finding::new(Code::HostResolvesElsewhere, subject, seen);
        return Some(
            finding
                .evidence("here", here)
                .evidence("peers", peers)
                .evidence("there", there),
        );
    }
    let (_, Obstacle::Handshake(HandshakeError::WrongName { got, .. })) = node.stopped()? else {
        return None;
    };
    let got_host = got.split_once('@')?.1;
    let double = |other: &&Examined| {
        other.node.host() == got_host && got_host != host && other.reach.address == Some(here)
    };
    all.iter().find(double)?;
    let seen = seen(&format!("{got} answers there"));
    Some(Finding::new(Code::HostResolvesElsewhere, subject, seen).evidence("here", here))
}

/// Where the peers of a node are connected to it, the address of most first, with how many they are.
pub(super) fn addresses_by_peers(node: &Examined, all: &[Examined]) -> Vec<(IpAddr, usize)> {
    let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let connections = all.iter().filter_map(|other| other.facts.as_ref());
    for (peer, address) in connections.flat_map(|facts| &facts.connections) {
        if *peer == node.node && !address.is_loopback() {
            *counts.entry(*address).or_default() += 1;
        }
    }
    let mut counts: Vec<(IpAddr, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

fn name_forms(all: &[Examined]) -> Vec<Finding> {
    let (long, short): (Vec<&Examined>, Vec<&Examined>) =
        all.iter().partition(|node| node.node.is_long());
    if long.is_empty() || short.is_empty() {
        return Vec::new();
    }
    let (few, many, form) = match long.len() <= short.len() {
        true => (long, short, "long"),
        false => (short, long, "short"),
    };
    let finding = |node: &Examined| {
        let seen = format!(
            "{} is a {form} name, and {} others such as {} are not",
            node.node,
            many.len(),
            many[0].node
        );
        Finding::new(Code::NameForm, Subject::Node(node.node.clone()), seen)
    };
    few.into_iter().map(finding).collect()
}

fn limits(node: &Examined) -> Vec<Finding> {
    let Some(facts) = &node.facts else {
        return Vec::new();
    };
    let limits = &facts.limits;
    let near = |what: &str, used: Option<i64>, limit: Option<i64>| {
        let (used, limit) = (used?, limit?);
        if (used as f64) < NEAR * limit as f64 {
            return None;
        }
        let seen = format!("{used} of {limit} {what} are used");
        let subject = Subject::Node(node.node.clone());
        Some(Finding::new(Code::NearLimit, subject, seen))
    };
    let found = [
        near("atoms", limits.atoms, limits.atom_limit),
        near("processes", limits.processes, limits.process_limit),
        near("ports", limits.ports, limits.port_limit),
    ];
    found.into_iter().flatten().collect()
}

/// Where all nodes that came as far refuse our cookie, it is ours that differs.
fn own_cookie(found: Vec<Finding>, all: &[Examined]) -> Vec<Finding> {
    let mut refusals: Vec<Finding> = Vec::new();
    let mut rest = Vec::new();
    for finding in found {
        match finding.code {
            Code::CookieMismatch => refusals.push(finding),
            _ => rest.push(finding),
        }
    }
    let trusted = all
        .iter()
        .any(|node| node.reach.took(Stage::Handshake).is_some());
    if refusals.len() < 2 || trusted {
        rest.extend(refusals);
        return rest;
    }
    let nodes: Vec<String> = refusals
        .iter()
        .map(|finding| finding.subject.to_string())
        .collect();
    let seen = format!(
        "all {} nodes refuse the cookie of this command",
        nodes.len()
    );
    rest.push(
        Finding::new(Code::CookieMismatch, Subject::Host("here".to_owned()), seen)
            .means("it is the cookie here that differs from theirs, or each of them has another")
            .remedy("give this command their cookie (--cookie-file, RELEASE_COOKIE)")
            .evidence("nodes", nodes.join(" ")),
    );
    rest
}

/// What is wrong with a host is told once, whatever the number of its nodes.
fn one_for_a_host(found: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in found {
        let same = |known: &&mut Finding| {
            matches!(finding.subject, Subject::Host(_))
                && (known.code, &known.subject) == (finding.code, &finding.subject)
        };
        match kept.iter_mut().find(same) {
            Some(known) => known.evidence.extend(
                finding
                    .evidence
                    .into_iter()
                    .filter(|(name, _)| name == "node"),
            ),
            None => kept.push(finding),
        }
    }
    kept
}
