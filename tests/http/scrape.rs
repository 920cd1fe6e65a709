//! `/metrics`, also while clients do not behave.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use interop::{Missing, Namespace};

use crate::client::{PORT, connect, get};
use crate::ground::{
    ENCRYPTED, Ground, LIMIT, LONG_LIMIT, lists, logged_nothing, on_ground, ready,
};

/// For how long the node is scraped once a second; `SLOW_SECS` for more of it.
fn seconds() -> u64 {
    let given = std::env::var("SLOW_SECS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(10)
}

#[test]
fn promtool_has_nothing_to_say_against_the_metrics() {
    let name = "promtool_has_nothing_to_say_against_the_metrics";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let host = &ground.hosts[0];
        let mut nodes = ground.cluster(2, ENCRYPTED);
        let options = ENCRYPTED.of_beamlink(ground.beamlink(0));
        let _beamlink = ready(options.args(&["--http", PORT]));
        let guest = ground.guest(0);
        for node in &mut nodes {
            lists(node, &guest, LIMIT);
            // One that is served, and one that fails.
            let call = |function: &str| format!(":rpc.call(:\"{guest}\", :erlang, {function}, [])");
            node.value(&call(":node"));
            node.value(&call(":halt"));
        }
        // A heartbeat of theirs may come after they have dialled us.
        let heard = "gossip_heartbeats_total{result=\"heartbeat\",source=\"172.20.0.2\"}";
        let text = wait_text(host, heard);
        for part in [
            &format!("erlang_vm_dist_node_state{{node=\"{guest}\",peer=\"ex_esdb0@node0\"}} 3"),
            "erlang_vm_dist_recv_bytes{",
            "dist_handshake_failures_total{reason=\"cookie_mismatch\"} 0",
            "dist_tick_misses_total ",
            "beamlink_mailbox_bytes ",
            "rpc_server_duration_seconds_bucket{le=\"+Inf\"}",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(
            number(&text, "rpc_server_duration_seconds_count") >= 4.0,
            "{text}"
        );
        assert!(number(&text, "rpc_server_failures_total") >= 2.0, "{text}");
        let Ok(mut promtool) = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
        else {
            return interop::skip(name, &Missing("promtool (Debian's prometheus)".to_owned()));
        };
        let mut stdin = promtool.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        drop(stdin);
        let output = promtool.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
    });
}

#[track_caller]
fn wait_text(host: &Namespace, part: &str) -> String {
    let begin = Instant::now();
    loop {
        let text = get(host, "/metrics").body;
        if text.contains(part) {
            return text;
        }
        assert!(begin.elapsed() < LONG_LIMIT, "{part} is not in\n{text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends the clients, whatever becomes of the test.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The value of a metric without labels.
#[track_caller]
fn number(text: &str, name: &str) -> f64 {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    text.lines().find_map(value).unwrap()
}

#[test]
fn a_thousand_slow_clients_delay_neither_ticks_nor_scrapes() {
    let name = "a_thousand_slow_clients_delay_neither_ticks_nor_scrapes";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let host = &ground.hosts[0];
        // Their net_ticktime is four seconds: they would drop a node whose ticks are late.
        let mut nodes = ground.cluster(2, ENCRYPTED);
        let options = ENCRYPTED.of_beamlink(ground.beamlink(0));
        let beamlink = ready(options.args(&["--http", PORT, "--net-ticktime", "4"]));
        for node in &mut nodes {
            lists(node, &ground.guest(0), LIMIT);
        }
        let (ended, came) = (AtomicBool::new(false), AtomicU64::new(0));
        let slowest = std::thread::scope(|scope| {
            let _end = End(&ended);
            for _ in 0..2 {
                scope.spawn(|| slow_clients(host, 500, &ended, &came));
            }
            let begin = Instant::now();
            while came.load(Ordering::Relaxed) < 1000 {
                assert!(begin.elapsed() < Duration::from_secs(60), "{came:?} came");
                std::thread::sleep(Duration::from_millis(10));
            }
            let mut slowest = Duration::ZERO;
            for _ in 0..seconds() {
                let begin = Instant::now();
                assert_eq!(get(host, "/metrics").status, 200);
                slowest = slowest.max(begin.elapsed());
                std::thread::sleep(Duration::from_secs(1));
            }
            slowest
        });
        let text = get(host, "/metrics").body;
        let gap = number(&text, "dist_tick_gap_max_seconds");
        println!(
            "{came:?} connections; the slowest scrape took {slowest:?}, the longest gap of ticks {gap} s"
        );
        // Ten times what is expected of a loaded machine.
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
        assert!(gap < 2.5, "{gap}");
        assert!(
            !beamlink
                .events()
                .iter()
                .any(|event| event["event"] == "nodedown")
        );
        logged_nothing(&mut nodes);
    });
}

/// Clients that send a request byte by byte, or ask for all events and read none; who is cut comes again.
fn slow_clients(host: &Namespace, count: usize, ended: &AtomicBool, came: &AtomicU64) {
    let attach = |at: usize| {
        let mut stream = connect(host);
        stream.set_nonblocking(true).unwrap();
        came.fetch_add(1, Ordering::Relaxed);
        if at.is_multiple_of(2) {
            let _ = stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        stream
    };
    let mut clients: Vec<TcpStream> = (0..count).map(attach).collect();
    while !ended.load(Ordering::Relaxed) {
        for (at, client) in clients.iter_mut().enumerate() {
            if client.write_all(b"G").is_err() {
                *client = attach(at);
            }
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
