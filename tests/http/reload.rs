//! SIGHUP: a new cookie, and a cluster that moves from one gossip secret to another.

use std::fs;
use std::process::Command;

use interop::{BeamNode, Beamlink};

use crate::ground::{
    COOKIE, ENCRYPTED, Gossip, Ground, LONG_LIMIT, SECRET, is_event, lists, on_ground, ready,
};

fn hang_up(beamlink: &Beamlink) {
    let pid = beamlink.os_pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-HUP", &pid])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_new_cookie_counts_for_new_handshakes() {
    let name = "a_new_cookie_counts_for_new_handshakes";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cookie");
        fs::write(&file, COOKIE).unwrap();
        let mut first = BeamNode::start(ground.beam("first", 0)).unwrap();
        let mut options = ground.beam("second", 0);
        options.cookie = "another_clique".to_owned();
        let mut second = BeamNode::start(options).unwrap();
        let mut options = ground.beamlink(0);
        options.env.retain(|(name, _)| name != "RELEASE_COOKIE");
        let file_name = file.to_str().unwrap();
        let words = [
            "--no-gossip",
            "--cookie-file",
            file_name,
            "--peer",
            "first@node0",
            "--peer",
            "second@node0",
        ];
        let beamlink = ready(options.args(&words));
        let guest = ground.guest(0);
        lists(&mut first, &guest, LONG_LIMIT);
        beamlink.wait_event(LONG_LIMIT, |event| {
            is_event(event, "refused") && event["reason"] == "cookie_mismatch"
        });
        fs::write(&file, "another_clique\n").unwrap();
        hang_up(&beamlink);
        beamlink.wait_stderr(LONG_LIMIT, |line| {
            line.contains("new handshakes use the cookie sha256:")
        });
        assert_eq!(second.value(&format!("Node.connect(:\"{guest}\")")), "true");
        lists(&mut second, &guest, LONG_LIMIT);
        // The connection that stood stands.
        lists(&mut first, &guest, LONG_LIMIT);
        assert!(
            !beamlink
                .events()
                .iter()
                .any(|event| is_event(event, "nodedown"))
        );
        assert!(!beamlink.stderr().contains("another_clique"));

        // A file that cannot be used changes nothing.
        fs::write(&file, "").unwrap();
        hang_up(&beamlink);
        beamlink.wait_stderr(LONG_LIMIT, |line| {
            line.contains("SIGHUP: nothing is changed:")
        });
    });
}

#[test]
fn both_secrets_count_while_they_change() {
    let name = "both_secrets_count_while_they_change";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let folder = tempfile::tempdir().unwrap();
        let [new, old] = ["new", "old"].map(|name| folder.path().join(name));
        fs::write(&new, "the_next_secret").unwrap();
        let moved = Gossip {
            secret: Some("the_next_secret"),
            ..ENCRYPTED
        };
        let mut nodes = [
            BeamNode::start(moved.of_beam(ground.beam("moved", 0))).unwrap(),
            BeamNode::start(ENCRYPTED.of_beam(ground.beam("unmoved", 0))).unwrap(),
        ];
        let unset = Gossip {
            secret: None,
            ..ENCRYPTED
        };
        let [new_name, old_name] = [&new, &old].map(|path| path.to_str().unwrap());
        let options = unset.of_beamlink(ground.beamlink(0));
        let beamlink =
            ready(options.args(&["--secret-file", new_name, "--old-secret-file", old_name]));
        let guest = ground.guest(0);
        lists(&mut nodes[0], &guest, LONG_LIMIT);
        beamlink.wait_event(LONG_LIMIT, |event| {
            is_event(event, "heartbeat_rejected") && event["reason"] == "undecryptable"
        });
        let known = "length(Node.list())";
        assert_eq!(
            nodes[1].value(known),
            "0",
            "the nodes do not hear each other"
        );
        fs::write(&old, SECRET).unwrap();
        hang_up(&beamlink);
        lists(&mut nodes[1], &guest, LONG_LIMIT);
        lists(&mut nodes[0], &guest, LONG_LIMIT);
        assert!(!beamlink.stderr().contains(SECRET));
    });
}
