//! The commands of the `beamlink` binary.

mod config;
mod doctor;
mod epmd;
mod exit;
mod explain;
mod export;
mod gossip;
mod health;
mod http_get;
mod join;
mod names;
mod output;
mod pages;
mod reload;
mod service;
mod settings;
mod signals;
mod term;
mod top;
mod validate;
mod visit;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use config::ConfigArgs;
use doctor::DoctorArgs;
use epmd::EpmdArgs;
use exit::Exit;
use explain::ExplainArgs;
use gossip::GossipArgs;
use health::HealthArgs;
use names::NamesArgs;
use pages::{CompletionsArgs, ManArgs};
use settings::{Flags, Settings, Surroundings};
use term::TermArgs;
use top::TopArgs;
use validate::ValidateArgs;
use visit::{ApplyArgs, CallArgs, CastArgs, NodesArgs, PingArgs, RpcArgs, SendArgs};

/// Joins running BEAM clusters as a full, visible and harmless member, and asks their nodes.
#[derive(Parser)]
#[command(
    name = "beamlink",
    version,
    after_help = "Exit status: 0 done, 1 not started, 2 usage, 10 host not resolved, 11 no EPMD, 12 name unknown to EPMD, \
        13 refused, 14 cookie mismatch, 15 flags rejected, 16 timeout, 17 the remote code failed"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    // It is far larger than the others.
    Join(Box<JoinArgs>),
    Ping(PingArgs),
    Rpc(RpcArgs),
    Apply(ApplyArgs),
    Call(CallArgs),
    Cast(CastArgs),
    Send(SendArgs),
    Nodes(NodesArgs),
    Names(NamesArgs),
    Gossip(GossipArgs),
    Health(HealthArgs),
    Top(TopArgs),
    Config(ConfigArgs),
    Epmd(EpmdArgs),
    Validate(ValidateArgs),
    Term(TermArgs),
    Doctor(Box<DoctorArgs>),
    Explain(ExplainArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
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
    let exit = match command() {
        Command::Join(args) => join(&args),
        Command::Ping(args) => visit::run(args),
        Command::Rpc(args) => visit::run(args),
        Command::Apply(args) => visit::run(args),
        Command::Call(args) => visit::run(args),
        Command::Cast(args) => visit::run(args),
        Command::Send(args) => visit::run(args),
        Command::Nodes(args) => visit::run(args),
        Command::Names(args) => names::run(&args),
        Command::Gossip(args) => gossip::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Epmd(args) => epmd::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Term(args) => term::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => pages::completions(&args),
        Command::Man(args) => pages::man(&args),
    };
    exit.into()
}

/// The command with its arguments; help and errors end the process.
fn command() -> Command {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.first().and_then(|name| name.to_str()) {
        Some("ping") => Command::Ping(alone(words)),
        Some("rpc") => Command::Rpc(alone(words)),
        Some("apply") => Command::Apply(alone(words)),
        Some("call") => Command::Call(alone(words)),
        Some("cast") => Command::Cast(alone(words)),
        Some("send") => Command::Send(alone(words)),
        Some("nodes") => Command::Nodes(alone(words)),
        Some("health") => Command::Health(alone(words)),
        _ => Cli::parse().command,
    }
}

/// The arguments of one command, without a look at those of all others: that takes as long as a peer's answer.
fn alone<A: Args>(words: Vec<OsString>) -> A {
    let name = words
        .first()
        .map(|name| name.to_string_lossy().into_owned());
    let command =
        clap::Command::new("beamlink").bin_name(format!("beamlink {}", name.unwrap_or_default()));
    let matches = A::augment_args(command).get_matches_from(words);
    A::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn join(args: &JoinArgs) -> Exit {
    match Settings::resolve(&args.flags, &Surroundings::of_this_process()) {
        Ok(settings) if args.print_config => print_config(&settings),
        Ok(settings) => join::run(settings, &args.flags),
        Err(error) => {
            eprintln!("beamlink: {error}");
            Exit::Usage
        }
    }
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
