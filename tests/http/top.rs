//! `beamlink top` on a real terminal.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::client::PORT;
use crate::ground::{ENCRYPTED, Ground, LIMIT, lists, on_ground, ready};

#[test]
fn top_shows_the_cluster_and_leaves_on_q() {
    let name = "top_shows_the_cluster_and_leaves_on_q";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let mut nodes = ground.cluster(2, ENCRYPTED);
        let options = ENCRYPTED.of_beamlink(ground.beamlink(0));
        let _beamlink = ready(options.args(&["--http", PORT]));
        for node in &mut nodes {
            lists(node, &ground.guest(0), LIMIT);
        }
        let words = format!(
            "stty rows 30 cols 140; exec {} top http://127.0.0.1:{PORT} --delay 0.5",
            env!("CARGO_BIN_EXE_beamlink")
        );
        // It gives its command a terminal of its own.
        let mut script = ground.hosts[0].command("script");
        script.args([
            "--quiet",
            "--flush",
            "--return",
            "--command",
            &words,
            "/dev/null",
        ]);
        script.env("TERM", "xterm-256color").env("SHELL", "/bin/sh");
        let script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut script = script.unwrap();
        let (mut keys, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                if sender.send(piece[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut all = Vec::new();
        let mut wait_for = |wanted: &str| {
            let begin = Instant::now();
            while !String::from_utf8_lossy(&all).contains(wanted) {
                assert!(
                    begin.elapsed() < 3 * LIMIT,
                    "{}",
                    String::from_utf8_lossy(&all)
                );
                if let Ok(piece) = shown.recv_timeout(Duration::from_millis(100)) {
                    all.extend(piece);
                }
            }
        };
        wait_for("ex_esdb0@node0");
        wait_for("ex_esdb1@node0");
        wait_for("Nothing is wrong");
        keys.write_all(b"t").unwrap();
        wait_for("CONNECTIONS");
        keys.write_all(b"q").unwrap();
        drop(keys);
        assert!(script.wait().unwrap().success());
    });
}
