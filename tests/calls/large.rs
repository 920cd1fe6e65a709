//! Large messages both ways while 1,000 small calls a second go on: these are hardly felt, ticks are not missed, and the
//! memory comes back.

use std::alloc::System;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use beamlink::otp::gen_server;
use beamlink::runtime::{Destination, Item, Process, Received, Runtime};
use beamlink::term::{Term, Typed};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::ground::{COOKIE, Ground, LIMIT, alone_with_each, peer};

/// Counts what is allocated: what the system shows may be kept by the allocator for next time.
#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: usize = 1024 * 1024;
/// Sizes, and how many of each: enough small calls go on meanwhile.
const MESSAGES: [(usize, usize); 3] = [(MIB, 200), (16 * MIB, 16), (256 * MIB, 2)];
/// The p99 of the small calls may grow this much.
const FACTOR: u32 = 20;
/// And so much beyond what two BEAMs have between them: this build is not optimised.
const OF_BEAMS: u32 = 3;
/// Others use this machine, too; what they add is not there three times in a row.
const ATTEMPTS: usize = 3;
/// Less than the smallest of the messages here; a BEAM's own needs go up and down more than that.
const KEPT: [usize; 2] = [MIB / 2, 8 * MIB];
/// From one small call to the next.
const PACE: Duration = Duration::from_millis(1);
const IDLE: Duration = Duration::from_millis(600);

#[test]
fn large_messages_hardly_slow_small_calls() {
    alone_with_each("large_messages", |ground| {
        let among_beams = MESSAGES.map(|(size, times)| between_beams(ground, size, times));
        let kept = keep(ground);
        let before = memory(ground);
        for ((size, times), among_beams) in MESSAGES.into_iter().zip(among_beams) {
            let mib = size / MIB;
            let binary = Term::Binary(made(size).into());
            hardly_felt(ground, &format!("{mib} MiB out"), among_beams, |ground| {
                send(ground, &binary, times);
            });
            let all = format!("{{kept, true}} when kept >= {times}");
            ground.expect_match("Fixture.Keeper.check()", &all);
            ground.expect(&format!("Fixture.Keeper.make({size})"), ":ok");
            hardly_felt(ground, &format!("{mib} MiB in"), among_beams, |ground| {
                let send = format!("Fixture.Keeper.send_to({{:keeper, rust}}, {times})");
                ground.expect(&send, ":ok");
            });
            let kept = std::mem::take(&mut *kept.lock().unwrap());
            assert!(kept.len() >= times && kept.iter().all(|kept| *kept == made(size)));
        }
        // A BEAM frees what is no longer used in its own time.
        let begin = Instant::now();
        let after = loop {
            ground.expect("Fixture.Keeper.check()", "{0, true}");
            let after = memory(ground);
            let is_back = [0, 1].map(|at| after[at] < before[at] + KEPT[at]);
            if is_back == [true; 2] {
                break after;
            }
            assert!(begin.elapsed() < LIMIT, "{before:?} {after:?}");
        };
        eprintln!("ours and the BEAM's memory before {before:?} and after {after:?}");
        let lost = "for {_, :nodedown, ^rust, why} <- Fixture.Nodes.events(), do: why";
        ground.expect(lost, "[]");
    });
}

/// Small calls go on while `work` runs. Their p99 stays below [`FACTOR`] times what it is while nothing else goes on, or
/// below [`OF_BEAMS`] times what two BEAMs have between them: when a message is complete a BEAM copies it in one go,
/// and all others there wait for that, which nobody who talks to it can help.
fn hardly_felt(ground: &mut Ground, what: &str, among_beams: Duration, work: impl Fn(&mut Ground)) {
    for attempt in 1..=ATTEMPTS {
        let calls = SmallCalls::start(ground);
        thread::sleep(IDLE);
        let idle = p99(calls.stop());
        let calls = SmallCalls::start(ground);
        let begin = Instant::now();
        work(ground);
        let took = begin.elapsed();
        let busy = p99(calls.stop());
        eprintln!(
            "{what} in {took:.1?}: p99 {busy:.1?}, idle {idle:.1?}, between BEAMs {among_beams:.1?}"
        );
        if busy < (among_beams * OF_BEAMS).max(idle * FACTOR) {
            return;
        }
        assert!(attempt < ATTEMPTS, "{what}: {busy:?}, idle {idle:?}");
    }
}

