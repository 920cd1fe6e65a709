//! Joining: whoever may hear whom in whatever way, beamlink stands in every `Node.list()`.

use std::thread::sleep;
use std::time::{Duration, Instant};

use interop::{BeamNode, Beamlink};

use crate::ground::{
    ENCRYPTED, Gossip, Ground, LIMIT, LONG_LIMIT, is_event, lists, logged_nothing, on_ground, ready,
};

#[test]
fn it_is_in_every_list_at_once_and_stays() {
    on_ground(
        "it_is_in_every_list_at_once_and_stays",
        Ground::new(&["node0"]),
        |ground| {
            let mut nodes = ground.cluster(3, ENCRYPTED);
            let begin = Instant::now();
            let beamlink = Beamlink::start(ENCRYPTED.of_beamlink(ground.beamlink(0)));
            for node in &mut nodes {
                lists(node, &ground.guest(0), LIMIT);
            }
            eprintln!("in every Node.list() after {:?}", begin.elapsed());
            sleep(Duration::from_secs(3 * 4));
            for node in &mut nodes {
                lists(node, &ground.guest(0), Duration::ZERO);
                let events =
                    node.value("for {_, :nodedown, n, r} <- Fixture.Nodes.events(), do: {n, r}");
                assert_eq!(events, "[]", "{}", node.name());
            }
            assert!(
                beamlink
                    .events()
                    .iter()
                    .all(|event| !is_event(event, "nodedown"))
            );
            logged_nothing(&mut nodes);
            assert!(beamlink.terminate().unwrap().success());
            for node in &mut nodes {
                node.wait_until("length(Node.list())", "2", LIMIT);
            }
            logged_nothing(&mut nodes);
        },
    );
}

fn joins(name: &str, gossip: Gossip) {
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let mut nodes = ground.cluster(2, gossip);
        let _beamlink = ready(gossip.of_beamlink(ground.beamlink(0)));
        for node in &mut nodes {
            lists(node, &ground.guest(0), LIMIT);
        }
        logged_nothing(&mut nodes);
    });
}

#[test]
fn it_joins_by_plain_gossip() {
    let plain = Gossip {
        secret: None,
        ..ENCRYPTED
    };
    joins("it_joins_by_plain_gossip", plain);
}

#[test]
fn it_joins_by_multicast() {
    let multicast = Gossip {
        address: "239.255.0.1",
        broadcast_only: false,
        ..ENCRYPTED
    };
    joins("it_joins_by_multicast", multicast);
}

#[test]
fn it_joins_by_a_broadcast_address_that_is_given_as_multicast() {
    let forgiving = Gossip {
        broadcast_only: false,
        ..ENCRYPTED
    };
    joins(
        "it_joins_by_a_broadcast_address_that_is_given_as_multicast",
        forgiving,
    );
}

#[test]
fn it_joins_by_limited_broadcast() {
    let limited = Gossip {
        address: "255.255.255.255",
        ..ENCRYPTED
    };
    joins("it_joins_by_limited_broadcast", limited);
}

/// Three hosts on a bridge; on that of beamlink there is neither Erlang nor EPMD.
#[test]
fn it_joins_from_a_host_without_erlang() {
    let name = "it_joins_from_a_host_without_erlang";
    on_ground(
        name,
        Ground::without_epmd(&["node0", "node1", "rust0"]),
        |ground| {
            let options = [0, 1].map(|at| ENCRYPTED.of_beam(ground.beam("ex_esdb", at)));
            let mut nodes = BeamNode::start_all(options.into()).unwrap();
            let _beamlink = ready(ENCRYPTED.of_beamlink(ground.beamlink(2)));
            for node in &mut nodes {
                lists(node, &ground.guest(2), LIMIT);
                node.wait_until("length(Node.list())", "2", LONG_LIMIT);
                let found = node.value(":erl_epmd.names('rust0')");
                assert!(found.contains("zz_maint_beamlink"), "{found}");
            }
            logged_nothing(&mut nodes);
        },
    );
}

#[test]
fn elixir_nodes_register_with_our_epmd_and_are_found_there() {
    let name = "elixir_nodes_register_with_our_epmd_and_are_found_there";
    on_ground(name, Ground::without_epmd(&["node0"]), |ground| {
        let _beamlink = ready(
            ENCRYPTED
                .of_beamlink(ground.beamlink(0))
                .args(&["--epmd", "embedded"]),
        );
        let options = ["ex_esdb0", "ex_esdb1"].map(|name| ground.beam(name, 0));
        let mut nodes = BeamNode::start_all(options.into()).unwrap();
        let [one, other] = &mut nodes[..] else {
            panic!("two nodes")
        };
        assert_eq!(one.value(":net_adm.ping(:ex_esdb1@node0)"), ":pong");
        assert_eq!(one.value("length(elem(:net_adm.names(), 1))"), "3");
        assert_eq!(
            other.value("Node.connect(:zz_maint_beamlink@node0)"),
            "true"
        );
    });
}

