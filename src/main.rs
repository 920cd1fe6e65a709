//! The `beamlink` command.
mod cli;

fn main() {
    cli::run();
}
