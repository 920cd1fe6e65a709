//! All nodes beside each other: what should be equal and is not.

use std::net::{IpAddr, Ipv4Addr};

use super::code::Code;
use super::environment::Environment;
use super::examined::Examined;
use super::facts::{Facts, Interface};
use super::finding::{Finding, Subject};
use super::majority::Split;
use super::strategy::{Origin, Strategy};
use crate::NodeName;

/// The findings about what is common to all nodes.
pub(super) fn findings(all: &[Examined]) -> Vec<Finding> {
    let mut found = gossip(all);
    found.extend(not_gossiping(all));
    found.extend(kernel(all));
    found.extend(cookies(all));
    found.extend(resolvers(all));
    found.extend(names_twice(all));
    found.extend(sorts_first(all));
    found.extend(all.iter().filter_map(no_broadcast));
    found
}

fn facts(all: &[Examined]) -> impl Iterator<Item = (&NodeName, &Facts)> {
    all.iter()
        .filter_map(|node| Some((&node.node, node.facts.as_ref()?)))
}

/// A value of each node that has one.
fn each<'a, T>(all: &'a [Examined], value: impl Fn(&'a Facts) -> Option<T>) -> Vec<(NodeName, T)> {
    let values = facts(all).filter_map(|(node, facts)| Some((node.clone(), value(facts)?)));
    values.collect()
}

/// A finding for each node that says otherwise, or one for all when no value has a majority.
pub(super) fn differing<T: Ord + Clone>(
    values: Vec<(NodeName, T)>,
    code: impl Fn(&T) -> Code,
    what: &str,
    show: impl Fn(&T) -> String,
) -> Vec<Finding> {
    let evidence = |mut finding: Finding| {
        for (node, value) in &values {
            finding = finding.evidence(node.as_str(), show(value));
        }
        finding
    };
    match Split::of(values.clone()) {
        None => Vec::new(),
        Some(Split::Odd(common, odd)) => {
            let finding = |(node, value): (NodeName, T)| {
                let (own, common) = (show(&value), show(&common));
                let seen = format!("its {what} is {own}, that of most others {common}");
                evidence(Finding::new(code(&value), Subject::Node(node), seen))
            };
            odd.into_iter().map(finding).collect()
        }
        Some(Split::Tied(values)) => {
            let nodes = values.iter().map(|(node, _)| node.clone()).collect();
            let mut different: Vec<&T> = values.iter().map(|(_, value)| value).collect();
            different.sort();
            different.dedup();
            let seen = format!(
                "{} nodes have {} different values of {what}, none of them that of most",
                values.len(),
                different.len()
            );
            let code = values.iter().map(|(_, value)| code(value)).min();
            let code = code.unwrap_or(Code::KernelDiffers);
            vec![evidence(Finding::new(code, Subject::Nodes(nodes), seen))]
        }
    }
}

fn gossip(all: &[Examined]) -> Vec<Finding> {
    let of = |value: fn(&Strategy) -> Option<String>| {
        each(all, |facts| facts.gossip.as_ref().map(value))
    };
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let mut secrets = of(|strategy| strategy.secret.as_ref().map(ToString::to_string));
    // What a variable that is not set comes to, each release of ExESDB has its own mind about.
    secrets.retain(|(node, secret)| secret.is_some() || is_told(all, node, |_| false));
    let mut found = differing(
        secrets,
        |secret| match secret {
            Some(_) => Code::SecretDiffers,
            None => Code::PlainHeartbeats,
        },
        "gossip secret",
        shown,
    );
    let mut addresses = of(|strategy| Some(strategy.multicast_addr.to_string()));
    addresses.retain(|(node, _)| is_told(all, node, Environment::sets_address));
    found.extend(differing(
        addresses,
        |_| Code::AddressDiffers,
        "gossip address",
        shown,
    ));
    let mut ports = of(|strategy| Some(strategy.port.to_string()));
    ports.retain(|(node, _)| is_told(all, node, Environment::sets_port));
    found.extend(differing(
        ports,
        |_| Code::PortDiffers,
        "gossip port",
        shown,
    ));
    found
        .into_iter()
        .map(|finding| with_origin(finding, all))
        .collect()
}

/// Whether a setting of `node` is its own word, and not what we take for a variable that it does not have.
fn is_told(all: &[Examined], node: &NodeName, sets: fn(&Environment) -> bool) -> bool {
    let facts = facts(all).find(|(name, _)| *name == node);
    facts.is_some_and(|(_, facts)| {
        let gossip = facts.gossip.as_ref();
        let is_running = gossip.is_some_and(|gossip| gossip.origin != Origin::Environment);
        is_running || sets(&facts.environment)
    })
}

