//! The `beamlink` command.
mod cli;
mod http;

fn main() -> std::process::ExitCode {
    cli::run()
}
