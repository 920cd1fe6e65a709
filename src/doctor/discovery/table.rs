//! Who is heard, and what cannot be read: an account in bounded memory.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::candidates::{Candidates, Key, Reading, Reason};
use crate::NodeName;

/// So many rows of each kind are kept. Addresses and names can be forged, so there must be an end.
const MAX_ROWS: usize = 1024;

/// Where a datagram was sent to: a group or broadcast address, and the port.
pub type Destination = (Ipv4Addr, u16);

/// A node that is heard from one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardNode {
    /// Where its heartbeats come from. libcluster sends from the gossip port.
    pub source: SocketAddr,
    /// Its name, as it says itself.
    pub node: NodeName,
    /// What its last heartbeat was made with.
    pub key: Key,
    /// Where it sends its heartbeats to.
    pub to: BTreeSet<Destination>,
    /// The times.
    pub times: Times,
}

/// Datagrams of one kind from one address that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where they come from.
    pub source: IpAddr,
    /// Why they cannot be read.
    pub reason: Reason,
    /// The length of the last one, in bytes; a longer one than is looked at counts as that long.
    pub length: usize,
    /// Where they were sent to.
    pub to: BTreeSet<Destination>,
    /// The times.
    pub times: Times,
}

/// How often, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// The first.
    pub first: Instant,
    /// The last.
    pub last: Instant,
}

impl Times {
    fn begin(now: Instant) -> Times {
        Times {
            count: 0,
            first: now,
            last: now,
        }
    }

    fn note(&mut self, now: Instant) {
        self.count += 1;
        self.last = now;
    }

    /// The mean time between two; libcluster's is 2.5 s.
    pub fn interval(&self) -> Option<Duration> {
        let gaps = u32::try_from(self.count.checked_sub(1)?).unwrap_or(u32::MAX);
        self.last
            .saturating_duration_since(self.first)
            .checked_div(gaps)
    }
}

/// What a datagram changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// This node is heard for the first time, with another key or to another destination: its row.
    Node(usize),
    /// Something like this is heard for the first time: its row.
    Unreadable(usize),
}

/// The account.
#[derive(Clone, Debug, Default)]
pub struct Table {
    nodes: Vec<HeardNode>,
    unreadable: Vec<Unreadable>,
    unlisted: u64,
}

impl Table {
    /// Takes a datagram that came `from` there and was sent `to` there.
    pub fn note(
        &mut self,
        candidates: &Candidates,
        from: SocketAddr,
        to: Destination,
        packet: &[u8],
        now: Instant,
    ) -> Option<News> {
        match candidates.read(packet) {
            Reading::Heartbeat(node, key) => self.heartbeat(from, to, node, key, now),
            Reading::Unreadable(reason) => self.noise(from.ip(), to, reason, packet.len(), now),
        }
    }

    fn heartbeat(
        &mut self,
        source: SocketAddr,
        to: Destination,
        node: NodeName,
        key: Key,
        now: Instant,
    ) -> Option<News> {
        let known =
            (self.nodes.iter()).position(|row| row.node == node && row.source.ip() == source.ip());
        let at = match known {
            Some(at) => at,
            None if self.nodes.len() == MAX_ROWS => {
                self.unlisted += 1;
                return None;
            }
            None => {
                self.nodes.push(HeardNode {
                    source,
                    node,
                    key,
                    to: BTreeSet::new(),
                    times: Times::begin(now),
                });
                self.nodes.len() - 1
            }
        };
        let row = &mut self.nodes[at];
        row.times.note(now);
        let other_key = std::mem::replace(&mut row.key, key) != key;
        (row.to.insert(to) || other_key).then_some(News::Node(at))
    }

