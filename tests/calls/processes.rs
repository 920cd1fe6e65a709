//! Processes: messages, links, monitors, exits, aliases and spawns in both directions, judged by the BEAM
//! (PROTOCOL.md, C.3; the chapter "Processes" of the Erlang Reference Manual).

use beamlink::runtime::{Exit, Process, SendError};
use beamlink::term::{SerializeError, Term};

use crate::ground::{peer, with_each};
use crate::worker;

/// What the BEAM is asked, and the pattern of the answer. Each question starts with workers of its own.
const QUESTIONS: &[(&str, &str)] = &[
    // Messages to a pid, a name, a name on a node, in the order in which they were sent.
    (
        "w = worker.(); for n <- 1..1000, do: send(w, n); seen.(w) == Enum.to_list(1..1000)",
        "true",
    ),
    (
        "w = worker.(); tell.(w, {:register, :by_name}); send({:by_name, rust}, :hello); send({:nobody, rust}, :x); seen.(w)",
        "[:hello]",
    ),
    // Messages from ours, to a pid, a name on a node, a name of its own.
    (
        "w = worker.(); tell.(w, {:send, self(), {:hello, \"you\"}}); next.()",
        "{:hello, \"you\"}",
    ),
    (
        "w = worker.(); Process.register(self(), :asker); tell.(w, {:send, {:asker, node()}, :by_name}); next.()",
        ":by_name",
    ),
    (
        "w = worker.(); v = worker.(); tell.(v, {:register, :v}); tell.(w, {:send, :v, :local}); seen.(v)",
        "[:local]",
    ),
    // Aliases of ours, reached from the BEAM.
    (
        "w = worker.(); a = tell.(w, {:alias, :explicit}); send(a, 1); send(a, 2); first = seen.(w); true = tell.(w, {:unalias}); send(a, 3); {first, seen.(w)}",
        "{[1, 2], []}",
    ),
    (
        "w = worker.(); a = tell.(w, {:alias, :reply}); send(a, 1); send(a, 2); seen.(w)",
        "[1]",
    ),
    (
        "w = worker.(); p = spawn(fn -> receive do :never -> 1 end end); a = tell.(w, {:monitor, p, :demonitor}); send(a, 1); tell.(w, {:demonitor}); send(a, 2); seen.(w)",
        "[1]",
    ),
    (
        "w = worker.(); p = spawn(fn -> receive do :never -> 1 end end); a = tell.(w, {:monitor, p, :reply}); send(a, 1); send(a, 2); Process.exit(p, :kill); Process.sleep(50); seen.(w)",
        "[1]",
    ),
    (
        "w = worker.(); p = spawn(fn -> receive do :never -> 1 end end); a = tell.(w, {:monitor, p, :explicit}); Process.exit(p, :bored); Process.sleep(50); send(a, 1); seen.(w)",
        "[{:DOWN, :bored}, 1]",
    ),
    // An alias of the BEAM's, reached by ours; one that has ended takes nothing.
    (
        "w = worker.(); a = :erlang.alias(); tell.(w, {:send, a, :by_alias}); next.()",
        ":by_alias",
    ),
    (
        "w = worker.(); a = :erlang.alias([:reply]); tell.(w, {:send, a, 1}); tell.(w, {:send, a, 2}); {next.(), Process.info(self(), :message_queue_len)}",
        "{1, {:message_queue_len, 0}}",
    ),
    // Our process ends: links and monitors of the BEAM hear of it.
    (
        "w = worker.(); ref = Process.monitor(w); send(w, {:do, self(), {:stop, :bored}}); down.(ref)",
        ":bored",
    ),
    (
        "w = worker.(); Process.flag(:trap_exit, true); Process.link(w); send(w, {:do, self(), {:stop, {:shutdown, %{a: 1}}}}); next.()",
        "{:EXIT, _, {:shutdown, %{a: 1}}}",
    ),
    (
        "w = worker.(); ref = Process.monitor(w); send(w, {:do, self(), :panic}); down.(ref)",
        "{:panic, \"asked to\"}",
    ),
    (
        "w = worker.(); tell.(w, {:register, :named}); ref = Process.monitor({:named, rust}); send(w, {:do, self(), {:stop, :done}}); down.(ref)",
        ":done",
    ),
    ("down.(Process.monitor({:nobody, rust}))", ":noproc"),
    (
        "w = worker.(); ref = Process.monitor(w); Process.demonitor(ref, [:flush]); send(w, {:do, self(), {:stop, :x}}); Process.sleep(50); Process.info(self(), :message_queue_len)",
        "{:message_queue_len, 0}",
    ),
    // exit/2 to ours: trapped or not, kill, and normal, which does nothing.
    (
        "w = worker.(); ref = Process.monitor(w); Process.exit(w, :stop_it); down.(ref)",
        ":stop_it",
    ),
    (
        "w = worker.(); tell.(w, {:trap, true}); Process.exit(w, :stop_it); me = self(); [{:EXIT, ^me, :stop_it}] = seen.(w); :trapped",
        ":trapped",
    ),
    (
        "w = worker.(); tell.(w, {:trap, true}); ref = Process.monitor(w); Process.exit(w, :kill); down.(ref)",
        ":killed",
    ),
    ("w = worker.(); Process.exit(w, :normal); seen.(w)", "[]"),
    // Links that ours makes, and ends.
    (
        "w = worker.(); Process.flag(:trap_exit, true); tell.(w, {:link, self()}); {:links, links} = Process.info(self(), :links); linked = w in links; send(w, {:do, self(), {:stop, :gone}}); {linked, next.()}",
        "{true, {:EXIT, _, :gone}}",
    ),
    (
        "w = worker.(); p = spawn(fn -> receive do :die -> exit(:ill) end end); tell.(w, {:trap, true}); tell.(w, {:link, p}); send(p, :die); Process.sleep(50); [{:EXIT, ^p, :ill}] = seen.(w); :heard",
        ":heard",
    ),
    (
        "w = worker.(); p = spawn(fn -> receive do :die -> exit(:ill) end end); ref = Process.monitor(w); tell.(w, {:link, p}); send(p, :die); down.(ref)",
        ":ill",
    ),
    (
        "w = worker.(); p = spawn(fn -> receive do :die -> exit(:ill) end end); tell.(w, {:link, p}); tell.(w, {:unlink, p}); Process.sleep(20); {:links, []} = Process.info(p, :links); send(p, :die); Process.sleep(50); seen.(w)",
        "[]",
    ),
    (
        "w = worker.(); Process.flag(:trap_exit, true); Process.link(w); Process.unlink(w); tell.(w, {:link, self()}); Process.unlink(w); send(w, {:do, self(), {:stop, :x}}); Process.sleep(50); Process.info(self(), :message_queue_len)",
        "{:message_queue_len, 0}",
    ),
    (
        "w = worker.(); tell.(w, {:trap, true}); p = spawn(fn -> :ok end); Process.sleep(20); tell.(w, {:link, p}); Process.sleep(50); [{:EXIT, ^p, :noproc}] = seen.(w); :heard",
        ":heard",
    ),
    // A link to a process of an earlier life of the BEAM: an EXIT for it would end the connection (C.4).
    (
        "w = worker.(); ref = Process.monitor(w); tell.(w, {:link_stale, self()}); {down.(ref), seen.(worker.())}",
        "{:noproc, []}",
    ),
    (
        "w = worker.(); tell.(w, {:trap, true}); tell.(w, {:link_stale, self()}); [{:EXIT, _, :noproc}] = seen.(w); ref = Process.monitor(w); send(w, {:do, self(), {:stop, :x}}); {down.(ref), seen.(worker.())}",
        "{:x, []}",
    ),
    // Exits that ours sends.
    (
        "w = worker.(); {p, ref} = spawn_monitor(fn -> receive do :never -> 1 end end); tell.(w, {:exit, p, {:because, 1}}); down.(ref)",
        "{:because, 1}",
    ),
    (
        "w = worker.(); Process.flag(:trap_exit, true); tell.(w, {:exit, self(), :trapped}); next.()",
        "{:EXIT, _, :trapped}",
    ),
    // Monitors of ours on processes and names of the BEAM.
    (
        "w = worker.(); p = spawn(fn -> receive do :die -> exit(:ill) end end); tell.(w, {:monitor, p}); {:monitored_by, [^w]} = Process.info(p, :monitored_by); send(p, :die); Process.sleep(50); seen.(w)",
        "[{:DOWN, :ill}]",
    ),
    (
        "w = worker.(); tell.(w, {:monitor, {:no_such_name, node()}}); Process.sleep(50); seen.(w)",
        "[{:DOWN, :noproc}]",
    ),
    (
        "w = worker.(); tell.(w, {:monitor, {:no_such_name, :nowhere@localhost}}); Process.sleep(50); seen.(w)",
        "[{:DOWN, :noconnection}]",
    ),
    (
        "w = worker.(); p = spawn(fn -> receive do :die -> exit(:ill) end end); tell.(w, {:monitor, p}); tell.(w, {:demonitor}); {:monitored_by, []} = Process.info(p, :monitored_by); send(p, :die); Process.sleep(50); seen.(w)",
        "[]",
    ),
    // A process of ours that ends takes its monitors and links with it.
    (
        "w = worker.(); p = spawn(fn -> receive do :never -> 1 end end); tell.(w, {:monitor, p}); ref = Process.monitor(w); send(w, {:do, self(), {:stop, :x}}); down.(ref); Process.sleep(50); Process.info(p, :monitored_by)",
        "{:monitored_by, []}",
    ),
    // What is spawned here has the leader of who asked.
    (
        "w = worker.(); me = Process.group_leader(); Process.group_leader(w, me); tell.(w, {:group_leader, :get}) == me",
        "true",
    ),
    // Traced signals carry a token, in operations of their own.
    (
        "w = worker.(); tell.(w, {:register, :traced}); a = tell.(w, {:alias, :explicit}); :seq_trace.set_token(:label, 17); send(w, :to_pid); send({:traced, rust}, :to_name); send(a, :to_alias); :seq_trace.set_token([]); seen.(w)",
        "[:to_pid, :to_name, :to_alias]",
    ),
    (
        "w = worker.(); tell.(w, {:trap, true}); :seq_trace.set_token(:label, 17); Process.exit(w, :traced); :seq_trace.set_token([]); me = self(); [{:EXIT, ^me, :traced}] = seen.(w); :heard",
        ":heard",
    ),
    (
        "w = worker.(); tell.(w, {:trap, true}); p = spawn(fn -> Process.link(w); :seq_trace.set_token(:label, 17); exit(:traced) end); Process.sleep(50); [{:EXIT, ^p, :traced}] = seen.(w); :heard",
        ":heard",
    ),
    (
        ":seq_trace.set_token(:label, 17); value = :erpc.call(rust, :erlang, :node, []); :seq_trace.set_token([]); value == rust",
        "true",
    ),
    // Spawned with a link, a monitor, and both.
    (
        "Process.flag(:trap_exit, true); p = Node.spawn_link(rust, :erlang, :no_such, []); receive do {:EXIT, ^p, {:undef, _}} -> :heard after 5000 -> :hang end",
        ":heard",
    ),
    (
        "Process.flag(:trap_exit, true); {p, ref} = :erlang.spawn_opt(rust, :erlang, :no_such, [], [:link, :monitor]); receive do {:EXIT, ^p, {:undef, _}} -> down.(ref) after 5000 -> :hang end",
        "{:undef, _}",
    ),
    (
        "id = :erlang.spawn_request(rust, :erlang, :node, [], [:monitor, {:reply_tag, :told}]); {:told, ^id, :ok, p} = next.(); {is_pid(p), next.()}",
        "{true, {:DOWN, _, :process, _, :normal}}",
    ),
    // Node monitors.
    (
        "w = worker.(); tell.(w, {:monitor_node, :nowhere@localhost}); seen.(w)",
        "[{:nodedown, :nowhere@localhost, false}]",
    ),
];

