//! Calls between a node of ours and a BEAM, beside BEAM and BEAM and beside `ei`, in one run, in turns, each side on a core of its own.
//! `cargo bench --bench call`
//!
//! The fixture's `:echo` answers on core 0; whoever calls does so on core 1. Each figure is the median of the medians of
//! [`ROUNDS`] rounds, with the least and the greatest of them.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use beamlink::epmd::EpmdMode;
use beamlink::otp::gen_server::{Answer, Context, From, GenServer};
use beamlink::term::Term;
use beamlink::{Cookie, Node, NodeName};
use interop::{BeamNode, BeamOptions, Epmd, Missing, Otp};
use tokio::runtime::{Builder, Runtime};

const COOKIE: &str = "calls";
const ROUNDS: usize = 7;
/// Calls of one contender in one round.
const CALLS: usize = 4_000;
const CALLERS: usize = 64;
const LIMIT: Duration = Duration::from_secs(10);

fn main() {
    if let Err(missing) = run() {
        interop::skip("the bench of calls", &missing);
    }
}

fn run() -> Result<(), Missing> {
    let otp = Otp::host()?;
    let epmd = Epmd::start(interop::tcp(), None)?;
    let beam = |name: &str| BeamNode::start(BeamOptions::new(&otp, name, COOKIE, epmd.port()));
    let (mut server, mut caller) = (beam("server@localhost")?, beam("caller@localhost")?);
    pin(server.os_pid(), 0);
    pin(caller.os_pid(), 1);
    caller.value("Node.connect(:server@localhost)");
    let ours = Ours::start(epmd.port());
    caller.value("Node.connect(:zz_maint_bench@localhost)");
    let ei = Ei::compile(epmd.port());
    let mut rows = [
        "GenServer.call",
        "erpc",
        "64 callers, calls a second",
        "GenServer.call of a server here",
    ]
    .map(|name| Row {
        name,
        ours: Vec::new(),
        beam: Vec::new(),
        ei: Vec::new(),
    });
    for _ in 0..ROUNDS {
        pin(std::process::id(), 1);
        let [call, erpc, many, served] = &mut rows;
        call.ours.push(ours.calls());
        call.beam.push(beam_calls(
            &mut caller,
            "GenServer.call({:echo, :server@localhost}, {:get, :key})",
        ));
        erpc.ours.push(ours.rpcs());
        erpc.beam.push(beam_calls(
            &mut caller,
            ":erpc.call(:server@localhost, :erlang, :node, [])",
        ));
        if let Ok(ei) = &ei {
            let figures = ei.rpcs();
            call.ei.push(figures);
            erpc.ei.push(figures);
        }
        many.ours.push(ours.many());
        many.beam.push(beam_many(&mut caller));
        // Now it is we who answer, where the BEAM does.
        pin(std::process::id(), 0);
        served.ours.push(beam_calls(
            &mut caller,
            "GenServer.call({:echo, :zz_maint_bench@localhost}, {:get, :key})",
        ));
        served.beam.push(beam_calls(
            &mut caller,
            "GenServer.call({:echo, :server@localhost}, {:get, :key})",
        ));
    }
    if let Err(missing) = &ei {
        eprintln!("SKIPPED ei_rpc: {missing}");
    }
    assert_eq!(server.value("1 + 1"), "2");
    println!(
        "| µs per call, p50 (least–greatest), p99 | beamlink | BEAM | ratio | ei_rpc | ratio |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    rows.iter().for_each(Row::print);
    Ok(())
}

/// p50 and p99 in µs; for the concurrent callers, calls a second and nothing.
type Figures = (f64, f64);

struct Row {
    name: &'static str,
    ours: Vec<Figures>,
    beam: Vec<Figures>,
    ei: Vec<Figures>,
}

impl Row {
    fn print(&self) {
        let (ours, beam) = (median(&self.ours), median(&self.beam));
        let ratio = ours / beam;
        print!(
            "| {} | {} | {} | {ratio:.2} |",
            self.name,
            shown(&self.ours),
            shown(&self.beam)
        );
        match self.ei.is_empty() {
            true => println!(" | |"),
            false => println!(" {} | {:.2} |", shown(&self.ei), ours / median(&self.ei)),
        }
    }
}

fn median(figures: &[Figures]) -> f64 {
    let mut sorted: Vec<f64> = figures.iter().map(|(p50, _)| *p50).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn shown(figures: &[Figures]) -> String {
    let all = figures.iter().map(|(p50, _)| *p50);
    let (least, greatest) = (
        all.clone().fold(f64::MAX, f64::min),
        all.fold(0.0, f64::max),
    );
    let mut tails: Vec<f64> = figures.iter().map(|(_, p99)| *p99).collect();
    tails.sort_by(f64::total_cmp);
    let digits = usize::from(greatest < 1000.0);
    let p50 = median(figures);
    match tails[tails.len() / 2] {
        0.0 => format!("{p50:.digits$} ({least:.digits$}–{greatest:.digits$})"),
        p99 => format!("{p50:.1} ({least:.1}–{greatest:.1}), {p99:.0}"),
    }
}

fn percentiles(mut micros: Vec<f64>) -> Figures {
    micros.sort_by(f64::total_cmp);
    (micros[micros.len() / 2], micros[micros.len() * 99 / 100])
}

/// All threads of a process to one core.
fn pin(pid: u32, core: u32) {
    let words = ["-a", "-p", "-c", &core.to_string(), &pid.to_string()].map(str::to_owned);
    // Without taskset the system places them as it likes, and the figures say so by their spread.
    let _ = Command::new("taskset").args(words).output();
}

struct Echo;

impl GenServer for Echo {
    type Call = Term;
    type Reply = Term;
    type Cast = Term;
    type Info = Term;
    type Continue = ();

    async fn handle_call(
        &mut self,
        request: Term,
        _: From<Term>,
        _: &mut Context<'_, Self>,
    ) -> Answer<Term> {
        Answer::Reply(request)
    }
}

struct Ours {
    tokio: Runtime,
    node: Node,
    peer: NodeName,
}

impl Ours {
    fn start(epmd: u16) -> Ours {
        let tokio = Builder::new_multi_thread().enable_all().build().unwrap();
        let peer: NodeName = "server@localhost".parse().unwrap();
        let node = tokio.block_on(async {
            let builder = Node::builder("zz_maint_bench@localhost").cookie(Cookie::new(COOKIE));
            let builder = builder.epmd(EpmdMode::External).epmd_port(epmd);
            let node = builder.start().await.unwrap();
            node.connect(&peer).await.unwrap();
            node.start_server(Echo).name("echo").start().await.unwrap();
            node
        });
        Ours { tokio, node, peer }
    }

    /// As a user would: in a task of tokio's.
    fn timed<F>(&self, call: impl Fn(Ends) -> F + Send + Sync + 'static) -> Figures
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let node = Ends(self.node.runtime().clone(), self.peer.clone());
        let task = self.tokio.spawn(async move {
            let mut micros = Vec::with_capacity(CALLS);
            for _ in 0..CALLS {
                let start = Instant::now();
                call(node.clone()).await;
                micros.push(start.elapsed().as_secs_f64() * 1e6);
            }
            micros
        });
        percentiles(self.tokio.block_on(task).unwrap())
    }

    fn calls(&self) -> Figures {
        self.timed(|node| async move { node.call().await })
    }

    fn rpcs(&self) -> Figures {
        self.timed(|node| async move { node.rpc().await })
    }

    /// Calls a second of many callers at once.
    fn many(&self) -> Figures {
        let node = Ends(self.node.runtime().clone(), self.peer.clone());
        let each = CALLS * 4 / CALLERS;
        let start = Instant::now();
        self.tokio.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..CALLERS {
                let node = node.clone();
                tasks.spawn(async move {
                    for _ in 0..each {
                        node.call().await;
                    }
                });
            }
            tasks.join_all().await;
        });
        ((each * CALLERS) as f64 / start.elapsed().as_secs_f64(), 0.0)
    }
}

