//! `beamlink join` as a process among others of its kind, at fixed ports without EPMD.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Far longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Join {
    child: Child,
    events: Receiver<Value>,
}

impl Join {
    /// `name` takes connections on `port`; it has no EPMD and, unless told, no gossip.
    pub(crate) fn start(name: &str, port: u16, words: &[&str]) -> Join {
        let mut child = Command::new(env!("CARGO_BIN_EXE_beamlink"))
            .args(["join", "--json", "--epmd", "none", "--name", name])
            .args(["--dist-port", &port.to_string()])
            .args(words)
            .env_clear()
            .env("BEAMLINK_STATE_DIR", "none")
            .env("BEAMLINK_COOKIE", "monster_cookie")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, events) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                let _ = tell.send(event);
            }
        });
        Join { child, events }
    }

    /// The next event of this kind; others before it are passed over.
    pub(crate) fn wait(&self, kind: &str) -> Value {
        let end = Instant::now() + LONG;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left);
            let event = event.unwrap_or_else(|error| panic!("no event {kind}: {error}"));
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// All events of the next `time`.
    fn during(&self, time: Duration) -> Vec<Value> {
        let end = Instant::now() + time;
        let mut events = Vec::new();
        loop {
            match self
                .events
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(event) => events.push(event),
                Err(RecvTimeoutError::Timeout) => return events,
                Err(RecvTimeoutError::Disconnected) => panic!("it left"),
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Its status, and all of its log.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let end = Instant::now() + LONG;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > end => panic!("it does not leave"),
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        (status, log)
    }
}

impl Drop for Join {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has, below those that the kernel gives out, and never the same twice.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("0.0.0.0", port)).is_ok()
            && UdpSocket::bind(("0.0.0.0", port)).is_ok()
        {
            return port;
        }
    }
}

fn alone(words: &[&str]) -> (Join, u16) {
    let port = free_port();
    let join = Join::start("zz_alone@127.0.0.1", port, words);
    join.wait("ready");
    (join, port)
}

#[test]
fn two_nodes_meet_and_part() {
    let (a_port, b_port) = (free_port(), free_port());
    let a = Join::start("a@127.0.0.1", a_port, &["--no-gossip"]);
    let ready = a.wait("ready");
    assert_eq!(
        (&ready["node"], &ready["dist_port"]),
        (&"a@127.0.0.1".into(), &a_port.into())
    );
    let peer = format!("a@127.0.0.1={a_port}");
    let b = Join::start(
        "b@127.0.0.1",
        b_port,
        &["--no-gossip", "--peer", &peer, "--exit-when", "1"],
    );
    assert_eq!(b.wait("nodeup")["node"], "a@127.0.0.1");
    assert_eq!(b.end().0.code(), Some(0));

    assert_eq!(a.wait("nodeup")["node"], "b@127.0.0.1");
    let down = a.wait("nodedown");
    assert_eq!(
        (&down["node"], &down["reason"]),
        (&"b@127.0.0.1".into(), &"connection_closed".into())
    );
    a.signal("-TERM");
    let (status, log) = a.end();
    assert_eq!(status.code(), Some(0));
    assert!(
        log.contains("nodeup: b@127.0.0.1") && log.contains("SIGTERM: leaving"),
        "{log}"
    );
    assert!(
        !log.contains("monster_cookie") && !log.contains('\u{1b}'),
        "{log}"
    );
}

#[test]
fn sigint_leaves_with_status_0_and_timeout_with_16() {
    let (join, _) = alone(&["--no-gossip"]);
    join.signal("-INT");
    assert_eq!(join.end().0.code(), Some(0));
    let (join, _) = alone(&["--no-gossip", "--exit-when", "1", "--timeout", "0.2"]);
    assert_eq!(join.end().0.code(), Some(16));
}

#[test]
fn a_port_in_use_ends_with_status_1() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let join = Join::start(
        "a@127.0.0.1",
        port,
        &["--no-gossip", "--dist-addr", "127.0.0.1"],
    );
    let (status, log) = join.end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains(&format!("127.0.0.1:{port}")), "{log}");
}

