//! `beamlink explain`: what a finding of the doctor means.

use std::io::Write;

use beamlink::doctor::{Code, troubleshooting};

use super::exit::Exit;

/// Explain the code of a finding of the doctor
#[derive(clap::Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as cookie-mismatch; without one, all are listed
    code: Option<String>,
    /// All of them, as docs/TROUBLESHOOTING.md has them
    #[arg(long, conflicts_with = "code")]
    all: bool,
}

pub(crate) fn run(args: &ExplainArgs) -> Exit {
    let text = match &args.code {
        None if args.all => troubleshooting(),
        None => list(),
        Some(name) => match Code::named(name) {
            Some(code) => format!("{code}: {}\n\n{}", code.title(), code.explanation()),
            None => {
                eprintln!("beamlink: {}", unknown(name));
                return Exit::Usage;
            }
        },
    };
    // A reader that has seen enough (`| head`) is no fault.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Done
}

fn list() -> String {
    let width = Code::ALL.iter().map(|code| code.name().len()).max();
    let width = width.unwrap_or_default();
    let line = |code: &Code| format!("{:width$}  {}\n", code.name(), code.title());
    Code::ALL.iter().map(line).collect()
}

fn unknown(name: &str) -> String {
    let near = Code::ALL
        .iter()
        .map(|code| (strsim::jaro_winkler(name, code.name()), code))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match near {
        Some((_, code)) => format!("there is no code {name:?}; did you mean {code}?"),
        None => format!("there is no code {name:?}; beamlink explain lists all"),
    }
}
