//! Small messages `{tick, Number}`, one way, from core to core.

use super::{Measured, Plan};
use crate::cores;
use crate::failure::Failure;
use crate::lab::{Beams, COOKIE, Lab, OUR_NAMES};
use crate::other::Other;
use crate::row::{Cells, OURS, Row, Target};
use crate::worker::Worker;

/// Messages of a contender in one round; the slow ones send fewer.
const MANY: usize = 200_000;
const FEW: usize = 40_000;

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    let mut rows = Vec::new();
    let mut raw = Worker::start(cores::NEAR, &lab.programs.ours, &["raw"])?;
    for at in 0..lab.beams.len() {
        rows.push(into_beam(lab, plan, at, &mut raw)?);
        let Lab { ours, beams, .. } = lab;
        rows.extend(from_beam(ours, &mut beams[at], plan)?);
    }
    rows.push(between_ours(lab, plan)?);
    Ok(rows.into())
}

/// Millions of messages a second, from the moment when `send` began, which it returns, until the server's sink has all.
pub(super) fn into_sink(
    beams: &mut Beams,
    count: usize,
    send: impl FnOnce(&mut Beams) -> Result<f64, Failure>,
) -> Result<f64, Failure> {
    beams.server.run(&format!("Bench.sink({count})"))?;
    let begin = send(beams)?;
    let end = beams.server.one("Bench.wait()")?;
    Ok(count as f64 * 1e3 / (end - begin))
}

fn into_beam(lab: &mut Lab, plan: Plan, at: usize, raw: &mut Worker) -> Result<Row, Failure> {
    let server = lab.beams[at].server.name().to_owned();
    let port = lab.beams[at].server.port.to_string();
    let release = lab.beams[at].name.clone();
    let erl_dist = lab.erl_dist(&format!("m{at}"), &server, &port);
    let mut erl_dist = Other::new(&format!("erl_dist into {release}"), erl_dist);
    let mut edp = Other::new(
        &format!("edp_node into {release}"),
        lab.edp_node(&format!("m{at}"), &server),
    );
    let (many, few) = (plan.of(MANY), plan.of(FEW));
    let mut cells = Cells::default();
    for _ in 0..plan.rounds {
        let Lab { ours, beams, .. } = lab;
        let beams = &mut beams[at];
        let rate = into_sink(beams, many, |_| {
            ours.one(&format!("send {many} 0 {server}"))
        })?;
        cells.add(OURS, rate);
        let rate = into_sink(beams, many, |_| {
            raw.one(&format!("inject {many} {server} {port} {COOKIE}"))
        })?;
        cells.add("raw bytes", rate);
        let rate = into_sink(beams, many, |beams| {
            beams
                .caller
                .one(&format!("Bench.send_all(:\"{server}\", {many}, 0)"))
        })?;
        cells.add(&release, rate);
        for (name, other) in [("erl_dist", &mut erl_dist), ("edp_node", &mut edp)] {
            let rate =
                other.measure(|peer| into_sink(beams, few, |_| peer.one(&format!("send {few}"))));
            rate.into_iter().for_each(|rate| cells.add(name, rate));
        }
    }
    let targets = vec![
        Target::at_least(0.95).times(["raw bytes"]),
        Target::at_least(3.0).times([release.clone()]),
        Target::at_least(8.0).times(["erl_dist"]),
    ];
    Ok(Row::new(
        "messages",
        format!("into {release}"),
        "million/s",
        cells,
        targets,
    ))
}

fn from_beam(ours: &mut Worker, beams: &mut Beams, plan: Plan) -> Result<Vec<Row>, Failure> {
    let count = plan.of(MANY);
    let server = beams.server.name().to_owned();
    // Our near node receives from the far BEAM; between the two BEAMs it is the near one that sends.
    let (mut rates, mut shares) = (Cells::default(), Cells::default());
    for _ in 0..plan.rounds {
        ours.ask(&format!("sink {count} 0"))?;
        let all = format!("Bench.send_all(:\"{}\", {count}, 0)", OUR_NAMES[0]);
        let begin = beams.server.one(&all)?;
        let [end, passed, worked] = sunk(ours)?;
        rates.add(OURS, count as f64 * 1e3 / (end - begin));
        shares.add(OURS, worked / passed);
        let rate = into_sink(beams, count, |beams| {
            beams
                .caller
                .one(&format!("Bench.send_all(:\"{server}\", {count}, 0)"))
        })?;
        rates.add(&beams.name, rate);
    }
    let release = &beams.name;
    Ok(vec![
        Row::new(
            "messages",
            format!("from {release}"),
            "million/s",
            rates,
            Vec::new(),
        ),
        Row::new(
            "messages",
            format!("from {release}: our share of a core"),
            "",
            shares,
            vec![Target::at_most(0.25)],
        ),
    ])
}

/// When our sink had all; the nanoseconds between its first and its last message, and those of work in between.
pub(super) fn sunk(sink: &mut Worker) -> Result<[f64; 3], Failure> {
    let said = sink.ask("wait")?;
    said.try_into()
        .map_err(|said| Failure(format!("the sink said {said:?}")))
}

fn between_ours(lab: &mut Lab, plan: Plan) -> Result<Row, Failure> {
    let count = plan.of(10 * MANY);
    let mut cells = Cells::default();
    for _ in 0..plan.rounds {
        lab.far.ask(&format!("sink {count} 0"))?;
        let begin = lab.ours.one(&format!("send {count} 0 {}", OUR_NAMES[1]))?;
        let [end, ..] = sunk(&mut lab.far)?;
        cells.add(OURS, count as f64 * 1e3 / (end - begin));
    }
    Ok(Row::new(
        "messages",
        "beamlink to beamlink, one connection",
        "million/s",
        cells,
        vec![Target::at_least(3.0)],
    ))
}
