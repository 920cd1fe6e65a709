//! A node of ours with a thousand simulated peers over loopback: memory, CPU, ticks, their loss, and their heartbeats.

use std::time::{Duration, Instant};

use super::{Measured, Plan};
use crate::cores::{FAR, NEAR};
use crate::failure::Failure;
use crate::lab::{COOKIE, Lab};
use crate::row::{Cells, OURS, Row, Target};
use crate::worker::{Worker, cpu_share, rss_kib};

const PEERS: usize = 1_000;
/// `net_ticktime` of what loses its peers, in seconds: a quarter of it is the tick period.
const TICKTIME: u32 = 4;
/// libcluster sends a heartbeat after a random time of up to five seconds.
const HEARTBEATS_OF_10_000: f64 = 10_000.0 / 2.5;

/// A node and its crowd.
pub(super) struct Crowded {
    pub(super) node: Worker,
    pub(super) crowd: Worker,
    /// KiB before they came.
    empty: f64,
    gossip: u16,
}

/// Our node on the near core, the crowd on the far one.
pub(super) fn crowded(
    lab: &Lab,
    name: &str,
    peers: usize,
    ticktime: u32,
) -> Result<Crowded, Failure> {
    let gossip = interop::udp();
    let mut node = lab
        .programs
        .node(NEAR, name, lab.epmd.port(), ticktime, gossip)?;
    let empty = rss_kib(node.pid())?;
    let port = node.one("port")?.to_string();
    let tick = (u64::from(ticktime) * 250).to_string();
    let mut crowd = Worker::start(
        FAR,
        &lab.programs.ours,
        &["crowd", name, &port, COOKIE, &tick, "visible"],
    )?;
    crowd.ask(&format!("join {peers}"))?;
    node.ask(&format!("up {peers} 30000"))?;
    Ok(Crowded {
        node,
        crowd,
        empty,
        gossip,
    })
}

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    let peers = plan.of(PEERS);
    let window = Duration::from_millis(plan.millis(5_000));
    let [
        mut total,
        mut each,
        mut cpu,
        mut silence,
        mut gossip,
        mut overdue,
    ] = <[Cells; 6]>::default();
    let Crowded {
        node,
        mut crowd,
        empty,
        gossip: port,
    } = crowded(lab, "zz_maint_crowd@localhost", peers, 60)?;
    std::thread::sleep(window / 5);
    crowd.ask("silence")?;
    for _ in 0..plan.rounds {
        let rss = rss_kib(node.pid())?;
        total.add(OURS, rss / 1024.0);
        each.add(OURS, (rss - empty) / peers as f64);
        let quiet = cpu_share(node.pid(), window)?;
        cpu.add(OURS, quiet * 100.0);
        silence.add(OURS, crowd.one("silence")? / 1e3);
        let rate = HEARTBEATS_OF_10_000;
        crowd.begin(&format!(
            "gossip {port} {rate} {}",
            window.as_millis() + 200
        ))?;
        let busy = cpu_share(node.pid(), window)?;
        crowd.end()?;
        gossip.add(OURS, (busy - quiet) * 100.0);
        crowd.ask("silence")?;
    }
    drop((crowd, node));
    for round in 0..plan.rounds {
        overdue.add(OURS, lost(lab, round, peers)?);
    }
    let tick = f64::from(TICKTIME) / 4.0;
    let row =
        |what: String, unit, cells, target| Row::new("crowd", what, unit, cells, vec![target]);
    Ok(vec![
        row(format!("{peers} connections, resident"), "MiB", total, Target::at_most(64.0)),
        row("a connection".to_owned(), "KiB", each, Target::at_most(32.0)),
        row(format!("{peers} connections, steady"), "% of a core", cpu, Target::at_most(5.0)),
        // We tick every second, and a BEAM of net_ticktime 4 gives up after three.
        row(format!("{peers} connections, longest silence that a peer saw"), "s", silence, Target::at_most(2.0)),
        row("heartbeats at the rate of 10,000 nodes".to_owned(), "% of a core", gossip, Target::at_most(1.0)),
        row(
            format!("nodedown of {peers} that fall silent: the last, after 1.25 net_ticktime of {TICKTIME} s"),
            "s",
            overdue,
            Target::at_most(tick),
        ),
    ]
    .into())
}

/// Seconds between the moment when peers that fell silent together are due, and when the last was given up.
fn lost(lab: &Lab, round: usize, peers: usize) -> Result<f64, Failure> {
    let name = format!("zz_maint_lost{round}@localhost");
    let Crowded {
        mut node, crowd, ..
    } = crowded(lab, &name, peers, TICKTIME)?;
    let begin = Instant::now();
    crowd.freeze();
    node.ask(&format!("down {peers} 20000"))?;
    Ok(begin.elapsed().as_secs_f64() - 1.25 * f64::from(TICKTIME))
}
