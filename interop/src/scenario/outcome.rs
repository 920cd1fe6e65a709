//! What came of a run, and what of it is harm.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::settled::HANG;

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// How often a real node lost another, over all nodes.
    pub losses: usize,
    /// How many of these are neither what the scenario does to the two, nor what `global` of one of them says that it did.
    pub unexplained: usize,
    /// What a guest told `global` of a real node about lost connections: it has nothing to tell.
    pub blamed: Vec<String>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A guest told `global` of a real node that somebody had lost somebody.
    Blame,
    /// A guest came or went more than once within ten seconds.
    Flaps,
    /// Real nodes lost each other.
    Losses,
    /// Real nodes lost each other, and nothing says why.
    Unexplained,
    /// A real node logged what it does not without a guest.
    Log,
    /// What nodes ask of their cluster took longer.
    Probe,
    /// All of it together took longer.
    Together,
    /// A store was reset.
    Resets,
    /// The guest itself went beyond a limit.
    Guest,
    /// The cluster did not become whole, or a node did not answer.
    Stuck,
}

impl Kind {
    fn of_probe(what: &str) -> Kind {
        match what {
            "together" => Kind::Together,
            _ => Kind::Probe,
        }
    }

    /// Whether it is the guest's doing wherever it is seen, so that one run is enough.
    pub(super) fn is_certain(self) -> bool {
        matches!(self, Kind::Blame | Kind::Flaps)
    }
}

/// Something that was worse with a guest.
#[derive(Debug, Clone)]
pub struct Harm {
    /// What kind.
    pub kind: Kind,
    /// What it was.
    pub text: String,
    /// In each run, with and without.
    readings: [Vec<u64>; 2],
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [with, without] = self.readings.each_ref().map(|all| {
            let all: Vec<String> = all.iter().map(u64::to_string).collect();
            all.join(", ")
        });
        match self.readings[0].is_empty() {
            true => f.write_str(&self.text),
            false => write!(f, "{}: {with}; without: {without}", self.text),
        }
    }
}

impl Harm {
    /// A run that did not come to its end.
    pub(super) fn stuck(text: &str) -> Harm {
        Harm {
            kind: Kind::Stuck,
            text: short(text),
            readings: Default::default(),
        }
    }
}

/// What a table has room for.
fn short(text: &str) -> String {
    let one_line = text.replace(['\n', '|'], " ");
    match one_line.char_indices().nth(400) {
        Some((at, _)) => format!("{} …", &one_line[..at]),
        None => one_line,
    }
}

/// The lowest, or the highest, but for so many outliers.
fn lowest(values: &[u64], outliers: usize) -> Option<u64> {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(outliers).copied()
}

fn highest(values: &[u64], outliers: usize) -> Option<u64> {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.iter().rev().nth(outliers).copied()
}

/// The hundredth of a second or so that a loaded machine takes now and then is no harm.
fn is_worse(kind: Kind, with: u64, without: u64) -> bool {
    match kind {
        Kind::Probe => with > without * 12 / 10 + 5_000,
        // A guest is one more of a few who are asked, and where many wait for a processor each answer waits.
        Kind::Together => with > without * 2 + 10_000,
        _ => with > without,
    }
}

/// Whether what nodes ask took longer `with` a guest, and may do so no more when it is asked again.
pub(super) fn is_slower(with: &Outcome, without: &Outcome) -> bool {
    let hangs = with.probe.values().any(|micros| *micros >= HANG);
    !hangs
        && with.probe.iter().any(|(what, micros)| {
            let alone = without.probe.get(what).copied().unwrap_or(0);
            is_worse(Kind::of_probe(what), *micros, alone)
        })
}

/// What is compared: a number for each thing that could be worse, and how to say it.
type Readings = BTreeMap<(Kind, String), (u64, String)>;

impl Outcome {
    fn readings(&self) -> Readings {
        let mut readings = Readings::new();
        let mut read = |kind, what: &str, value: usize, text: String| {
            let value = value.try_into().unwrap_or(u64::MAX);
            readings.insert((kind, what.to_owned()), (value, text));
        };
        let text = format!(
            "a guest spoke to `global` of lost connections: {:?}",
            self.blamed
        );
        read(Kind::Blame, "", self.blamed.len(), text);
        let text = "a guest came or went more often than once within 10 s at one node";
        read(
            Kind::Flaps,
            "",
            self.flaps.saturating_sub(1),
            text.to_owned(),
        );
        let text = "times that real nodes lost each other";
        read(Kind::Losses, "", self.losses, text.to_owned());
        let text = "times that real nodes lost each other without a cause";
        read(Kind::Unexplained, "", self.unexplained, text.to_owned());
        read(
            Kind::Resets,
            "",
            self.resets,
            "stores that were reset".to_owned(),
        );
        for line in &self.log {
            read(
                Kind::Log,
                &gist(line),
                1,
                format!("runs in which this was logged: {}", short(line)),
            );
        }
        for figure in self.figures.iter().filter(|figure| figure.beyond) {
            let text = format!(
                "runs in which {} was too much ({})",
                figure.what, figure.shown
            );
            read(Kind::Guest, &figure.what, 1, text);
        }
        for (what, micros) in &self.probe {
            let key = (Kind::of_probe(what), what.clone());
            readings.insert(key, (*micros, format!("{what}, in µs")));
        }
        readings
    }
}

