//! GenServers: ours, asked by a BEAM, and a BEAM's, asked by us.

use std::time::Duration;

use beamlink::otp::gen_server::{Answer, CallError, Context, From, GenServer, Info};
use beamlink::otp::supervisor::{ChildSpec, Restart, Supervisor};
use beamlink::runtime::{Exit, Item, Process, Received, SpawnOptions};
use beamlink::term::{Atom, Term};
use serde::{Deserialize, Serialize};

use crate::ground::{Ground, LIMIT, peer, with_each};

/// A store of numbers by name, with something of everything that a server can do.
#[derive(Debug, Default, Serialize)]
struct Store {
    count: i64,
    log: Vec<String>,
    #[serde(skip)]
    waiting: Vec<From<Reply>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Get,
    Add(i64),
    Log,
    /// Answered when someone casts `release`.
    Wait,
    /// Answered by a task, later.
    Later(u64),
    Continue,
    /// Ends the server once it has answered.
    Stop(Term),
    Panic,
    Idle(u64),
    Timer(u64, Term),
    Monitor(beamlink::term::Pid),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok,
    Released,
    #[serde(untagged)]
    Number(i64),
    #[serde(untagged)]
    Log(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Add(i64),
    Release,
}

impl GenServer for Store {
    type Call = Call;
    type Reply = Reply;
    type Cast = Cast;
    type Info = Term;
    type Continue = &'static str;

    async fn init(&mut self, _: &mut Context<'_, Self>) -> Result<(), Exit> {
        self.log.push("init".to_owned());
        Ok(())
    }

    async fn handle_call(
        &mut self,
        call: Call,
        from: From<Reply>,
        context: &mut Context<'_, Self>,
    ) -> Answer<Reply> {
        match call {
            Call::Get => return Answer::Reply(Reply::Number(self.count)),
            Call::Add(number) => {
                self.count += number;
                return Answer::Reply(Reply::Number(self.count));
            }
            Call::Log => return Answer::Reply(Reply::Log(std::mem::take(&mut self.log))),
            Call::Wait => {
                self.waiting.push(from);
                return Answer::Later;
            }
            Call::Later(millis) => {
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    from.reply(&Reply::Released).await;
                });
                return Answer::Later;
            }
            Call::Continue => context.continue_with("later"),
            Call::Stop(reason) => context.stop(Exit::with(reason)),
            Call::Panic => panic!("asked to"),
            Call::Idle(millis) => context.idle_timeout(Duration::from_millis(millis)),
            Call::Timer(millis, message) => {
                context.send_after(Duration::from_millis(millis), message);
            }
            Call::Monitor(pid) => {
                context.process().monitor(Item::Pid(pid));
            }
        }
        Answer::Reply(Reply::Ok)
    }

    async fn handle_cast(&mut self, cast: Cast, _: &mut Context<'_, Self>) {
        match cast {
            Cast::Add(number) => self.count += number,
            Cast::Release => {
                for from in self.waiting.drain(..) {
                    from.reply(&Reply::Released).await;
                }
            }
        }
    }

    async fn handle_info(&mut self, info: Info<Term>, _: &mut Context<'_, Self>) {
        self.log.push(match info {
            Info::Message(message) => message.to_elixir().to_string(),
            Info::Down { reason, .. } => format!("down {}", reason.to_elixir()),
            Info::Timeout => "timeout".to_owned(),
            other => format!("{other:?}"),
        });
    }

    async fn handle_continue(&mut self, what: &'static str, _: &mut Context<'_, Self>) {
        self.log.push(what.to_owned());
    }

    fn state(&self) -> Term {
        beamlink::term::to_term(self).unwrap_or_else(|_| Term::atom("undefined"))
    }
}

fn start(ground: &Ground) {
    let started = ground
        .node()
        .start_server(Store::default())
        .name("store")
        .start();
    ground.run(started).unwrap();
}

