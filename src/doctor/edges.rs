//! The matrix of who lists whom.

use std::collections::{BTreeMap, BTreeSet};

use super::code::Code;
use super::examined::Examined;
use super::finding::{Finding, Subject};
use crate::NodeName;

/// Who of the nodes that answered lists whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    /// The nodes that said whom they list, without those that are hidden: nobody lists them.
    pub nodes: Vec<NodeName>,
    lists: BTreeSet<(NodeName, NodeName)>,
}

impl Matrix {
    pub(super) fn of(all: &[Examined]) -> Matrix {
        let is_visible = |node: &&Examined| node.facts.as_ref().is_some_and(|facts| !facts.hidden);
        let answered: Vec<&Examined> = all.iter().filter(is_visible).collect();
        let nodes: Vec<NodeName> = answered.iter().map(|node| node.node.clone()).collect();
        let mut lists = BTreeSet::new();
        for node in answered {
            let listed = node.listed().unwrap_or_default().iter();
            let known = listed.filter(|other| nodes.contains(other));
            lists.extend(known.map(|other| (node.node.clone(), other.clone())));
        }
        Matrix { nodes, lists }
    }

    /// Whether `one` lists `other`.
    pub fn lists(&self, one: &NodeName, other: &NodeName) -> bool {
        self.lists.contains(&(one.clone(), other.clone()))
    }

    fn connected(&self, one: &NodeName, other: &NodeName) -> bool {
        self.lists(one, other) && self.lists(other, one)
    }

    /// The pairs that are not connected.
    fn missing(&self) -> Vec<(&NodeName, &NodeName)> {
        let mut missing = Vec::new();
        for (at, one) in self.nodes.iter().enumerate() {
            for other in &self.nodes[at + 1..] {
                if !self.connected(one, other) {
                    missing.push((one, other));
                }
            }
        }
        missing
    }

    /// The parts that are connected among themselves only, the largest first.
    fn parts(&self) -> Vec<Vec<NodeName>> {
        let mut part_of: BTreeMap<&NodeName, usize> = BTreeMap::new();
        let mut parts: Vec<Vec<NodeName>> = Vec::new();
        for start in &self.nodes {
            if part_of.contains_key(start) {
                continue;
            }
            let number = parts.len();
            let mut part = Vec::new();
            let mut waiting = vec![start];
            while let Some(node) = waiting.pop() {
                if part_of.insert(node, number).is_some() {
                    continue;
                }
                part.push(node.clone());
                let near = self
                    .nodes
                    .iter()
                    .filter(|other| self.connected(node, other));
                waiting.extend(near.filter(|other| !part_of.contains_key(other)));
            }
            part.sort();
            parts.push(part);
        }
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts
    }

    /// What is missing.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let parts = self.parts();
        if let [largest, rest @ ..] = parts.as_slice()
            && !rest.is_empty()
        {
            return rest.iter().map(|part| apart(part, largest)).collect();
        }
        match self.missing().as_slice() {
            [] => Vec::new(),
            [(one, other)] => vec![self.missing_edge(one, other)],
            missing => vec![self.overlapping(missing)],
        }
    }

    fn missing_edge(&self, one: &NodeName, other: &NodeName) -> Finding {
        let seen = match (self.lists(one, other), self.lists(other, one)) {
            (true, _) => format!("{one} lists {other}, which does not list it"),
            (_, true) => format!("{other} lists {one}, which does not list it"),
            _ => "neither lists the other, and both answer".to_owned(),
        };
        let nodes = vec![one.clone(), other.clone()];
        Finding::new(Code::MissingEdge, Subject::Nodes(nodes), seen)
    }

    fn overlapping(&self, missing: &[(&NodeName, &NodeName)]) -> Finding {
        let mut apart: Vec<NodeName> = missing
            .iter()
            .flat_map(|(one, other)| [(*one).clone(), (*other).clone()])
            .collect();
        apart.sort();
        apart.dedup();
        let between: Vec<&str> = self
            .nodes
            .iter()
            .filter(|node| !apart.contains(node))
            .map(NodeName::as_str)
            .collect();
        let seen = match between.as_slice() {
            [] => format!(
                "{} pairs are not connected, and all hang together",
                missing.len()
            ),
            between => format!(
                "{} pairs are not connected, and {} connected to all of them",
                missing.len(),
                match between {
                    [one] => format!("{one} is"),
                    many => format!("{} are", many.join(", ")),
                }
            ),
        };
        let mut finding = Finding::new(Code::OverlappingPartition, Subject::Nodes(apart), seen);
        for (one, other) in missing {
            finding = finding.evidence("not connected", format!("{one} {other}"));
        }
        finding
    }
}

fn apart(part: &[NodeName], largest: &[NodeName]) -> Finding {
    let shown = |nodes: &[NodeName]| {
        let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
        names.join(", ")
    };
    let subject = match part {
        [one] => Subject::Node(one.clone()),
        many => Subject::Nodes(many.to_vec()),
    };
    let seen = format!("no connection leads to {}", shown(largest));
    Finding::new(Code::Partitioned, subject, seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        format!("{text}@h").parse().unwrap()
    }

    /// `a>b` is that a lists b, `a-b` that both do.
    fn matrix(nodes: &str, edges: &str) -> Matrix {
        let mut lists = BTreeSet::new();
        for edge in edges.split_whitespace() {
            let (one, other) = (name(&edge[..1]), name(&edge[2..]));
            if &edge[1..2] == "-" {
                lists.insert((other.clone(), one.clone()));
            }
            lists.insert((one, other));
        }
        let nodes = nodes.chars().map(|node| name(&node.to_string())).collect();
        Matrix { nodes, lists }
    }

    fn found(nodes: &str, edges: &str) -> Vec<String> {
        let findings = matrix(nodes, edges).findings();
        let shown = |finding: &Finding| format!("{} {}", finding.code, finding.subject);
        findings.iter().map(shown).collect()
    }

    #[test]
    fn what_is_missing_has_a_name() {
        assert!(found("abc", "a-b b-c a-c").is_empty());
        assert_eq!(found("abc", "a-b b-c"), ["missing-edge a@h, c@h"]);
        assert_eq!(found("abc", "a-b b-c a>c"), ["missing-edge a@h, c@h"]);
        assert_eq!(found("abc", "a-b"), ["partitioned c@h"]);
        assert_eq!(found("abcd", "a-b c-d"), ["partitioned c@h, d@h"]);
        let overlap = found("abcde", "a-b c-d a-e b-e c-e d-e");
        assert_eq!(overlap, ["overlapping-partition a@h, b@h, c@h, d@h"]);
    }
}
