//! The one-shot commands without a BEAM: each exit status, and nodes that are ours.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::join::{Join, LONG};
use crate::{beamlink, stderr, stdout};

const PEER: &str = "zz_peer@127.0.0.1";
const COOKIE: (&str, &str) = ("RELEASE_COOKIE", "monster_cookie");

/// A node of ours that stays, at the second value.
fn peer() -> (Join, String) {
    let port = interop::tcp();
    let join = Join::start(PEER, port, &["--no-gossip"]);
    join.wait("ready");
    (join, format!("{PEER}={port}"))
}

#[track_caller]
fn expect(output: &Output, status: i32, out: &str, err: &str) {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert_eq!(stdout(output), out);
    assert!(stderr(output).contains(err), "{output:?}");
}

/// Who gives no names is visited under one of ours, and neither side complains.
#[test]
fn a_node_of_ours_is_visited() {
    let (join, peer) = peer();
    let visit = |words: &[&str]| beamlink(words, &[COOKIE]);
    for _ in 0..40 {
        expect(
            &visit(&["apply", &peer, "erlang", "node"]),
            0,
            ":\"zz_peer@127.0.0.1\"\n",
            "",
        );
    }
    expect(&visit(&["nodes", &peer]), 0, "", "");
    let pong = visit(&["ping", &peer]);
    assert!(
        stdout(&pong).starts_with("pong from zz_peer@127.0.0.1 in "),
        "{pong:?}"
    );
    expect(
        &visit(&["apply", &peer, "os", "cmd"]),
        17,
        "",
        "undef: there is no os.cmd/0",
    );
    expect(&visit(&["rpc", &peer, "1"]), 17, "", "has no Elixir");
    join.signal("-TERM");
    let (_, log) = join.end();
    let visitors: Vec<&str> = log.lines().filter(|line| line.contains("nodeup")).collect();
    assert!(
        visitors
            .iter()
            .all(|line| line.contains(" beamlink_cmd_") && line.contains("(hidden)")),
        "{log}"
    );
    assert!(visitors.len() >= 40 && !log.contains("WARN"), "{log}");
}

#[test]
fn usage_2() {
    let usage = |words: &[&str], err| {
        let output = beamlink(words, &[COOKIE]);
        expect(&output, 2, "", err);
    };
    usage(&["ping"], "<NODE>");
    usage(&["ping", "a@b@c"], "NODE: ");
    usage(&["ping", "a@b", "--timeout", "soon"], "5s or 500ms");
    usage(&["apply", "a@b", "lists"], "FUNCTION");
    usage(
        &["apply", "a@b", "lists", "sum", "[1"],
        "no term at character 2",
    );
    usage(&["call", "a@b", "#Ref<1>", "1"], "#Ref<1>");
    usage(&["rpc", "a@b", ""], "there is no expression");
    usage(&["term", "encode", "{"], "no term");
    usage(&["term", "decode", "83"], "");
    usage(&["term", "decode", "xx"], "not hexadecimal");
    usage(&["man", "nothing"], "there is no command");
    expect(&beamlink(&["ping", "a@b"], &[]), 2, "", "no cookie");
}

#[test]
fn host_not_resolved_10() {
    let output = beamlink(&["ping", "a@no-such-host.invalid"], &[COOKIE]);
    expect(
        &output,
        10,
        "",
        "a@no-such-host.invalid: its host name is not resolved",
    );
    let output = beamlink(&["names", "no-such-host.invalid"], &[]);
    expect(&output, 10, "", "no-such-host.invalid is not resolved");
}

#[test]
fn epmd_down_11() {
    let port = interop::tcp().to_string();
    let output = beamlink(&["ping", "a@localhost", "--epmd-port", &port], &[COOKIE]);
    expect(&output, 11, "", "is one running there?");
    let output = beamlink(&["names", "--json", "--epmd-port", &port], &[]);
    let told: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(
        (output.status.code(), &told["error"]["kind"]),
        (Some(11), &"epmd_down".into())
    );
}

/// `beamlink epmd` that runs.
struct Epmd(Child);