/// `{question, pattern}`: the server is started anew when it is not there.
const QUESTIONS: &[(&str, &str)] = &[
    ("GenServer.call(store, :get)", "0"),
    ("GenServer.call(store, {:add, 40})", "40"),
    (
        "GenServer.cast(store, {:add, 2}); GenServer.call(store, :get)",
        "42",
    ),
    (
        "GenServer.call(:erpc.call(rust, :erlang, :whereis, [:store]), :get)",
        "42",
    ),
    (
        "send(store, {:plain, \"message\"}); GenServer.call(store, :log)",
        "[\"init\", \"{:plain, \\\"message\\\"}\"]",
    ),
    (
        "caught.(fn -> GenServer.call(store, :wait, 50) end)",
        "{:exit, {:timeout, {GenServer, :call, _}}}",
    ),
    // The reply to the call above comes too late, and nobody gets it.
    (
        "GenServer.cast(store, :release); Process.sleep(50); Process.info(self(), :message_queue_len)",
        "{:message_queue_len, 0}",
    ),
    (
        "task = Task.async(fn -> GenServer.call(store, :wait) end); Process.sleep(50); GenServer.cast(store, :release); Task.await(task)",
        ":released",
    ),
    ("GenServer.call(store, {:later, 20})", ":released"),
    (
        "GenServer.call(store, :continue); GenServer.call(store, :log)",
        "[\"later\"]",
    ),
    (
        "GenServer.call(store, {:idle, 10}); Process.sleep(100); GenServer.call(store, :log)",
        "[\"timeout\"]",
    ),
    (
        "GenServer.call(store, {:timer, 10, :tick}); Process.sleep(100); GenServer.call(store, :log)",
        "[\":tick\"]",
    ),
    (
        "GenServer.call(store, {:monitor, spawn(fn -> exit(:bored) end)}); Process.sleep(50); GenServer.call(store, :log)",
        "[log] when log in [\"down :bored\", \"down :noproc\"]",
    ),
    // What it does not understand.
    (
        "GenServer.call(store, {:no_such, 1})",
        "{:error, {:bad_request, text}} when is_binary(text)",
    ),
    (
        "GenServer.cast(store, :no_such); GenServer.call(store, :get)",
        "42",
    ),
    // What an operator tries.
    (":sys.get_state(store)", "%{count: 42, log: []}"),
    (
        ":sys.get_status(store)",
        "{:status, pid, {:module, :gen_server}, [_, :running, _, [], [{:header, _} | _]]} when is_pid(pid)",
    ),
    (
        ":sys.suspend(store); t = Task.async(fn -> GenServer.call(store, :get) end); nil = Task.yield(t, 100); {:status, _, _, [_, :suspended | _]} = :sys.get_status(store); :sys.resume(store); Task.await(t)",
        "42",
    ),
    (
        ":ok = :sys.statistics(store, true); for _ <- 1..5, do: GenServer.call(store, :get); {:ok, s} = :sys.statistics(store, :get); :ok = :sys.statistics(store, false); {s[:start_time], s[:messages_in], s[:messages_out], :sys.statistics(store, :get)}",
        "{{{_, _, _}, {_, _, _}}, 5, 5, {:ok, :no_statistics}}",
    ),
    (
        ":sys.trace(store, true)",
        "{:error, {:unknown_system_msg, _}}",
    ),
    (":sys.get_state({:rex, rust})", ":undefined"),
    // Its end.
    (
        "ref = Process.monitor(store); reply = GenServer.call(store, {:stop, :done}); {reply, down.(ref)}",
        "{:ok, :done}",
    ),
    ("caught.(fn -> GenServer.call(store, :get) end)", "0"),
    (
        "caught.(fn -> GenServer.call(store, :panic) end)",
        "{:exit, {{:panic, \"asked to\"}, {GenServer, :call, _}}}",
    ),
    (
        "ref = Process.monitor(store); :ok = :sys.terminate(store, :over); down.(ref)",
        ":over",
    ),
    ("GenServer.stop(store, :normal)", ":ok"),
    (
        "caught.(fn -> GenServer.call({:nobody, rust}, :get) end)",
        "{:exit, {:noproc, {GenServer, :call, _}}}",
    ),
    (
        "GenServer.multi_call([node(), rust], :store, :get, 1000)",
        "{[\"zz_maint_rust@localhost\": 0], [:app@localhost]}",
    ),
];

#[test]
fn a_server_of_ours_is_a_gen_server() {
    with_each("a_server_of_ours_is_a_gen_server", |ground| {
        for (question, pattern) in QUESTIONS {
            if ground
                .node()
                .runtime()
                .whereis(&Atom::from_static("store"))
                .is_none()
            {
                start(ground);
            }
            ground.expect_match(&format!("store = {{:store, rust}}; {question}"), pattern);
        }
    });
}

