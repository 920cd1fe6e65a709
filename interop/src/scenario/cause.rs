//! Why real nodes lose each other.

use std::collections::BTreeSet;

use super::{Step, Who};

type Pair = (String, String);

/// What real nodes lost, and what explains that.
#[derive(Debug, Default)]
pub(super) struct Causes {
    /// Who lost whom.
    lost: Vec<Pair>,
    /// To whom something was done.
    disturbed: BTreeSet<String>,
    /// Between which two.
    parted: BTreeSet<Pair>,
    /// Which two `global` parted, by its own word.
    cut: BTreeSet<Pair>,
}

impl Causes {
    /// Notes between which real nodes, by their names, a step may end connections.
    pub(super) fn happens(&mut self, step: &Step, name: impl Fn(&Who) -> Option<String>) {
        match step {
            Step::Stops(who)
            | Step::Killed(who)
            | Step::Freezes(who)
            | Step::Starves(who)
            | Step::Readdressed(who)
            | Step::Impaired(who, _) => self.disturbed.extend(name(who)),
            Step::Unplugged(all) => self.disturbed.extend(all.iter().filter_map(name)),
            Step::Parted(some, others) => {
                for one in some.iter().filter_map(&name) {
                    let others = others.iter().filter_map(&name);
                    self.parted
                        .extend(others.map(|other| ordered(&one, &other)));
                }
            }
            Step::Deafened(from, to) => {
                let pair = name(from).zip(name(to));
                self.parted
                    .extend(pair.map(|(from, to)| ordered(&from, &to)));
            }
            _ => {}
        }
    }

    /// `one` has lost `other`.
    pub(super) fn lost(&mut self, one: &str, other: String) {
        self.lost.push((one.to_owned(), other));
    }

    /// A line in which `global` says whom it parts from whom.
    pub(super) fn logged(&mut self, line: &str) {
        let words = line.split_whitespace().filter(|word| word.contains('@'));
        let mut names = words.map(|word| word.trim_matches(['\'', '"', ':']));
        if let (Some(one), Some(other)) = (names.next(), names.next()) {
            self.cut.insert(ordered(one, other));
        }
    }

    /// How many losses nothing explains.
    pub(super) fn unexplained(&self) -> usize {
        let unexplained = self.lost.iter().filter(|(one, other)| {
            let pair = ordered(one, other);
            !self.disturbed.contains(one)
                && !self.disturbed.contains(other)
                && !self.parted.contains(&pair)
                && !self.cut.contains(&pair)
        });
        unexplained.count()
    }
}

/// Two nodes, whichever was named first.
fn ordered(one: &str, other: &str) -> Pair {
    (one.min(other).to_owned(), one.max(other).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_explained_by_what_was_done_and_by_what_global_says() {
        let name = |who: &Who| match who {
            Who::Node(at) => Some(format!("n@{at}")),
            _ => None,
        };
        let mut causes = Causes::default();
        let lost = |causes: &mut Causes, one: usize, other: usize| {
            causes.lost(&format!("n@{one}"), format!("n@{other}"));
            causes.unexplained()
        };
        assert_eq!(lost(&mut causes, 0, 1), 1);
        causes.happens(&Step::Killed(Who::Guest), name);
        assert_eq!(causes.unexplained(), 1);
        let line = "[warning] 'global' at node n@1 requested disconnect from node 'n@0' in order to prevent overlapping partitions";
        causes.logged(line);
        assert_eq!(causes.unexplained(), 0);
        assert_eq!(lost(&mut causes, 2, 3), 1);
        causes.happens(
            &Step::Parted(vec![Who::Node(3), Who::Guest], vec![Who::Node(2)]),
            name,
        );
        assert_eq!(causes.unexplained(), 0);
        assert_eq!(lost(&mut causes, 4, 3), 1);
        causes.happens(&Step::Unplugged(vec![Who::Guest, Who::Node(4)]), name);
        assert_eq!(causes.unexplained(), 0);
    }
}