/// Where the settings of the node were read, and what its environment says.
fn with_origin(mut finding: Finding, all: &[Examined]) -> Finding {
    let Subject::Node(node) = &finding.subject else {
        return finding;
    };
    let Some((_, facts)) = facts(all).find(|(name, _)| *name == node) else {
        return finding;
    };
    if let Some(gossip) = &facts.gossip {
        finding = finding.evidence("settings read in", gossip.origin);
    }
    for (name, value) in facts.environment.shown() {
        finding = finding.evidence(&format!("its environment has {name}"), value);
    }
    finding
}

/// Who does not gossip while others do, though it is to, or nobody who does is connected to it.
fn not_gossiping(all: &[Examined]) -> Vec<Finding> {
    let others: Vec<&NodeName> = facts(all)
        .filter(|(_, facts)| facts.gossips == Some(true))
        .map(|(node, _)| node)
        .collect();
    if others.is_empty() {
        return Vec::new();
    }
    let count = match others.len() {
        1 => "1 other node".to_owned(),
        count => format!("{count} other nodes"),
    };
    let finding = |(node, facts): (&NodeName, &Facts)| {
        if !facts.is_beam() || facts.hidden || facts.gossips != Some(false) {
            return None;
        }
        let seen = match &facts.gossip {
            Some(gossip) => format!(
                "it has settings for libcluster's Gossip (in {}) and no process that gossips; {count} have one",
                gossip.origin
            ),
            None if facts.runs_a_store()
                || !facts.nodes.iter().any(|node| others.contains(&node)) =>
            {
                format!("no process of it gossips; on {count} one does")
            }
            None => return None,
        };
        Some(Finding::new(
            Code::NotGossiping,
            Subject::Node(node.clone()),
            seen,
        ))
    };
    facts(all).filter_map(finding).collect()
}

fn kernel(all: &[Examined]) -> Vec<Finding> {
    let ticktimes = each(all, |facts| facts.net_ticktime);
    let seconds = |seconds: &i64| format!("{seconds} s");
    let mut found = differing(
        ticktimes,
        |_| Code::TicktimeDiffers,
        "net_ticktime",
        seconds,
    );
    // A node of another kind has none of these settings.
    let set = |value: fn(&Facts) -> &Option<String>, default: &'static str| {
        each(all, move |facts| {
            let value = value(facts).clone();
            facts
                .is_beam()
                .then(|| value.unwrap_or_else(|| default.to_owned()))
        })
    };
    // On by default since OTP 25 (OTP-17934).
    let overlap = set(|facts| &facts.prevent_overlapping_partitions, "true");
    let connect_all = set(|facts| &facts.connect_all, "true");
    for (values, what) in [
        (overlap, "prevent_overlapping_partitions"),
        (connect_all, "connect_all"),
    ] {
        found.extend(differing(
            values,
            |_| Code::KernelDiffers,
            what,
            String::clone,
        ));
    }
    found
}

/// Two nodes connect when each has for the other the cookie that the other has for it.
fn cookies(all: &[Examined]) -> Vec<Finding> {
    let for_other = |one: &Examined, other: &NodeName| {
        let view = one.others.iter().find(|view| view.node == *other);
        view.and_then(|view| view.cookie.clone())
    };
    let mut found = Vec::new();
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            let (Some(theirs), Some(ours)) =
                (for_other(one, &other.node), for_other(other, &one.node))
            else {
                continue;
            };
            if theirs != ours {
                let nodes = vec![one.node.clone(), other.node.clone()];
                let seen = format!(
                    "{} has the cookie {theirs} for {}, which has {ours} for it",
                    one.node, other.node
                );
                found.push(
                    Finding::new(Code::CookieMismatch, Subject::Nodes(nodes), seen)
                        .means("these two cannot connect to each other, though others can to both")
                        .remedy("see what calls Node.set_cookie/2 on them"),
                );
            }
        }
    }
    found
}