#[test]
fn servers_of_the_beam_answer_or_we_know_why_not() {
    with_each("servers_of_the_beam_answer_or_we_know_why_not", |ground| {
        let (node, peer) = (ground.node(), &peer());
        let second = Duration::from_secs(5);
        let echoed: (String, i64) = ground
            .run(node.call(("echo", peer), &("hello", 7), second))
            .unwrap();
        assert_eq!(echoed, ("hello".to_owned(), 7));
        ground
            .run(node.cast(("counter", peer), &Term::atom("inc")))
            .unwrap();
        let count: i64 = ground
            .run(node.call(("counter", peer), &Term::atom("get"), second))
            .unwrap();
        assert_eq!(count, 1);

        let call = |server: &'static str, request: Term, limit: Duration| {
            ground.run(node.call::<Term>((server, peer), &request, limit))
        };
        let absent = call("nobody", Term::atom("x"), second).unwrap_err();
        assert!(matches!(absent, CallError::NoProcess(_)), "{absent}");
        let exit = Term::tuple([Term::atom("exit"), Term::atom("ill")]);
        let ended = call("crasher", exit, second).unwrap_err();
        assert_eq!(ended, CallError::Exit(Term::atom("ill")));
        let sleep = |millis| Term::tuple([Term::atom("sleep"), Term::from(millis)]);
        let short = Duration::from_millis(20);
        let late = call("slow", sleep(100), short).unwrap_err();
        assert_eq!(late, CallError::Timeout(short));
        // The answer to the one before comes while we wait for this one.
        assert_eq!(
            call("slow", sleep(200), second).unwrap(),
            Term::atom("awake")
        );
        let elsewhere = "nobody@localhost".parse().unwrap();
        let gone = ground
            .run(node.call::<Term>(("echo", &elsewhere), &1, second))
            .unwrap_err();
        assert!(matches!(gone, CallError::NodeDown(_)), "{gone}");
        // An answer that is not what we want is no answer.
        let wrong = ground
            .run(node.call::<i64>(("echo", peer), &"text", second))
            .unwrap_err();
        assert!(matches!(wrong, CallError::Answer(_)), "{wrong}");

        let all = [peer.clone(), elsewhere, node.name().clone()];
        let echo = Atom::from_static("echo");
        let (answers, failures) = ground
            .run(node.multi_call::<i64>(&all, &echo, &5, second))
            .unwrap();
        assert_eq!(answers, [(peer.clone(), 5)]);
        let missing: Vec<_> = failures.iter().map(|(node, _)| node.as_str()).collect();
        assert_eq!(missing, ["nobody@localhost", "zz_maint_rust@localhost"]);
        // It was made to crash, and said so.
        ground.expect("Fixture.Log.clear()", ":ok");
    });
}

#[test]
fn a_call_of_our_own_server_is_the_same() {
    with_each("a_call_of_our_own_server_is_the_same", |ground| {
        start(ground);
        let (node, second) = (ground.node(), Duration::from_secs(5));
        let own = node.name().clone();
        let add = Term::tuple([Term::atom("add"), Term::from(5)]);
        assert_eq!(
            ground.run(node.call::<i64>(("store", &own), &add, second)),
            Ok(5)
        );
        let nobody = ground
            .run(node.call::<Term>(("nobody", &own), &add, second))
            .unwrap_err();
        assert!(matches!(nobody, CallError::NoProcess(_)), "{nobody}");
        let panic = ground.run(node.call::<Term>(("store", &own), &Term::atom("panic"), second));
        assert!(matches!(panic, Err(CallError::Exit(_))), "{panic:?}");
    });
}

#[test]
fn a_supervisor_starts_again_until_it_gives_up() {
    with_each("a_supervisor_starts_again_until_it_gives_up", |ground| {
        let store = ChildSpec::server(Atom::from_static("store"), named("store"), Store::default);
        let once = SpawnOptions::default();
        let idle = async |mut process: Process| {
            while let Received::Message(_) = process.receive().await {}
        };
        let idle = ChildSpec::process(Atom::from_static("idle"), once, idle);
        let supervisor = Supervisor::new()
            .name(Atom::from_static("supervisor"))
            .intensity(2, LIMIT)
            .child(store)
            .child(idle.restart(Restart::Temporary));
        let supervisor = ground
            .run(supervisor.start(ground.node().runtime()))
            .unwrap();
        ground.expect_match(
            ":supervisor.which_children({:supervisor, rust})",
            "[{:idle, i, :worker, []}, {:store, s, :worker, []}] when is_pid(i) and is_pid(s)",
        );
        ground.expect(
            ":supervisor.count_children({:supervisor, rust})",
            "[specs: 2, active: 2, supervisors: 0, workers: 2]",
        );
        let restarted = "first = :erpc.call(rust, :erlang, :whereis, [:store]); ref = Process.monitor(first); \
            Process.exit(first, :kill); :killed = down.(ref); Process.sleep(100); \
            second = :erpc.call(rust, :erlang, :whereis, [:store]); is_pid(second) and second != first";
        ground.expect(restarted, "true");
        ground.expect(restarted, "true");
        // The third is one too many.
        ground.expect(
            "ref = Process.monitor({:supervisor, rust}); Process.exit(:erpc.call(rust, :erlang, :whereis, [:store]), :kill); down.(ref)",
            ":shutdown",
        );
        assert_eq!(
            ground.run(supervisor.ended()),
            Exit::with(Term::atom("shutdown"))
        );
        ground.expect(
            ":erpc.call(rust, :erlang, :whereis, [:store])",
            ":undefined",
        );
    });
}

fn named(name: &'static str) -> beamlink::otp::gen_server::ServerOptions {
    beamlink::otp::gen_server::ServerOptions {
        name: Some(Atom::from_static(name)),
        ..Default::default()
    }
}
