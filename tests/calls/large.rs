//! Large messages both ways while 1,000 small calls a second go on: these are hardly felt, ticks are not missed, and the
//! memory comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use beamlink::otp::gen_server;
use beamlink::runtime::{Destination, Item, Process, Received, Runtime, Usage};
use beamlink::term::{Term, Typed};

use crate::ground::{Ground, LIMIT, alone_with_each, peer};

const MIB: usize = 1024 * 1024;
/// Sizes, and how many of each: enough small calls go on meanwhile.
const MESSAGES: [(usize, usize); 1] = [(256 * MIB, 4)];
/// The p99 of the small calls may grow this much.
const FACTOR: u32 = 20;
/// Others use this machine, too; what they add is not there three times in a row.
const ATTEMPTS: usize = 3;
/// Allocators keep something for next time.
const KEPT: u64 = 64 * MIB as u64;
/// From one small call to the next.
const PACE: Duration = Duration::from_millis(1);
const IDLE: Duration = Duration::from_secs(1);

#[test]
fn large_messages_hardly_slow_small_calls() {
    alone_with_each("large_messages", |ground| {
        let kept = keep(ground);
        let start = memory(ground);
        for (size, times) in MESSAGES {
            let mib = size / MIB;
            hardly_felt(ground, &format!("{mib} MiB out"), |ground| {
                send(ground, size, times);
                let expected = format!("{{{times}, true}}");
                move |ground: &mut Ground| ground.expect("Fixture.Keeper.check()", &expected)
            });
            hardly_felt(ground, &format!("{mib} MiB in"), |ground| {
                let send = format!("Fixture.Keeper.send_to({{:keeper, rust}}, {size}, {times})");
                ground.expect(&send, ":ok");
                let kept = kept.clone();
                move |_: &mut Ground| {
                    let kept = std::mem::take(&mut *kept.lock().unwrap());
                    assert_eq!(kept.len(), times);
                    assert!(kept.iter().all(|binary| *binary == made(size)));
                }
            });
        }
        let end = memory(ground);
        eprintln!("memory of ours and the BEAM's before {start:?} and after {end:?}");
        for (start, end) in [(start.0, end.0), (start.1, end.1)] {
            assert!(end < start + KEPT, "{start} bytes before, {end} after");
        }
        let lost = "for {_, :nodedown, node, why} <- Fixture.Nodes.events(), do: {node, why}";
        ground.expect(lost, "[]");
    });
}

/// Small calls go on while `work` runs, which returns how to check it afterwards.
fn hardly_felt<C: FnOnce(&mut Ground)>(
    ground: &mut Ground,
    what: &str,
    work: impl Fn(&mut Ground) -> C,
) {
    for attempt in 1..=ATTEMPTS {
        let calls = SmallCalls::start(ground);
        thread::sleep(IDLE);
        let idle = p99(calls.stop());
        let calls = SmallCalls::start(ground);
        let begin = Instant::now();
        let check = work(ground);
        let took = begin.elapsed();
        let busy = calls.stop();
        {
            let mut last = Duration::ZERO;
            for (at, t) in busy.iter().enumerate() {
                if *t > Duration::from_millis(8) && last < *t {
                    if std::env::var_os("SHOW").is_some() {
                        eprint!("[{at}: {t:.0?}] ")
                    };
                }
                last = *t;
            }
            eprintln!();
        }
        let count = busy.len();
        let busy = p99(busy);
        check(ground);
        eprintln!("{what}: {took:.1?}; p99 of {count} small calls {busy:.1?}, idle {idle:.1?}");
        if busy < idle * FACTOR {
            return;
        }
        assert!(attempt < ATTEMPTS, "{what}: {busy:?}, idle {idle:?}");
    }
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

/// Sends a message to the keeper so many times, each once the one before has arrived.
fn send(ground: &Ground, size: usize, times: usize) {
    let _tokio = ground.tokio.enter();
    let binary = Term::Binary(made(size).into());
    let sender = ground.node().spawn(move |mut process: Process| async move {
        for _ in 0..times {
            let message = Term::tuple([Term::Pid(process.pid().clone()), binary.clone()]);
            let keeper = Destination::from(("keeper", &peer()));
            process.send(keeper, message).await.unwrap();
            let Received::Message(arrived) = process.receive().await else {
                panic!("a message");
            };
            assert_eq!(arrived.typed::<usize>().unwrap(), size);
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
fn memory(ground: &mut Ground) -> (u64, u64) {
    let ours = Usage::now().resident;
    (ours, ground.ask(":erlang.memory(:total)").parse().unwrap())
}