    fn noise(
        &mut self,
        source: IpAddr,
        to: Destination,
        reason: Reason,
        length: usize,
        now: Instant,
    ) -> Option<News> {
        let like = |row: &Unreadable| row.reason.as_str() == reason.as_str();
        let known = (self.unreadable.iter()).position(|row| row.source == source && like(row));
        let at = match known {
            Some(at) => at,
            None if self.unreadable.len() == MAX_ROWS => {
                self.unlisted += 1;
                return None;
            }
            None => {
                self.unreadable.push(Unreadable {
                    source,
                    reason,
                    length,
                    to: BTreeSet::new(),
                    times: Times::begin(now),
                });
                self.unreadable.len() - 1
            }
        };
        let row = &mut self.unreadable[at];
        row.times.note(now);
        row.reason = reason;
        row.length = length;
        row.to.insert(to).then_some(News::Unreadable(at))
    }

    /// The nodes, in the order in which they were first heard.
    pub fn nodes(&self) -> &[HeardNode] {
        &self.nodes
    }

    /// What cannot be read, in the order in which it was first heard.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Datagrams that found no place.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// Whether this node is heard from anywhere.
    pub fn hears(&self, node: &NodeName) -> bool {
        self.nodes.iter().any(|row| row.node == *node)
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidates::Candidate;
    use super::*;
    use crate::GossipSecret;
    use crate::gossip::Codec;

    const GROUP: Destination = (Ipv4Addr::new(239, 255, 0, 1), 45892);
    const OTHER: Destination = (Ipv4Addr::new(233, 252, 1, 32), 45892);

    fn from(last: u8) -> SocketAddr {
        SocketAddr::from(([172, 20, 0, last], 45892))
    }

    fn plain(name: &str) -> Vec<u8> {
        Codec::new(&name.parse().unwrap(), None).encode([0; 16])
    }

    #[test]
    fn news_is_what_is_new() {
        let candidates = Candidates::new([Candidate {
            label: "one".to_owned(),
            secret: GossipSecret::new("s"),
        }]);
        let mut table = Table::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let a = plain("a@host");
        let mut note =
            |from, to, packet: &[u8], now| table.note(&candidates, from, to, packet, now);
        assert_eq!(note(from(2), GROUP, &a, at(0)), Some(News::Node(0)));
        assert_eq!(note(from(2), GROUP, &a, at(2)), None);
        assert_eq!(note(from(2), OTHER, &a, at(3)), Some(News::Node(0)));
        assert_eq!(
            note(from(3), GROUP, &a, at(3)),
            Some(News::Node(1)),
            "an other host"
        );
        assert_eq!(
            note(from(3), GROUP, b"junk", at(3)),
            Some(News::Unreadable(0))
        );
        assert_eq!(note(from(3), GROUP, b"more junk", at(4)), None);
        let secret = GossipSecret::new("s");
        let sealed = Codec::new(&"a@host".parse().unwrap(), Some(&secret)).encode([1; 16]);
        assert_eq!(
            note(from(2), GROUP, &sealed, at(6)),
            Some(News::Node(0)),
            "an other key"
        );
        let row = &table.nodes()[0];
        assert_eq!((row.key, row.times.count), (Key::Secret(0), 4));
        assert_eq!(row.times.interval(), Some(Duration::from_secs(2)));
        assert_eq!(table.nodes()[1].times.interval(), None);
        assert_eq!(table.unreadable()[0].length, 9);
        assert!(table.hears(&"a@host".parse().unwrap()));
    }

    #[test]
    fn forged_names_and_addresses_fill_a_bounded_table() {
        let candidates = Candidates::new([]);
        let mut table = Table::default();
        let now = Instant::now();
        for number in 0..2 * MAX_ROWS {
            let packet = plain(&format!("n{number}@host"));
            table.note(&candidates, from(2), GROUP, &packet, now);
            let source = Ipv4Addr::from(number as u32);
            table.note(&candidates, (source, 9).into(), GROUP, b"junk", now);
        }
        assert_eq!(table.nodes().len(), MAX_ROWS);
        assert_eq!(table.unreadable().len(), MAX_ROWS);
        assert_eq!(table.unlisted(), 2 * MAX_ROWS as u64);
    }
}
