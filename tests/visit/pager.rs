//! Output of remote code that nobody reads for a while: a pager at its first page.

use std::io::Read;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::ground::{COOKIE, Ground, PEER};

/// Longer than the node's `net_ticktime` of four seconds, after which it gives up who does not tick.
const UNREAD: Duration = Duration::from_secs(9);

fn rpc(ground: &Ground, words: &[&str]) -> (Child, ChildStdout) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_beamlink"))
        .args(["rpc", PEER])
        .args(words)
        .env_clear()
        .env("ERL_EPMD_PORT", ground.epmd.port().to_string())
        .env("RELEASE_COOKIE", COOKIE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    (child, stdout)
}

fn memory(child: &Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB").trim();
    kib.parse().unwrap()
}

/// Reads nothing for a while, then all, and returns what came, and how many visitors the node had just before. It has
/// nothing to log: a connection that is silent for too long would be.
fn unread_for_a_while(ground: &mut Ground, words: &[&str]) -> (String, String) {
    let (child, mut stdout) = rpc(ground, words);
    let begin = Instant::now();
    let mut greatest = 0;
    while begin.elapsed() < UNREAD {
        greatest = greatest.max(memory(&child));
        std::thread::sleep(Duration::from_millis(250));
    }
    let visitors = ground.beam.value("length(Node.list(:hidden))");
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
    assert!(greatest < 60_000, "{greatest} KiB");
    assert_eq!(ground.beam.log(), "[]");
    (text, visitors)
}

/// Who prints waits for who reads: nothing piles up here, and the connection lives.
#[test]
fn who_prints_waits_for_who_reads() {
    Ground::ticking("who_prints_waits_for_who_reads", |ground| {
        let words = ["for i <- 1..20_000, do: IO.puts(i); :done"];
        let (text, visitors) = unread_for_a_while(ground, &words);
        assert_eq!(visitors, "1", "the node has given the command up");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 20_001);
        let counted = lines.iter().zip(1..).take(20_000);
        assert!(
            counted
                .into_iter()
                .all(|(line, at)| *line == at.to_string())
        );
        assert_eq!(lines[20_000], ":done");
    });
}

/// A long value, which is told at the end.
#[test]
fn a_long_answer_waits_for_who_reads() {
    Ground::ticking("a_long_answer_waits_for_who_reads", |ground| {
        let (text, _) = unread_for_a_while(ground, &["String.duplicate(\"x\", 2_000_000)"]);
        assert_eq!(text.len(), 2_000_003, "with its quotes");
    });
}
