//! Priority messages of OTP 28 and later, in both directions, judged by a BEAM of 29. Earlier ones know none: to them they are
//! messages like any other.

use crate::ground::with_each;
use crate::worker;

/// Lets the worker `w` look at its mailbox only when all that `sends` sends is in it.
const FILLED: &str = "filled = fn w, sends -> send(w, {:do, self(), {:await, :go}}); send(w, :first); sends.(); send(w, :go); \
    receive do {:done, ^w, :ok} -> :ok end; seen.(w) end; me = self(); _ = {filled, me};";

/// With a BEAM that knows priority.
const QUESTIONS: &[(&str, &str)] = &[
    // By an alias for it, with it: before all others, in the order of their own.
    (
        "w = worker.(); a = tell.(w, {:priority_alias, :explicit}); \
         filled.(w, fn -> :erlang.send(a, 1, [:priority]); send(w, :plain); :erlang.send(a, 2, [:priority]) end)",
        "[1, 2, :first, :plain]",
    ),
    // Without it, by another alias, to a pid and to a name, it is a message like any other.
    (
        "w = worker.(); a = tell.(w, {:priority_alias, :explicit}); n = tell.(w, {:alias, :explicit}); tell.(w, {:register, :chosen}); \
         filled.(w, fn -> send(a, 1); :erlang.send(n, 2, [:priority]); :erlang.send(w, 3, [:priority]); :erlang.send({:chosen, rust}, 4, [:priority]) end)",
        "[:first, 1, 2, 3, 4]",
    ),
    // One for a reply is used up by the first.
    (
        "w = worker.(); a = tell.(w, {:priority_alias, :reply}); \
         filled.(w, fn -> :erlang.send(a, 1, [:priority]); :erlang.send(a, 2, [:priority]) end)",
        "[1, :first]",
    ),
    // Exit signals by aliases of both kinds; they use no alias up.
    (
        "w = worker.(); tell.(w, {:trap, true}); a = tell.(w, {:priority_alias, :reply}); n = tell.(w, {:alias, :explicit}); \
         filled.(w, fn -> :erlang.exit(n, :late, [:priority]); :erlang.exit(a, :soon, [:priority]); :erlang.exit(a, :plain); :erlang.send(a, 1, [:priority]) end)",
        "[{:EXIT, ^me, :soon}, 1, :first, {:EXIT, ^me, :late}, {:EXIT, ^me, :plain}]",
    ),
    (
        "w = worker.(); a = tell.(w, {:priority_alias, :explicit}); ref = Process.monitor(w); :erlang.exit(a, :ended, [:priority]); down.(ref)",
        ":ended",
    ),
    (
        "w = worker.(); tell.(w, {:trap, true}); a = tell.(w, {:priority_alias, :explicit}); ref = Process.monitor(w); :erlang.exit(a, :kill, [:priority]); down.(ref)",
        ":killed",
    ),
    // With a trace token, which stands behind the other elements.
    (
        "w = worker.(); a = tell.(w, {:priority_alias, :explicit}); \
         filled.(w, fn -> :seq_trace.set_token(:label, 17); :erlang.send(a, :traced, [:priority]); :seq_trace.set_token([]) end)",
        "[:traced, :first]",
    ),
    // Ours sends to an alias of the BEAM's.
    (
        "w = worker.(); a = :erlang.alias([:priority]); send(self(), :first); tell.(w, {:send_priority, a, :soon}); {next.(), next.()}",
        "{:soon, :first}",
    ),
    (
        "w = worker.(); a = :erlang.alias([:priority]); send(self(), :first); tell.(w, {:send, a, :late}); {next.(), next.()}",
        "{:first, :late}",
    ),
    (
        "w = worker.(); Process.flag(:trap_exit, true); a = :erlang.alias([:priority]); send(self(), :first); tell.(w, {:exit_priority, a, :soon}); {next.(), next.()}",
        "{{:EXIT, ^w, :soon}, :first}",
    ),
];

/// With every BEAM: monitors and links of ours that are told first, and aliases of our own node.
const WITH_ALL: &[(&str, &str)] = &[
    (
        "w = worker.(); p = spawn(fn -> receive do :die -> exit(:ill) end end); tell.(w, {:priority_monitor, p}); q = Process.monitor(p); \
         filled.(w, fn -> send(p, :die); down.(q) end)",
        "[{:DOWN, :ill}, :first]",
    ),
    (
        "w = worker.(); tell.(w, {:trap, true}); p = spawn(fn -> receive do :die -> exit(:ill) end end); tell.(w, {:priority_link, p}); q = Process.monitor(p); \
         [{:EXIT, ^p, :ill}, :first] = filled.(w, fn -> send(p, :die); down.(q) end)",
        "_",
    ),
    (
        "w = worker.(); tell.(w, {:trap, true}); p = spawn(fn -> receive do :die -> exit(:ill) end end); tell.(w, {:priority_link, p}); tell.(w, {:link, p}); q = Process.monitor(p); \
         [:first, {:EXIT, ^p, :ill}] = filled.(w, fn -> send(p, :die); down.(q) end)",
        "_",
    ),
    // From one of ours to another.
    (
        "w = worker.(); v = worker.(); a = tell.(w, {:priority_alias, :explicit}); \
         filled.(w, fn -> tell.(v, {:send_priority, a, 1}); tell.(v, {:send, a, 2}) end)",
        "[1, :first, 2]",
    ),
    (
        "w = worker.(); v = worker.(); tell.(w, {:trap, true}); a = tell.(w, {:priority_alias, :explicit}); \
         filled.(w, fn -> tell.(v, {:exit_priority, a, :soon}) end)",
        "[{:EXIT, _, :soon}, :first]",
    ),
];

#[test]
fn priority_messages_come_first_where_both_sides_want_it() {
    with_each(
        "priority_messages_come_first_where_both_sides_want_it",
        |ground| {
            worker::export(ground.node());
            let release: u32 = ground
                .ask(":erlang.system_info(:otp_release) |> List.to_integer")
                .parse()
                .unwrap();
            let known = if release >= 28 { QUESTIONS } else { &[] };
            for (question, pattern) in WITH_ALL.iter().chain(known) {
                let asked = format!("{} {FILLED} {question}", worker::PRELUDE);
                ground.expect_match(&asked, pattern);
            }
            if release < 28 {
                let asked = "w = worker.(); a = :erlang.alias(); send(self(), :first); tell.(w, {:exit_priority, a, :lost}); \
                    tell.(w, {:send_priority, a, :plain}); {next.(), next.()}";
                ground.expect(&format!("{} {asked}", worker::PRELUDE), "{:first, :plain}");
            }
        },
    );
}
