//! `beamlink config`: the effective settings, where they come from, and whether they agree.

use std::io::Write;
use std::path::Path;

use beamlink::doctor::{Checked, Finding};
use serde_json::json;

use super::exit::Exit;
use super::settings::{Flags, Settings, Surroundings};

/// Show the settings that `join` would use, where they come from, and what is wrong with them
///
/// Takes the flags of `join`. Secrets are shown as fingerprints. The exit status is 0 when nothing was found, 1 when something
/// was, 2 when a value cannot be used.
#[derive(clap::Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    flags: Flags,
}

pub(crate) fn run(args: &ConfigArgs) -> Exit {
    let settings = match Settings::resolve(&args.flags, &Surroundings::of_this_process()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("beamlink: {error}");
            return Exit::Usage;
        }
    };
    for warning in &settings.warnings {
        eprintln!("beamlink: warning: {warning}");
    }
    let files = settings.secret_files();
    let files: Vec<(&Path, u32)> = files.iter().map(|(path, mode)| (&**path, *mode)).collect();
    let checked = Checked {
        name: &settings.name,
        cookie: &settings.cookie,
        gossip: settings.gossip.as_ref(),
        files: &files,
    };
    let findings = checked.findings();
    // A reader that has seen enough (`| head`) is no fault.
    let _ = std::io::stdout().write_all(shown(&settings, &findings).as_bytes());
    match findings.is_empty() {
        true => Exit::Done,
        false => Exit::Findings,
    }
}

fn shown(settings: &Settings, findings: &[Finding]) -> String {
    if settings.json {
        let all = json!({"settings": settings.report.json(), "findings": findings});
        return format!("{all:#}\n");
    }
    let mut text = settings.report.to_string();
    for finding in findings {
        text.push_str(&format!("\n{finding}\n"));
    }
    text
}
