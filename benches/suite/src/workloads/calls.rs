//! Calls to a BEAM on the other core: one after the other, and 64 at once.

use super::{Measured, Plan};
use crate::ei::Ei;
use crate::failure::Failure;
use crate::lab::Lab;
use crate::other::Other;
use crate::row::{Cells, OURS, Row, Target};

const CALLS: usize = 4_000;
const CALLERS: usize = 64;
const EACH: usize = 250;

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    let ei = Ei::compile(lab.epmd.port());
    if let Err(failure) = &ei {
        eprintln!("SKIPPED ei: {failure}");
    }
    let mut rows = Vec::new();
    for at in 0..lab.beams.len() {
        rows.extend(sequential(lab, plan, at, ei.as_ref().ok())?);
        rows.push(concurrent(lab, plan, at)?);
    }
    Ok(rows.into())
}

/// p50 and p99, in µs.
#[derive(Default)]
struct Pair(Cells, Cells);

impl Pair {
    fn add(&mut self, contender: &str, figures: &[f64], unit: f64) -> Result<(), Failure> {
        let [p50, p99, ..] = figures else {
            return Err(Failure(format!("{contender}: {figures:?}")));
        };
        self.0.add(contender, p50 / unit);
        self.1.add(contender, p99 / unit);
        Ok(())
    }
}

fn sequential(lab: &mut Lab, plan: Plan, at: usize, ei: Option<&Ei>) -> Result<Vec<Row>, Failure> {
    let server = lab.beams[at].server.name().to_owned();
    let port = lab.beams[at].server.port.to_string();
    let release = lab.beams[at].name.clone();
    let erl_dist = lab.erl_dist(&format!("c{at}"), &server, &port);
    let mut erl_dist = Other::new(&format!("erl_dist's calls to {release}"), erl_dist);
    let mut edp = Other::new(
        &format!("edp_node's calls to {release}"),
        lab.edp_node(&format!("c{at}"), &server),
    );
    let calls = plan.of(CALLS);
    // Without TCP_NODELAY a call may take 44 ms.
    let few = plan.of(CALLS / 20);
    let (mut call, mut rpc) = (Pair::default(), Pair::default());
    for _ in 0..plan.rounds {
        let Lab { ours, beams, .. } = lab;
        let Some(beams) = beams.get_mut(at) else {
            continue;
        };
        call.add(OURS, &ours.ask(&format!("calls {calls} {server}"))?, 1.0)?;
        let taken = beams
            .caller
            .ask(&format!("Bench.calls({{:echo, :\"{server}\"}}, {calls})"))?;
        call.add(&beams.name, &taken, 1e3)?;
        if let Some(taken) = erl_dist.measure(|peer| peer.ask(&format!("calls {calls}"))) {
            call.add("erl_dist", &taken, 1.0)?;
        }
        rpc.add(OURS, &ours.ask(&format!("rpcs {calls} {server}"))?, 1.0)?;
        rpc.add(
            &beams.name,
            &beams
                .caller
                .ask(&format!("Bench.rpcs(:\"{server}\", {calls})"))?,
            1e3,
        )?;
        if let Some(taken) = edp.measure(|peer| peer.ask(&format!("rpcs {few}"))) {
            rpc.add("edp_node (rpc)", &taken, 1.0)?;
        }
        if let Some(ei) = ei {
            let taken = ei.rpcs(&server, calls)?;
            call.add("ei_rpc", &taken, 1.0)?;
            rpc.add("ei_rpc", &taken, 1.0)?;
        }
    }
    let targets = || {
        vec![
            Target::at_most(0.9).times([release.clone()]),
            Target::at_most(1.1).times(["ei_rpc"]),
        ]
    };
    let row = |what: &str, cells| {
        Row::new(
            "calls",
            format!("{what}, {release}"),
            "µs",
            cells,
            targets(),
        )
    };
    Ok(vec![
        row("`GenServer.call`, p50", call.0),
        row("`GenServer.call`, p99", call.1),
        row("`erpc`, p50", rpc.0),
        row("`erpc`, p99", rpc.1),
    ])
}

fn concurrent(lab: &mut Lab, plan: Plan, at: usize) -> Result<Row, Failure> {
    let each = (plan.of(CALLERS * EACH) / CALLERS).max(5);
    let server = lab.beams[at].server.name().to_owned();
    let mut cells = Cells::default();
    for _ in 0..plan.rounds {
        let taken = lab.ours.ask(&format!("many {CALLERS} {each} {server}"))?;
        cells.add(OURS, taken.get(2).copied().unwrap_or(f64::NAN) / 1e3);
        let beams = &mut lab.beams[at];
        let taken = beams.caller.ask(&format!(
            "Bench.many({{:echo, :\"{server}\"}}, {CALLERS}, {each})"
        ))?;
        cells.add(&beams.name, taken.get(2).copied().unwrap_or(f64::NAN) / 1e3);
    }
    let release = lab.beams[at].name.clone();
    let targets = vec![Target::at_least(1.5).times([release.clone()])];
    Ok(Row::new(
        "calls",
        format!("{CALLERS} callers at once, {release}"),
        "thousand/s",
        cells,
        targets,
    ))
}
