//! A cluster as ExESDB's: five nodes and a gateway on hosts of their own, and beamlink as its guest.

use std::time::Duration;

use interop::{BeamNode, BeamOptions, Epmd};

use crate::ground::{
    COOKIE, ENCRYPTED, EPMD_PORT, Ground, LONG_LIMIT, lists, logged_nothing, on_ground, ready,
};

const HOSTS: &[&str] = &[
    "node0", "node1", "node2", "node3", "node4", "gater00", "rust0",
];
/// Where the guest stands.
const GUEST: usize = 6;
/// Longer than the time in which four comings and goings reset a store.
const CALM: Duration = Duration::from_millis(5_500);

/// Five nodes and the gateway, each with an EPMD on its host, started one after the other.
fn cluster(ground: &Ground) -> (Vec<Epmd>, Vec<BeamNode>) {
    let mut epmds = Vec::new();
    let mut nodes: Vec<BeamNode> = Vec::new();
    for (at, host) in HOSTS.iter().enumerate().take(GUEST) {
        epmds.push(Epmd::start(EPMD_PORT, Some(&ground.hosts[at])).unwrap());
        let name = if at == 5 { "ex_esdb_gater" } else { "ex_esdb" };
        let options = BeamOptions::new(&ground.otp, &format!("{name}@{host}"), COOKIE, EPMD_PORT)
            .on(&ground.hosts[at])
            .env("FIXTURE_EXESDB", "on");
        nodes.push(BeamNode::start(ENCRYPTED.of_beam(options)).unwrap());
        for node in &mut nodes {
            node.wait_until("length(Node.list())", &at.to_string(), LONG_LIMIT);
        }
    }
    (epmds, nodes)
}

#[test]
fn an_exesdb_cluster_takes_us_in_and_loses_nothing() {
    let name = "an_exesdb_cluster_takes_us_in_and_loses_nothing";
    on_ground(name, Ground::without_epmd(HOSTS), |ground| {
        let (_epmds, mut nodes) = cluster(&ground);
        std::thread::sleep(CALM);
        for node in &mut nodes {
            node.value("for n <- 1..10, do: Fixture.ExESDB.Store.append(n)");
        }
        let before: Vec<String> = nodes
            .iter_mut()
            .map(|node| node.value("Fixture.ExESDB.Store.state()"))
            .collect();
        let beamlink = ready(ENCRYPTED.of_beamlink(ground.beamlink(GUEST)));
        let guest = ground.guest(GUEST);
        for node in &mut nodes {
            lists(node, &guest, LONG_LIMIT);
            // A full mesh of seven: the guest lists all six, and each of them all others.
            node.wait_until("length(Node.list())", "6", LONG_LIMIT);
            node.wait_until(
                &format!("length(:rpc.call(:\"{guest}\", :erlang, :nodes, []))"),
                "6",
                LONG_LIMIT,
            );
            assert_eq!(node.value("Fixture.ExESDB.coordinator()"), ":ex_esdb@node0");
            let (ring, ignored) = (
                "elem(Fixture.ExESDB.Tracker.ring(), 0)",
                "elem(Fixture.ExESDB.Tracker.ring(), 1)",
            );
            assert!(
                !node.value(ring).contains("rust0"),
                "Swarm took the guest into its ring"
            );
            assert_eq!(node.value(ignored), format!("[:{guest}]"));
            assert_eq!(node.value("Fixture.ExESDB.Store.append(11)"), "11");
        }
        logged_nothing(&mut nodes);
        // A node that starts beside the guest gets khepri's lock, as it would without.
        nodes.pop().unwrap().stop();
        std::thread::sleep(CALM);
        for node in &mut nodes {
            // OTP sees its connections close one by one, and may speak of overlapping partitions.
            node.value("Fixture.Log.clear()");
        }
        let options = BeamOptions::new(&ground.otp, "ex_esdb_gater@gater00", COOKIE, EPMD_PORT)
            .on(&ground.hosts[5])
            .env("FIXTURE_EXESDB", "on");
        nodes.push(BeamNode::start(ENCRYPTED.of_beam(options)).unwrap());
        for node in &mut nodes {
            node.wait_until("length(Node.list())", "6", LONG_LIMIT);
        }
        beamlink.terminate();
        for (node, before) in nodes.iter_mut().zip(before).take(5) {
            node.wait_until("length(Node.list())", "5", LONG_LIMIT);
            // The six started so fast that stores were reset then; nothing was lost since.
            let kept = before.replace("{10,", "{11,");
            assert_eq!(node.value("Fixture.ExESDB.Store.state()"), kept);
        }
        logged_nothing(&mut nodes);
    });
}

/// A restart is a nodedown and a nodeup at every node, and two quick ones would reset their stores.
#[test]
fn a_guest_that_is_restarted_again_and_again_resets_no_store() {
    let name = "a_guest_that_is_restarted_again_and_again_resets_no_store";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let exesdb = |at: usize| {
            let options = ground.beam(&format!("ex_esdb{at}"), 0);
            ENCRYPTED.of_beam(options.env("FIXTURE_EXESDB", "on"))
        };
        let mut nodes = BeamNode::start_all((0..3).map(exesdb).collect()).unwrap();
        for node in &mut nodes {
            node.wait_until("length(Node.list())", "2", LONG_LIMIT);
        }
        std::thread::sleep(CALM);
        let before: Vec<String> = nodes.iter_mut().map(append).collect();
        let folder = std::env::temp_dir().join(format!("beamlink-restarts-{}", std::process::id()));
        let options = || {
            let options = ENCRYPTED.of_beamlink(ground.beamlink(0));
            options.args(&["--state-dir", folder.to_str().unwrap()])
        };
        let guest = ground.guest(0);
        for turn in 0..3 {
            let beamlink = interop::Beamlink::start(options());
            for node in &mut nodes {
                lists(node, &guest, LONG_LIMIT);
            }
            match turn {
                1 => drop(beamlink.terminate()),
                _ => beamlink.kill9(),
            }
            for node in &mut nodes {
                node.wait_until("length(Node.list())", "2", LONG_LIMIT);
            }
        }
        let _ = std::fs::remove_dir_all(folder);
        for (node, before) in nodes.iter_mut().zip(before) {
            assert_eq!(node.value("Fixture.ExESDB.Store.state()"), before);
            // Milliseconds between a nodedown and the nodeup that follows.
            let pauses = node.value(
                "events = for {at, kind, :zz_maint_beamlink@node0, _} <- Fixture.Nodes.events(), do: {kind, at}; \
                 for [{:nodedown, down}, {:nodeup, up}] <- Enum.chunk_every(events, 2, 1, :discard), do: up - down",
            );
            let pauses: Vec<u64> = serde_json::from_str(&pauses).unwrap();
            assert_eq!(pauses.len(), 2, "{pauses:?}");
            // The file is renewed once a second.
            assert!(pauses.iter().all(|pause| *pause >= 8_900), "{pauses:?}");
        }
        logged_nothing(&mut nodes);
    });
}

/// Stores an event, and says what the store holds then.
fn append(node: &mut BeamNode) -> String {
    node.value("Fixture.ExESDB.Store.append(1)");
    node.value("Fixture.ExESDB.Store.state()")
}
