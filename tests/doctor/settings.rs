//! Faults of settings, and of what nodes say: each is set right again, so that one cluster serves for all.

use interop::{Beamlink, BeamlinkOptions};

use crate::ground::{COOKIE, Cluster, SECRET, on_cluster};

/// Gossip settings of the node that has the fault, the fault, and settings that undo it.
const GOSSIP: &[(&str, &str, &str)] = &[
    ("secret-differs", "secret: \"another\"", ""),
    ("plain-heartbeats", "secret: nil", ""),
    (
        "gossip-address-differs",
        "multicast_addr: \"239.255.0.1\", broadcast_only: false",
        "multicast_addr: \"172.20.255.255\", broadcast_only: true",
    ),
    ("gossip-port-differs", "port: 45893", "port: 45892"),
];

#[test]
fn each_setting_that_differs_is_found_first() {
    on_cluster("each_setting_that_differs_is_found_first", |mut cluster| {
        let odd = Cluster::name(3);
        for (code, fault, undo) in GOSSIP {
            let set = |words: &str| format!("Fixture.Gossip.reconfigure({words})");
            cluster.nodes[3].value(&set(fault));
            cluster.finds(code, &odd);
            let undo = match undo {
                &"" => format!("secret: {SECRET:?}"),
                undo => (*undo).to_owned(),
            };
            cluster.nodes[3].value(&set(&undo));
        }
        cluster.nodes[3].value(":net_kernel.set_net_ticktime(30, 0)");
        cluster.finds("net-ticktime-differs", &odd);
        cluster.nodes[3].value(":net_kernel.set_net_ticktime(60, 0)");
        stores(&mut cluster);
        guests(&mut cluster);
        cookie_file(&cluster);
        assert_eq!(cluster.ask(&[]).findings(), Vec::<String>::new());
    });
}

fn stores(cluster: &mut Cluster) {
    let (first, other) = (Cluster::name(0), Cluster::name(4));
    let answer = |node: &mut interop::BeamNode, members: &str, leader: &str| {
        node.value(&format!("Fixture.Khepri.answer({members}, {leader})"));
    };
    for at in [3, 4] {
        let members = format!("[:{}, :{other}]", Cluster::name(3));
        answer(&mut cluster.nodes[at], &members, &format!(":{other}"));
    }
    let told = cluster.finds("split-brain", &Cluster::name(3));
    let evidence = &told.json["findings"][0]["evidence"];
    let side = |leader: &str| evidence[format!("side of {leader}")].as_str().unwrap_or("");
    assert_eq!(side(&other), "ex_esdb@node3, ex_esdb@node4");
    assert_eq!(side(&first), "ex_esdb@node0, ex_esdb@node1, ex_esdb@node2");
    answer(&mut cluster.nodes[3], "nil", "nil");
    answer(
        &mut cluster.nodes[4],
        &format!("[:{other}]"),
        &format!(":{first}"),
    );
    cluster.finds("members-differ", &other);
    answer(&mut cluster.nodes[4], "nil", ":none");
    cluster.finds("no-leader", &other);
    answer(&mut cluster.nodes[4], "nil", "nil");
    cluster.nodes[2].value("Fixture.Khepri.Tracker.hang(8_000)");
    cluster.finds("swarm-silent", &Cluster::name(2));
    cluster.nodes[2].value(":sys.get_state(Swarm.Tracker, 60_000)");
}

fn guests(cluster: &mut Cluster) {
    let nodes: Vec<String> = (0..5).map(Cluster::name).collect();
    for (name, is_first) in [("zz_maint_guest", false), ("aa_guest", true)] {
        let full = format!("{name}@rust0");
        let options = BeamlinkOptions::new(env!("CARGO_BIN_EXE_beamlink"))
            .on(&cluster.hosts[5])
            .env("HOME", "/nonexistent")
            .env("RELEASE_COOKIE", COOKIE)
            .env("EX_ESDB_CLUSTER_SECRET", SECRET)
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255")
            .args(&["--broadcast-only", "--name", &full]);
        let guest = Beamlink::start(options);
        for node in &mut cluster.nodes {
            node.wait_until(
                &format!(":{full} in Node.list()"),
                "true",
                crate::ground::LIMIT,
            );
        }
        match is_first {
            true => drop(cluster.finds("guest-sorts-first", &full)),
            false => {
                let told = cluster.ask(&[]);
                assert_eq!(told.findings(), Vec::<String>::new(), "{nodes:?}");
                assert_eq!(told.json["nodes"].as_array().unwrap().len(), 6);
            }
        }
        guest.terminate();
        for node in &mut cluster.nodes {
            node.wait_until("length(Node.list())", "4", crate::ground::LIMIT);
        }
    }
}

fn cookie_file(cluster: &Cluster) {
    use std::os::unix::fs::PermissionsExt;

    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".erlang.cookie");
    std::fs::write(&path, COOKIE).unwrap();
    for (mode, found) in [(0o644, true), (0o400, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let told = cluster.ask_at_home(home.path());
        let shown = told.findings();
        let first = shown.first().map_or("", String::as_str);
        assert_eq!(first.contains("cookie-file-mode"), found, "{shown:#?}");
        assert_eq!(first.contains(path.to_str().unwrap()), found, "{shown:#?}");
    }
}
