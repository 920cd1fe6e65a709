//! Candidates: which of the nodes that are not connected may stay remembered.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::name::NodeName;

/// What a candidate is worth: who goes first when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// A stranger that was not where its heartbeat said.
    Doubted,
    /// Heard only.
    Stranger,
    /// Was connected once, or is known to a connected peer.
    Trusted,
}

/// Where a candidate stands in the order of eviction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) standing: Standing,
    /// When there was last a sign of it.
    pub(super) touched: Duration,
    /// The address that a stranger counts against.
    pub(super) source: Option<IpAddr>,
}

/// Whether a newcomer finds a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    InsteadOf(NodeName),
    Full,
}

type Order = BTreeSet<(Standing, Duration, NodeName)>;

/// The order of eviction, in all and for each source. All operations take O(log n).
#[derive(Debug)]
pub(super) struct Candidates {
    max: usize,
    per_source: usize,
    fresh_for: Duration,
    all: Order,
    by_source: HashMap<IpAddr, Order>,
}

impl Candidates {
    /// `fresh_for`: a candidate with a sign of life so recent does not give way to its equals, so that
    /// a crowd cannot wash away each newcomer before its grace has passed.
    pub(super) fn new(max: usize, per_source: usize, fresh_for: Duration) -> Candidates {
        Candidates {
            max: max.max(1),
            per_source: per_source.max(1),
            fresh_for,
            all: Order::new(),
            by_source: HashMap::new(),
        }
    }

    /// Whether a newcomer of this standing and source has a place, and at whose cost.
    pub(super) fn room(&self, standing: Standing, source: Option<IpAddr>, now: Duration) -> Room {
        let own = source.and_then(|source| self.by_source.get(&source_key(source)));
        let (order, room) = match own {
            Some(own) if own.len() >= self.per_source => (own, false),
            _ => (&self.all, self.all.len() < self.max),
        };
        match order.first() {
            _ if room => Room::Free,
            Some(first) if self.gives_way(first, standing, now) => Room::InsteadOf(first.2.clone()),
            _ => Room::Full,
        }
    }

    /// The next one to be forgotten because there are too many.
    pub(super) fn surplus(&self, now: Duration) -> Option<NodeName> {
        let first = self.all.first().filter(|_| self.all.len() > self.max)?;
        self.gives_way(first, Standing::Trusted, now)
            .then(|| first.2.clone())
    }

    fn gives_way(
        &self,
        (standing, touched, _): &(Standing, Duration, NodeName),
        newcomer: Standing,
        now: Duration,
    ) -> bool {
        let stale = now >= touched.saturating_add(self.fresh_for);
        match *standing {
            Standing::Doubted => true,
            Standing::Stranger => stale || newcomer == Standing::Trusted,
            Standing::Trusted => stale && newcomer == Standing::Trusted,
        }
    }

    /// Moves `node` from one seat to another; `None` is no seat.
    pub(super) fn reseat(&mut self, node: &NodeName, from: Option<&Seat>, to: Option<&Seat>) {
        if from == to {
            return;
        }
        if let Some(seat) = from {
            let key = (seat.standing, seat.touched, node.clone());
            self.all.remove(&key);
            if let Some(source) = seat.source.map(source_key)
                && let Some(order) = self.by_source.get_mut(&source)
            {
                order.remove(&key);
                if order.is_empty() {
                    self.by_source.remove(&source);
                }
            }
        }
        if let Some(seat) = to {
            let key = (seat.standing, seat.touched, node.clone());
            if let Some(source) = seat.source.map(source_key) {
                let order = self.by_source.entry(source).or_default();
                order.insert(key.clone());
            }
            self.all.insert(key);
        }
    }
}

/// One IPv6 host has a whole /64 to speak from.
fn source_key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: usize) -> NodeName {
        NodeName::new(&format!("n{n}@host")).unwrap()
    }

    fn seat(standing: Standing, touched: u64, source: &str) -> Seat {
        Seat {
            standing,
            touched: Duration::from_secs(touched),
            source: source.parse().ok(),
        }
    }

    fn full(seats: &[Seat]) -> Candidates {
        let mut candidates = Candidates::new(seats.len(), 2, Duration::from_secs(10));
        for (n, seat) in seats.iter().enumerate() {
            candidates.reseat(&node(n), None, Some(seat));
        }
        candidates
    }

    #[test]
    fn a_full_table_gives_up_the_doubted_first_and_the_fresh_never() {
        use Standing::*;
        let now = Duration::from_secs(15);
        let far: Option<IpAddr> = "9.9.9.9".parse().ok();
        let mut some = full(&[
            seat(Trusted, 0, ""),
            seat(Stranger, 8, "10.0.0.1"),
            seat(Doubted, 14, "10.0.0.2"),
        ]);
        assert_eq!(some.room(Stranger, far, now), Room::InsteadOf(node(2)));

        let doubted = seat(Doubted, 14, "10.0.0.2");
        some.reseat(&node(2), Some(&doubted), Some(&seat(Trusted, 15, "")));
        assert_eq!(some.room(Stranger, far, now), Room::Full);
        assert_eq!(some.room(Trusted, None, now), Room::InsteadOf(node(1)));
        let later = Duration::from_secs(18);
        assert_eq!(some.room(Stranger, far, later), Room::InsteadOf(node(1)));

        some.reseat(&node(1), Some(&seat(Stranger, 8, "10.0.0.1")), None);
        let lost = seat(Trusted, 12, "");
        some.reseat(&node(0), Some(&seat(Trusted, 0, "")), Some(&lost));
        some.reseat(&node(3), None, Some(&seat(Trusted, 15, "")));
        assert_eq!(some.room(Trusted, None, later), Room::Full);
        some.reseat(&node(3), Some(&seat(Trusted, 15, "")), None);
        assert_eq!(some.room(Stranger, far, now), Room::Free);
    }

    #[test]
    fn a_source_replaces_only_its_own() {
        use Standing::*;
        let some = full(&[
            seat(Doubted, 0, "10.0.0.9"),
            seat(Stranger, 1, "10.0.0.1"),
            seat(Stranger, 2, "10.0.0.1"),
        ]);
        let same = "10.0.0.1".parse().ok();
        assert_eq!(
            some.room(Stranger, same, Duration::from_secs(9)),
            Room::Full
        );
        let later = Duration::from_secs(11);
        assert_eq!(some.room(Stranger, same, later), Room::InsteadOf(node(1)));
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let key = |text: &str| source_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
    }
}
