//! Calls from a BEAM to a GenServer on the other core: one of ours, and a BEAM's.

use super::{Measured, Plan};
use crate::failure::Failure;
use crate::lab::{Lab, OUR_NAMES};
use crate::row::{Cells, OURS, Row, Target};

const CALLS: usize = 4_000;

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    let calls = plan.of(CALLS);
    let mut rows = Vec::new();
    for beams in &mut lab.beams {
        let server = beams.server.name().to_owned();
        let (mut p50, mut p99) = (Cells::default(), Cells::default());
        for _ in 0..plan.rounds {
            let sides = [(OURS, OUR_NAMES[1]), (&*beams.name, &*server)];
            for (contender, node) in sides {
                let taken = beams
                    .caller
                    .ask(&format!("Bench.calls({{:echo, :\"{node}\"}}, {calls})"))?;
                let [middle, tail] = taken.as_slice() else {
                    return Err(Failure(format!("{contender}: {taken:?}")));
                };
                p50.add(contender, middle / 1e3);
                p99.add(contender, tail / 1e3);
            }
        }
        let release = &beams.name;
        let targets = vec![Target::at_most(0.8).times([release.clone()])];
        rows.push(Row::new(
            "served",
            format!("{release} calls a GenServer of ours, p50"),
            "µs",
            p50,
            targets,
        ));
        rows.push(Row::new(
            "served",
            format!("{release} calls a GenServer of ours, p99"),
            "µs",
            p99,
            Vec::new(),
        ));
    }
    Ok(rows.into())
}
