//! Whether settings agree with each other and with the host.

use std::path::Path;

use if_addrs::Ifv4Addr;

use super::code::Code;
use super::finding::{Finding, Subject, ranked};
use super::host::ipv4_addresses;
use crate::gossip::{Destination, Gossip};
use crate::{Cookie, GossipSecret, NodeName};

/// Shorter secrets can be tried out.
const SHORTEST: usize = 16;
/// Secrets that everybody knows: those of ExESDB's code and guide, and of examples.
const PUBLISHED: &[&[u8]] = &[
    b"dev_cluster_secret",
    b"dev_cluster_secret_2025",
    b"reg_greenhouse_clique",
    b"ex_esdb_secret_cookie",
    b"somepassword",
];

/// The settings of a node, to be checked.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// Its name.
    pub name: &'a NodeName,
    /// Its cookie.
    pub cookie: &'a Cookie,
    /// How it gossips, if it does.
    pub gossip: Option<&'a Gossip>,
    /// The files that its secrets were read from, with their modes.
    pub files: &'a [(&'a Path, u32)],
}

impl Checked<'_> {
    /// What is wrong with them on this host, the worst first.
    pub fn findings(&self) -> Vec<Finding> {
        let host = Subject::Host(self.name.host().to_owned());
        let secret = self.gossip.and_then(|gossip| gossip.secret.as_ref());
        let mut found = secrets(self.cookie, secret, &host);
        if let Some(gossip) = self.gossip {
            found.extend(network(gossip, &ipv4_addresses(), &host));
        }
        found.extend(name(self.name, self.gossip.is_some()));
        let open = self.files.iter().filter(|(_, mode)| mode & 0o077 != 0);
        found.extend(open.map(|(path, mode)| {
            let seen = format!("the mode of {} is {mode:04o}", path.display());
            Finding::new(Code::SecretFileMode, host.clone(), seen)
                .remedy(format!("chmod 400 {}", path.display()))
        }));
        ranked(found)
    }
}

/// What is wrong with the settings of gossip on a host that has these addresses.
pub(super) fn network(gossip: &Gossip, addresses: &[Ifv4Addr], host: &Subject) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |code, seen: String| found.push(Finding::new(code, host.clone(), seen));
    let to = gossip.multicast_addr;
    match gossip.destination(addresses) {
        Destination::Multicast if gossip.broadcast_only => add(
            Code::GroupNotJoined,
            format!("broadcast_only is true, and {to} is a multicast group"),
        ),
        Destination::Unicast => add(
            Code::AddressIsUnicast,
            format!("no interface of this host broadcasts to {to}, and it is no multicast group"),
        ),
        _ => {}
    }
    let is_here = |ip| addresses.iter().any(|address| address.ip == ip);
    let named = [
        ("if_addr", Some(gossip.if_addr)),
        ("multicast_if", gossip.multicast_if),
    ];
    for (setting, address) in named {
        let Some(address) = address.filter(|ip| !ip.is_unspecified() && *ip != to) else {
            continue;
        };
        if !is_here(address) {
            add(
                Code::NoSuchInterface,
                format!("{setting} is {address}, and no interface of this host has that address"),
            );
        } else if setting == "if_addr" {
            add(
                Code::DeafIfAddr,
                format!("if_addr is {address}, one address of this host"),
            );
        }
    }
    found
}

/// What is wrong with the node's name.
pub(super) fn name(name: &NodeName, gossips: bool) -> Option<Finding> {
    let loopback = ["localhost", "127.0.0.1", "::1", "localhost.localdomain"];
    if !gossips || !loopback.contains(&name.host()) {
        return None;
    }
    let seen = "the host in its name is that of each host itself";
    Some(Finding::new(
        Code::LoopbackName,
        Subject::Node(name.clone()),
        seen,
    ))
}

/// What is wrong with the secrets.
pub(super) fn secrets(
    cookie: &Cookie,
    secret: Option<&GossipSecret>,
    host: &Subject,
) -> Vec<Finding> {
    let weak = |code, what: &str, bytes: &[u8], shown: String| {
        let seen = match (PUBLISHED.contains(&bytes), bytes.len()) {
            (true, _) => format!("the {what} is one that stands in published code or in a guide"),
            (false, length) if length < SHORTEST => {
                format!("the {what} has {length} characters")
            }
            _ => return None,
        };
        Some(Finding::new(code, host.clone(), seen).evidence("fingerprint", shown))
    };
    let secret = secret.and_then(|secret| {
        let bytes = secret.expose();
        weak(Code::WeakSecret, "gossip secret", bytes, secret.to_string())
    });
    let cookie = weak(
        Code::WeakCookie,
        "cookie",
        cookie.expose(),
        cookie.to_string(),
    );
    cookie.into_iter().chain(secret).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn host() -> Subject {
        Subject::Host("here".to_owned())
    }

    fn codes(gossip: Gossip) -> Vec<&'static str> {
        let addresses = [Ifv4Addr {
            ip: [172, 20, 0, 7].into(),
            netmask: [255, 255, 0, 0].into(),
            prefixlen: 16,
            broadcast: Some([172, 20, 255, 255].into()),
        }];
        let found = network(&gossip, &addresses, &host());
        found.iter().map(|finding| finding.code.name()).collect()
    }

    fn to(address: [u8; 4]) -> Gossip {
        Gossip::default().multicast_addr(address.into())
    }

    #[test]
    fn the_address_must_suit_the_host_and_broadcast_only() {
        let none: [&str; 0] = [];
        assert_eq!(codes(Gossip::default()), none);
        for address in [[255; 4], [172, 20, 255, 255]] {
            assert_eq!(codes(to(address)), none);
            assert_eq!(codes(to(address).broadcast_only(true)), none);
        }
        assert_eq!(
            codes(to([239, 255, 0, 1]).broadcast_only(true)),
            ["group-not-joined"]
        );
        assert_eq!(codes(to([172, 21, 255, 255])), ["gossip-address-unicast"]);
    }

    #[test]
    fn interfaces_that_are_named_must_be_there() {
        let [here, elsewhere] = [7, 8].map(|last| Ipv4Addr::new(172, 20, 0, last));
        let default = Gossip::default;
        assert_eq!(codes(default().multicast_if(here)), [""; 0]);
        assert_eq!(
            codes(default().multicast_if(elsewhere)),
            ["no-such-interface"]
        );
        assert_eq!(codes(default().if_addr(elsewhere)), ["no-such-interface"]);
        assert_eq!(codes(default().if_addr(here)), ["deaf-if-addr"]);
    }

    #[test]
    fn a_name_on_loopback_is_for_no_other_host() {
        let of =
            |text: &str, gossips| name(&text.parse().unwrap(), gossips).map(|found| found.code);
        assert_eq!(of("a@localhost", true), Some(Code::LoopbackName));
        assert_eq!(of("a@localhost", false), None);
        assert_eq!(of("a@node0", true), None);
    }

    #[test]
    fn short_and_published_secrets_are_weak_and_not_told() {
        let of = |cookie: &str, secret: Option<&str>| {
            let secret = secret.map(GossipSecret::new);
            secrets(&Cookie::new(cookie), secret.as_ref(), &host())
        };
        let strong = "FTYWNOVMJHMXKDRUDLSI";
        assert_eq!(of(strong, None), []);
        assert_eq!(of(strong, Some(strong)), []);
        let found = of("clique", Some("dev_cluster_secret_2025"));
        let codes: Vec<Code> = found.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::WeakCookie, Code::WeakSecret]);
        assert!(!format!("{found:?}").contains("clique"), "{found:?}");
    }
}
