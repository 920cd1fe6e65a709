//! How long a node takes from its start into the `Node.list()` of three Elixir nodes, and how much memory it then has:
//! beamlink and an Elixir node in turn, in the same cluster. Prints a Markdown table.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use interop::{BeamNode, BeamOptions, Beamlink, BeamlinkOptions, Epmd, Missing, Otp};

const COOKIE: &str = "startup";
const GROUP: &str = "239.255.0.1";
const LIMIT: Duration = Duration::from_secs(60);
const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let Some(binary) = std::env::args().nth(1) else {
        eprintln!("startup: give the path of beamlink");
        return ExitCode::from(2);
    };
    match compare(&binary) {
        Ok(()) => ExitCode::SUCCESS,
        Err(missing) => {
            eprintln!("startup: {missing}");
            ExitCode::FAILURE
        }
    }
}

/// What one start took: milliseconds, and resident memory in KiB.
#[derive(Debug, Clone, Copy)]
struct Start {
    millis: u64,
    rss_kib: u64,
}

fn compare(binary: &str) -> Result<(), Missing> {
    let otp = Otp::host()?;
    let (epmd_port, gossip_port) = (interop::tcp(), interop::udp());
    let _epmd = Epmd::start(epmd_port, None)?;
    let beam = |name: &str| {
        BeamOptions::new(&otp, name, COOKIE, epmd_port)
            .env("FIXTURE_GOSSIP", "on")
            .env("EX_ESDB_CLUSTER_PORT", &gossip_port.to_string())
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", GROUP)
            .env("FIXTURE_MULTICAST_IF", "127.0.0.1")
    };
    let members = (0..3).map(|number| beam(&format!("ex_esdb{number}@localhost")));
    let mut members = BeamNode::start_all(members.collect())?;
    for member in &mut members {
        member.wait_until("length(Node.list())", "2", LIMIT);
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let name = format!("zz_maint_{round}@localhost");
        let options = BeamlinkOptions::new(binary)
            .env("RELEASE_COOKIE", COOKIE)
            .env("ERL_EPMD_PORT", &epmd_port.to_string())
            .env("EX_ESDB_CLUSTER_PORT", &gossip_port.to_string())
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", GROUP)
            .args(&["--name", &name, "--multicast-if", "127.0.0.1"]);
        let begin = now();
        let beamlink = Beamlink::start(options);
        let millis = listed_at(&mut members, &name).saturating_sub(begin);
        let rss_kib = beamlink.rss_kib().unwrap_or_default();
        ours.push(Start { millis, rss_kib });
        drop(beamlink);
        let name = format!("elixir_{round}@localhost");
        let begin = now();
        let elixir = BeamNode::spawn(beam(&name))?;
        let millis = listed_at(&mut members, &name).saturating_sub(begin);
        let rss_kib = elixir.rss_kib().unwrap_or_default();
        theirs.push(Start { millis, rss_kib });
    }
    println!(
        "| node | start → in all three `Node.list()`s, ms: median (min–max) | resident memory, MiB |"
    );
    println!("|---|---|---|");
    row("beamlink", &mut ours);
    row("Elixir, started the same way", &mut theirs);
    Ok(())
}

fn row(node: &str, starts: &mut [Start]) {
    starts.sort_by_key(|start| start.millis);
    let (Some(first), Some(last)) = (starts.first(), starts.last()) else {
        return;
    };
    let median = starts[starts.len() / 2];
    let memory = median.rss_kib as f64 / 1024.0;
    println!(
        "| {node} | {} ({}–{}) | {memory:.1} |",
        median.millis, first.millis, last.millis
    );
}

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// When the last of `members` had `name` in its list, by the clock of this host in ms.
fn listed_at(members: &mut [BeamNode], name: &str) -> u64 {
    let moment = format!(
        "for {{at, :nodeup, :\"{name}\", _}} <- Fixture.Nodes.events(), do: at + System.time_offset(:millisecond)"
    );
    let mut last = 0;
    for member in members {
        member.wait_until(&format!(":\"{name}\" in Node.list()"), "true", LIMIT);
        let at = member.value(&format!("hd({moment})"));
        last = last.max(at.parse().unwrap_or(u64::MAX));
    }
    last
}
