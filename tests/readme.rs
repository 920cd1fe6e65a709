//! Every command that the README shows is run.

use std::path::Path;
use std::process::Command;

/// What would run this test again.
const OURSELVES: &str = "./scripts/test";

#[test]
fn every_command_of_the_readme_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let commands: Vec<&str> = readme
        .split("```console\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("$ "))
        .collect();
    assert!(
        commands.len() >= 4 && commands.contains(&OURSELVES),
        "{commands:?}"
    );
    let built = Path::new(env!("CARGO_BIN_EXE_beamlink")).parent().unwrap();
    let path = format!("{}:{}", built.display(), std::env::var("PATH").unwrap());
    for command in commands.into_iter().filter(|command| *command != OURSELVES) {
        let output = Command::new("bash")
            .args(["-c", command])
            .current_dir(root)
            .env("PATH", &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}{complained}");
        if command == "./scripts/demo" {
            demo_shows_the_cluster(&said);
            demo_does_without_elixir(root);
        }
    }
}

fn demo_shows_the_cluster(said: &str) {
    let lists = said
        .lines()
        .filter(|line| line.contains(":zz_maint_beamlink@localhost]"));
    if interop::Otp::host().is_ok() {
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
