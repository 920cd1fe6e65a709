//! What can be told without a cluster.

use std::process::{Command, Output};

use interop::{BeamNode, BeamOptions, Epmd, Otp};

fn beamlink(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_beamlink"))
        .args(words)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("RELEASE_COOKIE", "nobody")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn who_finds_nobody_says_so() {
    let port = interop::tcp().to_string();
    let output = beamlink(&["doctor", "--only", "nodes", "--epmd-port", &port]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).starts_with("could not look: no node was named"),
        "{output:?}"
    );
    let named = [
        "doctor",
        "a@localhost",
        "--only",
        "nodes",
        "--epmd-port",
        &port,
    ];
    let output = beamlink(&named);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("FAULT epmd-down: host localhost: "), "{said}");
    assert!(said.contains("  to do: start it on that host"), "{said}");
    assert!(
        said.ends_with("; see beamlink explain epmd-down\n"),
        "{said}"
    );
}

/// Nobody is named: it begins with whom the EPMD of its host knows. It says so when it cannot.
#[test]
fn the_nodes_of_this_host_need_no_name() {
    let started = Otp::host().and_then(|otp| {
        let epmd = Epmd::start(interop::tcp(), None)?;
        let node = |name: &str| {
            BeamOptions::new(&otp, &format!("{name}@localhost"), "nobody", epmd.port())
        };
        let nodes = BeamNode::start_all(vec![node("one"), node("two")])?;
        Ok((nodes, epmd))
    });
    let (mut nodes, epmd) = match started {
        Ok(started) => started,
        Err(missing) => return interop::skip("the_nodes_of_this_host_need_no_name", &missing),
    };
    let port = epmd.port().to_string();
    let words = [
        "doctor",
        "--only",
        "nodes",
        "--only",
        "whole",
        "--epmd-port",
        &port,
    ];
    let apart = said(&beamlink(&words));
    assert!(apart.contains("FAULT partitioned: "), "{apart}");
    assert_eq!(nodes[0].value("Node.connect(:two@localhost)"), "true");
    let output = beamlink(&words);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        said(&output).contains("healthy: 2 of 2 nodes answered"),
        "{output:?}"
    );
}

#[test]
fn each_code_is_explained() {
    let listed = said(&beamlink(&["explain"]));
    assert!(listed.lines().count() > 30, "{listed}");
    for line in listed.lines() {
        let code = line.split(' ').next().unwrap();
        let explained = beamlink(&["explain", code]);
        assert_eq!(explained.status.code(), Some(0), "{code}");
        assert!(said(&explained).contains("To do: "), "{code}");
    }
    let output = beamlink(&["explain", "cookie-mismach"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("did you mean cookie-mismatch?"),
        "{output:?}"
    );
}

#[test]
fn watching_goes_on_until_told_to_stop() {
    let port = interop::tcp().to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_beamlink"))
        .args([
            "doctor",
            "a@localhost",
            "--only",
            "nodes",
            "--watch",
            "--json",
            "--epmd-port",
            &port,
        ])
        .env_clear()
        .env("RELEASE_COOKIE", "nobody")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    for _ in 0..2 {
        let round: serde_json::Value =
            serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(round["findings"][0]["code"], "epmd-down");
    }
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
