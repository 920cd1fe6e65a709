//! What came of a run, and what of it is harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// How often a real node lost another, over all nodes.
    pub losses: usize,
    /// What real nodes logged from level warning up, lines about the guest left out.
    pub log: Vec<String>,
    /// How many lines they logged about the guest: what OTP says of any node that falls silent or is refused.
    pub about_guest: usize,
    /// How many lines strangers logged.
    pub by_strangers: usize,
    /// What nodes ask of their cluster, at the end: the worst of all nodes, in µs.
    pub probe: BTreeMap<String, u64>,
    /// How long each [`Step::Whole`](super::Step::Whole) took.
    pub whole: Vec<(&'static str, Duration)>,
    /// How often a store was reset.
    pub resets: usize,
    /// The most nodeups, or nodedowns, of one guest at one node within ten seconds.
    pub flaps: usize,
    /// What else was measured.
    pub figures: Vec<Figure>,
}

/// Something measured of the guest that has a limit.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What it is.
    pub what: String,
    /// Its value, for the table.
    pub shown: String,
    /// Whether it is beyond its limit.
    pub beyond: bool,
}

/// What kind of harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Real nodes lost each other.
    Losses,
    /// A real node logged what it does not without a guest.
    Log,
    /// What nodes ask of their cluster took longer.
    Probe,
    /// A store was reset.
    Resets,
    /// A guest came or went more than once within ten seconds.
    Flaps,
    /// The guest itself went beyond a limit.
    Guest,
    /// The cluster did not become whole, or a node did not answer.
    Stuck,
}

/// Something that was worse with a guest.
#[derive(Debug, Clone)]
pub struct Harm {
    /// What kind.
    pub kind: Kind,
    /// What it was.
    pub text: String,
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Harm {
    /// A run that did not come to its end.
    pub fn stuck(text: String) -> Harm {
        Harm {
            kind: Kind::Stuck,
            text,
        }
    }
}

/// The hundredth of a second or so that a loaded machine takes now and then is no harm.
fn is_slower(with: u64, without: u64) -> bool {
    with > without * 12 / 10 + 5_000
}

impl Outcome {
    pub(super) fn harm(&self, without: &Outcome) -> Vec<Harm> {
        let mut harm = Vec::new();
        let mut found = |kind, text| harm.push(Harm { kind, text });
        if self.losses > without.losses {
            let (with, without) = (self.losses, without.losses);
            found(
                Kind::Losses,
                format!("real nodes lost each other {with} times, {without} without"),
            );
        }
        let known: BTreeSet<String> = without.log.iter().map(|line| gist(line)).collect();
        let new = self.log.iter().filter(|line| !known.contains(&gist(line)));
        let new: Vec<&String> = new.collect();
        if !new.is_empty() {
            found(
                Kind::Log,
                format!("logged: {new:?}; without: {:?}", without.log),
            );
        }
        for (what, with) in &self.probe {
            let alone = without.probe.get(what).copied().unwrap_or(0);
            if is_slower(*with, alone) {
                found(
                    Kind::Probe,
                    format!("{what} took {with} µs, {alone} µs without"),
                );
            }
        }
        if self.resets > without.resets {
            let (with, without) = (self.resets, without.resets);
            found(
                Kind::Resets,
                format!("{with} stores were reset, {without} without"),
            );
        }
        if self.flaps > 1 {
            let flaps = self.flaps;
            found(
                Kind::Flaps,
                format!("the guest came or went {flaps} times within 10 s at one node"),
            );
        }
        for figure in self.figures.iter().filter(|figure| figure.beyond) {
            found(Kind::Guest, format!("{}: {}", figure.what, figure.shown));
        }
        harm
    }
}

/// A line without what differs from run to run: numbers, which node is spoken of, and the details behind the first sentence.
fn gist(line: &str) -> String {
    let mut gist = String::new();
    for letter in line.chars().take(80) {
        match letter {
            '0'..='9' if gist.ends_with('0') => {}
            '0'..='9' => gist.push('0'),
            _ => gist.push(letter),
        }
    }
    gist
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_only_names_another_node_is_the_same() {
        assert_eq!(
            gist("[error] ex_esdb@node12: down"),
            gist("[error] ex_esdb@node3: down")
        );
        assert_ne!(gist("[error] one"), gist("[error] other"));
    }

    #[test]
    fn harm_is_what_is_worse_than_without() {
        let without = Outcome {
            losses: 2,
            log: vec!["[warning] node1 is late".to_owned()],
            probe: [("ping".to_owned(), 1_000)].into(),
            ..Outcome::default()
        };
        let mut with = without.clone();
        with.log = vec!["[warning] node2 is late".to_owned()];
        with.probe.insert("ping".to_owned(), 6_200);
        with.flaps = 1;
        assert!(with.harm(&without).is_empty());
        with.log.push("[error] what now".to_owned());
        with.probe.insert("ping".to_owned(), 6_201);
        (with.losses, with.resets, with.flaps) = (3, 1, 2);
        let harm = with.harm(&without);
        let kinds: Vec<Kind> = harm.iter().map(|harm| harm.kind).collect();
        let expected = [
            Kind::Losses,
            Kind::Log,
            Kind::Probe,
            Kind::Resets,
            Kind::Flaps,
        ];
        assert_eq!(kinds, expected);
    }
}