/// Both ends of a call: who calls, and the node that is called.
#[derive(Clone)]
struct Ends(beamlink::runtime::Runtime, NodeName);

impl Ends {
    async fn call(&self) {
        use beamlink::otp::gen_server::call;
        let request = Term::tuple([Term::atom("get"), Term::atom("key")]);
        let answer = call(&self.0, ("echo", &self.1).into(), &request, LIMIT).await;
        assert_eq!(answer.unwrap().term().unwrap(), request);
    }

    async fn rpc(&self) {
        use beamlink::otp::erpc::{Request, call};
        use beamlink::term::Atom;
        let (module, function) = (Atom::from_static("erlang"), Atom::from_static("node"));
        let request = Request::new(&self.1, &module, &function, Vec::new());
        call(&self.0, request).await.unwrap();
    }
}

/// A BEAM's own calls, by compiled code: what is evaluated is slow.
fn beam_calls(caller: &mut BeamNode, call: &str) -> Figures {
    let code = format!(
        "defmodule Bench do def run(0, taken), do: Enum.sort(taken); \
         def run(n, taken) do start = System.monotonic_time(:nanosecond); {call}; \
         run(n - 1, [System.monotonic_time(:nanosecond) - start | taken]) end end"
    );
    caller.value(&format!(
        "Code.compiler_options(ignore_module_conflict: true); {code}; :ok"
    ));
    let answer = caller.value(&format!(
        "sorted = Bench.run({CALLS}, []); {{Enum.at(sorted, {}), Enum.at(sorted, {})}}",
        CALLS / 2,
        CALLS * 99 / 100
    ));
    let numbers: Vec<f64> = answer
        .trim_matches(['{', '}'])
        .split(", ")
        .map(|number| number.parse::<f64>().unwrap() / 1e3)
        .collect();
    (numbers[0], numbers[1])
}

