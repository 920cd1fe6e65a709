//! `beamlink completions` and `beamlink man`: what a packager installs.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Cli;
use super::exit::Exit;
use super::visit::{Failure, tell};

/// Print the completion script of a shell
#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

/// Print the manual page, or that of one command
#[derive(clap::Args)]
pub(crate) struct ManArgs {
    command: Option<String>,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "beamlink", &mut script);
    print(&script)
}

pub(crate) fn man(args: &ManArgs) -> Exit {
    let mut page = Vec::new();
    let command = match &args.command {
        None => Cli::command(),
        Some(name) => match subcommand(name) {
            Some(command) => command,
            None => {
                return tell(
                    Err(Failure::usage(format!("there is no command {name:?}"))),
                    false,
                );
            }
        },
    };
    let source = concat!("beamlink ", env!("CARGO_PKG_VERSION"));
    match Man::new(command).source(source).render(&mut page) {
        Ok(()) => print(&page),
        Err(error) => tell(Err(Failure::new(Exit::NotStarted, error)), false),
    }
}

fn subcommand(name: &str) -> Option<Command> {
    let mut whole = Cli::command();
    whole.build();
    whole.find_subcommand(name).cloned()
}

fn print(bytes: &[u8]) -> Exit {
    // A reader that has seen enough (`| head`) is no fault.
    let _ = io::stdout().write_all(bytes);
    Exit::Done
}
