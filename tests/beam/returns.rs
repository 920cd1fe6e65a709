//! Whatever is killed comes back, and the cluster is whole again without help.

use std::time::Duration;

use interop::{BeamNode, Epmd};

use crate::ground::{
    ENCRYPTED, EPMD_PORT, Ground, LIMIT, LONG_LIMIT, is_event, lists, on_ground, ready,
};

#[test]
fn beamlink_is_killed_and_started_again() {
    on_ground(
        "beamlink_is_killed_and_started_again",
        Ground::new(&["node0"]),
        |ground| {
            let mut nodes = ground.cluster(2, ENCRYPTED);
            let options = || ENCRYPTED.of_beamlink(ground.beamlink(0));
            let first = ready(options());
            for node in &mut nodes {
                lists(node, &ground.guest(0), LIMIT);
            }
            first.kill9();
            let _second = ready(options());
            for node in &mut nodes {
                lists(node, &ground.guest(0), LONG_LIMIT);
                let pong = node.value(":net_adm.ping(:zz_maint_beamlink@node0)");
                assert_eq!(pong, ":pong");
                node.wait_until("length(Node.list())", "2", LIMIT);
            }
        },
    );
}

/// The name stays registered and the sockets open, but nobody answers: the peers must notice, and so must a second
/// start under the same name.
#[test]
fn an_elixir_node_is_killed_and_started_again() {
    let name = "an_elixir_node_is_killed_and_started_again";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let mut nodes = ground.cluster(2, ENCRYPTED);
        let beamlink = ready(ENCRYPTED.of_beamlink(ground.beamlink(0)));
        for node in &mut nodes {
            lists(node, &ground.guest(0), LIMIT);
        }
        nodes.pop().unwrap().kill9();
        let lost = |event: &serde_json::Value| {
            is_event(event, "nodedown") && event["node"] == "ex_esdb1@node0"
        };
        beamlink.wait_event(LIMIT, lost);
        let again = ENCRYPTED.of_beam(ground.beam("ex_esdb1", 0));
        nodes.push(BeamNode::start(again).unwrap());
        for node in &mut nodes {
            lists(node, &ground.guest(0), LONG_LIMIT);
            node.wait_until("length(Node.list())", "2", LIMIT);
        }
    });
}

#[test]
fn epmd_is_killed_and_another_takes_its_place() {
    let name = "epmd_is_killed_and_another_takes_its_place";
    on_ground(name, Ground::new(&["node0"]), |mut ground| {
        ground.epmd.take().unwrap().kill9();
        ground.epmd = Some(Epmd::start(EPMD_PORT, Some(&ground.hosts[0])).unwrap());
        let mut nodes = ground.cluster(2, ENCRYPTED);
        let external = ENCRYPTED
            .of_beamlink(ground.beamlink(0))
            .args(&["--epmd", "external"]);
        let beamlink = ready(external);
        for node in &mut nodes {
            lists(node, &ground.guest(0), LIMIT);
        }
        ground.epmd.take().unwrap().kill9();
        std::thread::sleep(Duration::from_millis(500));
        let host = &ground.hosts[0];
        let epmd = Epmd::start(EPMD_PORT, Some(host)).unwrap();
        let registered = "length(elem(:net_adm.names(), 1))";
        for node in &mut nodes {
            node.wait_until(registered, "3", LONG_LIMIT);
            lists(node, &ground.guest(0), Duration::ZERO);
        }
        assert!(
            beamlink
                .events()
                .iter()
                .all(|event| !is_event(event, "nodedown"))
        );
        drop(epmd);
    });
}

/// Mode `auto`: where the EPMD is gone for good, beamlink is the EPMD, and the BEAMs register with it.
#[test]
fn epmd_is_killed_and_beamlink_takes_its_place() {
    let name = "epmd_is_killed_and_beamlink_takes_its_place";
    on_ground(name, Ground::new(&["node0"]), |mut ground| {
        let epmd = ground.epmd.take();
        let mut nodes = ground.cluster(2, ENCRYPTED);
        let _beamlink = ready(ENCRYPTED.of_beamlink(ground.beamlink(0)));
        for node in &mut nodes {
            lists(node, &ground.guest(0), LIMIT);
        }
        epmd.unwrap().kill9();
        for node in &mut nodes {
            let names = "case :net_adm.names() do {:ok, names} -> length(names); _ -> 0 end";
            node.wait_until(names, "3", LONG_LIMIT);
            node.wait_until("length(Node.list())", "2", Duration::ZERO);
        }
    });
}
