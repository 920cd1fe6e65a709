//! `/livez`, `/readyz`, `/health`, and `beamlink health`.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use interop::{BeamlinkOptions, Namespace};

use crate::client::{PORT, answer, connect, get};
use crate::ground::{COOKIE, ENCRYPTED, Ground, LIMIT, SECRET, lists, on_ground, ready};

/// `beamlink health` on a host: its status and what it says.
fn health(host: &Namespace, words: &[&str]) -> (Option<i32>, String) {
    let mut command = host.command(env!("CARGO_BIN_EXE_beamlink"));
    let output = command.arg("health").args(words).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_node_is_ready_while_its_peers_are_up() {
    let name = "a_node_is_ready_while_its_peers_are_up";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let host = &ground.hosts[0];
        let mut nodes = ground.cluster(2, ENCRYPTED);
        let options: BeamlinkOptions<'_> = ground.beamlink(0);
        let beamlink =
            ready(
                ENCRYPTED
                    .of_beamlink(options)
                    .args(&["--http", PORT, "--ready-when", "2"]),
            );
        for node in &mut nodes {
            lists(node, &ground.guest(0), LIMIT);
        }
        wait_status(host, "/readyz", 200, LIMIT);
        assert_eq!(get(host, "/livez").status, 200);
        let (status, said) = health(host, &[]);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("\"peers\":2"), "{said}");

        nodes.pop().unwrap().kill9();
        // It takes some milliseconds.
        wait_status(host, "/readyz", 503, Duration::from_secs(2));
        assert_eq!(get(host, "/health").status, 503);
        assert_eq!(get(host, "/livez").status, 200);
        let (status, said) = health(host, &["http://127.0.0.1:4000/readyz"]);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("1 of 2 peers are up"), "{said}");
        assert_eq!(health(host, &["http://127.0.0.1:4000/livez"]).0, Some(0));
        drop(beamlink);
        let (status, said) = health(host, &[]);
        assert_eq!(status, Some(1));
        assert!(said.contains("nobody answers at 127.0.0.1:4000"), "{said}");
    });
}

#[track_caller]
fn wait_status(host: &Namespace, path: &str, status: u16, limit: Duration) {
    let begin = Instant::now();
    loop {
        let answer = get(host, path);
        if answer.status == status {
            return;
        }
        assert!(
            begin.elapsed() < limit,
            "{path} after {limit:?}: {answer:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn no_answer_holds_a_secret_and_none_takes_a_body() {
    let name = "no_answer_holds_a_secret_and_none_takes_a_body";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let host = &ground.hosts[0];
        let options = ENCRYPTED.of_beamlink(ground.beamlink(0));
        let _beamlink = ready(options.args(&["--http", PORT]));
        for path in [
            "/",
            "/livez",
            "/readyz",
            "/health",
            "/metrics",
            "/api/cluster",
        ] {
            let answer = get(host, path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            assert!(answer.head.contains("x-content-type-options: nosniff"));
            for secret in [COOKIE, SECRET] {
                assert!(!answer.body.contains(secret), "{path}");
            }
        }
        assert_eq!(get(host, "/nothing").status, 404);
        let mut stream = connect(host);
        let head = "POST /livez HTTP/1.0\r\nContent-Length: 1000000000\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        assert_eq!(answer(stream).status, 413);
        let mut stream = connect(host);
        write!(
            stream,
            "GET / HTTP/1.0\r\nA: {}\r\n\r\n",
            "x".repeat(20_000)
        )
        .unwrap();
        // What it did not read may make the system drop what it said.
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 431 "),
            "{said}"
        );
        // Nobody else reaches it unless told so.
        let elsewhere = format!("{}:{PORT}", host.address());
        let refused = host.inside(|| std::net::TcpStream::connect(elsewhere));
        assert!(refused.unwrap().is_err());
    });
}
