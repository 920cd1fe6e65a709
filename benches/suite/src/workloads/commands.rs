//! One-shot commands as whole processes, beside those of OTP and Elixir, against the same node and in turn.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::{Measured, Plan};
use crate::cores;
use crate::failure::Failure;
use crate::lab::{COOKIE, Lab};
use crate::row::{Cells, OURS, Row, Target};

/// Runs of each, but for Elixir, which takes a hundred times as long.
const RUNS: usize = 150;
const RUNS_OF_ELIXIR: usize = 5;

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    let server = lab.beams[0].server.name().to_owned();
    let epmd = lab.epmd.port();
    let binary = lab.programs.beamlink()?.to_owned();
    let mut rows = Vec::new();
    for (shown, words, others) in [
        (
            "apply NODE erlang node",
            vec!["apply", &server, "erlang", "node"],
            true,
        ),
        ("rpc NODE 'node()'", vec!["rpc", &server, "node()"], true),
        ("ping NODE", vec!["ping", &server], false),
    ] {
        let mut cells = Cells::default();
        let runs = if plan.rounds == 1 { 3 } else { RUNS };
        for run in 0..runs {
            cells.add(OURS, time(&binary, &words, epmd)?);
            if let Some(binary) = &lab.programs.beamlink_static {
                cells.add("static", time(binary, &words, epmd)?);
            }
            if others {
                let erl_call = ["-sname", &server, "-c", COOKIE, "-a", "erlang node"];
                cells.add("erl_call", time(Path::new("erl_call"), &erl_call, epmd)?);
            }
            if others && run < RUNS_OF_ELIXIR {
                let elixir = [
                    "--sname",
                    "asker@localhost",
                    "--cookie",
                    COOKIE,
                    "--rpc-eval",
                    &server,
                    "node()",
                ];
                cells.add("elixir", time(Path::new("elixir"), &elixir, epmd)?);
            }
        }
        let mut targets = Vec::new();
        if others {
            for contender in [OURS, "static"] {
                targets.push(Target::at_most(1.0).times(["erl_call"]).of(contender));
                targets.push(Target::at_most(0.05).times(["elixir"]).of(contender));
            }
        }
        let shown = format!("`beamlink {shown}`; `erl_call -a`; `elixir --rpc-eval`");
        rows.push(Row::new("commands", shown, "ms", cells, targets));
    }
    Ok(rows.into())
}

/// Milliseconds from its start to its end.
fn time(program: &Path, words: &[&str], epmd: u16) -> Result<f64, Failure> {
    let mut command = Command::new(program);
    command
        .args(words)
        .env("ERL_EPMD_PORT", epmd.to_string())
        .env("RELEASE_COOKIE", COOKIE)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let begin = Instant::now();
    let status = cores::on(cores::NEAR, || command.status());
    let taken = begin.elapsed();
    match status {
        Ok(status) if status.success() => Ok(taken.as_secs_f64() * 1e3),
        other => Err(Failure(format!(
            "{} {}: {other:?}",
            program.display(),
            words.join(" ")
        ))),
    }
}
