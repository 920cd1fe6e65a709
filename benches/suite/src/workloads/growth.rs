//! How the cost grows: with the size of messages, the number of callers, and the number of connections.

use std::time::Duration;

use super::bulk::{self, Tcp};
use super::crowd::crowded;
use super::{Measured, Plan};
use crate::cores::FAR;
use crate::failure::Failure;
use crate::lab::{COOKIE, Lab};
use crate::plot::{Plot, Series};
use crate::row::{Cells, OURS};
use crate::worker::{Worker, cpu_share, rss_kib};

/// Bytes that one point of the throughput takes, where messages are large.
const BYTES: usize = 96 << 20;
/// And messages, where they are small.
const MESSAGES: usize = 60_000;
const CALLS: usize = 8_000;
const CONNECTIONS: [usize; 6] = [1, 10, 50, 200, 500, 1_000];

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    // Three rounds a point are enough for a picture.
    let plan = Plan {
        rounds: plan.rounds.min(3),
        ..plan
    };
    let mut plots = vec![throughput(lab, plan)?, latency(lab, plan)?];
    plots.extend(connections(lab, plan)?);
    Ok(Measured {
        rows: Vec::new(),
        plots,
    })
}

/// A point of each contender's line.
fn add(series: &mut Vec<Series>, x: usize, cells: &Cells) {
    for (contender, y) in cells.medians() {
        let point = (x as f64, y);
        match series.iter_mut().find(|line| line.name == contender) {
            Some(line) => line.points.push(point),
            None => series.push(Series {
                name: contender.to_owned(),
                points: vec![point],
            }),
        }
    }
}

fn throughput(lab: &mut Lab, plan: Plan) -> Result<Plot, Failure> {
    let mut tcp = Tcp::start(lab)?;
    let mut series = Vec::new();
    let release = lab.beams[0].name.clone();
    for power in (4..=24).step_by(2) {
        let size = 1 << power;
        let count = (plan.of(MESSAGES)).min(plan.of(BYTES) / size).max(4);
        let mut cells = Cells::default();
        for _ in 0..plan.rounds {
            cells.add(
                "beamlink → beamlink",
                bulk::between_ours(lab, count, size)? * 1e3,
            );
            let Lab { ours, beams, .. } = lab;
            let beams = &mut beams[0];
            cells.add(
                &format!("beamlink → {release}"),
                bulk::into_beam(ours, beams, count, size)? * 1e3,
            );
            cells.add(
                &format!("{release} → {release}"),
                bulk::between_beams(beams, count, size)? * 1e3,
            );
            cells.add("raw TCP", tcp.rate(count, size)? * 1e3);
        }
        add(&mut series, size, &cells);
    }
    Ok(Plot {
        file: "throughput".to_owned(),
        title: "Throughput against message size".to_owned(),
        x: "bytes of a message".to_owned(),
        y: "MB/s".to_owned(),
        series,
    })
}

fn latency(lab: &mut Lab, plan: Plan) -> Result<Plot, Failure> {
    let mut series = Vec::new();
    let server = lab.beams[0].server.name().to_owned();
    let release = lab.beams[0].name.clone();
    for power in 0..=10 {
        let callers = 1_usize << power;
        let each = (plan.of(CALLS) / callers).max(4);
        let mut cells = Cells::default();
        for _ in 0..plan.rounds {
            let ours = lab.ours.ask(&format!("many {callers} {each} {server}"))?;
            let caller = &mut lab.beams[0].caller;
            let beam = caller.ask(&format!(
                "Bench.many({{:echo, :\"{server}\"}}, {callers}, {each})"
            ))?;
            for (at, which) in ["p50", "p99"].into_iter().enumerate() {
                let figure =
                    |of: &[f64], unit: f64| of.get(at).map_or(f64::NAN, |figure| figure / unit);
                cells.add(&format!("beamlink, {which}"), figure(&ours, 1.0));
                cells.add(&format!("{release}, {which}"), figure(&beam, 1e3));
            }
        }
        add(&mut series, callers, &cells);
    }
    Ok(Plot {
        file: "latency".to_owned(),
        title: format!("GenServer.call to {release}, by callers at once"),
        x: "callers".to_owned(),
        y: "µs a call".to_owned(),
        series,
    })
}

/// Memory and CPU: ours, and a BEAM's, each with the same simulated peers.
fn connections(lab: &mut Lab, plan: Plan) -> Result<Vec<Plot>, Failure> {
    let window = Duration::from_millis(plan.millis(3_000));
    let (mut memory, mut cpu) = (Vec::new(), Vec::new());
    let release = lab.beams[0].name.clone();
    let mut ours = crowded(lab, "zz_maint_growth@localhost", 1, 60)?;
    let server = &lab.beams[0].server;
    // Hidden: the BEAM would have `global` lock with all of them, and they are no BEAMs.
    let arguments = [
        "crowd",
        server.name(),
        &server.port.to_string(),
        COOKIE,
        "15000",
        "hidden",
    ];
    let mut crowd = Worker::start(FAR, &lab.programs.ours, &arguments)?;
    for peers in CONNECTIONS
        .into_iter()
        .filter(|peers| *peers <= plan.of(1_000))
    {
        ours.crowd.ask(&format!("join {peers}"))?;
        crowd.ask(&format!("join {peers}"))?;
        std::thread::sleep(window / 3);
        for (contender, pid) in [(OURS, ours.node.pid()), (&*release, server.os_pid())] {
            let (mut resident, mut share) = (Cells::default(), Cells::default());
            resident.add(contender, rss_kib(pid)? / 1024.0);
            // Where it is too little to be seen, the line must be somewhere.
            share.add(contender, (cpu_share(pid, window)? * 100.0).max(0.01));
            add(&mut memory, peers, &resident);
            add(&mut cpu, peers, &share);
        }
    }
    let plot = |file: &str, title: &str, y: &str, series| Plot {
        file: file.to_owned(),
        title: title.to_owned(),
        x: "connections".to_owned(),
        y: y.to_owned(),
        series,
    };
    Ok(vec![
        plot(
            "memory",
            "Resident memory against connections",
            "MiB",
            memory,
        ),
        plot(
            "cpu",
            "CPU against connections that are idle",
            "% of a core",
            cpu,
        ),
    ])
}
