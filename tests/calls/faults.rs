//! The far node is killed, cut off and slow in the middle of 1,000 open calls: every call ends as it should, in time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use beamlink::otp::erpc::{self, Request, RpcError};
use beamlink::otp::gen_server::{self, Answer, CallError, Context, From, GenServer};
use beamlink::runtime::Item;
use beamlink::term::{Atom, Term};
use beamlink::{Cookie, Node, NodeName};
use interop::{BeamNode, BeamOptions, Bridge, Impairment, Missing, Namespace, Otp};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::ground::{LIMIT, beside_others};

const OWN: &str = "zz_maint_rust@172.20.0.2";
const PEER: &str = "app@172.20.0.3";
const COOKIE: &str = "faults";
const EPMD_PORT: u16 = 14_900;
const NET_TICKTIME: u32 = 4;
/// Bytes that are much for a slow wire.
const LARGE: usize = 6 * 1024 * 1024;
/// Of both kinds each, GenServer and rpc.
const CALLS: usize = 500;
/// The limit of calls that are never to end by it.
const NEVER: Duration = Duration::from_secs(600);
/// Ten times what it takes until a silent peer is taken for dead.
const DEAD: Duration = Duration::from_secs(50);

/// A node of ours on one host and a BEAM on another.
struct Hosts<'a> {
    node: Option<Node>,
    tokio: Runtime,
    beam: Option<BeamNode>,
    far: &'a Namespace,
    /// How many calls of the BEAM have come.
    called: Arc<AtomicUsize>,
}

impl Hosts<'_> {
    /// To be made by a thread on the near host: what the runtime of tokio opens is there, too.
    fn new<'a>(otp: &Otp, far: &'a Namespace) -> Result<Hosts<'a>, Missing> {
        let options = BeamOptions::new(otp, PEER, COOKIE, EPMD_PORT);
        let beam = BeamNode::start(options.on(far).net_ticktime(NET_TICKTIME))?;
        let tokio = Runtime::new().unwrap();
        let builder = Node::builder(OWN)
            .cookie(Cookie::new(COOKIE))
            .epmd_port(EPMD_PORT)
            .net_ticktime(Duration::from_secs(NET_TICKTIME.into()));
        let node = tokio.block_on(builder.start()).unwrap();
        let called = Arc::new(AtomicUsize::new(0));
        let server = Tardy(called.clone());
        tokio
            .block_on(node.start_server(server).name("tardy").start())
            .unwrap();
        let mut hosts = Hosts {
            node: Some(node),
            tokio,
            beam: Some(beam),
            far,
            called,
        };
        hosts.connect();
        Ok(hosts)
    }

    fn node(&self) -> &Node {
        self.node.as_ref().expect("it is there until the end")
    }

    fn beam(&mut self) -> &mut BeamNode {
        self.beam.as_mut().expect("it was not killed")
    }

    #[track_caller]
    fn run<T>(&self, limit: Duration, future: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(limit, future).await };
        self.tokio.block_on(limited).expect("it ends in time")
    }

    fn connect(&mut self) {
        self.run(LIMIT, self.node().connect(&peer())).unwrap();
        let listed = format!("[:\"{OWN}\"]");
        self.beam().wait_until("Node.list()", &listed, LIMIT);
    }

    /// Opens [`CALLS`] calls of the server `later` and waits until they are there.
    fn call_and_wait(&mut self, ends: &mut Ends, request: &Term) {
        let before: usize = self.waiting();
        self.call(ends, request, NEVER);
        let all = (before + CALLS).to_string();
        self.beam()
            .wait_until("GenServer.call(:later, :waiting)", &all, LIMIT);
    }

    /// Opens [`CALLS`] calls of the server `later`.
    fn call(&self, ends: &mut Ends, request: &Term, limit: Duration) {
        let runtime = self.node().runtime().clone();
        for _ in 0..CALLS {
            let (runtime, request) = (runtime.clone(), request.clone());
            let later = Item::from(("later", &peer()));
            let call = async move {
                let called = gen_server::call(&runtime, later, &request, limit).await;
                match called
                    .and_then(|body| body.term().map_err(|error| CallError::Answer(error.into())))
                {
                    Ok(answer) => format!("answer {}", answer.to_elixir()),
                    Err(CallError::NodeDown(node)) => format!("nodedown {}", node.as_str()),
                    Err(CallError::Timeout(_)) => "timeout".to_owned(),
                    Err(other) => format!("{other:?}"),
                }
            };
            ends.0.spawn_on(call, self.tokio.handle());
        }
    }

    fn waiting(&mut self) -> usize {
        let waiting = self.beam().value("GenServer.call(:later, :waiting)");
        waiting.parse().unwrap()
    }

    /// Lets the peer run [`CALLS`] functions that sleep for so many milliseconds, or for ever.
    fn rpc(&mut self, ends: &mut Ends, sleep: Term) {
        let [timer, function] = ["timer", "sleep"].map(Atom::from_static);
        for _ in 0..CALLS {
            let runtime = self.node().runtime().clone();
            let request = Request::new(&peer(), &timer, &function, vec![sleep.clone()]);
            let call = async move {
                match erpc::call(&runtime, request.timeout(NEVER)).await {
                    Ok(answer) => format!("rpc answer {}", answer.to_elixir()),
                    Err(RpcError::NoConnection(peer)) => format!("rpc noconnection {peer}"),
                    Err(other) => format!("rpc {other:?}"),
                }
            };
            ends.0.spawn_on(call, self.tokio.handle());
        }
        let sleeping = "Enum.count(Process.list(), &(Process.info(&1, :current_function) == {:current_function, {:timer, :sleep, 1}}))";
        self.beam().wait_until(sleeping, &CALLS.to_string(), LIMIT);
    }

    /// Lets the BEAM call us [`CALLS`] times, and waits until the calls are here.
    fn be_called(&mut self, request: &str) {
        let before = self.called.load(Ordering::Relaxed);
        let begin =
            format!("Fixture.Waiting.begin({{:tardy, :\"{OWN}\"}}, {request}, {CALLS}, :infinity)");
        assert_eq!(self.beam().value(&begin), ":ok");
        let called = self.called.clone();
        self.run(LIMIT, async {
            while called.load(Ordering::Relaxed) < before + CALLS {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }

    /// All calls have ended, and so.
    #[track_caller]
    fn ended(&self, ends: &mut Ends, limit: Duration, expected: &[&str]) {
        let mut counted = BTreeMap::new();
        self.run(limit, async {
            while let Some(end) = ends.0.join_next().await {
                *counted.entry(end.unwrap()).or_insert(0) += 1;
            }
        });
        let expected = expected.iter().map(|end| ((*end).to_owned(), CALLS));
        assert_eq!(counted, expected.collect());
    }
}

impl Drop for Hosts<'_> {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            self.tokio.block_on(node.stop());
        }
    }
}

