//! Resident memory: of a node that does nothing, and of its processes. Connections are in [`super::crowd`].

use std::time::Duration;

use interop::{Beamlink, BeamlinkOptions};

use super::{Measured, Plan};
use crate::failure::Failure;
use crate::lab::{COOKIE, Lab};
use crate::row::{Cells, OURS, Row, Target};
use crate::worker::rss_kib;

const PROCESSES: usize = 100_000;
const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    Ok(vec![idle(lab, plan)?, processes(lab, plan)?].into())
}

/// `beamlink join`, connected to one BEAM, and that BEAM.
fn idle(lab: &mut Lab, plan: Plan) -> Result<Row, Failure> {
    let mut cells = Cells::default();
    for round in 0..plan.rounds {
        let options = BeamlinkOptions::new(lab.programs.beamlink()?)
            .env("RELEASE_COOKIE", COOKIE)
            .env("ERL_EPMD_PORT", &lab.epmd.port().to_string())
            .args(&[
                "--name",
                &format!("zz_maint_idle{round}@localhost"),
                "--no-gossip",
            ])
            .args(&["--peer", lab.beams[0].caller.name()]);
        let joined = Beamlink::start(options);
        joined.wait_event(LIMIT, |event| event["event"] == "nodeup");
        std::thread::sleep(Duration::from_millis(300));
        cells.add(OURS, rss_kib(joined.os_pid())? / 1024.0);
        for beams in &lab.beams {
            cells.add(&beams.name, rss_kib(beams.caller.os_pid())? / 1024.0);
        }
    }
    Ok(Row::new(
        "memory",
        "`beamlink join`, idle, beside an Elixir node",
        "MiB",
        cells,
        vec![Target::at_most(10.0)],
    ))
}

/// Bytes of a process that waits.
fn processes(lab: &mut Lab, plan: Plan) -> Result<Row, Failure> {
    let count = plan.of(PROCESSES);
    let mut cells = Cells::default();
    for round in 0..plan.rounds {
        let mut node = lab.programs.node(
            crate::cores::NEAR,
            &format!("processes{round}@localhost"),
            lab.epmd.port(),
            60,
            0,
        )?;
        let before = rss_kib(node.pid())?;
        node.ask(&format!("spawn {count}"))?;
        cells.add(
            OURS,
            (rss_kib(node.pid())? - before) * 1024.0 / count as f64,
        );
    }
    for beams in &mut lab.beams {
        // What they take for their processes: a BEAM has memory of its own from which it gives.
        let before = beams.server.one(":erlang.memory(:processes)")?;
        beams.server.ask(&format!("Bench.spawn_idle({count})"))?;
        let after = beams.server.one(":erlang.memory(:processes)")?;
        cells.add(&beams.name, (after - before) / count as f64);
        beams.server.run("Bench.end_idle()")?;
    }
    Ok(Row::new(
        "memory",
        "a process",
        "B",
        cells,
        vec![Target::at_most(1024.0)],
    ))
}
