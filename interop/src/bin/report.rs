//! Runs every scenario on every OTP that is here, with beamlink and without it, and writes the table of what came of it:
//! `report BINARY [FILE]`; with SCENARIO set, only scenarios whose name holds that text.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use interop::{Otp, Outcome, Scenario, scenarios};

const SUITES: [(&str, &str); 3] = [("host", "OTP 25"), ("trixie", "OTP 27"), ("sid", "OTP 29")];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(binary) = arguments.next() else {
        eprintln!("usage: report BINARY [FILE]");
        return ExitCode::from(2);
    };
    let file = arguments.next();
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut report = Report::default();
    for scenario in scenarios()
        .iter()
        .filter(|scenario| scenario.name.contains(&only))
    {
        let cells = SUITES.map(|(suite, _)| cell(scenario, suite, Path::new(&binary)));
        report.add(scenario, &cells);
    }
    let text = report.finish();
    match file {
        Some(file) => {
            if let Err(error) = std::fs::write(&file, text) {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        }
        None => print!("{text}"),
    }
    ExitCode::from(u8::from(report.harmed))
}

/// With the guest and without it, or why there is no such run.
type Cell = Result<(Outcome, Outcome), String>;

fn cell(scenario: &Scenario, suite: &str, binary: &Path) -> Cell {
    let otp = match suite {
        "host" => Otp::host(),
        suite => Otp::of(suite),
    };
    let run = otp.and_then(|otp| {
        let without = scenario.run(&otp, None)?;
        Ok((scenario.run(&otp, Some(binary))?, without))
    });
    eprintln!(
        "{} on {suite}: {}",
        scenario.name,
        if run.is_ok() { "done" } else { "not run" }
    );
    run.map_err(|missing| missing.to_string())
}

#[derive(Default)]
struct Report {
    rows: String,
    faults: String,
    harmed: bool,
}

impl Report {
    fn add(&mut self, scenario: &Scenario, cells: &[Cell]) {
        let _ = write!(self.rows, "| {} |", scenario.name);
        for cell in cells {
            match cell {
                Ok((with, without)) => {
                    let harm = scenario.harm(with, without);
                    let verdict = if harm.is_empty() {
                        "no harm"
                    } else {
                        "**harm**"
                    };
                    let _ = write!(self.rows, " {verdict}; {} |", figures(with, without));
                    self.harmed |= !harm.is_empty();
                    for found in harm {
                        let _ = writeln!(self.faults, "- {}: {found}", scenario.name);
                    }
                }
                Err(missing) => {
                    let _ = write!(self.rows, " not run: {missing} |");
                }
            }
        }
        self.rows.push('\n');
    }

    fn finish(&self) -> String {
        let columns = SUITES.map(|(_, name)| name).join(" | ");
        let faults = match self.faults.is_empty() {
            true => String::new(),
            false => format!("\n## Harm\n\n{}", self.faults),
        };
        format!(
            "# Conformance\n\n\
             Written by `cargo run -p interop --bin report`, never by hand. Each cell is a scenario of `interop/src/scenarios.rs`, run on \
             hosts of its own with beamlink and without it. *No harm*: no real node lost another more often, reset a store more often, or \
             logged more, and nothing that nodes ask of their cluster (`Fixture.Probe`) took longer than 1.2 × its time without, plus 5 ms. \
             The times say how long it took until all nodes listed each other again (with / without beamlink); those of the guest are how \
             long it took to be back.\n\n\
             OTP itself logs \"Node … not responding\" of any node that falls silent (`dist_util:con_loop/2`); said of the guest, when it is the \
             guest that was frozen or cut off, that is no harm.\n\n\
             | scenario | {columns} |\n|---|---|---|---|\n{}{faults}",
            self.rows
        )
    }
}

fn figures(with: &Outcome, without: &Outcome) -> String {
    let pairs = with.whole.iter().zip(&without.whole);
    let each = pairs.map(|((name, with), (_, without))| {
        format!("{name} {} / {}", shown(*with), shown(*without))
    });
    each.collect::<Vec<_>>().join(", ")
}

fn shown(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