/// The p99 of small calls from one BEAM to another while the same messages go the way of the calls, or the other way:
/// the greater of both.
fn between_beams(ground: &mut Ground, size: usize, times: usize) -> Duration {
    let mut other = ground.another("other@localhost", COOKIE);
    let make = format!("Fixture.Keeper.make({size})");
    assert_eq!(other.value(&make), ":ok");
    ground.expect(&make, ":ok");
    let out = format!("Fixture.Keeper.send_to({{:keeper, other}}, {times})");
    let arguments = format!("[{{:keeper, node()}}, {times}]");
    let back = format!(":erpc.call(other, Fixture.Keeper, :send_to, {arguments}, :infinity)");
    let p99 = [out, back].map(|work| {
        let measured = format!(
            "other = :other@localhost; true = Node.connect(other); \
             Fixture.Load.p99_during({{:echo, other}}, fn -> :ok = {work} end)"
        );
        Duration::from_micros(ground.ask(&measured).parse().unwrap())
    });
    let checked = format!("{{{times}, true}}");
    assert_eq!(other.value("Fixture.Keeper.check()"), checked);
    ground.expect("Fixture.Keeper.check()", &checked);
    other.stop();
    p99[0].max(p99[1])
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}

/// A thousand calls a second, whatever becomes of the earlier ones. Each counts from when it was due.
struct SmallCalls {
    stop: Arc<AtomicBool>,
    pacer: JoinHandle<()>,
    times: mpsc::Receiver<Duration>,
}

impl SmallCalls {
    fn start(ground: &Ground) -> SmallCalls {
        let stop = Arc::new(AtomicBool::new(false));
        let (done, times) = mpsc::channel();
        let (stopped, tokio) = (stop.clone(), ground.tokio.handle().clone());
        let runtime = ground.node().runtime().clone();
        let pacer = thread::spawn(move || {
            let mut due = Instant::now();
            for number in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                due += PACE;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                tokio.spawn(small_call(runtime.clone(), number, due, done.clone()));
            }
        });
        SmallCalls { stop, pacer, times }
    }

    /// How long each took, once all are answered.
    fn stop(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.pacer.join().unwrap();
        self.times.iter().collect()
    }
}

async fn small_call(runtime: Runtime, number: i64, due: Instant, done: mpsc::Sender<Duration>) {
    let echo = Item::from(("echo", &peer()));
    let request = Typed(&number);
    let answer = gen_server::call(&runtime, echo, &request, LIMIT).await;
    let answer: i64 = answer.unwrap().typed().unwrap();
    assert_eq!(answer, number);
    done.send(due.elapsed()).unwrap();
}

/// As `Fixture.Keeper.binary/1` makes it.
fn made(size: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251).collect();
    let mut made = period.repeat(size / 251 + 1);
    made.truncate(size);
    made
}

/// Sends `binary` to the keeper so many times, each once the one before has arrived.
fn send(ground: &Ground, binary: &Term, times: usize) {
    let _tokio = ground.tokio.enter();
    let binary = binary.clone();
    let sender = ground.node().spawn(move |mut process: Process| async move {
        for _ in 0..times {
            let message = Term::tuple([Term::Pid(process.pid().clone()), binary.clone()]);
            let keeper = Destination::from(("keeper", &peer()));
            process.send(keeper, message).await.unwrap();
            let Received::Message(arrived) = process.receive().await else {
                panic!("a message");
            };
            arrived.typed::<usize>().unwrap();
        }
    });
    let ended = ground.run(sender.ended());
    assert_eq!(ended.reason(), &Term::atom("normal"));
}

type Kept = Arc<Mutex<Vec<bytes::Bytes>>>;

/// What `Fixture.Keeper` is there.
fn keep(ground: &Ground) -> Kept {
    let _tokio = ground.tokio.enter();
    let kept = Kept::default();
    let keeping = kept.clone();
    let keeper = ground.node().spawn(move |mut process: Process| async move {
        while let Received::Message(body) = process.receive().await {
            let Ok(Term::Tuple(parts)) = body.term() else {
                panic!("a tuple");
            };
            let Ok([Term::Pid(from), Term::Binary(binary)]) =
                <[Term; 2]>::try_from(parts.into_vec())
            else {
                panic!("a pid and a binary");
            };
            let size = Term::from(binary.len() as i64);
            keeping.lock().unwrap().push(binary);
            process.send(from, size).await.unwrap();
        }
    });
    ground.node().register("keeper", keeper.pid()).unwrap();
    kept
}

/// Bytes in use here and at the BEAM.
fn memory(ground: &mut Ground) -> [usize; 2] {
    let theirs = ground.ask(":erlang.memory(:total)").parse().unwrap();
    let heap = HEAP.stats();
    [heap.bytes_allocated - heap.bytes_deallocated, theirs]
}
