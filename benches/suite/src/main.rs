//! Measures beamlink beside what a user would pick instead, all in one run, and judges each figure by its target.
//! `./scripts/bench` builds what it needs and runs it.

mod cores;
mod ei;
mod failure;
mod lab;
mod machine;
#[path = "../../shared/messages.rs"]
mod messages;
mod other;
mod plot;
mod row;
mod short;
mod table;
mod worker;
mod workloads;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::failure::Failure;
use crate::lab::Lab;
use crate::machine::Machine;
use crate::workloads::{GROUPS, Group, Measured, Plan};

/// Measures beamlink beside BEAMs, `ei`, other crates and raw sockets.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only the groups whose name begins so; nothing is written unless --out says where.
    #[arg(long, value_name = "GROUP")]
    only: Option<String>,
    /// One short round of each, to see that all works.
    #[arg(long)]
    quick: bool,
    /// How many releases of OTP take part, the host's first.
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    releases: usize,
    /// The port of the EPMD that is started; edp_node knows none but 4369.
    #[arg(long, value_name = "PORT")]
    epmd: Option<u16>,
    /// The repository: benches/RESULTS.md, benches/results.json and docs/images are written there, and the short table
    /// between the marks in README.md and docs/PERFORMANCE.md.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every group could be measured.
fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let only = arguments.only.as_deref().unwrap_or_default();
    let groups: Vec<&Group> = GROUPS
        .iter()
        .filter(|group| group.name.starts_with(only))
        .collect();
    if groups.is_empty() {
        let names: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
        return Err(Failure(format!(
            "no group begins with {only:?}: {}",
            names.join(", ")
        )));
    }
    let plan = if arguments.quick {
        Plan::QUICK
    } else {
        Plan::FULL
    };
    allow_many_files();
    let load = machine::load();
    let mut lab = Lab::start(arguments.releases, arguments.epmd)?;
    let machine = Machine::seen(&lab, load);
    let mut all = Measured::default();
    let mut complete = true;
    for group in &groups {
        let begin = Instant::now();
        // A second time where the first one failed: the run is long, and one slow answer should not spoil it.
        let measured = (group.measure)(&mut lab, plan).or_else(|failure| {
            eprintln!("again {}: {failure}", group.name);
            (group.measure)(&mut lab, plan)
        });
        match measured {
            Ok(measured) => {
                all.rows.extend(measured.rows);
                all.plots.extend(measured.plots);
                eprintln!("{}: {:.0} s", group.name, begin.elapsed().as_secs_f64());
            }
            Err(failure) => {
                complete = false;
                eprintln!("FAILED {}: {failure}", group.name);
            }
        }
    }
    let titles: Vec<(&str, &str)> = GROUPS
        .iter()
        .map(|group| (group.name, group.title))
        .collect();
    let text = table::markdown(&machine, plan.rounds, &titles, &all.rows, &all.plots);
    println!("{text}");
    if let Some(folder) = &arguments.out {
        write(
            folder,
            &text,
            &table::json(&machine, plan.rounds, &all.rows, &all.plots),
            &all,
        )?;
    }
    Ok(complete)
}

/// A thousand connections are more than most systems allow unless asked.
fn allow_many_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it is refused, the crowd says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536), hard);
    }
}

fn write(
    folder: &Path,
    text: &str,
    json: &serde_json::Value,
    all: &Measured,
) -> Result<(), Failure> {
    let (results, images) = (folder.join("benches"), folder.join("docs/images"));
    fs::create_dir_all(&results)?;
    fs::create_dir_all(&images)?;
    fs::write(results.join("RESULTS.md"), text)?;
    fs::write(results.join("results.json"), format!("{json:#}\n"))?;
    for plot in &all.plots {
        fs::write(images.join(format!("{}.svg", plot.file)), plot.svg())?;
    }
    let table = short::table(&all.rows);
    for name in ["README.md", "docs/PERFORMANCE.md"] {
        let path = folder.join(name);
        // It may not be there, and need not have a place for the table.
        let before = fs::read_to_string(&path).unwrap_or_default();
        if let Some(after) = short::put(&before, &table) {
            fs::write(&path, after)?;
        }
    }
    Ok(())
}
