//! What systemd hears, and log lines for programs.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::ground::{ENCRYPTED, Ground, LIMIT, lists, on_ground, ready};

/// The next thing that is said; what is said may stand in lines.
fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 1024];
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
}

#[track_caller]
fn wait_for(socket: &UnixDatagram, wanted: &str) {
    for _ in 0..100 {
        if heard(socket) == wanted {
            return;
        }
    }
    panic!("{wanted} is not said");
}

#[test]
fn systemd_hears_that_it_is_ready_lives_and_stops() {
    let name = "systemd_hears_that_it_is_ready_lives_and_stops";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut nodes = ground.cluster(1, ENCRYPTED);
        let options = ENCRYPTED
            .of_beamlink(ground.beamlink(0))
            .env("NOTIFY_SOCKET", path.to_str().unwrap())
            .env("WATCHDOG_USEC", "600000");
        let beamlink = ready(options.args(&["--log-format", "json"]));
        wait_for(&socket, "READY=1");
        wait_for(&socket, "STATUS=0 peers are up");
        lists(&mut nodes[0], &ground.guest(0), LIMIT);
        wait_for(&socket, "STATUS=1 peer is up");
        for _ in 0..3 {
            wait_for(&socket, "WATCHDOG=1");
        }
        let line = beamlink.wait_stderr(LIMIT, |line| line.contains("nodeup"));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["level"], "INFO");
        assert!(
            line["message"]
                .as_str()
                .unwrap()
                .starts_with("nodeup: ex_esdb0@node0")
        );
        assert!(beamlink.terminate().unwrap().success());
        wait_for(&socket, "STOPPING=1");
    });
}
