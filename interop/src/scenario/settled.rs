//! What a cluster is asked once the dust has settled.

use std::collections::BTreeMap;
use std::time::Instant;

use super::ground::Ground;
use super::{HEALED, Who};
use crate::beam::BeamNode;

/// One guest may come, and go, once within so many milliseconds: ten seconds, and what it remembers across a restart is
/// a second old at the most.
const WINDOW: u64 = 8_900;
/// For how long the probe waits, in µs (`Fixture.Probe`).
pub(super) const HANG: u64 = 10_000_000;
/// Between the entries of an answer.
const MARK: &str = "|~|";

impl Ground<'_> {
    /// Waits until all that run list each other.
    pub(super) fn whole(&mut self, name: &'static str) {
        let begin = Instant::now();
        let here = |who: Who| !self.away.contains(&who);
        let mut present: Vec<(Option<usize>, String, bool)> = Vec::new();
        for (at, peer) in self.peers.iter().enumerate() {
            let is_here = self.nodes[at].is_some() && here(Who::Node(at)) && !peer.stranger;
            if is_here {
                present.push((Some(at), self.scenario.name_of(peer), peer.hidden));
            }
        }
        for (number, who) in [Who::Guest, Who::SecondGuest].into_iter().enumerate() {
            if self.is_here(number) && here(who) {
                present.push((None, self.scenario.guest(number), false));
            }
        }
        for (at, own, own_hidden) in &present {
            let Some(node) = at.and_then(|at| self.nodes[at].as_mut()) else {
                continue;
            };
            let listed = |hidden: bool| {
                let others = present.iter().filter(|(_, name, _)| name != own);
                // To a hidden node all others are.
                let others =
                    others.filter(|(_, _, is_hidden)| (*is_hidden || *own_hidden) == hidden);
                let mut names: Vec<String> =
                    others.map(|(_, name, _)| format!("{name:?}")).collect();
                names.sort();
                names.join(", ")
            };
            let expected = format!("{{[{}], [{}]}}", listed(false), listed(true));
            node.wait_until(
                "known = fn nodes -> nodes |> Enum.map(&to_string/1) |> Enum.reject(&(&1 =~ \"stranger@\")) |> Enum.sort() end; \
                 {known.(Node.list()), known.(Node.list(:hidden))}",
                &expected,
                HEALED,
            );
        }
        self.outcome.whole.push((name, begin.elapsed()));
    }

    pub(super) fn counts_anew(&mut self) {
        for ((node, peer), before) in self
            .nodes
            .iter_mut()
            .zip(&self.peers)
            .zip(&mut self.resets_before)
        {
            let member = node.as_mut().filter(|_| !peer.stranger);
            *before = member.map_or(0, resets);
        }
    }

    /// Adds what a node has to tell.
    pub(super) fn collect(&mut self, at: usize, node: &mut BeamNode) {
        if self.peers[at].stranger {
            let lines = node.value("length(Fixture.Log.entries())");
            self.outcome.by_strangers += lines.parse::<usize>().unwrap_or(0);
            return;
        }
        let members = self.peers.iter().filter(|peer| !peer.stranger);
        let members: Vec<String> = members.map(|peer| self.scenario.name_of(peer)).collect();
        let members = members.join(" ");
        let own = node.name().to_owned();
        let lost = entries(
            node,
            &format!(
                "for {{_, :nodedown, n, _}} <- Fixture.Nodes.events(), to_string(n) in String.split({members:?}), do: to_string(n)"
            ),
        );
        self.outcome.losses += lost.len();
        for other in lost {
            self.causes.lost(&own, other);
        }
        let blamed = entries(
            node,
            "for {by, what, nodes} <- Fixture.Partitions.told(), Enum.any?([by, hd(nodes)], &(to_string(&1) =~ ~r/^zz_maint/)), \
             do: \"#{by}: #{what} #{Enum.join(nodes, \" \")}\"",
        );
        self.outcome.blamed.extend(blamed);
        for line in entries(node, "Fixture.Log.entries()") {
            // Links that real nodes lose are counted above.
            if line.contains("prevent overlapping partitions") {
                self.causes.logged(&line);
                continue;
            }
            match is_about_guest(&line) {
                true => self.outcome.about_guest += 1,
                false => self.outcome.log.push(line),
            }
        }
        self.outcome.resets += resets(node).saturating_sub(self.resets_before[at]);
        let events = entries(
            node,
            "for {at, kind, n, _} <- Fixture.Nodes.events(), to_string(n) =~ ~r/^zz_maint/, do: \"#{at} #{kind} #{n}\"",
        );
        self.outcome.flaps = self.outcome.flaps.max(flaps(&events));
    }

    /// Asks all nodes what they ask of their cluster; of several times the best counts.
    pub(super) fn asks(&mut self) {
        let spared = match self.is_mixed() {
            true => "pg_join_leave ",
            false => "",
        };
        let spared = spared.to_owned() + self.scenario.spared.unwrap_or("");
        let mut worst: BTreeMap<String, u64> = BTreeMap::new();
        for (node, peer) in self.nodes.iter_mut().zip(&self.peers) {
            let member = node.as_mut().filter(|_| !peer.stranger);
            for (what, micros) in member
                .map(|node| probe(node, &spared))
                .into_iter()
                .flatten()
            {
                let known = worst.entry(what).or_default();
                *known = micros.max(*known);
            }
        }
        for (what, micros) in worst {
            let best = self.outcome.probe.entry(what).or_insert(micros);
            *best = micros.min(*best);
        }
    }

    /// What all nodes have to tell in the end.
    pub(super) fn collects(&mut self) -> super::Outcome {
        for at in 0..self.nodes.len() {
            if let Some(mut node) = self.nodes[at].take() {
                self.collect(at, &mut node);
                self.nodes[at] = Some(node);
            }
        }
        self.outcome.unexplained = self.causes.unexplained();
        std::mem::take(&mut self.outcome)
    }
}

