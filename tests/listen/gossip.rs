use std::net::UdpSocket;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use interop::{BeamNode, Otp};
use serde_json::{Value, json};

use crate::ground::{GROUP, Ground, LIMIT, SECRET, objects, on, text};

/// libcluster's own group.
const DEFAULT_GROUP: &str = "233.252.1.32";
const ATOMS: &str = ":erlang.system_info(:atom_count)";

fn find<'a>(rows: &'a Value, node: &str) -> &'a Value {
    let mut each = rows.as_array().unwrap().iter();
    match each.find(|row| row["node"] == node) {
        Some(row) => row,
        None => panic!("{node} is not in {rows:#}"),
    }
}

#[test]
fn who_is_heard_with_which_secret_and_where_a_dial_would_go() {
    on("who_is_heard", &["n0", "n1", "n2", "n3"], |ground| {
        let mut nodes = BeamNode::start_all(vec![
            ground.beam("good", 0, Some(GROUP), Some(SECRET)),
            ground.beam("near", 1, Some(GROUP), Some(SECRET)),
            ground.beam("plain", 3, Some(DEFAULT_GROUP), None),
            ground.beam("other", 2, Some(GROUP), Some("third_secret")),
        ])
        .unwrap();
        nodes[0].wait_until("Node.list()", "[:near@n1]", LIMIT);
        // What a question burns at its first time is not our doing.
        let questions = ["Node.list(:connected)", ATOMS, ATOMS];
        let [.., atoms] = questions.map(|question| nodes[0].value(question));
        let words = ["gossip", "listen", "--seconds", "8", "--json"];
        let secrets = ["--secret", "second_secret", "--secret", "third_secret"];
        let mut command = ground.command(0, &[&words[..], &secrets[..]].concat());
        let listener = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It opens its ears within milliseconds; a datagram that comes too early is missed, so each is sent often.
        let send = |at: usize, words: &[&str]| {
            let words = [&["gossip", "send"], words].concat();
            let output = ground
                .command(at, &words)
                .env_remove("EX_ESDB_CLUSTER_SECRET")
                .output();
            assert!(output.unwrap().status.success());
        };
        for _ in 0..10 {
            send(2, &["--name", "wrong@n1"]);
            send(2, &["--name", "lost@nowhere"]);
            send(2, &["--name", "x@n2", "--secret", "unknown_secret"]);
            ground.hosts[1]
                .inside(|| {
                    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                    socket.send_to(b"hello, world", (GROUP, 45892)).unwrap();
                    socket
                        .send_to(b"heartbeat::\x83t\0\0\0\x01w\x04no", (GROUP, 45892))
                        .unwrap();
                })
                .unwrap();
            thread::sleep(Duration::from_millis(400));
        }
        let output = listener.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let told = objects(&output);
        let end = told.last().unwrap();
        assert_eq!(end["event"], "end");
        let heard = &end["heard"];

        let good = find(heard, "good@n0");
        assert_eq!(
            (&good["ours"], &good["source"]),
            (&json!(true), &json!(ground.address(0)))
        );
        assert_eq!(good["secret"]["from"], "env EX_ESDB_CLUSTER_SECRET");
        assert_eq!(good["to"], json!([format!("{GROUP}:45892")]));
        assert_eq!(good["resolves"]["verdict"], "to_source");
        assert_eq!(good["epmd"]["port_state"], "open");
        assert_eq!(good["connected"], json!(null), "it runs here");
        let near = find(heard, "near@n1");
        assert_eq!(
            (&near["ours"], &near["connected"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(near["interface"], "eth0");
        let plain = find(heard, "plain@n3");
        assert_eq!(
            (&plain["ours"], &plain["secret"]),
            (&json!(false), &json!(null))
        );
        assert_eq!(plain["to"], json!([format!("{DEFAULT_GROUP}:45892")]));
        let other = find(heard, "other@n2");
        assert_eq!(
            (&other["ours"], &other["connected"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(other["secret"]["from"], "flag --secret 2");

        let wrong = find(heard, "wrong@n1");
        assert_eq!(
            wrong["resolves"],
            json!({"verdict": "elsewhere", "addresses": [ground.address(1)]})
        );
        assert_eq!(wrong["epmd"]["verdict"], "unknown");
        assert_eq!(find(heard, "lost@nowhere")["resolves"]["verdict"], "no");

        let unreadable = |reason: &str| {
            let mut rows = end["unreadable"].as_array().unwrap().iter();
            let row = rows.find(|row| row["reason"] == reason);
            row.unwrap_or_else(|| panic!("no {reason} in {end}"))
        };
        let secret = unreadable("other_secret");
        assert_eq!(
            (&secret["source"], &secret["bytes"]),
            (&json!(ground.address(2)), &json!(48))
        );
        assert_eq!(unreadable("not_gossip")["source"], ground.address(1));
        assert_eq!(unreadable("truncated")["source"], ground.address(1));
        for word in [SECRET, "third_secret", "second_secret"] {
            assert!(!text(&output.stdout).contains(word) && !text(&output.stderr).contains(word));
        }
        // What was new was told when it was.
        assert!(
            told.iter()
                .any(|row| row["event"] == "heard" && row["node"] == "near@n1")
        );
        assert!(told.iter().any(|row| row["event"] == "unreadable"));

        // Nobody noticed: not those that share its port, nor those whose ports were knocked at.
        assert_eq!(nodes[0].value("Node.list(:connected)"), "[:near@n1]");
        assert_eq!(nodes[0].value(ATOMS), atoms);
        for node in nodes.iter_mut().take(4) {
            assert_eq!(node.log(), "[]", "{}", node.name());
        }
    });
}

#[test]
fn lines_for_people_and_the_table_at_the_end() {
    on("lines_for_people", &["n0", "n1"], |ground| {
        let nodes = [ground.beam("good", 1, Some("172.20.255.255"), Some(SECRET))];
        let _nodes = BeamNode::start_all(nodes.into()).unwrap();
        let output = ground.run(0, &["gossip", "listen", "--seconds", "6"]);
        assert!(output.status.success(), "{output:?}");
        let shown = text(&output.stdout);
        let line = "heard good@n1 from 172.20.0.3 to 172.20.255.255:45892; secret: ours; resolves: to its source; port: ";
        assert!(shown.starts_with(line), "{shown}");
        let table = shown
            .lines()
            .skip_while(|line| !line.starts_with("SOURCE"))
            .nth(1);
        let words: Vec<&str> = table.unwrap().split_whitespace().collect();
        assert_eq!(words[..2], ["172.20.0.3", "good@n1"]);
    });
}

/// The heartbeat is what a libcluster node takes: it dials whom it names.
#[test]
fn who_is_announced_is_dialled() {
    on("who_is_announced_is_dialled", &["n0", "n1"], |ground| {
        let nodes = vec![
            ground.beam("quiet", 0, None, None),
            ground.beam("good", 1, Some(GROUP), Some(SECRET)),
        ];
        let mut nodes = BeamNode::start_all(nodes).unwrap();
        let output = ground.run(0, &["gossip", "send", "--name", "quiet@n0", "--json"]);
        let told = &objects(&output)[0];
        assert_eq!(told["value"]["to"], format!("{GROUP}:45892"));
        assert!(
            text(&output.stderr).contains("dial quiet@n0 at once"),
            "{output:?}"
        );
        nodes[0].wait_until("Node.list()", "[:good@n1]", LIMIT);
        assert_eq!(nodes[1].log(), "[]");
    });
}

#[test]
fn the_same_with_other_releases_of_otp() {
    for suite in ["trixie", "sid"] {
        let ground = match Otp::of(suite).and_then(|otp| Ground::new(otp, &["n0", "n1"])) {
            Ok(ground) => ground,
            Err(missing) => {
                interop::skip("the_same_with_other_releases_of_otp", &missing);
                continue;
            }
        };
        let mut nodes = BeamNode::start_all(vec![
            ground.beam("good", 0, Some(GROUP), Some(SECRET)),
            ground.beam("near", 1, Some(GROUP), Some(SECRET)),
            ground.beam("plain", 1, Some(DEFAULT_GROUP), None),
        ])
        .unwrap();
        nodes[0].wait_until("Node.list()", "[:near@n1]", LIMIT);
        let output = ground.run(0, &["gossip", "listen", "--seconds", "6", "--json"]);
        let told = objects(&output);
        let heard = &told.last().unwrap()["heard"];
        let near = find(heard, "near@n1");
        assert_eq!(
            near["secret"]["from"], "env EX_ESDB_CLUSTER_SECRET",
            "{suite}"
        );
        assert_eq!(near["connected"], json!(true), "{suite}");
        assert_eq!(find(heard, "plain@n1")["secret"], json!(null), "{suite}");
        assert_eq!(nodes[0].log(), "[]", "{suite}");
    }
}
