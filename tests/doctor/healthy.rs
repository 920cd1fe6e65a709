//! A sound cluster: nothing is found, and nothing is left there.

use crate::ground::{Cluster, NODES, on_cluster};

#[test]
fn nothing_is_found_in_a_sound_cluster_and_nothing_is_left_there() {
    let name = "nothing_is_found_in_a_sound_cluster_and_nothing_is_left_there";
    on_cluster(name, |mut cluster| {
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
            assert_eq!(told.json["nodes"].as_array().unwrap().len(), NODES);
            eprintln!("healthy in {:?}", told.took);
            assert!(told.took.as_secs() < 50, "{:?}", told.took);
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
            assert_eq!(
                told.json["nodes"].as_array().unwrap().len(),
                NODES,
                "{nodes:?}"
            );
        }
        let shown = cluster.doctor(&[], &[]);
        let shown = String::from_utf8(shown.stdout).unwrap();
        eprintln!("{shown}");
        assert!(
            shown.contains("\nhealthy: 5 of 5 nodes answered"),
            "{shown}"
        );
    });
}