#[test]
fn every_signal_means_the_same_on_both_sides() {
    with_each("every_signal_means_the_same_on_both_sides", |ground| {
        worker::export(ground.node());
        for (question, pattern) in QUESTIONS {
            ground.expect_match(&format!("{} {question}", worker::PRELUDE), pattern);
        }
    });
}

/// A BEAM before OTP 29 drops the connection at a record. Ours is not sent there, and the sender hears of it.
#[test]
fn a_record_goes_only_to_who_knows_records() {
    with_each("a_record_goes_only_to_who_knows_records", |ground| {
        let release: u32 = ground
            .ask(":erlang.system_info(:otp_release) |> List.to_integer")
            .parse()
            .unwrap();
        let record = Term::parse_erlang("#Record<430000000001770161770162>").unwrap();
        let node = ground.node();
        let sent = ground.run(node.send(("nobody", &peer()), &("carried", &record)));
        match release >= 29 {
            true => assert_eq!(sent, Ok(())),
            false => assert_eq!(
                sent,
                Err(SendError::Encode(SerializeError::Record(
                    peer().atom().clone()
                )))
            ),
        }
        // A process that ends for such a reason ends all the same for those who monitor it.
        let _tokio = ground.tokio.enter();
        let ill = node.spawn(async move |mut process: Process| {
            process.receive().await;
            Exit::with(record)
        });
        node.register("ill", ill.pid()).unwrap();
        let asked = "ref = Process.monitor({:ill, rust}); send({:ill, rust}, :go); down.(ref)";
        match release >= 29 {
            true => ground.expect_match(asked, "reason when reason != :badarg and reason != :hang"),
            false => ground.expect(asked, ":badarg"),
        }
        ground.expect("Node.list()", "[:zz_maint_rust@localhost]");
    });
}

