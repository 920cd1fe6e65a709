//! The `beamlink` command.
mod cli;
mod http;
#[cfg(feature = "otel")]
mod otel;

fn main() -> std::process::ExitCode {
    cli::run()
}
