//! rpc both ways: functions of ours that a BEAM calls, and a BEAM's that we call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use beamlink::otp::Raised;
use beamlink::otp::erpc::RpcError;
use beamlink::otp::eval::EvalError;
use beamlink::runtime::Process;
use beamlink::term::{Atom, Term};

use crate::ground::{Ground, peer, with_each};

const METRICS: &str = "Elixir.Metrics";

fn export(ground: &Ground) {
    let node = ground.node();
    node.export(METRICS, "add", |(one, other): (i64, i64)| Ok(one + other));
    node.export(METRICS, "echo", |(term,): (Term,)| Ok(term));
    node.export(METRICS, "snapshot", |()| {
        Ok(vec![("cpu", 1.5), ("memory", 2.5)])
    });
    node.export(METRICS, "throw", |(term,): (Term,)| {
        Err::<(), _>(Raised::Throw(term))
    });
    node.export(METRICS, "exit", |(term,): (Term,)| {
        Err::<(), _>(Raised::Exit(term))
    });
    node.export(METRICS, "error", |(term,): (Term,)| {
        Err::<(), _>(Raised::Error(term))
    });
    node.export(METRICS, "fail", |()| {
        let number: i64 = "no number".parse()?;
        Ok(number)
    });
    node.export(METRICS, "panic", |()| -> Result<(), Raised> {
        panic!("asked to")
    });
    node.export_async(
        METRICS,
        "sleep",
        |_: Process, (millis,): (u64,)| async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok(Term::atom("awake"))
        },
    );
    node.export_async(
        METRICS,
        "tell",
        |process: Process, (to, message): (beamlink::term::Pid, Term)| async move {
            process.send(to, message).await?;
            Ok(Term::Pid(process.pid().clone()))
        },
    );
    node.export_async(METRICS, "leader", |process: Process, ()| async move {
        Ok(process.group_leader())
    });
}

