//! What the doctor found, for people.

use std::fmt::Write as _;
use std::time::Duration;

use beamlink::doctor::discovery::HeardNode;
use beamlink::doctor::host::Epmd;
use beamlink::doctor::{Doctor, Examined, Report, Section, Severity, Stage};

use super::Verdict;
use crate::cli::visit::aligned;

pub(super) fn report(report: &Report, verdict: Verdict, doctor: &Doctor) -> String {
    let mut text = String::new();
    let wants = |section| doctor.sections.contains(&section);
    let mut section = |section: Section, body: String| {
        if wants(section) && !body.is_empty() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}\n{}", section.title(), indented(&body));
        }
    };
    section(Section::Host, host(report));
    section(Section::Discovery, discovery(report));
    section(Section::Nodes, nodes(report));
    section(Section::Whole, matrix(report));
    section(Section::ExEsdb, stores(report));
    for finding in &report.findings {
        let _ = writeln!(text, "{finding}\n");
    }
    text + &self::verdict(report, verdict)
}

fn indented(body: &str) -> String {
    body.lines().map(|line| format!("  {line}\n")).collect()
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn host(report: &Report) -> String {
    let Some(host) = &report.host else {
        return String::new();
    };
    let mut lines = vec![row(&["NAME", &host.hostname])];
    for interface in &host.interfaces {
        let shown = format!("{}/{}", interface.address, interface.prefix);
        let broadcast = interface.broadcast.map(|to| format!(" broadcast {to}"));
        let shown = shown + &broadcast.unwrap_or_default();
        lines.push(row(&[&interface.name, &shown]));
    }
    if let Some(gossip) = &host.gossip {
        let route = match &gossip.route {
            Ok(from) => format!("leaves from {from}"),
            Err(error) => error.clone(),
        };
        let echo = match gossip.echo {
            Some(true) => ", hears itself",
            Some(false) => ", DOES NOT HEAR ITSELF",
            None => "",
        };
        lines.push(row(&["GOSSIP", &(route + echo)]));
        if !gossip.port_holders.is_empty() {
            lines.push(row(&["PORT USED BY", &gossip.port_holders.join(", ")]));
        }
    }
    let epmd = match &host.epmd {
        Epmd::None => "none here".to_owned(),
        Epmd::Running { nodes, .. } if nodes.is_empty() => "knows no node".to_owned(),
        Epmd::Running { nodes, .. } => {
            let names: Vec<&str> = nodes.iter().map(|(name, _)| name.as_str()).collect();
            format!("knows {}", names.join(", "))
        }
        Epmd::Other { error, .. } => error.clone(),
    };
    lines.push(row(&["EPMD", &epmd]));
    aligned(&lines)
}

fn discovery(report: &Report) -> String {
    let (heard, unreadable) = (report.heard.nodes(), report.heard.unreadable());
    if heard.is_empty() && unreadable.is_empty() {
        return "nobody was heard\n".to_owned();
    }
    let mut lines = vec![row(&["HEARD", "FROM", "HEARTBEATS", "SECRET"])];
    let mut heard: Vec<&HeardNode> = heard.iter().collect();
    heard.sort_by(|one, other| one.node.cmp(&other.node));
    for node in &heard {
        let address = node.source.ip().to_string();
        lines.push(row(&[
            node.node.as_str(),
            &address,
            &node.times.count.to_string(),
            &report.secret_of(node).unwrap_or_else(|| "none".to_owned()),
        ]));
    }
    let gossips = |node: &&Examined| {
        let facts = node.facts.as_ref();
        facts.is_some_and(|facts| facts.gossips == Some(true))
    };
    for node in report.nodes.iter().filter(gossips) {
        if heard.iter().all(|heard| heard.node != node.node) {
            lines.push(row(&[node.node.as_str(), "not heard", "0"]));
        }
    }
    for noise in unreadable {
        let what = format!("({})", noise.reason);
        let address = noise.source.to_string();
        lines.push(row(&[&what, &address, &noise.times.count.to_string()]));
    }
    aligned(&lines)
}

fn nodes(report: &Report) -> String {
    if report.nodes.is_empty() {
        return String::new();
    }
    let mut head = row(&["NODE"]);
    head.extend(Stage::ALL.map(|stage| stage.name().to_owned()));
    head.extend(row(&[
        "OTP",
        "ELIXIR",
        "UP",
        "TICK",
        "RUN QUEUE",
        "ATOMS",
        "MEMORY",
    ]));
    let mut lines = vec![head];
    lines.extend(report.nodes.iter().map(node));
    format!("{}(times in ms)\n", aligned(&lines))
}

fn node(node: &Examined) -> Vec<String> {
    let mut cells = row(&[node.node.as_str()]);
    for stage in Stage::ALL {
        cells.push(match (node.reach.took(stage), &node.reach.stopped) {
            (Some(took), _) => format!("{:.1}", took.as_secs_f64() * 1000.0),
            (None, Some((stopped, _))) if *stopped == stage => "FAILED".to_owned(),
            _ => "-".to_owned(),
        });
    }
    let Some(facts) = &node.facts else {
        return cells;
    };
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let megabytes = facts
        .limits
        .memory
        .map(|bytes| format!("{} MB", bytes / 1_000_000));
    cells.extend([
        or_dash(facts.otp.clone()),
        or_dash(facts.elixir.clone()),
        or_dash(facts.uptime.map(span)),
        or_dash(facts.net_ticktime.map(|seconds| format!("{seconds} s"))),
        or_dash(facts.limits.run_queue.map(|length| length.to_string())),
        or_dash(facts.limits.atoms.map(|atoms| atoms.to_string())),
        or_dash(megabytes),
    ]);
    cells
}

fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn matrix(report: &Report) -> String {
    let nodes = &report.matrix.nodes;
    if nodes.is_empty() {
        return String::new();
    }
    let mut head = row(&["LISTS"]);
    head.extend((1..=nodes.len()).map(|number| number.to_string()));
    let mut lines = vec![head];
    for (number, node) in (1..).zip(nodes) {
        let mut cells = vec![format!("{number} {node}")];
        cells.extend(nodes.iter().map(|other| {
            let mark = match (node == other, report.matrix.lists(node, other)) {
                (true, _) => ".",
                (false, true) => "+",
                (false, false) => "MISSING",
            };
            mark.to_owned()
        }));
        lines.push(cells);
    }
    aligned(&lines)
}

fn stores(report: &Report) -> String {
    let mut lines = vec![row(&["NODE", "STORE", "LEADER", "MEMBERS", "SWARM"])];
    for node in &report.nodes {
        let Some(stores) = &node.stores else { continue };
        let swarm = match stores.swarm {
            Some(true) => "answers",
            Some(false) => "SILENT",
            None => "-",
        };
        if stores.stores.is_empty() {
            lines.push(row(&[node.node.as_str(), "-", "-", "-", swarm]));
        }
        for store in &stores.stores {
            let leader = store
                .leader
                .as_ref()
                .map_or("NONE", |leader| leader.as_str());
            let members = store.members.iter().flatten().map(|member| member.as_str());
            let members = members.collect::<Vec<_>>().join(" ");
            lines.push(row(&[
                node.node.as_str(),
                &store.id,
                leader,
                &members,
                swarm,
            ]));
        }
    }
    match lines.len() {
        1 => String::new(),
        _ => aligned(&lines),
    }
}

/// The last line.
fn verdict(report: &Report, verdict: Verdict) -> String {
    let reached = report
        .nodes
        .iter()
        .filter(|node| node.facts.is_some())
        .count();
    let seconds = report.took.as_secs_f64();
    let looked = match (report.nodes.len(), report.heard.nodes().len()) {
        (0, heard) if heard > 0 => format!("{heard} nodes heard, none asked, {seconds:.1} s"),
        (nodes, _) => format!("{reached} of {nodes} nodes answered, {seconds:.1} s"),
    };
    let count = |severity| {
        let found = report.findings.iter();
        found.filter(|finding| finding.severity == severity).count()
    };
    let hints = match count(Severity::Hint) {
        0 => String::new(),
        1 => ", 1 hint".to_owned(),
        hints => format!(", {hints} hints"),
    };
    match verdict {
        Verdict::Healthy => format!("healthy{hints}: {looked}\n"),
        Verdict::Faults => {
            let faults = count(Severity::Fault);
            let first = report.findings.first();
            let first = first.map_or("", |finding| finding.code.name());
            let (faults, begin) = match faults {
                1 => ("1 fault".to_owned(), ""),
                many => (format!("{many} faults"), "begin with the first, and "),
            };
            format!("{faults}{hints}: {looked}; {begin}see beamlink explain {first}\n")
        }
        Verdict::CouldNotLook => {
            "could not look: no node was named, none was heard, and none is known to the EPMD of this host; name one\n".to_owned()
        }
    }
}
