//! Binaries of any size, one way, from core to core: those of 1 MiB are in the table.

use super::messages::{into_sink, sunk};
use super::{Measured, Plan};
use crate::cores::{FAR, NEAR};
use crate::failure::Failure;
use crate::lab::{Beams, Lab, OUR_NAMES};
use crate::row::{Cells, OURS, Row, Target};
use crate::worker::Worker;

const MEBI: usize = 1 << 20;
/// Bytes of a contender in one round.
const BYTES: usize = 384 * MEBI;

/// Both ends of a bare connection.
pub(super) struct Tcp {
    from: Worker,
    to: Worker,
    port: f64,
}

impl Tcp {
    pub(super) fn start(lab: &Lab) -> Result<Tcp, Failure> {
        let from = Worker::start(NEAR, &lab.programs.ours, &["raw"])?;
        let mut to = Worker::start(FAR, &lab.programs.ours, &["raw"])?;
        let port = to.one("port")?;
        Ok(Tcp { from, to, port })
    }

    /// Bytes a nanosecond, which is GB/s.
    pub(super) fn rate(&mut self, count: usize, size: usize) -> Result<f64, Failure> {
        let bytes = count * size;
        self.to.begin(&format!("take {bytes}"))?;
        let begin = self
            .from
            .one(&format!("give {bytes} {size} {}", self.port))?;
        let end = self.to.end()?.first().copied().unwrap_or(f64::NAN);
        Ok(bytes as f64 / (end - begin))
    }
}

/// GB/s of binaries from our near node to the far one.
pub(super) fn between_ours(lab: &mut Lab, count: usize, size: usize) -> Result<f64, Failure> {
    lab.far.ask(&format!("sink {count} {size}"))?;
    let begin = lab
        .ours
        .one(&format!("send {count} {size} {}", OUR_NAMES[1]))?;
    let [end, ..] = sunk(&mut lab.far)?;
    Ok((count * size) as f64 / (end - begin))
}

pub(super) fn into_beam(
    ours: &mut Worker,
    beams: &mut Beams,
    count: usize,
    size: usize,
) -> Result<f64, Failure> {
    let send = format!("send {count} {size} {}", beams.server.name());
    let rate = into_sink(beams, count, |_| ours.one(&send))?;
    Ok(rate * size as f64 / 1e3)
}

pub(super) fn between_beams(beams: &mut Beams, count: usize, size: usize) -> Result<f64, Failure> {
    let send = format!(
        "Bench.send_all(:\"{}\", {count}, {size})",
        beams.server.name()
    );
    let rate = into_sink(beams, count, |beams| beams.caller.one(&send))?;
    Ok(rate * size as f64 / 1e3)
}

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    let count = plan.of(BYTES / MEBI);
    let mut tcp = Tcp::start(lab)?;
    let mut pair = Cells::default();
    let mut beams: Vec<Cells> = lab.beams.iter().map(|_| Cells::default()).collect();
    for _ in 0..plan.rounds {
        pair.add(OURS, between_ours(lab, count, MEBI)?);
        pair.add("raw TCP", tcp.rate(count, MEBI)?);
        for (at, cells) in beams.iter_mut().enumerate() {
            let Lab { ours, beams, .. } = lab;
            cells.add(OURS, into_beam(ours, &mut beams[at], count, MEBI)?);
            let release = beams[at].name.clone();
            cells.add(&release, between_beams(&mut beams[at], count, MEBI)?);
        }
    }
    let mut rows = vec![Row::new(
        "bulk",
        "1 MiB, beamlink to beamlink",
        "GB/s",
        pair,
        vec![Target::at_least(0.9).times(["raw TCP"])],
    )];
    for (release, cells) in lab.releases().into_iter().zip(beams) {
        let targets = vec![Target::at_least(1.0).times([release.clone()])];
        rows.push(Row::new(
            "bulk",
            format!("1 MiB, into {release}"),
            "GB/s",
            cells,
            targets,
        ));
    }
    Ok(rows.into())
}
