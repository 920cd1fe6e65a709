//! A finding: one result of the doctor.

use std::fmt;
use std::net::IpAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::code::Code;
use crate::NodeName;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A cluster does not form, or does not stay together, because of it.
    Fault,
    /// It may become a fault, or could not be looked at.
    Hint,
}

/// Whom a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A node.
    Node(NodeName),
    /// A host, by its name or address.
    Host(String),
    /// What is between nodes, or common to them.
    Nodes(Vec<NodeName>),
}

impl Subject {
    /// The host at `address`.
    pub fn address(address: IpAddr) -> Subject {
        Subject::Host(address.to_string())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Node(name) => name.fmt(f),
            Subject::Host(host) => write!(f, "host {host}"),
            Subject::Nodes(names) => {
                for (at, name) in names.iter().enumerate() {
                    let before = if at == 0 { "" } else { ", " };
                    write!(f, "{before}{name}")?;
                }
                Ok(())
            }
        }
    }
}

/// What was seen, what it means, what to do.
///
/// ```
/// use beamlink::doctor::{Code, Finding, Subject};
///
/// let node = Subject::Node("app@node1".parse().unwrap());
/// let finding = Finding::new(Code::CookieMismatch, node, "app@node1 refused our answer to its challenge")
///     .evidence("address", "172.20.0.3:9000");
/// assert!(finding.to_string().starts_with("FAULT cookie-mismatch: app@node1: "));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Whom it is about.
    pub subject: Subject,
    /// What was seen, in one sentence.
    pub seen: String,
    /// What it means.
    pub means: String,
    /// What to do.
    pub remedy: String,
    /// Addresses, counts, bytes: what it was concluded from. Never a secret. In JSON a map in which a name that is there
    /// several times has a list.
    pub evidence: Vec<(String, String)>,
}

impl Finding {
    /// A finding that means what its code says.
    pub fn new(code: Code, subject: Subject, seen: impl Into<String>) -> Finding {
        Finding {
            code,
            severity: code.severity(),
            subject,
            seen: seen.into(),
            means: code.means().to_owned(),
            remedy: code.remedy().to_owned(),
            evidence: Vec::new(),
        }
    }

    /// Adds evidence.
    #[must_use]
    pub fn evidence(mut self, name: &str, value: impl ToString) -> Finding {
        self.evidence.push((name.to_owned(), value.to_string()));
        self
    }

    /// What to do here, where that is more than the code alone can say.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Finding {
        self.remedy = remedy.into();
        self
    }

    /// What it means here.
    #[must_use]
    pub fn means(mut self, means: impl Into<String>) -> Finding {
        self.means = means.into();
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Fault => "FAULT",
            Severity::Hint => "HINT",
        };
        writeln!(
            f,
            "{severity} {}: {}: {}",
            self.code, self.subject, self.seen
        )?;
        writeln!(f, "  means: {}", self.means)?;
        write!(f, "  to do: {}", self.remedy)?;
        for (name, value) in &self.evidence {
            write!(f, "\n  {name}: {value}")?;
        }
        Ok(())
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", self.code.name())?;
        map.serialize_entry("section", self.code.section().name())?;
        map.serialize_entry("severity", &self.severity)?;
        map.serialize_entry("subject", &self.subject)?;
        map.serialize_entry("seen", &self.seen)?;
        map.serialize_entry("means", &self.means)?;
        map.serialize_entry("remedy", &self.remedy)?;
        map.serialize_entry("evidence", &Evidence(&self.evidence))?;
        map.end()
    }
}

/// Each name once: with its value, or with a list of its values.
struct Evidence<'a>(&'a [(String, String)]);

impl Serialize for Evidence<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (at, (name, value)) in self.0.iter().enumerate() {
            let same = |pair: &&(String, String)| pair.0 == *name;
            if self.0[..at].iter().any(|pair| same(&pair)) {
                continue;
            }
            let values: Vec<&String> = self.0.iter().filter(same).map(|(_, value)| value).collect();
            match values.len() {
                1 => map.serialize_entry(name, value)?,
                _ => map.serialize_entry(name, &values)?,
            }
        }
        map.end()
    }
}

/// Findings with the most likely root of the trouble first: faults before hints, then by the order of the table of codes.
pub fn ranked(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| (finding.severity, finding.code);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.subject.cmp(&other.subject))
    });
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: Code, subject: &str) -> Finding {
        Finding::new(code, Subject::Host(subject.to_owned()), "seen")
    }

    #[test]
    fn causes_come_before_what_comes_of_them() {
        let given = vec![
            finding(Code::MissingEdge, "a"),
            finding(Code::NodeFrozen, "b"),
            finding(Code::NodeFrozen, "a"),
            finding(Code::NodeFrozen, "a"),
        ];
        let shown: Vec<String> = ranked(given)
            .iter()
            .map(|finding| format!("{} {}", finding.code, finding.subject))
            .collect();
        assert_eq!(
            shown,
            [
                "node-frozen host a",
                "node-frozen host b",
                "missing-edge host a"
            ]
        );
    }

    #[test]
    fn as_json() {
        let finding = finding(Code::NodeFrozen, "a").evidence("address", "10.0.0.1:1");
        let finding = finding.evidence("peer", "b").evidence("peer", "c");
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!(json["code"], "node-frozen");
        assert_eq!(json["severity"], "fault");
        assert_eq!(json["subject"]["host"], "a");
        let evidence = serde_json::json!({"address": "10.0.0.1:1", "peer": ["b", "c"]});
        assert_eq!(json["evidence"], evidence);
    }
}
