//! A sound cluster: nothing is found, and nothing is left there.

use std::time::Duration;

use interop::BeamNode;
use serde_json::Value;

use crate::ground::{Cluster, SPARE, on_cluster};

const SIX: usize = 6;

#[test]
fn nothing_is_found_in_a_sound_cluster_and_nothing_is_left_there() {
    let name = "nothing_is_found_in_a_sound_cluster_and_nothing_is_left_there";
    on_cluster(name, |mut cluster| {
        let sixth = BeamNode::start(cluster.options("ex_esdb", SPARE)).unwrap();
        cluster.nodes.push(sixth);
        cluster.wait_whole();
        for node in &mut cluster.nodes {
            node.value(
                "spawn(fn -> Process.register(self(), :monitor); :net_kernel.monitor_nodes(true); \
                 receive do :never -> :ok end end); :ok",
            );
        }
        // The node loads code for what it is asked first.
        cluster.ask(&[]);
        cluster.ask(&["--only", "nodes"]);
        let atoms = "(for _ <- 1..2, do: :erlang.system_info(:atom_count)) |> List.last()";
        let before: Vec<String> = cluster
            .nodes
            .iter_mut()
            .map(|node| node.value(atoms))
            .collect();
        for _ in 0..3 {
            let told = cluster.ask(&[]);
            assert_eq!(told.findings(), Vec::<String>::new());
            assert_eq!(
                (told.status, &told.json["verdict"]),
                (Some(0), &"healthy".into())
            );
            assert_eq!(told.json["nodes"].as_array().unwrap().len(), SIX);
            // Promised are 5 s.
            eprintln!("six healthy nodes in {:?}", told.took);
            assert!(told.took < Duration::from_secs(15), "{:?}", told.took);
        }
        for (node, before) in cluster.nodes.iter_mut().zip(before) {
            let (before, after): (i64, i64) =
                (before.parse().unwrap(), node.value(atoms).parse().unwrap());
            assert!(
                (after - before).abs() <= 5,
                "{before} atoms before, {after} after"
            );
            let heard = "Process.info(Process.whereis(:monitor), :messages)";
            assert_eq!(node.value(heard), "{:messages, []}");
            assert_eq!(node.log(), "[]");
        }
        // One name leads to all others, and so does what is heard.
        for nodes in [vec![Cluster::name(3)], vec![]] {
            let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
            let told = cluster.ask_about(&nodes, &[]);
            assert_eq!(told.findings(), Vec::<String>::new());
            let found = told.json["nodes"].as_array().unwrap().len();
            assert_eq!(found, SIX, "{nodes:?}");
        }
        discovery_alone(&mut cluster);
        the_shape_of_the_answer(&cluster);
        hidden(&cluster);
        let shown = cluster.doctor(&[], &[]);
        let shown = String::from_utf8(shown.stdout).unwrap();
        eprintln!("{shown}");
        assert!(
            shown.contains("\nhealthy: 6 of 6 nodes answered"),
            "{shown}"
        );
    });
}

/// Who is heard is not asked anything.
fn discovery_alone(cluster: &mut Cluster) {
    for node in &mut cluster.nodes {
        node.value(
            "spawn(fn -> Process.register(self(), :monitor_all); :net_kernel.monitor_nodes(true, node_type: :all); \
             receive do :never -> :ok end end); :ok",
        );
    }
    let told = cluster.ask_about(&[], &["--only", "discovery", "--listen", "6"]);
    assert_eq!(told.findings(), Vec::<String>::new());
    assert_eq!(
        (told.status, &told.json["verdict"]),
        (Some(0), &"healthy".into())
    );
    assert_eq!(told.json["nodes"], serde_json::json!([]));
    assert_eq!(told.json["heard"].as_array().unwrap().len(), SIX);
    for node in &mut cluster.nodes {
        let heard = "Process.info(Process.whereis(:monitor_all), :messages)";
        assert_eq!(node.value(heard), "{:messages, []}");
    }
}

/// A remote shell is listed by nobody, and that is right.
fn hidden(cluster: &Cluster) {
    let shell = cluster.options("zz_shell", SPARE).erl("-hidden");
    let shell = BeamNode::start(
        shell
            .env("FIXTURE_GOSSIP", "off")
            .env("FIXTURE_KHEPRI", "off"),
    )
    .unwrap();
    let told = cluster.ask_about(&[&Cluster::name(0), shell.name()], &[]);
    assert_eq!(told.findings(), Vec::<String>::new());
    assert_eq!(told.json["nodes"].as_array().unwrap().len(), SIX + 1);
}

/// All keys of an object, those of the objects in it behind dots; of a list its first element stands for all.
fn keys(value: &Value, before: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                // Names of nodes and of stages are values.
                let name = if name.contains('@') { "NODE" } else { name };
                let path = format!("{before}.{name}");
                into.push(path.clone());
                keys(value, &path, into);
            }
        }
        Value::Array(all) => all
            .iter()
            .take(1)
            .for_each(|value| keys(value, before, into)),
        _ => {}
    }
}

/// Programs read it: a key that goes away or is renamed must be meant to be.
fn the_shape_of_the_answer(cluster: &Cluster) {
    let told = cluster.ask(&[]);
    let mut found = Vec::new();
    keys(&told.json, "", &mut found);
    found.sort();
    found.dedup();
    let expected: Vec<&str> = include_str!("answer.keys").lines().collect();
    assert_eq!(found, expected, "{}", found.join("\n"));
}
