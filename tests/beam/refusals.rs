//! What goes wrong is said in one line that names the address, and harms neither side.

use std::time::Duration;

use interop::{BeamNode, Beamlink};
use serde_json::Value;

use crate::ground::{
    COOKIE, ENCRYPTED, GUEST, Gossip, Ground, LIMIT, LONG_LIMIT, is_event, lists, on_ground, ready,
};

/// The address of the first host.
const HOST: &str = "172.20.0.2";

/// Waits for an event of this kind and reason, and sees that it and the log name the address.
#[track_caller]
fn told(beamlink: &Beamlink, kind: &str, reason: &str, address: &str) -> Value {
    let event = beamlink.wait_event(LONG_LIMIT, |event| {
        is_event(event, kind) && event["reason"] == reason
    });
    let place = event["address"]
        .as_str()
        .or(event["source"].as_str())
        .unwrap_or_default();
    assert!(place.starts_with(address), "{event}");
    let line = beamlink.stderr();
    let line = line
        .lines()
        .find(|line| line.contains(event["message"].as_str().unwrap()));
    assert!(line.is_some_and(|line| line.contains(address)), "{line:?}");
    event
}

/// beamlink is still there, and so is the node.
#[track_caller]
fn both_stay(beamlink: &mut Beamlink, node: &mut BeamNode) {
    assert_eq!(
        beamlink.wait(Duration::from_millis(50)),
        None,
        "{}",
        beamlink.stderr()
    );
    assert_eq!(node.value("1 + 1"), "2");
}

#[test]
fn a_wrong_cookie_when_we_dial() {
    on_ground(
        "a_wrong_cookie_when_we_dial",
        Ground::new(&["node0"]),
        |ground| {
            let mut node = BeamNode::start(ground.beam("ex_esdb", 0)).unwrap();
            let wrong = ground.beamlink(0).env("RELEASE_COOKIE", "wrong");
            let mut beamlink = ready(wrong.args(&["--no-gossip", "--peer", "ex_esdb@node0"]));
            let event = told(&beamlink, "refused", "cookie_mismatch", HOST);
            assert_eq!(event["node"], "ex_esdb@node0");
            let message = event["message"].as_str().unwrap();
            assert!(
                message.contains("refused our digest") && message.contains("RELEASE_COOKIE"),
                "{message}"
            );
            assert!(
                !beamlink.stderr().contains("wrong"),
                "the cookie is in the log"
            );
            both_stay(&mut beamlink, &mut node);
            // One error line at the peer for each attempt: there must not be many.
            std::thread::sleep(Duration::from_secs(5));
            assert_eq!(node.value("length(Fixture.Log.entries())"), "1");
        },
    );
}

#[test]
fn a_wrong_cookie_when_we_are_dialled() {
    on_ground(
        "a_wrong_cookie_when_we_are_dialled",
        Ground::new(&["node0"]),
        |ground| {
            let mut node = BeamNode::start(ground.beam("ex_esdb", 0)).unwrap();
            let wrong = ground.beamlink(0).env("RELEASE_COOKIE", "wrong");
            let mut beamlink = ready(wrong.args(&["--no-gossip"]));
            assert_eq!(
                node.value(&format!("Node.connect(:{GUEST}@node0)")),
                "false"
            );
            let event = told(&beamlink, "refused", "cookie_mismatch", HOST);
            assert_eq!(event["node"], "ex_esdb@node0");
            both_stay(&mut beamlink, &mut node);
        },
    );
}

fn heartbeats(name: &str, theirs: Option<&'static str>, ours: Option<&'static str>, reason: &str) {
    on_ground(name, Ground::new(&["node0", "rust0"]), |ground| {
        let their_gossip = Gossip {
            secret: theirs,
            ..ENCRYPTED
        };
        let mut node = BeamNode::start(their_gossip.of_beam(ground.beam("ex_esdb", 0))).unwrap();
        let our_gossip = Gossip {
            secret: ours,
            ..ENCRYPTED
        };
        let mut beamlink = ready(our_gossip.of_beamlink(ground.beamlink(1)));
        told(&beamlink, "heartbeat_rejected", reason, HOST);
        both_stay(&mut beamlink, &mut node);
        assert_eq!(node.value("Node.list()"), "[]");
    });
}

#[test]
fn a_wrong_secret() {
    heartbeats(
        "a_wrong_secret",
        Some("theirs"),
        Some("ours"),
        "undecryptable",
    );
}

#[test]
fn a_secret_that_only_they_have() {
    heartbeats(
        "a_secret_that_only_they_have",
        Some("theirs"),
        None,
        "encrypted_but_no_secret",
    );
}

#[test]
fn a_secret_that_only_we_have() {
    heartbeats(
        "a_secret_that_only_we_have",
        None,
        Some("ours"),
        "plain_but_secret",
    );
}