/// The loss of the connection ends links, monitors and node monitors on both sides.
#[test]
fn both_sides_hear_of_a_lost_connection() {
    with_each("both_sides_hear_of_a_lost_connection", |ground| {
        worker::export(ground.node());
        let asked = "w = worker.(); v = worker.(); tell.(v, {:trap, true}); \
            tell.(v, {:link, spawn(fn -> receive do :never -> 1 end end)}); tell.(v, {:monitor, {:counter, node()}}); tell.(v, {:monitor_node, node()}); tell.(v, {:monitor_nodes, true}); \
            Process.flag(:trap_exit, true); Process.link(w); ref = Process.monitor(w); Node.monitor(rust, true); \
            tell.(v, {:register, :survivor}); Node.disconnect(rust); \
            seen_here = for _ <- 1..3, do: next.(); \
            Enum.sort_by(seen_here, &elem(&1, 0)) |> Enum.map(fn {:DOWN, ^ref, _, _, r} -> r; {:EXIT, ^w, r} -> r; {:nodedown, ^rust} -> :nodedown end)";
        ground.expect(
            &format!("{} {asked}", worker::PRELUDE),
            "[:noconnection, :noconnection, :nodedown]",
        );
        ground.connect();
        ground.expect_match(
            &format!("{} v = :erpc.call(rust, :erlang, :whereis, [:survivor]); seen.(v)", worker::PRELUDE),
            "[{:EXIT, _, :noconnection}, {:DOWN, :noconnection}, {:nodedown, _, false}, {:nodedown, _, false}, {:nodeup, _, false}]",
        );
    });
}
