//! Every command that the README shows is run.

use std::path::Path;
use std::process::Command;

use interop::{BeamNode, BeamOptions, Epmd, Missing, Otp};

/// What would run this test again.
const OURSELVES: &str = "./scripts/test";
const NODE: &str = "app@localhost";
const COOKIE: &str = "clique";

#[test]
fn every_command_of_the_readme_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let commands = commands(&readme);
    assert!(
        commands.len() >= 4 && commands.iter().any(|(command, _)| *command == OURSELVES),
        "{commands:?}"
    );
    let built = Path::new(env!("CARGO_BIN_EXE_beamlink")).parent().unwrap();
    let path = format!("{}:{}", built.display(), std::env::var("PATH").unwrap());
    let node = node();
    for (command, shown) in commands {
        let mut bash = Command::new("bash");
        bash.args(["-c", command])
            .current_dir(root)
            .env("PATH", &path);
        let asks = command.contains(NODE) || command == "beamlink names";
        match &node {
            _ if command == OURSELVES => continue,
            Ok((epmd, _)) if asks => {
                bash.env("ERL_EPMD_PORT", epmd.port().to_string());
                bash.env("RELEASE_COOKIE", COOKIE);
            }
            Err(missing) if asks => {
                interop::skip(command, missing);
                continue;
            }
            _ => {}
        }
        let output = bash.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}{complained}");
        if command == "./scripts/demo" {
            demo_shows_the_cluster(&said);
            demo_does_without_elixir(root);
        } else if command.starts_with("beamlink doctor") {
            assert!(said.contains("healthy: 1 of 1 nodes answered"), "{said}");
        } else if asks || command.starts_with("beamlink term") {
            assert_eq!(without_numbers(&said), without_numbers(&shown), "{command}");
        }
    }
}

/// Each command, and what the README shows below it.
fn commands(readme: &str) -> Vec<(&str, String)> {
    let blocks = readme.split("```console\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let mut commands: Vec<(&str, String)> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, String::new())),
            (None, Some((_, shown))) => shown.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    commands
}

/// The node that the README asks, and its EPMD.
fn node() -> Result<(Epmd, BeamNode), Missing> {
    let epmd = Epmd::start(interop::tcp(), None)?;
    let options = BeamOptions::new(&Otp::host()?, NODE, COOKIE, epmd.port());
    Ok((epmd, BeamNode::start(options)?))
}

/// Ports and times are others each time.
fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn demo_shows_the_cluster(said: &str) {
    let lists = said
        .lines()
        .filter(|line| line.contains(":zz_maint_beamlink@localhost]"));
    if Otp::host().is_ok() {
        assert_eq!(lists.count(), 3, "{said}");
    } else {
        assert!(said.contains("is connected with both others"), "{said}");
    }
}

/// As on a machine where Elixir cannot be had. `scripts/demo` has just built it.
fn demo_does_without_elixir(root: &Path) {
    let output = Command::new(root.join("target/release/demo"))
        .arg(root.join("target/release/beamlink"))
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let connected = said
        .lines()
        .filter(|line| line.ends_with("is connected with both others"));
    assert!(
        output.status.success() && said.contains("No Elixir here"),
        "{said}"
    );
    assert_eq!(connected.count(), 3, "{said}");
}
