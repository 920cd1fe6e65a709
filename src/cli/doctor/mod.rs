//! `beamlink doctor`: why a cluster does not form.

mod json;
mod text;

use std::io::Write;
use std::time::Duration;

use beamlink::doctor::{Doctor, Report, Section, Severity};

use super::exit::Exit;
use super::settings::{DoctorFlags, Examine, Surroundings};
use super::signals::Signals;
use super::visit::{Failure, tell};

/// Between two rounds of `--watch`.
const PAUSE: Duration = Duration::from_secs(5);

/// Find out why a cluster does not form, or does not stay together
///
/// Looks at all nodes at once, and at all whom they list, as a hidden node that leaves no trace there; listens for their
/// heartbeats; and says what is wrong, at which machine, and what to do, the likeliest root of the trouble first. Without
/// NODE it begins with whoever is heard or is known to the EPMD of this host.
///
/// Exit status: 0 healthy, 1 faults were found, 2 could not look.
#[derive(clap::Args)]
pub(crate) struct DoctorArgs {
    /// name@host, name@host=port (without EPMD), or the name of a node on this host
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    /// Look at this alone (again for more)
    #[arg(long, value_name = "SECTION", value_parser = ["host", "discovery", "nodes", "whole", "exesdb"])]
    only: Vec<String>,
    /// How long to listen for heartbeats, which come 5 s apart at most; 4.7 hears 996 nodes of 1,000, 6 hears all
    #[arg(long, value_name = "SECS", default_value = "4.7", value_parser = seconds)]
    listen: Duration,
    /// Look again and again, until told to stop
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    flags: DoctorFlags,
}

pub(crate) fn run(args: &DoctorArgs) -> Exit {
    let settings = Examine::resolve(&args.nodes, &args.flags, &Surroundings::of_this_process());
    let mut settings = match settings {
        Ok(settings) => settings,
        Err(error) => return tell(Err(Failure::usage(error)), false),
    };
    for warning in &settings.warnings {
        eprintln!("beamlink: warning: {warning}");
    }
    if !args.only.is_empty() {
        let wanted = args.only.iter().filter_map(|name| Section::named(name));
        settings.doctor.sections = wanted.collect();
    }
    settings.doctor.listen = args.listen;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return tell(Err(Failure::usage(error)), settings.json),
    };
    let exit = runtime.block_on(async {
        match args.watch {
            true => watch(&settings).await,
            false => show(&settings.doctor.round().await, &settings),
        }
    });
    // A look-up that the resolver does not answer must not hold up the end.
    runtime.shutdown_background();
    exit
}

/// `4.7`
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match (0.0..=3_600.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err("not within 0 and 3600".to_owned()),
    }
}

async fn watch(settings: &Examine) -> Exit {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return tell(Err(Failure::usage(error)), settings.json),
    };
    let mut exit = Exit::Usage;
    loop {
        tokio::select! {
            report = settings.doctor.round() => exit = show(&report, settings),
            _ = signals.next() => return exit,
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = signals.next() => return exit,
        }
    }
}

/// Tells what was found.
fn show(report: &Report, settings: &Examine) -> Exit {
    let verdict = Verdict::of(report, &settings.doctor);
    let text = match settings.json {
        true => format!("{}\n", json::report(report, verdict)),
        false => text::report(report, verdict, &settings.doctor),
    };
    // A reader that has seen enough (`| head`) is no fault.
    let _ = std::io::stdout().write_all(text.as_bytes());
    verdict.exit()
}

/// What it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Healthy,
    Faults,
    CouldNotLook,
}

impl Verdict {
    fn of(report: &Report, doctor: &Doctor) -> Verdict {
        let faults = report
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Fault);
        let host_alone = doctor.sections == [Section::Host];
        let nobody = report.nodes.is_empty() && report.heard.nodes().is_empty();
        match faults {
            true => Verdict::Faults,
            false if nobody && !host_alone => Verdict::CouldNotLook,
            false => Verdict::Healthy,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Verdict::Healthy => "healthy",
            Verdict::Faults => "faults",
            Verdict::CouldNotLook => "could_not_look",
        }
    }

    fn exit(self) -> Exit {
        match self {
            Verdict::Healthy => Exit::Done,
            Verdict::Faults => Exit::Findings,
            Verdict::CouldNotLook => Exit::Usage,
        }
    }
}
