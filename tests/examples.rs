//! Every example does what it is there for, among real BEAMs.

use std::path::PathBuf;
use std::time::Duration;

use interop::{BeamNode, BeamOptions, Bridge, Epmd, Missing, Otp, Program};

/// Ten times and more what anything here takes.
const LIMIT: Duration = Duration::from_secs(20);
const COOKIE: &str = "examples";
const APP: &str = "app@localhost";
/// The name of each example.
const RUST: &str = "zz_maint_example@localhost";

/// A BEAM, and an example that is connected to it.
struct Ground {
    beam: BeamNode,
    example: Program,
    _epmd: Epmd,
}

impl Ground {
    fn new(example: &str, env: &[(&str, &str)], args: &[&str]) -> Result<Ground, Missing> {
        let epmd = Epmd::start(interop::tcp(), None)?;
        let beam = BeamNode::start(BeamOptions::new(&Otp::host()?, APP, COOKIE, epmd.port()))?;
        let port = epmd.port().to_string();
        let env = [&[("RELEASE_COOKIE", COOKIE), ("ERL_EPMD_PORT", &port)], env].concat();
        let example = Program::start(&built(example), None, &[&[RUST], args].concat(), &env);
        example.wait_line(LIMIT, |line| line == format!("{RUST} is up"));
        Ok(Ground {
            beam,
            example,
            _epmd: epmd,
        })
    }

    #[track_caller]
    fn ask(&mut self, expression: &str) -> String {
        self.beam.value(&format!("rust = :{RUST:?}; {expression}"))
    }

    #[track_caller]
    fn expect(&mut self, expression: &str, expected: &str) {
        assert_eq!(self.ask(expression), expected, "{expression}");
    }

    /// Waits until the value is this.
    #[track_caller]
    fn expect_soon(&mut self, expression: &str, expected: &str) {
        let expression = format!("rust = :{RUST:?}; {expression}");
        self.beam.wait_until(&expression, expected, LIMIT);
    }

    /// It leaves when it is told to, and nobody has logged a complaint.
    #[track_caller]
    fn end(mut self) {
        assert_eq!(self.beam.log(), "[]");
        let said = self.example.output();
        let status = self.example.interrupt(LIMIT);
        assert!(
            status.is_some_and(|status| status.success()),
            "{status:?} {said}"
        );
        self.beam.wait_until("Node.list()", "[]", LIMIT);
    }
}

/// `cargo test` builds the examples before it runs anything; `cargo test --test examples` does not.
fn built(example: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_beamlink"));
    let path = path.with_file_name("examples").join(example);
    assert!(
        path.exists(),
        "run cargo build --examples: there is no {}",
        path.display()
    );
    path
}

fn on_ground(name: &str, ground: Result<Ground, Missing>, test: impl FnOnce(Ground)) {
    match ground {
        Ok(ground) => test(ground),
        Err(missing) => interop::skip(name, &missing),
    }
}

#[test]
fn gen_server_is_a_store_that_elixir_uses() {
    let name = "gen_server_is_a_store_that_elixir_uses";
    on_ground(name, Ground::new("gen_server", &[], &[]), |mut ground| {
        ground.expect("Node.connect(rust)", "true");
        let call = |request: &str| format!("GenServer.call({{:store, rust}}, {request})");
        ground.expect(&call("{:fetch, :colour}"), ":error");
        ground.expect(&call("{:put, :colour, \"red\"}"), ":ok");
        ground.expect(&call("{:fetch, :colour}"), "{:ok, \"red\"}");
        // Any term is a key, and a value.
        ground.expect(&call("{:put, %{any: [1, 1.5]}, self()}"), ":ok");
        ground.expect(
            &format!(
                "{{:ok, pid}} = {}; is_pid(pid)",
                call("{:fetch, %{any: [1, 1.5]}}")
            ),
            "true",
        );
        ground.expect(
            "GenServer.cast({:store, rust}, {:delete, %{any: [1, 1.5]}})",
            ":ok",
        );
        ground.expect(&call(":size"), "1");
        // A timer ends an entry, and not the one that took its place.
        ground.expect(&call("{:put_for, :token, 1, 50}"), ":ok");
        ground.expect(&call("{:put_for, :colour, 2, 50}"), ":ok");
        ground.expect(&call("{:put, :colour, :blue}"), ":ok");
        ground.expect_soon(&call("{:fetch, :token}"), ":error");
        ground.expect("Process.sleep(50)", ":ok");
        ground.expect(&call("{:fetch, :colour}"), "{:ok, :blue}");
        ground.expect(":sys.get_state({:store, rust})", "[colour: :blue]");
        ground.expect("GenServer.cast({:store, rust}, {:delete, :colour})", ":ok");
        ground.expect(&call(":size"), "0");
        // It ends, and is there again.
        ground.expect(&call("{:put, 1, 1}"), ":ok");
        ground.expect(
            "ref = Process.monitor({:store, rust}); :sys.terminate({:store, rust}, :boom); receive do {:DOWN, ^ref, _, _, r} -> r end",
            ":boom",
        );
        ground.expect_soon(
            &format!("try do {} catch :exit, _ -> :away end", call(":size")),
            "0",
        );
        ground.end();
    });
}