fn beam_many(caller: &mut BeamNode) -> Figures {
    let each = CALLS * 4 / CALLERS;
    let code = format!(
        "defmodule Many do def one(0), do: :ok; \
         def one(n) do GenServer.call({{:echo, :server@localhost}}, {{:get, :key}}); one(n - 1) end; \
         def all do 1..{CALLERS} |> Enum.map(fn _ -> Task.async(fn -> one({each}) end) end) |> Enum.each(&Task.await(&1, :infinity)) end end"
    );
    caller.value(&format!(
        "Code.compiler_options(ignore_module_conflict: true); {code}; :ok"
    ));
    let micros: f64 = caller
        .value("elem(:timer.tc(&Many.all/0), 0)")
        .parse()
        .unwrap();
    ((each * CALLERS) as f64 / (micros / 1e6), 0.0)
}

/// The C library of Erlang's own distribution.
struct Ei {
    folder: tempfile::TempDir,
    epmd: u16,
}

const EI_PROGRAM: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <ei.h>
static int less(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return (x > y) - (x < y); }
int main(int argc, char **argv) {
    int calls = atoi(argv[1]);
    double *micros = malloc(calls * sizeof(double));
    ei_cnode node;
    ei_init();
    if (ei_connect_init(&node, "ei_bench", argv[2], 1) < 0) return 1;
    int socket = ei_connect(&node, "server@localhost");
    if (socket < 0) return 2;
    for (int i = 0; i < calls; i++) {
        struct timespec from, to;
        ei_x_buff arguments, result;
        clock_gettime(CLOCK_MONOTONIC, &from);
        ei_x_new(&arguments);
        ei_x_encode_empty_list(&arguments);
        ei_x_new(&result);
        if (ei_rpc(&node, socket, "erlang", "node", arguments.buff, arguments.index, &result) < 0) return 3;
        ei_x_free(&arguments);
        ei_x_free(&result);
        clock_gettime(CLOCK_MONOTONIC, &to);
        micros[i] = (to.tv_sec - from.tv_sec) * 1e6 + (to.tv_nsec - from.tv_nsec) / 1e3;
    }
    qsort(micros, calls, sizeof(double), less);
    printf("%f %f\n", micros[calls / 2], micros[calls * 99 / 100]);
    return 0;
}
"#;

impl Ei {
    fn compile(epmd: u16) -> Result<Ei, Missing> {
        let missing = |what: &str| Missing(format!("no ei_rpc to compare with: {what}"));
        let libraries = fs::read_dir("/usr/lib/erlang/lib").map_err(|_| missing("no erlang"))?;
        let interface = libraries
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.join("lib/libei.a").exists())
            .ok_or_else(|| missing("no erlang-dev"))?;
        let folder = tempfile::tempdir().map_err(|error| missing(&error.to_string()))?;
        let source = folder.path().join("bench.c");
        fs::write(&source, EI_PROGRAM).map_err(|error| missing(&error.to_string()))?;
        let mut compiler = Command::new("cc");
        compiler
            .arg("-O2")
            .arg(&source)
            .arg("-o")
            .arg(folder.path().join("bench"));
        compiler.arg("-I").arg(interface.join("include"));
        compiler.arg(interface.join("lib/libei.a")).arg("-lpthread");
        match compiler.status() {
            Ok(status) if status.success() => Ok(Ei { folder, epmd }),
            _ => Err(missing("cc does not compile it")),
        }
    }

    fn rpcs(&self) -> Figures {
        let mut command = Command::new("taskset");
        command
            .args(["-c", "1"])
            .arg(self.folder.path().join("bench"));
        command.args([&CALLS.to_string(), COOKIE]);
        command.env("ERL_EPMD_PORT", self.epmd.to_string());
        command.stdout(std::process::Stdio::piped());
        let child: Child = command.spawn().unwrap();
        let said = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let mut numbers = said
            .split_whitespace()
            .map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }
}
