//! What is heard, as rows for people and as objects for programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use beamlink::doctor::discovery::{
    Candidates, Destination, HeardNode, Key, PortState, Reach, Registered, Resolves, Table,
    Unreadable, interface_towards,
};
use serde_json::{Value, json};

use crate::cli::visit::aligned;

/// One node that is heard, with what else is known of it.
pub(super) struct Row<'a> {
    pub(super) heard: &'a HeardNode,
    /// None: it is being looked at.
    pub(super) reach: Option<&'a Reach>,
    pub(super) candidates: &'a Candidates,
    pub(super) now: Instant,
}

impl Row<'_> {
    /// In the order of [`HEADINGS`].
    fn cells(&self) -> Vec<String> {
        let heard = self.heard;
        let times = &heard.times;
        let every = times
            .interval()
            .map(|gap| format!("{:.1} s", gap.as_secs_f64()));
        let ago = self.now.saturating_duration_since(times.last).as_secs_f64();
        vec![
            heard.source.ip().to_string(),
            heard.node.to_string(),
            every.unwrap_or_else(|| "-".to_owned()),
            format!("{ago:.1} s ago"),
            self.secret(),
            self.resolves(),
            self.epmd(),
            self.connected(),
        ]
    }

    fn secret(&self) -> String {
        let ours = match self.candidates.all().first() {
            Some(_) => Key::Secret(0),
            None => Key::Plain,
        };
        match self.heard.key {
            Key::Plain if ours == Key::Plain => "none, as here".to_owned(),
            Key::Plain => "NONE".to_owned(),
            key if key == ours => "ours".to_owned(),
            key => format!("ANOTHER: {}", self.candidates.label(key)),
        }
    }

    fn resolves(&self) -> String {
        match self.reach.map(|reach| &reach.resolves) {
            None => "…".to_owned(),
            Some(Resolves::ToSource) => "to its source".to_owned(),
            Some(Resolves::ToThisHost) => "to this host".to_owned(),
            Some(Resolves::Elsewhere(found)) => {
                let found: Vec<String> = found.iter().map(ToString::to_string).collect();
                format!("ELSEWHERE: {}", found.join(", "))
            }
            Some(Resolves::No(_)) => "NOT".to_owned(),
        }
    }

    fn epmd(&self) -> String {
        let Some(reach) = self.reach else {
            return "…".to_owned();
        };
        match &reach.epmd {
            Registered::Port(port) => match reach.port {
                Some(PortState::Open) => format!("{port} open"),
                Some(PortState::Closed) => format!("{port} CLOSED"),
                _ => format!("{port} SILENT"),
            },
            Registered::Unknown => "NAME UNKNOWN".to_owned(),
            Registered::NoAnswer(_) => "NO EPMD".to_owned(),
        }
    }

    fn connected(&self) -> String {
        match self.reach.and_then(|reach| reach.connected) {
            Some(true) => "yes".to_owned(),
            Some(false) => "NO".to_owned(),
            None => "-".to_owned(),
        }
    }

    /// The object of `--json`.
    pub(super) fn json(&self) -> Value {
        let heard = self.heard;
        let times = &heard.times;
        let secret = match heard.key {
            Key::Plain => None,
            Key::Secret(at) => self.candidates.all().get(at),
        };
        let ago = self.now.saturating_duration_since(times.last);
        json!({
            "node": heard.node.as_str(),
            "source": heard.source.ip().to_string(),
            "source_port": heard.source.port(),
            "interface": interface_towards(heard.source.ip()),
            "to": shown(&heard.to),
            "count": times.count,
            "interval_ms": times.interval().map(millis),
            "last_ms_ago": millis(ago),
            "secret": secret.map(|one| json!({
                "from": one.label,
                "fingerprint": one.secret.to_string(),
            })),
            "ours": match heard.key {
                Key::Plain => self.candidates.all().is_empty(),
                Key::Secret(at) => at == 0,
            },
            "resolves": self.reach.map(|reach| match &reach.resolves {
                Resolves::ToSource => json!({"verdict": "to_source"}),
                Resolves::ToThisHost => json!({"verdict": "to_this_host"}),
                Resolves::Elsewhere(found) => json!({
                    "verdict": "elsewhere",
                    "addresses": found.iter().map(ToString::to_string).collect::<Vec<_>>(),
                }),
                Resolves::No(error) => json!({"verdict": "no", "error": error}),
            }),
            "epmd": self.reach.map(|reach| match &reach.epmd {
                Registered::Port(port) => json!({
                    "verdict": "registered",
                    "port": port,
                    "port_state": reach.port.map(PortState::as_str),
                }),
                Registered::Unknown => json!({"verdict": "unknown"}),
                Registered::NoAnswer(error) => json!({"verdict": "no_answer", "error": error}),
            }),
            "connected": self.reach.and_then(|reach| reach.connected),
        })
    }

    /// One line that says all of it.
    pub(super) fn line(&self) -> String {
        let cells = self.cells();
        let [source, node, _, _, secret, resolves, epmd, connected] = cells.as_slice() else {
            return String::new();
        };
        let to = shown(&self.heard.to).join(", ");
        format!(
            "{node} from {source} to {to}; secret: {secret}; resolves: {resolves}; port: {epmd}; connected here: {connected}"
        )
    }
}

const HEADINGS: [&str; 8] = [
    "SOURCE",
    "NODE",
    "EVERY",
    "LAST",
    "SECRET",
    "RESOLVES",
    "PORT",
    "CONNECTED",
];

/// The table of all that is heard.
pub(super) fn table<'a>(
    table: &Table,
    candidates: &Candidates,
    reach: impl Fn(&HeardNode) -> Option<&'a Reach>,
    now: Instant,
) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned).to_vec()];
    for heard in table.nodes() {
        let row = Row {
            heard,
            reach: reach(heard),
            candidates,
            now,
        };
        lines.push(row.cells());
    }
    let mut text = aligned(&lines);
    if table.nodes().is_empty() {
        text.push_str("(nobody is heard)\n");
    }
    for row in table.unreadable() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", unreadable_line(row));
    }
    if table.unlisted() > 0 {
        let _ = writeln!(text, "and {} datagrams of more sources", table.unlisted());
    }
    text
}

/// One line for datagrams that cannot be read.
pub(super) fn unreadable_line(row: &Unreadable) -> String {
    let to = shown(&row.to).join(", ");
    format!(
        "{} × {} bytes from {} to {to}: {}",
        row.times.count, row.length, row.source, row.reason
    )
}

/// The object of `--json` for them.
pub(super) fn unreadable_json(row: &Unreadable) -> Value {
    json!({
        "source": row.source.to_string(),
        "interface": interface_towards(row.source),
        "to": shown(&row.to),
        "count": row.times.count,
        "bytes": row.length,
        "reason": row.reason.as_str(),
        "message": row.reason.to_string(),
    })
}

fn shown(destinations: &BTreeSet<Destination>) -> Vec<String> {
    let one = |(address, port): &Destination| format!("{address}:{port}");
    destinations.iter().map(one).collect()
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
