//! Processes that ours spawns on a BEAM, with a link, a monitor, and both (`erlang:spawn_opt/5`).

use std::time::Duration;

use beamlink::runtime::{Process, SpawnOpt};
use beamlink::term::{Atom, Term};

use crate::ground::{peer, with_each};
use crate::worker;

/// `spawn.(worker, function, arguments, options)` lets a worker spawn a function of Erlang's here, `run.(worker, fun, options)` a fun.
const SPAWN: &str = "spawn = fn w, f, args, options -> tell.(w, {:spawn, node(), :erlang, f, args, options}) end; \
    run = fn w, fun, options -> spawn.(w, :apply, [fun, []], options) end; \
    await = fn w, wanted -> send(w, {:do, self(), {:await, wanted}}); receive do {:done, ^w, :ok} -> :ok after 10000 -> :hang end end; \
    ended = fn p -> ref = Process.monitor(p); down.(ref) end; _ = {spawn, run, await, ended};";

const QUESTIONS: &[(&str, &str)] = &[
    // Nothing asked for: it runs, and nobody hears of its end.
    (
        "w = worker.(); me = self(); {p, nil} = run.(w, fn -> send(me, {:ran, self()}) end, []); {:ran, ^p} = next.(); ended.(p); seen.(w)",
        "[]",
    ),
    // A monitor: the reason comes, whether it ends at once or later, and for functions that are not there.
    (
        "w = worker.(); {p, ref} = spawn.(w, :exit, [:at_once], [:monitor]); true = is_reference(ref); ended.(p); tell.(w, {:link, self()}); seen.(w)",
        "[{:DOWN, :at_once}]",
    ),
    (
        "w = worker.(); {p, _} = run.(w, fn -> receive do :die -> exit({:ill, 1}) end end, [:monitor]); {:monitored_by, [^w]} = Process.info(p, :monitored_by); send(p, :die); ended.(p); seen.(w)",
        "[{:DOWN, {:ill, 1}}]",
    ),
    (
        "w = worker.(); {p, _} = run.(w, fn -> receive do :die -> exit(:ill) end end, [:monitor]); tell.(w, {:demonitor}); {:monitored_by, []} = Process.info(p, :monitored_by); send(p, :die); ended.(p); seen.(w)",
        "[]",
    ),
    (
        "w = worker.(); {p, a} = run.(w, fn -> receive do :die -> 1 end end, [:monitor, :alias]); send(a, :by_alias); send(p, :die); ended.(p); send(a, :late); seen.(w)",
        "[:by_alias, {:DOWN, :normal}]",
    ),
    // A link breaks from their side: trapped, and not.
    (
        "w = worker.(); tell.(w, {:trap, true}); {p, nil} = run.(w, fn -> receive do :die -> exit(:ill) end end, [:link]); {:links, [^w]} = Process.info(p, :links); send(p, :die); ended.(p); [{:EXIT, ^p, :ill}] = seen.(w); :heard",
        ":heard",
    ),
    (
        "w = worker.(); {p, nil} = run.(w, fn -> receive do :die -> exit(:ill) end end, [:link]); ref = Process.monitor(w); send(p, :die); down.(ref)",
        ":ill",
    ),
    (
        "w = worker.(); {p, nil} = run.(w, fn -> receive do :die -> :ok end end, [:link]); send(p, :die); ended.(p); seen.(w)",
        "[]",
    ),
    // From ours.
    (
        "w = worker.(); {p, nil} = run.(w, fn -> receive do :die -> :ok end end, [:link]); ref = Process.monitor(p); send(w, {:do, self(), {:stop, :gone}}); down.(ref)",
        ":gone",
    ),
    (
        "w = worker.(); {p, nil} = run.(w, fn -> receive do :die -> :ok end end, [:link]); tell.(w, {:unlink, p}); ref = Process.monitor(w); send(w, {:do, self(), {:stop, :gone}}); down.(ref); {Process.alive?(p), Process.info(p, :links)}",
        "{true, {:links, []}}",
    ),
    // Both.
    (
        "w = worker.(); tell.(w, {:trap, true}); {p, _} = spawn.(w, :exit, [:both], [:link, :monitor]); ended.(p); Enum.sort(for {k, _, r} <- seen.(w) |> Enum.map(fn {k, r} -> {k, nil, r}; e -> e end), do: {k, r})",
        "[DOWN: :both, EXIT: :both]",
    ),
    // On our own node, and on one that is not there.
    (
        "w = worker.(); tell.(w, {:trap, true}); {p, _} = tell.(w, {:spawn, rust, :erlang, :no_such, [], [:link, :monitor]}); ended.(p); length(seen.(w))",
        "2",
    ),
    (
        "w = worker.(); tell.(w, {:spawn, :nowhere@localhost, :erlang, :node, [], [:monitor]})",
        ":noconnection",
    ),
    (
        "w = worker.(); tell.(w, {:spawn, rust, :erlang, :apply, [1, []], [:link]})",
        ":notsup",
    ),
];

