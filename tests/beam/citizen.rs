//! The citizen: what a BEAM expects of a member is answered, at once, and as OTP would.

use std::collections::BTreeMap;
use std::time::Duration;

use interop::{BeamNode, Otp};

use crate::ground::{ENCRYPTED, Ground, LIMIT, lists, logged_nothing, on_ground, ready};

const ROUNDS: u32 = 15;
/// A machine that is busy for a moment is looked at again; a guest that costs time costs it each time.
const LOOKS: u32 = 10;

/// The probe's figures of one node in microseconds. A hang is a panic.
fn probe(node: &mut BeamNode) -> BTreeMap<String, u64> {
    let figures = node.value(&format!(
        "Fixture.Probe.all({ROUNDS}) |> Enum.map_join(\" \", fn {{k, v}} -> \"#{{k}}=#{{v}}\" end)"
    ));
    let figures = figures.trim_matches('"').split(' ').map(|figure| {
        let (name, micros) = figure.split_once('=').unwrap();
        (
            name.to_owned(),
            micros
                .parse()
                .unwrap_or_else(|_| panic!("{name}: {micros}")),
        )
    });
    figures.collect()
}

/// What takes over 5 ms longer than `before`: with both times.
fn slower(node: &mut BeamNode, before: &BTreeMap<String, u64>) -> BTreeMap<String, (u64, u64)> {
    let times = probe(node).into_iter().map(|(what, with)| {
        let without = before[&what];
        eprintln!(
            "{} {what}: {without} µs without, {with} µs with beamlink",
            node.name()
        );
        (what, (without, with))
    });
    // All of it together is more with one node more.
    times
        .filter(|(what, (without, with))| what != "together" && *with > without + 5_000)
        .collect()
}

#[test]
fn no_node_is_slower_because_it_is_there() {
    let name = "no_node_is_slower_because_it_is_there";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let mut nodes = ground.cluster(3, ENCRYPTED);
        let before: Vec<_> = nodes.iter_mut().map(probe).collect();
        let _beamlink = ready(ENCRYPTED.of_beamlink(ground.beamlink(0)));
        for node in &mut nodes {
            lists(node, &ground.guest(0), LIMIT);
        }
        for (node, before) in nodes.iter_mut().zip(before) {
            let mut slow = slower(node, &before);
            for _ in 1..LOOKS {
                if slow.is_empty() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(500));
                let again = slower(node, &before);
                slow.retain(|what, _| again.contains_key(what));
            }
            assert!(
                slow.is_empty(),
                "{}: µs without and with: {slow:?}",
                node.name()
            );
        }
        logged_nothing(&mut nodes);
    });
}

/// What is asked of the guest, and what OTP would answer.
const ANSWERS: &[(&str, &str)] = &[
    (":net_adm.ping(g)", ":pong"),
    (
        ":rpc.call(g, :erlang, :node, [])",
        ":zz_maint_beamlink@node0",
    ),
    (
        ":erpc.call(g, :erlang, :node, [])",
        ":zz_maint_beamlink@node0",
    ),
    (":rpc.call(g, :erlang, :nodes, [])", "[:ex_esdb@node0]"),
    (
        ":rpc.call(g, :erlang, :nodes, [[:this, :visible]])",
        "[:zz_maint_beamlink@node0, :ex_esdb@node0]",
    ),
    (
        ":rpc.call(g, :erlang, :is_process_alive, [self()])",
        "{:badrpc, {:EXIT, {:badarg, _}}}",
    ),
    (
        ":rpc.call(g, :erlang, :system_info, [:schedulers]) > 0",
        "true",
    ),
    (
        ":rpc.call(g, :erlang, :system_info, [:nonsense])",
        "{:badrpc, {:EXIT, {:badarg, _}}}",
    ),
    (
        ":rpc.call(g, :os, :cmd, ['id'])",
        "{:badrpc, {:EXIT, {:undef, [{:os, :cmd, [_], []}]}}}",
    ),
    (
        ":rpc.block_call(g, :erlang, :node, [])",
        ":zz_maint_beamlink@node0",
    ),
    (
        ":rpc.multicall([g], :erlang, :node, [])",
        "{[:zz_maint_beamlink@node0], []}",
    ),
    (":rpc.cast(g, :erlang, :node, [])", "true"),
    (
        ":rpc.sbcast([g], :nobody, :hello)",
        "{[], [:zz_maint_beamlink@node0]}",
    ),
    (
        ":rpc.sbcast([g], :rex, :hello)",
        "{[:zz_maint_beamlink@node0], []}",
    ),
    (
        "for {:beamlink, _, _} <- :rpc.call(g, :application, :which_applications, []), do: :found",
        "[:found]",
    ),
    (
        ":rpc.call(g, :application, :which_applications, []) |> Enum.any?(&(elem(&1, 0) in [:swarm, :ex_esdb]))",
        "false",
    ),
    (
        "catch_exit(GenServer.call({:nobody, g}, :x))",
        "{:noproc, _}",
    ),
    (
        "GenServer.multi_call([node(), g], :nobody, :x)",
        "{[], [:ex_esdb@node0, :zz_maint_beamlink@node0]}",
    ),
    ("down(Process.monitor({:nobody, g}))", ":noproc"),
    (
        "down(Process.monitor(:rpc.call(g, :erlang, :node, []) && gone))",
        ":noproc",
    ),
    ("linked(gone)", ":noproc"),
    (
        "down(elem(Node.spawn_monitor(g, :lists, :seq, [1, 2]), 1))",
        "{:undef, _}",
    ),
    (
        "down(elem(Node.spawn_monitor(g, :erlang, :node, []), 1))",
        ":normal",
    ),
    (
        "linked_spawn(Node.spawn_link(g, :erlang, :nonsense, []))",
        "{:undef, _}",
    ),
    (
        "try do Node.spawn_monitor(g, fn -> 1 end) rescue refused in ErlangError -> refused.original end",
        ":notsup",
    ),
    ("io(:put_chars, g)", "{:io_reply, :tag, :ok}"),
    ("io(:get_line, g)", "{:io_reply, :tag, {:error, :enotsup}}"),
    (
        "send({:pg, g}, {:discover, self()}) && send({:nobody, g}, :x) && GenServer.cast({:aten_sink, g}, {:hb, node()})",
        ":ok",
    ),
    (":global.sync()", ":ok"),
    (":global.trans({:lock, self()}, fn -> :done end)", ":done"),
    (":global.register_name(:someone, self())", ":yes"),
    ("Node.disconnect(g)", "true"),
];

