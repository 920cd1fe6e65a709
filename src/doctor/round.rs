//! One round: all nodes looked at at once, while the ears are open.

use std::time::{Duration, Instant};

use super::code::{Code, Section};
use super::discovery::{self, Candidates, HeardNode, Key, Table};
use super::edges::Matrix;
use super::examined::Examined;
use super::exesdb;
use super::finding::{Finding, Subject, ranked};
use super::flow;
use super::hearing::Hearing;
use super::ward::Ward;
use super::{host, nodes, whole};
use crate::gossip::Gossip;
use crate::{Cookie, NodeName};

/// Whom to look at, and with what.
#[derive(Debug, Clone)]
pub struct Doctor {
    /// The nodes to begin with, each with its port where EPMD is not to be asked. Empty: whoever is heard or is known to
    /// the EPMD of this host.
    pub nodes: Vec<(NodeName, Option<u16>)>,
    /// The cluster's cookie.
    pub cookie: Cookie,
    /// The port of EPMD on all hosts.
    pub epmd_port: u16,
    /// The gossip settings of this host.
    pub gossip: Gossip,
    /// Where nodes that are started on this host may have their cookie from, in OTP's order.
    pub cookies: Vec<host::CookieSource>,
    /// The sections that are wanted. Without nodes, whole and exesdb only the nodes that were named are asked anything.
    pub sections: Vec<Section>,
    /// How long to listen for heartbeats; see [`Doctor::LISTEN`].
    pub listen: Duration,
}

/// What came of a round.
#[derive(Debug)]
pub struct Report {
    /// What this host is like, where that was wanted.
    pub host: Option<host::Facts>,
    /// All nodes, by name.
    pub nodes: Vec<Examined>,
    /// Who lists whom.
    pub matrix: Matrix,
    /// Who was heard.
    pub heard: Table,
    /// The secrets that were known by the end.
    candidates: Candidates,
    /// What was found, the likeliest root first.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// The fingerprint of the secret that a node which was heard gossips with; `None` for none.
    pub fn secret_of(&self, heard: &HeardNode) -> Option<String> {
        match heard.key {
            Key::Plain => None,
            Key::Secret(at) => {
                let candidate = self.candidates.all().get(at)?;
                Some(candidate.secret.to_string())
            }
        }
    }
}

impl Doctor {
    /// Long enough to hear nearly everybody, and short enough that all is told within 5 s. libcluster's heartbeats come 1 ms
    /// to 5 s apart, each time at random, so that of the nodes that gossip 4 in 1,000 say nothing in this time: they are not
    /// found wanting for that. In 5.2 s each is heard, unless its heartbeats are lost.
    pub const LISTEN: Duration = Duration::from_millis(4_700);

    /// Whether nodes are asked that were not named.
    pub(super) fn asks_nodes(&self) -> bool {
        [Section::Nodes, Section::Whole, Section::ExEsdb]
            .into_iter()
            .any(|section| self.wants(section))
    }

    pub(super) fn wants(&self, section: Section) -> bool {
        self.sections.contains(&section)
    }

    /// Looks at all of it once. It must be called inside a tokio runtime.
    pub async fn round(&self) -> Report {
        let begun = Instant::now();
        let (host, mut report) = tokio::join!(self.this_host(), self.all_nodes(begun));
        if let Some((facts, findings)) = host {
            report.host = Some(facts);
            report.findings.extend(findings);
        }
        report
            .findings
            .retain(|finding| self.wants(finding.code.section()));
        report.findings = ranked(report.findings);
        report.took = begun.elapsed();
        report
    }

    async fn this_host(&self) -> Option<(host::Facts, Vec<Finding>)> {
        if !self.wants(Section::Host) {
            return None;
        }
        let question = host::Question {
            gossip: Some(&self.gossip),
            name: None,
            cookies: &self.cookies,
            epmd_port: self.epmd_port,
        };
        Some(host::look(&question).await)
    }

    /// All but this host; the findings in any order.
    async fn all_nodes(&self, begun: Instant) -> Report {
        let hearing = self
            .wants(Section::Discovery)
            .then(|| Hearing::begin(&self.gossip));
        let mut ward = Ward::new(self);
        for (node, port) in &self.nodes {
            ward.admit(node.clone(), *port);
        }
        if self.nodes.is_empty() && self.asks_nodes() {
            ward.ask_host(([127, 0, 0, 1], self.epmd_port).into());
        }
        match &hearing {
            Some(hearing) => ward.run_while_hearing(hearing, begun).await,
            None => {
                ward.run().await;
                ward.compare().await;
            }
        }
        let mut findings = Vec::new();
        let mut heard = Table::default();
        let mut candidates = Candidates::new([]);
        if let Some(hearing) = hearing {
            let here = hostname::get().unwrap_or_default();
            findings = flow::blocked(&ward.flows(&hearing).await, &here.to_string_lossy());
            candidates = ward.candidates();
            heard = hearing.table(&candidates);
            findings.extend(discovery::findings(&heard, hearing.deaf()));
        }
        let nodes = ward.examined();
        let matrix = Matrix::of(&nodes);
        findings.extend(flow::heard(&heard, &nodes));
        findings.extend(nodes::findings(&nodes));
        findings.extend(whole::findings(&nodes));
        findings.extend(matrix.findings());
        findings.extend(exesdb::findings(&nodes));
        Report {
            host: None,
            nodes,
            matrix,
            heard,
            candidates,
            findings: without_consequences(findings),
            took: begun.elapsed(),
        }
    }
}

/// Without heartbeats that do not pass where it is known why: what comes of another address or port is no finding of its own.
fn without_consequences(mut findings: Vec<Finding>) -> Vec<Finding> {
    let causes = [Code::NoBroadcast, Code::AddressDiffers, Code::PortDiffers];
    let known: Vec<Subject> = findings
        .iter()
        .filter(|finding| causes.contains(&finding.code))
        .map(|finding| finding.subject.clone())
        .collect();
    findings
        .retain(|finding| finding.code != Code::GossipBlocked || !known.contains(&finding.subject));
    findings
}