#[test]
fn links_and_monitors_stand_from_the_first_moment() {
    with_each("links_and_monitors_stand_from_the_first_moment", |ground| {
        worker::export(ground.node());
        for (question, pattern) in QUESTIONS {
            let asked = format!("{} {SPAWN} {question}", worker::PRELUDE);
            ground.expect_match(&asked, pattern);
        }
    });
}

/// The connection ends: link and monitor say `noconnection` here, and the spawned process ends there.
#[test]
fn a_lost_connection_ends_both() {
    with_each("a_lost_connection_ends_both", |ground| {
        worker::export(ground.node());
        let asked = "w = worker.(); tell.(w, {:trap, true}); tell.(w, {:register, :survivor}); \
            {p, _} = run.(w, fn -> receive do :die -> :ok end end, [:link, :monitor]); ref = Process.monitor(p); Node.disconnect(rust); down.(ref)";
        let asked = format!("{} {SPAWN} {asked}", worker::PRELUDE);
        ground.expect(&asked, ":noconnection");
        ground.connect();
        let asked = "v = :erlang.apply(fn -> :erpc.call(rust, :erlang, :whereis, [:survivor]) end, []); seen.(v) |> Enum.map(fn {:DOWN, r} -> r; {:EXIT, _, r} -> r end)";
        let asked = format!("{} {asked}", worker::PRELUDE);
        ground.expect(&asked, "[:noconnection, :noconnection]");
    });
}

/// Who gives up before the answer leaves nothing behind: what is linked ends for the reason `abandoned`.
#[test]
fn an_abandoned_spawn_ends() {
    with_each("an_abandoned_spawn_ends", |ground| {
        let node = ground.node().runtime().clone();
        let abandoned = async move |process: Process| {
            let sleep = (&Atom::from_static("timer"), &Atom::from_static("sleep"));
            let options = SpawnOpt {
                link: true,
                monitor: true,
                ..SpawnOpt::default()
            };
            let peer = peer();
            let sent = || process.runtime().traffic().1;
            let mut before = sent();
            // An answer that is there at once, as happens now and then, leaves nothing to give up.
            for turn in 0.. {
                assert!(turn < 100, "it is always there at once");
                let spawning = process.spawn_opt(&peer, sleep, vec![Term::from(77_777)], options);
                // It is sent, and no more.
                let spawned = tokio::select! {
                    biased;
                    spawned = spawning => spawned.unwrap(),
                    () = std::future::ready(()) => break,
                };
                process.demonitor(&spawned.monitor.unwrap());
                process.unlink(&spawned.pid);
                process.exit(&spawned.pid, Term::atom("kill"));
                before = sent();
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            // More than some ticks: it was asked for.
            assert!(sent() > before + 60, "{} B", sent() - before);
            process.waiting()
        };
        let (told, waiting) = tokio::sync::oneshot::channel();
        {
            let _tokio = ground.tokio.enter();
            node.spawn(
                beamlink::runtime::SpawnOptions::default(),
                |process| async move {
                    let _ = told.send(abandoned(process).await);
                },
            );
        }
        assert_eq!(ground.run(waiting), Ok(0));
        let sleeping = "Enum.count(Process.list(), &(Process.info(&1, :current_function) == {:current_function, {:timer, :sleep, 1}}))";
        ground.beam.wait_until(sleeping, "0", crate::ground::LIMIT);
    });
}