/// What a node has for the host of another, where that cannot be it.
fn resolvers(all: &[Examined]) -> Vec<Finding> {
    let mut found = Vec::new();
    for one in all {
        for view in &one.others {
            let Some(other) = all.iter().find(|other| other.node == view.node) else {
                continue;
            };
            let (own, Some(there)) = (other.own_addresses(), view.address) else {
                continue;
            };
            let same_host = one
                .own_addresses()
                .iter()
                .any(|ip| !ip.is_loopback() && own.contains(ip));
            let connected = one.facts.iter().flat_map(|facts| &facts.connections);
            let is_connected = connected
                .clone()
                .any(|(node, ip)| *node == other.node && *ip == there);
            let right = own.contains(&there) && (same_host || !there.is_loopback());
            if own.is_empty() || right || is_connected || (same_host && there.is_loopback()) {
                continue;
            }
            let host = other.node.host();
            let shown: Vec<String> = own
                .iter()
                .filter(|ip| !ip.is_loopback() && ip.is_ipv4())
                .map(ToString::to_string)
                .collect();
            let seen = format!(
                "on its host {host} is {there}; {} has {}",
                other.node,
                shown.join(", ")
            );
            let finding = Finding::new(
                Code::HostResolvesElsewhere,
                Subject::Node(one.node.clone()),
                seen,
            );
            found.push(finding.evidence("name", host).evidence("there", there));
        }
    }
    found
}

/// Peers that are connected to a node of this name at an address that the one we know does not have.
fn names_twice(all: &[Examined]) -> Vec<Finding> {
    let mut found = Vec::new();
    for node in all {
        let own = node.own_addresses();
        let strangers: Vec<(IpAddr, usize)> = super::nodes::addresses_by_peers(node, all)
            .into_iter()
            .filter(|(address, _)| !own.is_empty() && !own.contains(address))
            .collect();
        let Some((address, _)) = strangers.first() else {
            continue;
        };
        let seen = format!(
            "peers are connected to a node of this name at {address}, which is no address of the one at {}",
            node.reach
                .address
                .map_or_else(|| "its host".to_owned(), |ip| ip.to_string())
        );
        let finding = Finding::new(Code::SameNameTwice, Subject::Node(node.node.clone()), seen);
        found.push(finding.evidence("other address", address));
    }
    found
}

fn sorts_first(all: &[Examined]) -> Vec<Finding> {
    let stores: Vec<(&NodeName, &Facts)> = facts(all)
        .filter(|(_, facts)| facts.runs_a_store())
        .collect();
    let Some(lowest) = stores.iter().map(|(node, _)| node.as_str()).min() else {
        return Vec::new();
    };
    let mut guests: Vec<&NodeName> = stores.iter().flat_map(|(_, facts)| &facts.nodes).collect();
    guests.retain(|node| node.as_str() < lowest);
    guests.sort();
    guests.dedup();
    let finding = |node: &NodeName| {
        let seen =
            format!("it is in Node.list() and sorts before {lowest}, the first node with a store");
        Finding::new(Code::SortsFirst, Subject::Node(node.clone()), seen)
    };
    guests.into_iter().map(finding).collect()
}

fn no_broadcast(node: &Examined) -> Option<Finding> {
    let facts = node.facts.as_ref()?;
    let IpAddr::V4(to) = facts.gossip.as_ref()?.multicast_addr else {
        return None;
    };
    let bound = facts.gossip.as_ref()?.if_addr;
    if to.is_multicast() || facts.interfaces.is_empty() {
        return None;
    }
    let leads_there = |interface: &&Interface| {
        let is_bound = bound.is_unspecified() || interface.addresses.contains(&bound);
        let can = ["up", "broadcast"]
            .iter()
            .all(|flag| interface.flags.iter().any(|has| has == flag));
        is_bound && can && (to.is_broadcast() || broadcasts(interface, to))
    };
    if facts
        .interfaces
        .iter()
        .any(|interface| leads_there(&interface))
    {
        return None;
    }
    let seen = format!("its gossip goes to {to}, which none of its interfaces can broadcast to");
    let mut finding = Finding::new(Code::NoBroadcast, Subject::Node(node.node.clone()), seen);
    for interface in &facts.interfaces {
        let addresses: Vec<String> = interface
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        let shown = format!("{} {}", interface.flags.join(","), addresses.join(" "));
        finding = finding.evidence(&interface.name, shown);
    }
    Some(finding)
}

/// Whether `to` is the last address of a network of this interface (`fib_add_ifaddr`, net/ipv4/fib_frontend.c), or the
/// broadcast address that it was given.
fn broadcasts(interface: &Interface, to: Ipv4Addr) -> bool {
    let last = interface
        .addresses
        .iter()
        .zip(&interface.netmasks)
        .any(|pair| match pair {
            (IpAddr::V4(ip), IpAddr::V4(mask)) => {
                *mask < Ipv4Addr::from(u32::MAX - 1) && *ip | !*mask == to
            }
            _ => false,
        });
    last || interface.broadcasts.contains(&IpAddr::V4(to))
        && !interface.netmasks.contains(&Ipv4Addr::BROADCAST.into())
}