/// How often a node's store was reset.
fn resets(node: &mut BeamNode) -> usize {
    let resets = node.value("elem(Fixture.ExESDB.Store.state(), 1)");
    resets.parse().unwrap_or(0)
}

/// A list of strings, as a node has it.
fn entries(node: &mut BeamNode, list: &str) -> Vec<String> {
    let joined = node.value(&format!("Enum.join(({list}), \"{MARK}\")"));
    let joined = joined.trim_matches('"');
    let entries = joined.split(MARK).filter(|entry| !entry.is_empty());
    entries.map(str::to_owned).collect()
}

/// What OTP itself says of any node that falls silent (`dist_util:con_loop/2`) or that it refuses (`dist_util`,
/// `net_kernel`), and libcluster of any node that does not take its call, said of the guest.
fn is_about_guest(line: &str) -> bool {
    let said = [
        "not responding",
        "onnection attempt",
        "unable to connect",
        "ookie",
    ];
    line.contains("zz_maint") && said.iter().any(|said| line.contains(said))
}

/// The most comings, or goings, of one guest within a window.
fn flaps(events: &[String]) -> usize {
    let mut times: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for event in events {
        if let Some((at, what)) = event.split_once(' ') {
            let at = at.parse().unwrap_or(0);
            times.entry(what).or_default().push(at);
        }
    }
    let within = |times: &Vec<i64>| {
        let counts = times.iter().map(|from| {
            let window = times
                .iter()
                .filter(|at| **at >= *from && at.abs_diff(*from) < WINDOW);
            window.count()
        });
        counts.max().unwrap_or(0)
    };
    times.values().map(within).max().unwrap_or(0)
}

/// The fixture's probe of one node.
fn probe(node: &mut BeamNode, spared: &str) -> BTreeMap<String, u64> {
    let figures = node.value(&format!(
        "Fixture.Probe.all(5, ~w({spared})a) |> Enum.map_join(\" \", fn {{k, v}} -> \"#{{k}}=#{{v}}\" end)"
    ));
    let figures = figures.trim_matches('"').split(' ').map(|figure| {
        let (name, micros) = figure.split_once('=').unwrap_or((figure, ""));
        // What does not come to an end takes as long as it was waited for.
        (name.to_owned(), micros.parse().unwrap_or(HANG))
    });
    figures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comings_and_goings_are_counted_apart_and_within_a_window() {
        let events = |events: &[&str]| {
            events
                .iter()
                .map(|event| (*event).to_owned())
                .collect::<Vec<_>>()
        };
        let far = events(&[
            "-100 nodeup zz",
            "50 nodedown zz",
            "9000 nodeup zz",
            "9100 nodedown zz",
        ]);
        assert_eq!(flaps(&far), 1);
        let near = events(&[
            "-100 nodeup zz",
            "50 nodedown zz",
            "8000 nodeup zz",
            "8001 nodeup other",
        ]);
        assert_eq!(flaps(&near), 2);
        assert_eq!(flaps(&[]), 0);
    }
}