impl Epmd {
    fn start(port: &str) -> Epmd {
        let child = Command::new(env!("CARGO_BIN_EXE_beamlink"))
            .args(["epmd", "--epmd-port", port, "--address", "127.0.0.1"])
            .env_clear()
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let epmd = Epmd(child);
        let end = Instant::now() + LONG;
        while TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).is_err() {
            assert!(Instant::now() < end, "it does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        epmd
    }
}

impl Drop for Epmd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_epmd_of_ours_knows_no_such_name_12_and_leaves_on_sigterm() {
    let port = interop::tcp().to_string();
    let mut epmd = Epmd::start(&port);
    let output = beamlink(
        &["ping", "nobody@localhost", "--epmd-port", &port],
        &[COOKIE],
    );
    expect(&output, 12, "", "knows no node \"nobody\"");
    let empty = format!("epmd: up and running on port {port} with data:\n");
    expect(
        &beamlink(&["names", "--epmd-port", &port], &[]),
        0,
        &empty,
        "",
    );
    let second = beamlink(&["epmd", "--epmd-port", &port], &[]);
    expect(&second, 1, "", "in use");
    let pid = epmd.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(epmd.0.wait().unwrap().code(), Some(0));
}

#[test]
fn refused_13() {
    let node = format!("a@127.0.0.1={}", interop::tcp());
    expect(
        &beamlink(&["ping", &node], &[COOKIE]),
        13,
        "",
        "no connection: ",
    );
}

#[test]
fn cookie_mismatch_14() {
    let (_join, peer) = peer();
    let output = beamlink(&["ping", &peer], &[("RELEASE_COOKIE", "other_cookie")]);
    expect(
        &output,
        14,
        "",
        "cookie mismatch: it refused our digest; compare RELEASE_COOKIE on both sides",
    );
    assert!(!stderr(&output).contains("other_cookie"));
    let output = beamlink(
        &["ping", &peer, "--json"],
        &[("RELEASE_COOKIE", "other_cookie")],
    );
    let told: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(
        (&told["ok"], &told["error"]["kind"]),
        (&false.into(), &"cookie_mismatch".into())
    );
    assert!(stdout(&output).starts_with("{\"ok\":false,") && stderr(&output).is_empty());
}

#[test]
fn flags_rejected_15() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = format!("old@127.0.0.1={}", listener.local_addr().unwrap().port());
    let old = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut message = |bytes: &[u8]| {
            let length = (bytes.len() as u16).to_be_bytes();
            stream.write_all(&[&length, bytes].concat()).unwrap();
        };
        let name = b"N@127.0.0.1";
        message(&[b"snamed:\0\x0b", &name[..], &7u32.to_be_bytes()].concat());
        // HANDSHAKE_23 and nothing else.
        let flags = 0x100_0000u64.to_be_bytes();
        let name = b"old@127.0.0.1";
        message(
            &[
                b"N",
                &flags[..],
                &[0; 4],
                &[0, 0, 0, 1],
                b"\0\x0d",
                &name[..],
            ]
            .concat(),
        );
        let _ = stream.read_to_end(&mut Vec::new());
    });
    expect(
        &beamlink(&["ping", &node], &[COOKIE]),
        15,
        "",
        "flags rejected: it lacks ",
    );
    old.join().unwrap();
}

#[test]
fn timeout_16() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = format!("a@127.0.0.1={}", silent.local_addr().unwrap().port());
    let begin = Instant::now();
    let output = beamlink(&["ping", &node, "--timeout", "300ms"], &[COOKIE]);
    expect(&output, 16, "", "timeout: not done within 300ms");
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[test]
fn terms_to_bytes_and_back() {
    let term = |words: &[&str]| beamlink(&[&["term"], words].concat(), &[]);
    expect(
        &term(&["encode", "{:ok, \"b\"}"]),
        0,
        "83680277026f6b6d0000000162\n",
        "",
    );
    expect(
        &term(&["encode", "[1,'B']", "--erlang", "--to", "base64"]),
        0,
        "g2wAAAACYQF3AUJq\n",
        "",
    );
    expect(
        &term(&["decode", "83 68 02 77 02 6F 6B 6D 00 00 00 01 62"]),
        0,
        "{:ok, \"b\"}\n",
        "",
    );
    let base64 = ["decode", "g2wAAAACYQF3AUJq", "--from", "base64", "-o"];
    expect(
        &term(&[&base64[..], &["erlang"]].concat()),
        0,
        "[1,'B']\n",
        "",
    );
    expect(
        &term(&[&base64[..], &["json"]].concat()),
        0,
        "[1,\"B\"]\n",
        "",
    );
    expect(&term(&["decode", "8361"]), 2, "", "cut off, at byte 2");
    let raw = term(&["encode", "%{a: 1}", "--to", "raw"]);
    assert_eq!(raw.stdout, [131, 116, 0, 0, 0, 1, 119, 1, 97, 97, 1]);
}

#[test]
fn pages_for_packagers() {
    for shell in ["bash", "zsh", "fish"] {
        let script = beamlink(&["completions", shell], &[]);
        assert!(
            script.status.success() && stdout(&script).contains("epmd-port"),
            "{shell}"
        );
    }
    let page = beamlink(&["man"], &[]);
    assert!(stdout(&page).contains(".TH beamlink 1") && stdout(&page).contains("Exit status"));
    let page = beamlink(&["man", "rpc"], &[]);
    assert!(
        stdout(&page).contains(".TH beamlink-rpc 1"),
        "{}",
        stdout(&page)
    );
    assert!(stdout(&page).contains("Evaluate an expression on a node"));
}