/// What is worse with a guest, over all pairs of runs: one pair says what was worse in it. Of more, one run of each side
/// is left out, the best with a guest and the worst without, and what is still worse then may be harm; of five that is the
/// lower quartile with a guest above the upper one without. What is certain needs one run.
pub(super) fn worse(pairs: &[(Outcome, Outcome)]) -> Vec<Harm> {
    let with: Vec<Readings> = pairs.iter().map(|(with, _)| with.readings()).collect();
    let without: Vec<Readings> = pairs
        .iter()
        .map(|(_, without)| without.readings())
        .collect();
    let told = with.iter().flatten();
    let told: BTreeMap<&(Kind, String), &String> =
        told.map(|(key, (_, text))| (key, text)).collect();
    let outliers = usize::from(pairs.len() > 1);
    let mut found = Vec::new();
    for (key, text) in told {
        let values = |all: &[Readings]| -> Vec<u64> {
            let value = |readings: &Readings| readings.get(key).map_or(0, |(value, _)| *value);
            all.iter().map(value).collect()
        };
        let (kind, with, without) = (key.0, values(&with), values(&without));
        let compared = match kind.is_certain() {
            true => (highest(&with, 0), Some(0)),
            false => (lowest(&with, outliers), highest(&without, outliers)),
        };
        if let (Some(low), Some(high)) = compared
            && is_worse(kind, low, high)
        {
            found.push(Harm {
                kind,
                text: text.clone(),
                readings: [with, without],
            });
        }
    }
    found
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
        assert!(worse(&[(with.clone(), without.clone())]).is_empty());
        with.log.push("[error] what now".to_owned());
        with.probe.insert("ping".to_owned(), 6_201);
        (with.losses, with.resets, with.flaps, with.unexplained) = (3, 1, 2, 1);
        with.blamed = vec!["node1 lost node2".to_owned()];
        let harm = worse(&[(with, without)]);
        let kinds: Vec<Kind> = harm.iter().map(|harm| harm.kind).collect();
        let expected = [
            Kind::Blame,
            Kind::Flaps,
            Kind::Losses,
            Kind::Unexplained,
            Kind::Log,
            Kind::Probe,
            Kind::Resets,
        ];
        assert_eq!(kinds, expected);
    }

    fn resets(pairs: &[(usize, usize)]) -> Vec<(Outcome, Outcome)> {
        let of = |resets| Outcome {
            resets,
            ..Outcome::default()
        };
        pairs
            .iter()
            .map(|(with, without)| (of(*with), of(*without)))
            .collect()
    }

    #[test]
    fn of_five_pairs_the_quartiles_decide() {
        let chance = [(3, 0), (0, 2), (1, 1), (4, 4), (0, 0)];
        assert!(worse(&resets(&chance)).is_empty());
        let rare = [(9, 0), (0, 0), (0, 0), (0, 0), (0, 0)];
        assert!(worse(&resets(&rare)).is_empty());
        let harm = [(3, 2), (4, 2), (0, 1), (3, 9), (5, 0)];
        assert_eq!(worse(&resets(&harm)).len(), 1);
    }

    #[test]
    fn it_is_tried_again_while_it_may_come_to_harm() {
        assert_eq!(worse(&resets(&[(3, 0)])).len(), 1);
        assert_eq!(worse(&resets(&[(3, 0), (0, 0)])).len(), 1);
        assert!(worse(&resets(&[(3, 0), (0, 0), (0, 0)])).is_empty());
        assert!(worse(&resets(&[(3, 0), (2, 4), (2, 4)])).is_empty());
    }

    #[test]
    fn what_is_certain_is_harm_in_one_run_of_five() {
        let mut pairs = resets(&[(0, 0); 5]);
        pairs[1].0.flaps = 2;
        assert_eq!(worse(&pairs)[0].kind, Kind::Flaps);
    }
}