const QUESTIONS: &[(&str, &str)] = &[
    (":rpc.call(rust, Metrics, :add, [1, 2])", "3"),
    (":erpc.call(rust, Metrics, :add, [1, 2])", "3"),
    (":rpc.block_call(rust, Metrics, :add, [1, 2])", "3"),
    (
        ":rpc.yield(:rpc.async_call(rust, Metrics, :sleep, [50]))",
        ":awake",
    ),
    (
        ":rpc.nb_yield(:rpc.async_call(rust, Metrics, :sleep, [50]), 2000)",
        "{:value, :awake}",
    ),
    (
        ":erpc.receive_response(:erpc.send_request(rust, Metrics, :add, [1, 2]))",
        "3",
    ),
    (
        ":erpc.multicall([rust, node()], :erlang, :node, [])",
        "[ok: :zz_maint_rust@localhost, ok: :app@localhost]",
    ),
    (
        ":rpc.multicall([rust], Metrics, :snapshot, [])",
        "{[[{\"cpu\", 1.5}, {\"memory\", 2.5}]], []}",
    ),
    (
        ":rpc.call(rust, Metrics, :sleep, [2000], 50)",
        "{:badrpc, :timeout}",
    ),
    (
        "caught.(fn -> :erpc.call(rust, Metrics, :sleep, [2000], 50) end)",
        "{:error, {:erpc, :timeout}}",
    ),
    (
        ":ok = :erpc.cast(rust, Metrics, :tell, [self(), :cast]); next.()",
        ":cast",
    ),
    (
        ":ok = :erpc.multicast([rust], Metrics, :tell, [self(), :multicast]); next.()",
        ":multicast",
    ),
    (
        "Process.register(self(), :asker); :abcast = :rpc.abcast([rust], :rex, {self(), :features_request}); next.()",
        "{:features_reply, :zz_maint_rust@localhost, [:erpc]}",
    ),
    (
        ":rpc.cast(rust, Metrics, :tell, [self(), :old_cast]); next.()",
        ":old_cast",
    ),
    (
        ":rpc.eval_everywhere([rust], Metrics, :tell, [self(), :everywhere]); next.()",
        ":everywhere",
    ),
    (
        "Node.spawn(rust, Metrics, :tell, [self(), :spawned]); next.()",
        ":spawned",
    ),
    (
        "{_, ref} = Node.spawn_monitor(rust, Metrics, :tell, [self(), :spawned]); :spawned = next.(); down.(ref)",
        ":normal",
    ),
    (
        "pid = :erpc.call(rust, Metrics, :tell, [self(), :x]); is_pid(pid) and node(pid) == rust",
        "true",
    ),
    (
        ":erpc.call(rust, Metrics, :leader, []) == Process.group_leader()",
        "true",
    ),
    (
        ":rpc.block_call(rust, Metrics, :leader, []) == Process.group_leader()",
        "true",
    ),
    (
        "f = fn x -> x + 1 end; :erpc.call(rust, Metrics, :echo, [f]).(1)",
        "2",
    ),
    // What a function raises.
    (":rpc.call(rust, Metrics, :throw, [:ball])", ":ball"),
    (
        "caught.(fn -> :erpc.call(rust, Metrics, :throw, [:ball]) end)",
        "{:throw, :ball}",
    ),
    (
        ":rpc.call(rust, Metrics, :exit, [:ill])",
        "{:badrpc, {:EXIT, :ill}}",
    ),
    (
        "caught.(fn -> :erpc.call(rust, Metrics, :exit, [:ill]) end)",
        "{:exit, {:exception, :ill}}",
    ),
    (
        ":rpc.call(rust, Metrics, :error, [:bad])",
        "{:badrpc, {:EXIT, {:bad, [{Metrics, :error, 1, [{:file, _}, {:line, _}, {:rust, _}]}]}}}",
    ),
    (
        "caught.(fn -> :erpc.call(rust, Metrics, :error, [:bad]) end)",
        "{:error, {:exception, :bad, [{Metrics, :error, 1, _}]}}",
    ),
    (
        "{:badrpc, {:EXIT, {_, stack}}} = :rpc.call(rust, Metrics, :error, [:bad]); Exception.format_stacktrace(stack) =~ ~r{tests/calls/rpc.rs:\\d+: Metrics.error/1}",
        "true",
    ),
    (
        ":rpc.call(rust, Metrics, :fail, [])",
        "{:badrpc, {:EXIT, {{:rust_error, \"invalid digit found in string\"}, _}}}",
    ),
    (
        ":rpc.call(rust, Metrics, :panic, [])",
        "{:badrpc, {:EXIT, {{:panic, \"asked to\"}, [{Metrics, :panic, 0, _}]}}}",
    ),
    (
        ":rpc.call(rust, Metrics, :add, [1, :two])",
        "{:badrpc, {:EXIT, {:badarg, [{Metrics, :add, 2, _}]}}}",
    ),
    (
        "{_, ref} = Node.spawn_monitor(rust, Metrics, :error, [:bad]); down.(ref)",
        "{:bad, [{Metrics, :error, 1, _}]}",
    ),
    (
        "{_, ref} = Node.spawn_monitor(rust, Metrics, :throw, [:ball]); down.(ref)",
        "{{:nocatch, :ball}, _}",
    ),
    // What is not exported is not there, whatever it is.
    (
        ":rpc.call(rust, Metrics, :add, [1])",
        "{:badrpc, {:EXIT, {:undef, [{Metrics, :add, [1], []}]}}}",
    ),
    (
        ":rpc.call(rust, :os, :cmd, ['id'])",
        "{:badrpc, {:EXIT, {:undef, [{:os, :cmd, ['id'], []}]}}}",
    ),
    (
        ":rpc.call(rust, :erlang, :halt, [])",
        "{:badrpc, {:EXIT, {:undef, _}}}",
    ),
    (
        ":rpc.call(rust, Code, :eval_string, [\"1\"])",
        "{:badrpc, {:EXIT, {:undef, _}}}",
    ),
    (
        "{_, ref} = Node.spawn_monitor(rust, :os, :cmd, ['id']); down.(ref)",
        "{:undef, _}",
    ),
    (
        "caught.(fn -> :erpc.call(rust, fn -> 1 end) end)",
        "{:error, {:exception, :undef, _}}",
    ),
    (
        "caught.(fn -> Node.spawn_monitor(rust, fn -> 1 end) end)",
        "{:error, :notsup}",
    ),
    (
        "caught.(fn -> Task.Supervisor.async({Tasks, rust}, fn -> 1 end) end)",
        "{:exit, {:noproc, _}}",
    ),
    // What tools ask of every node.
    (
        ":rpc.call(rust, :erlang, :system_info, [:otp_release])",
        "'25'",
    ),
    (
        ":rpc.call(rust, :erlang, :system_info, [:process_count]) > 3",
        "true",
    ),
    (
        ":rpc.call(rust, :erlang, :memory, [])[:total] > 1_000_000",
        "true",
    ),
    (
        ":rpc.call(rust, :erlang, :memory, [:total]) > 1_000_000",
        "true",
    ),
    (
        "{total, 0} = :rpc.call(rust, :erlang, :statistics, [:wall_clock]); total > 0",
        "true",
    ),
    (
        "{{:input, i}, {:output, o}} = :rpc.call(rust, :erlang, :statistics, [:io]); i > 0 and o > 0",
        "true",
    ),
    (":rpc.call(rust, :erlang, :statistics, [:run_queue])", "0"),
    (
        ":rpc.call(rust, :erlang, :statistics, [:nonsense])",
        "{:badrpc, {:EXIT, {:badarg, _}}}",
    ),
    (
        ":rpc.call(rust, :application, :which_applications, [])",
        "[{:beamlink, 'beamlink', _}]",
    ),
    (":rpc.call(rust, :code, :which, [:lists])", ":non_existing"),
    (":rpc.call(rust, :net_kernel, :get_net_ticktime, [])", "60"),
    (
        "Enum.sort(:rpc.call(rust, :erlang, :registered, []))",
        "[:global_name_server, :net_kernel, :rex, :user]",
    ),
    (
        "rex = :rpc.call(rust, :erlang, :whereis, [:rex]); info = :rpc.call(rust, :erlang, :process_info, [rex]); {info[:registered_name], info[:message_queue_len], info[:trap_exit]}",
        "{:rex, 0, true}",
    ),
    (
        "rex = :rpc.call(rust, :erlang, :whereis, [:rex]); :rpc.call(rust, :erlang, :process_info, [rex, :registered_name])",
        "{:registered_name, :rex}",
    ),
    (
        "rex = :rpc.call(rust, :erlang, :whereis, [:rex]); :rpc.call(rust, :erlang, :process_info, [rex, [:status, :memory]])",
        "[status: :waiting, memory: _]",
    ),
    (
        ":rpc.call(rust, :erlang, :process_info, [self()])",
        "{:badrpc, {:EXIT, {:badarg, _}}}",
    ),
    (
        ":rpc.call(rust, :observer_backend, :sys_info, [])",
        "{:badrpc, {:EXIT, {:undef, _}}}",
    ),
    (
        "length(:rpc.call(rust, :erlang, :processes, [])) > 3",
        "true",
    ),
];