#[test]
fn rpc_function_answers_as_a_module_of_elixir_would() {
    let name = "rpc_function_answers_as_a_module_of_elixir_would";
    on_ground(name, Ground::new("rpc_function", &[], &[]), |mut ground| {
        ground.expect("Node.connect(rust)", "true");
        ground.expect(
            ":erpc.call(rust, Text, :words, [\"to be or not to be\"])",
            "%{\"be\" => 2, \"not\" => 1, \"or\" => 1, \"to\" => 2}",
        );
        ground.expect(":rpc.call(rust, Text, :ratio, [\"42\", \"7\"])", "6");
        ground.expect(
            "try do :erpc.call(rust, Text, :ratio, [\"1\", \"0\"]) rescue error -> error.__struct__ end",
            "ErlangError",
        );
        ground.expect(
            "try do :erpc.call(rust, Text, :ratio, [\"1\", \"zero\"]) rescue error -> elem(error.original, 1) end",
            "{:rust_error, \"invalid digit found in string\"}",
        );
        ground.expect(
            "\"127.0.0.1\" in :erpc.call(rust, Text, :resolve, [\"localhost\", 80])",
            "true",
        );
        ground.expect(
            "match?({:badrpc, {:EXIT, {:undef, _}}}, :rpc.call(rust, File, :cwd, []))",
            "true",
        );
        ground.end();
    });
}

#[test]
fn metrics_hears_how_processes_of_elixir_end() {
    let name = "metrics_hears_how_processes_of_elixir_end";
    on_ground(name, Ground::new("metrics", &[], &[]), |mut ground| {
        ground.expect("Node.connect(rust)", "true");
        ground.expect(
            "for reason <- [:normal, :normal, {:shutdown, :tired}] do \
               pid = spawn(fn -> receive do :end -> exit(reason) end end); \
               GenServer.cast({:metrics, rust}, {:watch, \"worker\", pid}); \
               _ = GenServer.call({:metrics, rust}, :snapshot); send(pid, :end) end; \
             GenServer.cast({:metrics, rust}, {:watch, \"worker\", Process.whereis(:counter)}); \
             GenServer.cast({:metrics, rust}, {:watch, \"gone\", spawn(fn -> :ok end) |> tap(fn pid -> ref = Process.monitor(pid); receive do {:DOWN, ^ref, _, _, _} -> :ok end end)})",
            ":ok",
        );
        let expected = "%{\"gone\" => %{alive: 0, ended: %{\"noproc\" => 1}}, \
            \"worker\" => %{alive: 1, ended: %{\"normal\" => 2, \"shutdown\" => 1}}}";
        ground.expect_soon("GenServer.call({:metrics, rust}, :snapshot)", expected);
        ground.expect(":rpc.call(rust, Metrics, :snapshot, [])", expected);
        // The loss of the node is the end of its processes, as it is for an Elixir monitor.
        ground.expect("Node.disconnect(rust)", "true");
        ground.expect_soon("Node.ping(rust)", ":pong");
        ground.expect_soon(
            "GenServer.call({:metrics, rust}, :snapshot)[\"worker\"][:ended][\"noconnection\"]",
            "1",
        );
        ground.end();
    });
}

#[test]
fn probe_shows_the_nodes_as_they_come_and_go() {
    let name = "probe_shows_the_nodes_as_they_come_and_go";
    let ground = Ground::new("probe", &[("PROBE_SECONDS", "1")], &[APP]);
    on_ground(name, ground, |mut ground| {
        ground.expect_soon("Node.ping(rust)", ":pong");
        let probe = &ground.example;
        probe.wait_line(LIMIT, |line| line == "nodeup app@localhost");
        probe.wait_line(LIMIT, |line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words == ["node", "run", "queue", "memory", "uptime"]
        });
        let row = probe.wait_line(LIMIT, |line| line.starts_with(APP) && line.contains("MiB"));
        let [_, queue, memory, "MiB", uptime, "s"] = row.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("{row}");
        };
        assert!(queue.parse::<u64>().is_ok(), "{row}");
        // No BEAM has less than 10 MiB.
        assert!((10..1000).contains(&memory.parse().unwrap()), "{row}");
        assert!(uptime.parse::<u64>().unwrap() < 60, "{row}");
        assert_eq!(ground.beam.log(), "[]");
        ground.beam.stop();
        ground
            .example
            .wait_line(LIMIT, |line| line.starts_with("nodedown app@localhost"));
    });
}

/// On a host of its own: its gossip is heard by whoever is on the same network.
#[test]
fn join_is_found_by_gossip() {
    let joined = Bridge::new(&["node0"]).and_then(|(_bridge, hosts)| {
        let host = &hosts[0];
        let epmd = Epmd::start(4369, Some(host))?;
        let options = BeamOptions::new(&Otp::host()?, "app@node0", COOKIE, epmd.port());
        let mut beam = BeamNode::start(options.on(host).env("FIXTURE_GOSSIP", "on"))?;
        let env = [("RELEASE_COOKIE", COOKIE)];
        let join = Program::start(
            &built("join"),
            Some(host),
            &["zz_maint_example@node0"],
            &env,
        );
        beam.wait_until("Node.list()", "[:zz_maint_example@node0]", LIMIT);
        join.wait_line(LIMIT, |line| {
            line.starts_with("nodeup app@node0; connected: [")
        });
        assert_eq!(beam.log(), "[]");
        Ok(())
    });
    if let Err(missing) = joined {
        interop::skip("join_is_found_by_gossip", &missing);
    }
}
