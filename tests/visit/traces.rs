//! What commands leave behind on a node: nothing.

use crate::ground::{PEER, with_each};

/// Each of them once; the node may load code for it.
const ROUND: &[&[&str]] = &[
    &["ping", PEER],
    &["rpc", PEER, "Node.list(:connected)"],
    &["rpc", PEER, "--erlang", "node()"],
    &["apply", PEER, "Enum", "sum", "[[1, 2, 3]]"],
    &["call", PEER, "counter", ":inc"],
    &["cast", PEER, "counter", ":inc"],
    &["send", PEER, "echo", ":hello"],
    &["nodes", PEER, "--all"],
    &["rpc", PEER, "IO.puts(:out)"],
    &["apply", PEER, "-a", "erlang nodes [[hidden]]"],
];

#[test]
fn a_thousand_commands_burn_no_atom_and_are_no_nodeup() {
    with_each(
        "a_thousand_commands_burn_no_atom_and_are_no_nodeup",
        |ground| {
            let round = |ground: &crate::ground::Ground| {
                for words in ROUND {
                    let said = ground.command(words, "");
                    assert_eq!(said.status, Some(0), "{words:?}: {said:?}");
                }
            };
            ground.beam.value(
                "spawn(fn -> Process.register(self(), :monitor); :net_kernel.monitor_nodes(true); \
             receive do :never -> :ok end end); :ok",
            );
            round(ground);
            round(ground);
            let atoms = "(for _ <- 1..2, do: :erlang.system_info(:atom_count)) |> List.last()";
            let before: i64 = ground.beam.value(atoms).parse().unwrap();
            for _ in 0..100 {
                round(ground);
            }
            let heard = "Process.info(Process.whereis(:monitor), :messages)";
            assert_eq!(ground.beam.value(heard), "{:messages, []}");
            let after: i64 = ground.beam.value(atoms).parse().unwrap();
            assert!(
                (after - before).abs() <= 5,
                "{before} atoms before, {after} after"
            );
            assert_eq!(ground.beam.value("Node.list(:connected)"), "[]");
            assert_eq!(ground.beam.log(), "[]");
        },
    );
}

/// The record of the fixture has hidden nodes too: it shows that the names come again.
#[test]
fn names_are_given_again() {
    with_each("names_are_given_again", |ground| {
        for _ in 0..50 {
            ground.expect(&["apply", PEER, "-a", "erlang node"], ":app@localhost\n");
        }
        let names = "(for {_, :nodeup, node, _} <- Fixture.Nodes.events(), uniq: true, do: node) |> length()";
        let names: usize = ground.beam.value(names).parse().unwrap();
        assert!((1..=3).contains(&names), "{names}");
    });
}