#[test]
fn two_of_ours_and_one_elixir_node_are_a_full_mesh() {
    let name = "two_of_ours_and_one_elixir_node_are_a_full_mesh";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let mut nodes = ground.cluster(1, ENCRYPTED);
        let first = ready(ENCRYPTED.of_beamlink(ground.beamlink(0)));
        let other = ground.beamlink(0).args(&["--name", "zz_maint_other@node0"]);
        let second = ready(ENCRYPTED.of_beamlink(other));
        for guest in ["zz_maint_other@node0", "zz_maint_beamlink@node0"] {
            lists(&mut nodes[0], guest, LIMIT);
        }
        for (one, other) in [
            (&first, "zz_maint_other@node0"),
            (&second, "zz_maint_beamlink@node0"),
        ] {
            one.wait_event(LONG_LIMIT, |event| {
                is_event(event, "nodeup") && event["node"] == other
            });
        }
        logged_nothing(&mut nodes);
    });
}

#[test]
fn a_peer_named_by_hand_needs_no_gossip() {
    on_ground(
        "a_peer_named_by_hand_needs_no_gossip",
        Ground::new(&["node0"]),
        |ground| {
            let mut node = BeamNode::start(ground.beam("ex_esdb", 0)).unwrap();
            let by_hand = ["--no-gossip", "--peer", "ex_esdb@node0", "--exit-when", "1"];
            let mut beamlink = Beamlink::start(ground.beamlink(0).args(&by_hand));
            assert_eq!(
                beamlink.wait(LIMIT).and_then(|status| status.code()),
                Some(0)
            );
            node.wait_until("length(Node.list())", "0", LIMIT);
        },
    );
}

#[test]
fn a_hidden_node_is_in_no_list_of_visible_ones() {
    let name = "a_hidden_node_is_in_no_list_of_visible_ones";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let mut nodes = ground.cluster(2, ENCRYPTED);
        let hidden = ENCRYPTED
            .of_beamlink(ground.beamlink(0))
            .args(&["--hidden"]);
        let _beamlink = ready(hidden);
        for node in &mut nodes {
            let listed = "Node.list(:hidden)";
            node.wait_until(listed, "[:zz_maint_beamlink@node0]", LIMIT);
            assert_eq!(node.value("length(Node.list())"), "1");
            assert_eq!(
                node.value(":net_adm.ping(:zz_maint_beamlink@node0)"),
                ":pong"
            );
        }
        logged_nothing(&mut nodes);
    });
}

/// A node that only a peer knows of is met too: `global` meshes its own members only.
#[test]
fn it_dials_whom_its_peers_know() {
    on_ground(
        "it_dials_whom_its_peers_know",
        Ground::new(&["node0"]),
        |ground| {
            let options = ["ex_esdb0", "ex_esdb1"].map(|name| ground.beam(name, 0));
            let mut nodes = BeamNode::start_all(options.into()).unwrap();
            assert_eq!(nodes[0].value("Node.connect(:ex_esdb1@node0)"), "true");
            let by_hand = ["--no-gossip", "--peer", "ex_esdb0@node0"];
            let _beamlink = ready(ground.beamlink(0).args(&by_hand));
            for node in &mut nodes {
                lists(node, &ground.guest(0), LONG_LIMIT);
            }
            logged_nothing(&mut nodes);
        },
    );
}

/// The mark that OTP 25, 27 and 29 are treated alike.
#[test]
fn it_joins_nodes_of_every_release() {
    let name = "it_joins_nodes_of_every_release";
    for suite in ["trixie", "sid"] {
        let otp = match interop::Otp::of(suite) {
            Ok(otp) => otp,
            Err(missing) => {
                interop::skip(name, &missing);
                continue;
            }
        };
        on_ground(name, Ground::new(&["node0"]), |mut ground| {
            ground.otp = otp;
            let mut nodes = ground.cluster(2, ENCRYPTED);
            let _beamlink = ready(ENCRYPTED.of_beamlink(ground.beamlink(0)));
            for node in &mut nodes {
                lists(node, &ground.guest(0), LIMIT);
                assert_eq!(
                    node.value(":net_adm.ping(:zz_maint_beamlink@node0)"),
                    ":pong"
                );
                assert_eq!(node.value(":global.sync()"), ":ok");
            }
            logged_nothing(&mut nodes);
        });
    }
}