#[test]
fn a_name_that_is_taken() {
    on_ground("a_name_that_is_taken", Ground::new(&["node0"]), |ground| {
        let mut node = BeamNode::start(ground.beam(GUEST, 0)).unwrap();
        let mut beamlink = Beamlink::start(ground.beamlink(0));
        assert_eq!(
            beamlink.wait(LIMIT).and_then(|status| status.code()),
            Some(13)
        );
        let said = beamlink.stderr();
        assert!(
            said.contains("127.0.0.1:4369") && said.contains("take another name"),
            "{said}"
        );
        assert_eq!(node.value("1 + 1"), "2");
    });
}

#[test]
fn a_long_name_among_short_ones() {
    on_ground(
        "a_long_name_among_short_ones",
        Ground::new(&["node0"]),
        |ground| {
            let mut options = ENCRYPTED.of_beam(ground.beam("ex_esdb", 0));
            options.name = format!("ex_esdb@{HOST}");
            let mut node = BeamNode::start(options).unwrap();
            let mut beamlink = ready(ENCRYPTED.of_beamlink(ground.beamlink(0)));
            let event = beamlink.wait_event(LONG_LIMIT, |event| event["reason"] == "name_form");
            let message = event["message"].as_str().unwrap();
            assert!(
                message.contains(HOST) && message.contains("long") && message.contains("short"),
                "{message}"
            );
            both_stay(&mut beamlink, &mut node);
        },
    );
}

#[test]
fn ports_that_are_closed_silent_or_something_else() {
    let name = "ports_that_are_closed_silent_or_something_else";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let mut node = BeamNode::start(ground.beam("ex_esdb", 0)).unwrap();
        // Accepted by the kernel, and never answered.
        let silent = "spawn(fn -> {:ok, _} = :gen_tcp.listen(5001, [:binary]); Process.sleep(:infinity) end)";
        node.value(silent);
        let banner = "spawn(fn -> {:ok, l} = :gen_tcp.listen(5002, [:binary]); {:ok, s} = :gen_tcp.accept(l); :gen_tcp.send(s, \"SSH-2.0-OpenSSH\"); Process.sleep(60000) end)";
        node.value(banner);
        let peers = [
            "closed@node0=5000",
            "silent@node0=5001",
            "banner@node0=5002",
            "unknown@node0",
            "absent@nowhere",
        ];
        let mut options = ground.beamlink(0).args(&["--no-gossip"]);
        for peer in peers {
            options = options.args(&["--peer", peer]);
        }
        let mut beamlink = ready(options);
        told(&beamlink, "refused", "port_closed", &format!("{HOST}:5000"));
        told(&beamlink, "refused", "silent", &format!("{HOST}:5001"));
        told(&beamlink, "refused", "not_a_node", &format!("{HOST}:5002"));
        told(
            &beamlink,
            "refused",
            "name_unknown",
            &format!("{HOST}:4369"),
        );
        beamlink.wait_event(LONG_LIMIT, |event| event["reason"] == "host_not_resolved");
        both_stay(&mut beamlink, &mut node);
    });
}

#[test]
fn garbage_on_every_port() {
    on_ground(
        "garbage_on_every_port",
        Ground::without_epmd(&["node0", "rust0"]),
        |ground| {
            let mut node = BeamNode::start(ENCRYPTED.of_beam(ground.beam("ex_esdb", 0))).unwrap();
            let beamlink = Beamlink::start(ENCRYPTED.of_beamlink(ground.beamlink(1)));
            let event = beamlink.wait_event(LIMIT, |event| is_event(event, "ready"));
            let dist_port = event["dist_port"].to_string();
            let mut beamlink = beamlink;
            lists(&mut node, &ground.guest(1), LIMIT);
            for port in [&dist_port, "4369"] {
                let send = format!(
                    "{{:ok, s}} = :gen_tcp.connect('rust0', {port}, [:binary]); :gen_tcp.send(s, \"GET / HTTP/1.1\\r\\n\\r\\n\"); :gen_tcp.close(s)"
                );
                assert_eq!(node.value(&send), ":ok");
            }
            let send = "{:ok, s} = :gen_udp.open(0); :gen_udp.send(s, 'rust0', 45892, \"{\\\"node\\\": 1}\")";
            assert_eq!(node.value(send), ":ok");
            told(&beamlink, "refused", "not_a_node", HOST);
            told(&beamlink, "heartbeat_rejected", "malformed", HOST);
            both_stay(&mut beamlink, &mut node);
            lists(&mut node, &ground.guest(1), Duration::ZERO);
            let said = beamlink.stderr();
            assert!(
                said.lines()
                    .any(|line| line.contains("EPMD") && line.contains(HOST)),
                "{said}"
            );
            assert!(!said.contains(COOKIE));
        },
    );
}
