//! The commands of the `beamlink` binary.

mod exit;
mod join;
mod output;
mod settings;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;
use settings::{Flags, Settings, Surroundings};

/// Joins running BEAM clusters as a full, visible and harmless member.
#[derive(Parser)]
#[command(name = "beamlink", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Join(JoinArgs),
}

/// Join a cluster and stay until told to leave.
///
/// Each setting comes from the first of: its flag, BEAMLINK_*, RELEASE_* and ERL_*, the other variables
/// named below, --config, its default. An empty variable counts as not set; one that is not set is looked up in
/// --env-file. --print-config shows what came out, and from where.
#[derive(clap::Args)]
struct JoinArgs {
    #[command(flatten)]
    flags: Flags,
    /// Show every effective setting and where it came from (secrets as fingerprints), then leave
    #[arg(long)]
    print_config: bool,
}

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let Command::Join(args) = Cli::parse().command;
    let exit = match Settings::resolve(&args.flags, &Surroundings::of_this_process()) {
        Ok(settings) if args.print_config => print_config(&settings),
        Ok(settings) => join::run(settings),
        Err(error) => {
            eprintln!("beamlink: {error}");
            Exit::Usage
        }
    };
    exit.into()
}

fn print_config(settings: &Settings) -> Exit {
    for warning in &settings.warnings {
        eprintln!("beamlink: warning: {warning}");
    }
    let shown = match settings.json {
        true => format!("{:#}\n", settings.report.json()),
        false => settings.report.to_string(),
    };
    // A reader that has seen enough (`| head`) is no fault.
    let _ = std::io::stdout().write_all(shown.as_bytes());
    Exit::Done
}
