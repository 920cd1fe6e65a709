//! The account of what was heard: how much of each kind, and from whom.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Verdict, VerdictKind};

/// So many sources are remembered one by one. Addresses can be forged, so there must be an end.
const MAX_SOURCES: usize = 1024;
/// A source that was silent for so long gives up its place when the table is full.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// The full table is searched for such sources at most this often, since forged datagrams come fast.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// How many datagrams of each kind were heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([u64; VerdictKind::ALL.len()]);

impl Tally {
    /// Datagrams of this kind.
    pub fn of(&self, kind: VerdictKind) -> u64 {
        self.0[kind as usize]
    }

    /// Datagrams of all kinds.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn add(&mut self, kind: VerdictKind) {
        self.0[kind as usize] += 1;
    }
}

/// What was heard from one address.
#[derive(Clone, Debug)]
pub struct Source {
    /// How much of each kind.
    pub tally: Tally,
    /// What its last datagram was.
    pub last: Verdict,
    /// When its last datagram came.
    pub at: Instant,
}

/// Counts datagrams by kind, in all and for each source address, in bounded memory.
#[derive(Debug, Default)]
pub struct Heard {
    totals: Tally,
    sources: HashMap<IpAddr, Source>,
    unlisted: u64,
    swept: Option<Instant>,
}

impl Heard {
    /// Counts a datagram. True when this address sends this kind for the first time, which is when to tell of it.
    pub fn note(&mut self, from: IpAddr, verdict: &Verdict, now: Instant) -> bool {
        let kind = verdict.kind();
        self.totals.add(kind);
        if !self.sources.contains_key(&from) && !self.has_room(now) {
            self.unlisted += 1;
            return false;
        }
        let source = self.sources.entry(from).or_insert_with(|| Source {
            tally: Tally::default(),
            last: verdict.clone(),
            at: now,
        });
        source.tally.add(kind);
        source.last = verdict.clone();
        source.at = now;
        source.tally.of(kind) == 1
    }

    /// The count of all datagrams.
    pub fn totals(&self) -> &Tally {
        &self.totals
    }

    /// The sources that are remembered, at most 1,024, in no order.
    pub fn sources(&self) -> impl Iterator<Item = (IpAddr, &Source)> {
        self.sources.iter().map(|(from, source)| (*from, source))
    }

    /// Datagrams whose source found no place among the remembered ones.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    fn has_room(&mut self, now: Instant) -> bool {
        let sweep_due = self
            .swept
            .is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP_EVERY);
        if self.sources.len() >= MAX_SOURCES && sweep_due {
            self.swept = Some(now);
            self.sources
                .retain(|_, source| now.saturating_duration_since(source.at) < FORGOTTEN_AFTER);
        }
        self.sources.len() < MAX_SOURCES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(number: usize) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + number as u32).into()
    }

    #[test]
    fn the_first_of_a_kind_from_a_source_is_news_and_all_are_counted() {
        let mut heard = Heard::default();
        let now = Instant::now();
        let (echo, other) = (Verdict::OwnEcho, Verdict::Undecryptable { length: 64 });
        assert!(heard.note(address(1), &echo, now));
        assert!(!heard.note(address(1), &echo, now));
        assert!(heard.note(address(1), &other, now));
        assert!(!heard.note(address(1), &echo, now));
        assert!(heard.note(address(2), &echo, now));
        assert_eq!(heard.totals().of(VerdictKind::OwnEcho), 4);
        assert_eq!(heard.totals().of(VerdictKind::Undecryptable), 1);
        assert_eq!(heard.totals().total(), 5);
        let (_, source) = heard
            .sources()
            .find(|(from, _)| *from == address(1))
            .unwrap();
        assert_eq!(source.last, echo);
        assert_eq!(source.tally.total(), 4);
    }

    #[test]
    fn forged_sources_fill_a_bounded_table_that_frees_itself() {
        let mut heard = Heard::default();
        let start = Instant::now();
        for number in 0..10 * MAX_SOURCES {
            heard.note(address(number), &Verdict::OwnEcho, start);
        }
        assert_eq!(heard.sources().count(), MAX_SOURCES);
        assert_eq!(heard.unlisted(), 9 * MAX_SOURCES as u64);
        assert_eq!(heard.totals().total(), 10 * MAX_SOURCES as u64);

        let later = start + FORGOTTEN_AFTER;
        assert!(!heard.note(address(0), &Verdict::OwnEcho, later));
        assert!(heard.note(address(77_777), &Verdict::OwnEcho, later));
        assert_eq!(
            heard.sources().count(),
            2,
            "only those heard at `later` stay"
        );
    }
}