#[test]
fn a_wrong_cookie_is_told_with_the_address_on_both_sides() {
    let (a, a_port) = alone(&["--no-gossip"]);
    let peer = format!("zz_alone@127.0.0.1={a_port}");
    let words = ["--no-gossip", "--peer", &peer, "--cookie", "other_cookie"];
    let b = Join::start("b@127.0.0.1", free_port(), &words);
    let refused = b.wait("refused");
    assert_eq!(refused["reason"], "cookie_mismatch");
    assert_eq!(refused["node"], "zz_alone@127.0.0.1");
    assert_eq!(refused["address"], format!("127.0.0.1:{a_port}"));
    let refused = a.wait("refused");
    assert_eq!(refused["reason"], "cookie_mismatch");
    assert!(
        refused["address"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:"),
        "{refused}"
    );
    b.signal("-TERM");
    let log = b.end().1;
    assert!(!log.contains("other_cookie"), "{log}");
}

#[test]
fn garbage_on_the_distribution_port_is_a_few_lines_only() {
    let (join, port) = alone(&["--no-gossip"]);
    for _ in 0..200 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 64]);
    }
    let refused = join.wait("refused");
    assert_eq!(
        (&refused["node"], &refused["reason"]),
        (&Value::Null, &"not_a_node".into())
    );
    let more = join.during(Duration::from_millis(500));
    assert!(more.len() < 5, "{more:?}");
    join.signal("-TERM");
    assert_eq!(join.end().0.code(), Some(0));
}

#[test]
fn a_flood_of_heartbeats_that_are_none_is_a_few_lines_only() {
    let port = free_port();
    let words = [
        "--if-addr",
        "127.0.0.1",
        "--broadcast-only",
        "--multicast-addr",
        "127.255.255.255",
    ];
    let gossip_port = port.to_string();
    let (join, _) = alone(&[&words[..], &["--gossip-port", &gossip_port]].concat());
    let sender = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    for _ in 0..2000 {
        sender
            .send_to(b"heartbeat::{\"node\":\"a@b\"}", ("127.0.0.1", port))
            .unwrap();
    }
    let rejected = join.wait("heartbeat_rejected");
    assert_eq!(
        (&rejected["source"], &rejected["reason"]),
        (&"127.0.0.1".into(), &"malformed".into())
    );
    assert_eq!(rejected["count"], 1);
    let more = join.during(Duration::from_millis(500));
    assert!(more.len() < 5, "{more:?}");
}

#[test]
fn closed_stdout_is_a_reason_to_leave() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_beamlink"))
        .args([
            "join",
            "--json",
            "--no-gossip",
            "--epmd",
            "none",
            "--name",
            "a@127.0.0.1",
        ])
        .args(["--dist-port", &free_port().to_string()])
        .env_clear()
        .env("BEAMLINK_COOKIE", "monster_cookie")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let end = Instant::now() + LONG;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it does not leave");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Stdout is a pipe that is full: its reader has stopped. The node lives, and leaves when it is told to.
#[test]
fn who_stops_reading_events_stops_nothing_else() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe takes (pipe(7)).
    writer.write_all(&[b'\n'; 65536]).unwrap();
    let port = interop::tcp();
    let mut child = Command::new(env!("CARGO_BIN_EXE_beamlink"))
        .args(["join", "--json", "--epmd", "none", "--no-gossip"])
        .args([
            "--name",
            "unread@localhost",
            "--dist-port",
            &port.to_string(),
        ])
        .env_clear()
        .env("BEAMLINK_STATE_DIR", "none")
        .env("BEAMLINK_COOKIE", "monster_cookie")
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let pings = || {
        let mut ping = Command::new(env!("CARGO_BIN_EXE_beamlink"));
        ping.args(["ping", &format!("unread@localhost={port}")]);
        ping.env_clear().env("BEAMLINK_COOKIE", "monster_cookie");
        ping.output().unwrap().status.success()
    };
    while !pings() {
        assert!(begin.elapsed() < LONG, "it does not answer");
        thread::sleep(Duration::from_millis(20));
    }
    let killed = Command::new("kill").arg(child.id().to_string()).status();
    assert!(killed.unwrap().success());
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begin.elapsed() > LONG {
            child.kill().unwrap();
            panic!("it does not leave");
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{status}");
    drop(reader);
}

/// A binary that was built without OpenTelemetry says so to who asks for it, and warns where a variable says it to all.
#[cfg(not(feature = "otel"))]
#[test]
fn without_opentelemetry_the_flag_is_refused() {
    let run = |words: &[&str], name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_beamlink"));
        command.args([
            "join",
            "--print-config",
            "--cookie",
            "c",
            "--name",
            "a@localhost",
        ]);
        command.args(words).env_clear();
        command.env(name, "http://127.0.0.1:4318").output().unwrap()
    };
    let says = "this beamlink was built without OpenTelemetry";
    let flag = ["--otlp", "http://127.0.0.1:4318"];
    for output in [run(&flag, "UNUSED"), run(&[], "BEAMLINK_OTLP")] {
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains(says) && said.contains("--features otel"),
            "{said}"
        );
    }
    let output = run(&[], "OTEL_EXPORTER_OTLP_ENDPOINT");
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains(says));
}
