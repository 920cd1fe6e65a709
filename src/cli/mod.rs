//! The commands of the `beamlink` binary.

mod settings;

use clap::{Parser, Subcommand};

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

/// Join a cluster and stay until told to leave
#[derive(clap::Args)]
struct JoinArgs {
    #[command(flatten)]
    flags: Flags,
    /// Show every effective setting and where it came from, then leave
    #[arg(long)]
    print_config: bool,
}

pub(crate) fn run() {
    let Command::Join(args) = Cli::parse().command;
    match Settings::resolve(&args.flags, &Surroundings::of_this_process()) {
        Ok(s) if args.print_config && s.json => println!("{:#}", s.report.json()),
        Ok(s) if args.print_config => print!("{}", s.report),
        Ok(s) => println!("{s:#?}"),
        Err(e) => println!("{e}"),
    }
}
