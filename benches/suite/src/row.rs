//! A row of the table: a workload, what each contender came to in each round, and what was asked of ours.

use serde::Serialize;

/// Ours, by the name that it has in the table.
pub(crate) const OURS: &str = "beamlink";

/// One workload.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// What `--only` chooses it by.
    pub(crate) group: String,
    pub(crate) workload: String,
    pub(crate) unit: String,
    pub(crate) cells: Vec<Cell>,
    pub(crate) targets: Vec<Target>,
}

/// The figures of one contender.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    pub(crate) contender: String,
    pub(crate) rounds: Vec<f64>,
}

impl Cell {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The least and the greatest.
    pub(crate) fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        let end = |at: Option<&f64>| at.copied().unwrap_or(f64::NAN);
        (end(sorted.first()), end(sorted.last()))
    }
}

/// What is asked of a contender, by itself or beside others: then of their ratio.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Target {
    pub(crate) of: String,
    pub(crate) beside: Vec<String>,
    pub(crate) bound: Bound,
    pub(crate) figure: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtMost,
    AtLeast,
}

/// What came of a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Verdict {
    /// One for each that it stands beside, or one.
    pub(crate) seen: Vec<f64>,
    /// `None` where there was nothing to compare with.
    pub(crate) met: Option<bool>,
}

impl Target {
    pub(crate) fn at_most(figure: f64) -> Target {
        Target {
            of: OURS.to_owned(),
            beside: Vec::new(),
            bound: Bound::AtMost,
            figure,
        }
    }

    pub(crate) fn at_least(figure: f64) -> Target {
        Target {
            bound: Bound::AtLeast,
            ..Target::at_most(figure)
        }
    }

    /// Of another contender than ours.
    pub(crate) fn of(self, contender: &str) -> Target {
        Target {
            of: contender.to_owned(),
            ..self
        }
    }

    /// Times what these have, each of them.
    pub(crate) fn times<S: Into<String>>(self, beside: impl IntoIterator<Item = S>) -> Target {
        Target {
            beside: beside.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// `≤ 0.4 × BEAM`.
    pub(crate) fn text(&self) -> String {
        let sign = match self.bound {
            Bound::AtMost => '≤',
            Bound::AtLeast => '≥',
        };
        let of = if self.of == OURS {
            String::new()
        } else {
            format!("{}: ", self.of)
        };
        match self.beside.is_empty() {
            true => format!("{of}{sign} {}", self.figure),
            false => format!("{of}{sign} {} × {}", self.figure, self.beside.join(", ")),
        }
    }

    fn holds(&self, seen: f64) -> bool {
        match self.bound {
            Bound::AtMost => seen <= self.figure,
            Bound::AtLeast => seen >= self.figure,
        }
    }
}

impl Row {
    pub(crate) fn new(
        group: &str,
        workload: impl Into<String>,
        unit: &str,
        cells: Cells,
        targets: Vec<Target>,
    ) -> Row {
        Row {
            group: group.to_owned(),
            workload: workload.into(),
            unit: unit.to_owned(),
            cells: cells.0,
            targets,
        }
    }

    pub(crate) fn cell(&self, contender: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.contender == contender)
    }

    /// What came of one of its targets.
    pub(crate) fn verdict(&self, target: &Target) -> Verdict {
        let ours = self.cell(&target.of).map(Cell::median);
        let others = target
            .beside
            .iter()
            .filter_map(|name| Some(self.cell(name)?.median()));
        let seen: Vec<f64> = match (ours, target.beside.is_empty()) {
            (None, _) => Vec::new(),
            (Some(ours), true) => vec![ours],
            (Some(ours), false) => others.map(|other| ours / other).collect(),
        };
        let met = (!seen.is_empty()).then(|| seen.iter().all(|seen| target.holds(*seen)));
        Verdict { seen, met }
    }
}

/// Figures as they come, round by round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cells(Vec<Cell>);

impl Cells {
    pub(crate) fn add(&mut self, contender: &str, figure: f64) {
        match self.0.iter_mut().find(|cell| cell.contender == contender) {
            Some(cell) => cell.rounds.push(figure),
            None => self.0.push(Cell {
                contender: contender.to_owned(),
                rounds: vec![figure],
            }),
        }
    }

    /// The medians by contender.
    pub(crate) fn medians(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|cell| (&*cell.contender, cell.median()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let mut cells = Cells::default();
        for (ours, beam) in [(1.0, 10.0), (3.0, 30.0), (2.0, 20.0)] {
            cells.add(OURS, ours);
            cells.add("OTP 25", beam);
        }
        cells.add("OTP 27", 4.0);
        Row::new("calls", "call", "µs", cells, Vec::new())
    }

    #[test]
    fn a_cell_has_a_median_and_a_range() {
        let row = row();
        let cell = row.cell("OTP 25").unwrap();
        assert_eq!((cell.median(), cell.range()), (20.0, (10.0, 30.0)));
    }

    #[test]
    fn a_target_beside_several_holds_for_each_of_them() {
        let row = row();
        let verdict = |target: Target| row.verdict(&target);
        assert_eq!(
            verdict(Target::at_most(0.1).times(["OTP 25"])),
            Verdict {
                seen: vec![0.1],
                met: Some(true)
            }
        );
        let both = Target::at_most(0.1).times(["OTP 25", "OTP 27"]);
        assert_eq!(both.text(), "≤ 0.1 × OTP 25, OTP 27");
        assert_eq!(
            verdict(both),
            Verdict {
                seen: vec![0.1, 0.5],
                met: Some(false)
            }
        );
        assert_eq!(
            verdict(Target::at_least(2.5)),
            Verdict {
                seen: vec![2.0],
                met: Some(false)
            }
        );
        assert_eq!(verdict(Target::at_least(2.0).times(["OTP 29"])).met, None);
    }
}
