//! The built command from outside: statuses, and what goes to stdout and to stderr.

mod config;
mod join;
mod visit;

use std::process::{Command, Output};

/// `beamlink` with these words and variables and no others.
fn beamlink(words: &[&str], vars: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beamlink"));
    command.args(words).env_clear().envs(vars.iter().copied());
    command.output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn print_config_shows_values_and_origins_and_no_secret() {
    let vars = [
        ("RELEASE_COOKIE", "monster_cookie"),
        ("GOSSIP_PORT", "45900"),
    ];
    let output = beamlink(&["join", "--print-config", "--secret", "hush_hush"], &vars);
    assert_eq!(output.status.code(), Some(0));
    let row = |key: &str| {
        let mut rows = stdout(&output).lines();
        let row = rows.find(|row| row.starts_with(key)).unwrap();
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("gossip.port"), "gossip.port 45900 env GOSSIP_PORT");
    assert!(
        row("cookie ").starts_with("cookie sha256:"),
        "{}",
        row("cookie ")
    );
    assert!(
        row("cookie ").ends_with("env RELEASE_COOKIE"),
        "{}",
        row("cookie ")
    );
    assert!(
        stderr(&output).contains("--secret shows the secret to every user"),
        "{}",
        stderr(&output)
    );
    for secret in ["monster_cookie", "hush_hush"] {
        assert!(!stdout(&output).contains(secret) && !stderr(&output).contains(secret));
    }
}

#[test]
fn print_config_for_programs() {
    let output = beamlink(
        &["join", "--print-config", "--json"],
        &[("BEAMLINK_COOKIE", "c")],
    );
    let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(config["epmd_port"]["value"], 4369);
    assert_eq!(config["json"]["origin"], "flag --json");
}

#[test]
fn what_cannot_be_used_ends_with_status_2_and_one_line() {
    for words in [
        &["join", "--gossip-port", "x"][..],
        &["join"],
        &["join", "--config", "/nowhere"],
    ] {
        let output = beamlink(words, &[]);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        assert!(
            stderr(&output).starts_with("beamlink: "),
            "{}",
            stderr(&output)
        );
    }
    assert_eq!(beamlink(&["jion"], &[]).status.code(), Some(2));
}

#[test]
fn a_mistyped_secret_flag_does_not_repeat_its_value() {
    let output = beamlink(&["join", "--cooky=monster_cookie"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!stderr(&output).contains("monster"), "{}", stderr(&output));
}

#[test]
fn version() {
    let output = beamlink(&["--version"], &[]);
    assert_eq!(
        stdout(&output),
        concat!("beamlink ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