/// Short names for what the questions need.
const HELPERS: &str = "g = :zz_maint_beamlink@node0; \
    down = fn ref -> receive do {:DOWN, ^ref, _, _, reason} -> reason after 5000 -> :hang end end; \
    Process.flag(:trap_exit, true); \
    linked_spawn = fn pid -> receive do {:EXIT, ^pid, reason} -> reason after 5000 -> :hang end end; \
    {gone, ref} = Node.spawn_monitor(g, :erlang, :node, []); down.(ref); \
    linked = fn pid -> Process.link(pid); linked_spawn.(pid) end; \
    catch_exit = fn call -> try do call.() catch :exit, reason -> reason end end; \
    io = fn what, g -> request = if what == :put_chars, do: {:put_chars, :unicode, \"x\"}, else: {:get_line, :unicode, \"\"}; \
      send({:user, g}, {:io_request, self(), :tag, request}); receive do reply -> reply after 5000 -> :hang end end; ";

fn ask(node: &mut BeamNode, question: &str, pattern: &str) {
    let question = question
        .replace("down(", "down.(")
        .replace("linked(", "linked.(");
    let question = question
        .replace("linked_spawn(", "linked_spawn.(")
        .replace("io(", "io.(");
    let question = question
        .replace("catch_exit(", "catch_exit.(fn -> ")
        .replace(":x))", ":x) end)");
    let expression = format!(
        "{HELPERS} _ = {{down, linked, catch_exit, io, gone, linked_spawn}}; value = ({question}); if match?({pattern}, value), do: :as_expected, else: value"
    );
    assert_eq!(
        node.value(&expression),
        ":as_expected",
        "{question} on {}",
        node.name()
    );
}

fn answers_on(otp: Otp) {
    on_ground(
        "it_answers_as_otp_would",
        Ground::new(&["node0"]),
        |mut ground| {
            ground.otp = otp;
            let mut node = BeamNode::start(ground.beam("ex_esdb", 0)).unwrap();
            let _beamlink =
                ready(
                    ground
                        .beamlink(0)
                        .args(&["--no-gossip", "--peer", "ex_esdb@node0"]),
                );
            lists(&mut node, &ground.guest(0), LIMIT);
            for (question, pattern) in ANSWERS {
                ask(&mut node, question, pattern);
            }
            std::thread::sleep(Duration::from_millis(200));
            logged_nothing(std::slice::from_mut(&mut node));
        },
    );
}

#[test]
fn it_answers_as_otp_would() {
    match Otp::host() {
        Ok(otp) => answers_on(otp),
        Err(missing) => interop::skip("it_answers_as_otp_would", &missing),
    }
}

#[test]
fn it_answers_later_releases_alike() {
    for suite in ["trixie", "sid"] {
        match Otp::of(suite) {
            Ok(otp) => answers_on(otp),
            Err(missing) => interop::skip("it_answers_later_releases_alike", &missing),
        }
    }
}
