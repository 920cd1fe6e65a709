//! `beamlink gossip`: heartbeats by hand.

mod listen;
mod rows;
mod send;

use clap::Subcommand;

use super::exit::Exit;

/// Listen to libcluster's heartbeats, or send one
#[derive(clap::Args)]
pub(crate) struct GossipArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Listen(listen::ListenArgs),
    Send(send::SendArgs),
}

pub(crate) fn run(args: &GossipArgs) -> Exit {
    match &args.command {
        Command::Listen(args) => listen::run(args),
        Command::Send(args) => send::run(args),
    }
}