#[test]
fn a_beam_calls_what_was_exported_and_nothing_else() {
    with_each(
        "a_beam_calls_what_was_exported_and_nothing_else",
        |ground| {
            export(ground);
            for (question, pattern) in QUESTIONS {
                ground.expect_match(&format!("import Bitwise; {question}"), pattern);
            }
        },
    );
}

#[test]
fn a_function_that_is_taken_back_is_gone() {
    with_each("a_function_that_is_taken_back_is_gone", |ground| {
        export(ground);
        ground.expect(":rpc.call(rust, Metrics, :add, [1, 2])", "3");
        let (module, function) = (Atom::from_static(METRICS), Atom::from_static("add"));
        assert!(ground.node().functions().unexport(&module, &function, 2));
        ground.expect_match(
            ":rpc.call(rust, Metrics, :add, [1, 2])",
            "{:badrpc, {:EXIT, {:undef, _}}}",
        );
    });
}

#[test]
fn a_call_to_a_beam_ends_with_a_value_or_the_reason() {
    with_each(
        "a_call_to_a_beam_ends_with_a_value_or_the_reason",
        |ground| {
            let (node, peer) = (ground.node(), &peer());
            let call = |module, function, arguments: Vec<Term>| {
                ground.run(node.rpc(peer, module, function, arguments).into_future())
            };
            let sum: i64 = ground
                .run(
                    node.rpc(peer, "Elixir.Enum", "sum", (vec![1, 2, 3],))
                        .value(),
                )
                .unwrap();
            assert_eq!(sum, 6);
            assert_eq!(
                call("erlang", "throw", vec![Term::from(1)]),
                Err(RpcError::Throw(Term::from(1)))
            );
            assert_eq!(
                call("erlang", "exit", vec![Term::atom("ill")]),
                Err(RpcError::Exit(Term::atom("ill")))
            );
            match call("erlang", "error", vec![Term::atom("bad")]) {
                Err(RpcError::Error { reason, .. }) => assert_eq!(reason, Term::atom("bad")),
                other => panic!("{other:?}"),
            }
            match call("erlang", "binary_to_atom", vec![Term::from(1)]) {
                Err(RpcError::Error { reason, stack }) => {
                    assert_eq!(reason, Term::atom("badarg"));
                    assert!(!stack.as_list().unwrap().is_empty());
                }
                other => panic!("{other:?}"),
            }
            let absent = call("no_such_module", "f", vec![Term::from(1)]).unwrap_err();
            assert_eq!(
                absent.to_string(),
                "undef: there is no no_such_module.f/1 on the peer"
            );
            // An undefined function further down is an error of the one that called it.
            let deeper = vec![Term::atom("no_such"), Term::atom("f"), Term::nil()];
            match call("erlang", "apply", deeper) {
                Err(RpcError::Error { reason, .. }) => assert_eq!(reason, Term::atom("undef")),
                other => panic!("{other:?}"),
            }
            let slow = node
                .rpc(peer, "timer", "sleep", (2000,))
                .timeout(Duration::from_millis(50));
            let slow = ground.run(slow.into_future());
            assert_eq!(slow, Err(RpcError::Timeout(Duration::from_millis(50))));
            let elsewhere = "nobody@localhost".parse().unwrap();
            let gone = ground.run(node.rpc(&elsewhere, "erlang", "node", ()).into_future());
            assert_eq!(gone, Err(RpcError::NoConnection(elsewhere.clone())));
            let own = node.name().clone();
            let here = ground.run(node.rpc(&own, "erlang", "node", ()).into_future());
            assert_eq!(here, Ok(Term::Atom(own.atom().clone())));

            let all = [peer.clone(), elsewhere];
            let limit = Duration::from_secs(5);
            let results = ground.run(node.multicall(&all, "erlang", "node", (), limit));
            assert_eq!(results[0], Ok(Term::Atom(peer.atom().clone())));
            assert!(results[1].is_err());
            ground
                .run(node.rpc_cast(
                    peer,
                    "erlang",
                    "register",
                    (Atom::from_static("cast"), echo_pid(ground)),
                ))
                .unwrap();
            // It cannot be registered twice: the cast fails there, the BEAM logs that, and nobody here hears of it.
            let logged = "length(Fixture.Log.entries())";
            ground.beam.wait_until(logged, "1", Duration::from_secs(10));
            ground.expect("Fixture.Log.clear()", ":ok");
        },
    );
}