/// Calls of ours that are open, and then how they ended.
#[derive(Default)]
struct Ends(JoinSet<String>);

/// Answers `{:after, ms, n}` after so long, and others never.
struct Tardy(Arc<AtomicUsize>);

impl GenServer for Tardy {
    type Call = Term;
    type Reply = Term;
    type Cast = Term;
    type Info = Term;
    type Continue = ();

    async fn handle_call(
        &mut self,
        request: Term,
        from: From<Term>,
        _: &mut Context<'_, Self>,
    ) -> Answer<Term> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if let Some([_, Term::Int(delay), answer]) = request.as_tuple() {
            let (delay, answer) = (Duration::from_millis(*delay as u64), answer.clone());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                from.reply(&answer).await;
            });
        }
        Answer::Later
    }
}

/// What `later` answers with `answer` after so many milliseconds.
fn after(delay: i64, answer: i64) -> Term {
    Term::tuple([Term::atom("after"), Term::from(delay), Term::from(answer)])
}

fn peer() -> NodeName {
    PEER.parse().unwrap()
}

/// Runs `test` with each OTP that is here, in a thread on the near host.
fn with_hosts(name: &str, test: impl Fn(&mut Hosts<'_>) + Sync) {
    let _shared = beside_others();
    let run = |otp: Otp| {
        let (_bridge, hosts) = Bridge::new(&["near", "far"])?;
        let [near, far] = &hosts[..] else {
            unreachable!("two were asked for");
        };
        near.inside(|| Hosts::new(&otp, far).map(|mut hosts| test(&mut hosts)))?
    };
    for otp in [Otp::host(), Otp::of("trixie"), Otp::of("sid")] {
        if let Err(missing) = otp.and_then(run) {
            interop::skip(name, &missing);
        }
    }
}

#[test]
fn calls_of_a_node_that_is_killed_end_at_once() {
    with_hosts("calls_of_a_node_that_is_killed", |hosts| {
        let mut ends = Ends::default();
        hosts.call_and_wait(&mut ends, &Term::atom("never"));
        hosts.rpc(&mut ends, Term::atom("infinity"));
        let begin = Instant::now();
        hosts.beam.take().unwrap().kill9();
        let expected = [
            format!("nodedown {PEER}"),
            format!("rpc noconnection {PEER}"),
        ];
        hosts.ended(&mut ends, LIMIT, &expected.each_ref().map(String::as_str));
        eprintln!(
            "all calls of a killed node ended after {:?}",
            begin.elapsed()
        );
    });
}

#[test]
fn calls_across_a_cut_end_when_they_should_on_both_sides() {
    with_hosts("calls_across_a_cut", |hosts| {
        let mut ends = Ends::default();
        hosts.call_and_wait(&mut ends, &Term::atom("never"));
        hosts.rpc(&mut ends, Term::atom("infinity"));
        hosts.be_called(":never");
        let begin = Instant::now();
        hosts.far.link_down().unwrap();
        // These have no hope, and end by their own limit before the peer is given up.
        let limit = Duration::from_millis(500);
        let mut short = Ends::default();
        hosts.call(&mut short, &Term::atom("never"), limit);
        hosts.ended(&mut short, limit * 10, &["timeout"]);
        let expected = [
            format!("nodedown {PEER}"),
            format!("rpc noconnection {PEER}"),
        ];
        hosts.ended(&mut ends, DEAD, &expected.each_ref().map(String::as_str));
        eprintln!("all calls across a cut ended after {:?}", begin.elapsed());
        let down = format!("%{{{{:nodedown, :\"{OWN}\"}} => {CALLS}}}");
        hosts
            .beam()
            .wait_until("Fixture.Waiting.ends()", &down, DEAD);
        hosts.far.link_up().unwrap();
        hosts.connect();
        hosts.call(&mut ends, &after(1, 7), NEVER);
        hosts.ended(&mut ends, LIMIT, &["answer 7"]);
    });
}

#[test]
fn calls_over_a_wire_that_becomes_slow_are_answered() {
    with_hosts("calls_over_a_slow_wire", |hosts| {
        let wire = hosts.far.impair(3).unwrap();
        let mut ends = Ends::default();
        hosts.call_and_wait(&mut ends, &after(2000, 7));
        hosts.rpc(&mut ends, Term::from(2000));
        hosts.be_called("{:after, 2000, 8}");
        wire.set(Impairment {
            delay: Duration::from_millis(50),
            loss: 0.01,
            ..Impairment::default()
        });
        let begin = Instant::now();
        hosts.ended(&mut ends, LIMIT, &["answer 7", "rpc answer :ok"]);
        let answered = format!("%{{{{:answer, 8}} => {CALLS}}}");
        hosts
            .beam()
            .wait_until("Fixture.Waiting.ends()", &answered, LIMIT);
        eprintln!(
            "all calls over a slow wire ended after {:?}",
            begin.elapsed()
        );
        // Less than the way there and back.
        hosts.call(&mut ends, &after(0, 9), Duration::from_millis(60));
        hosts.ended(&mut ends, LIMIT, &["timeout"]);
        // There and back it takes longer than a silent peer would be believed in.
        let begin = Instant::now();
        let large = Term::Binary(vec![7; LARGE].into());
        let echo = Item::from(("echo", &peer()));
        let echoed = gen_server::call(hosts.node().runtime(), echo, &large, NEVER);
        let echoed = hosts.run(2 * DEAD, echoed).unwrap();
        assert!(echoed.term().unwrap() == large);
        eprintln!("{LARGE} bytes there and back in {:?}", begin.elapsed());
        let lost = "for {_, :nodedown, node, why} <- Fixture.Nodes.events(), do: {node, why}";
        assert_eq!(hosts.beam().value(lost), "[]");
    });
}