/// A pid that has a name already.
fn echo_pid(ground: &Ground) -> beamlink::term::Pid {
    let pid = ground
        .node()
        .rpc(&peer(), "erlang", "whereis", (Atom::from_static("echo"),));
    ground.run(pid.value()).unwrap()
}

/// Whatever the code prints comes to us in order, before the value does.
#[test]
fn what_remote_code_prints_comes_to_the_caller() {
    with_each("what_remote_code_prints_comes_to_the_caller", |ground| {
        let printed = Arc::new(Mutex::new(String::new()));
        let copy = printed.clone();
        let code = r#"IO.puts("first ü€"); :io.format("~p ~ts~n", [{:a, 1}, "é"]); IO.write([?x, [?y | "z"], 10]);
            IO.inspect(%{b: 2}); {:error, :enotsup} = IO.gets("name? ");
            [encoding: :unicode] = Keyword.take(:io.getopts(), [:encoding]); :ok = :io.setopts(binary: true);
            IO.puts(:stdio, "last"); 42"#;
        let answer = ground
            .node()
            .rpc(&peer(), "Elixir.Code", "eval_string", (code,))
            .output(move |text| copy.lock().unwrap().push_str(text));
        let (value, _binding): (i64, Term) = ground.run(answer.value()).unwrap();
        assert_eq!(value, 42);
        let printed = printed.lock().unwrap().clone();
        assert_eq!(printed, "first ü€\n{a,1} é\nxyz\n%{b: 2}\nlast\n");
    });
}

#[test]
fn a_beam_evaluates_what_we_send_it() {
    with_each("a_beam_evaluates_what_we_send_it", |ground| {
        let (node, peer) = (ground.node(), &peer());
        let elixir = |source: &str| ground.run(node.eval_elixir(peer, source).run());
        assert_eq!(elixir("1 + 1 .\n").unwrap().value, Term::from(2));
        assert_eq!(elixir("~D[2026-11-23]").unwrap().shown, "~D[2026-11-23]");
        assert_eq!(elixir("x = 1\ny = x + 1\n{x, y}").unwrap().shown, "{1, 2}");
        match elixir("1 +") {
            Err(EvalError::Rpc(RpcError::Error { reason, .. })) => {
                let reason = reason.to_elixir().to_string();
                assert!(reason.contains("TokenMissingError"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
        let erlang = |source: &str| ground.run(node.eval_erlang(peer, source).run());
        assert_eq!(erlang("X = 1, X + 1").unwrap().value, Term::from(2));
        assert_eq!(erlang("[{a, \"text\"}].").unwrap().shown, "[{a,\"text\"}]");
        let wrong = erlang("1 +").unwrap_err();
        assert!(
            wrong.to_string().starts_with("1: syntax error before: "),
            "{wrong}"
        );
        let wrong = erlang("\"open").unwrap_err();
        assert!(wrong.to_string().contains("unterminated string"), "{wrong}");
        let printed = Arc::new(Mutex::new(String::new()));
        let copy = printed.clone();
        let print = move |text: &str| copy.lock().unwrap().push_str(text);
        ground
            .run(
                node.eval_erlang(peer, "io:format(\"~w~n\", [[1, 2]]).")
                    .output(print)
                    .run(),
            )
            .unwrap();
        assert_eq!(*printed.lock().unwrap(), "[1,2]\n");
    });
}
