//! A node is lost that 10,000 processes of ours are linked to and monitor, and whose processes are linked to ours and
//! monitor it: all hear of it, nothing is left, and other peers do not wait meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use beamlink::NodeName;
use beamlink::runtime::{Exit, Item, Process, ProcessHandle, Received, SpawnOptions};
use beamlink::term::{Pid, Term};
use tokio::sync::oneshot;

use crate::ground::{COOKIE, Ground, LIMIT, OWN, alone_with_each};

const MANY: usize = 10_000;
const LOST: &str = "lost@localhost";
/// How long another peer may wait for an answer meanwhile: ten times what a debug build takes on two cores.
const LONGEST: Duration = Duration::from_secs(1);

#[test]
fn a_lost_node_is_cleaned_up_without_holding_others_up() {
    alone_with_each("a_lost_node", |ground| {
        let runtime = ground.node().runtime().clone();
        let before = runtime.process_count();
        let mut lost = ground.another(LOST, COOKIE);
        ground.run(ground.node().connect(&lost_name())).unwrap();
        let (told, target) = oneshot::channel();
        let many = spawn(ground, |process| watch_all(process, told));
        let watched = spawn(ground, |process| hear(process, MANY));
        ground.node().register("many", many.pid()).unwrap();
        ground.node().register("watched", watched.pid()).unwrap();
        assert_eq!(lost.value(&their_processes()), ":ok");
        let target = ground.run(target).unwrap();
        let each: Vec<ProcessHandle> = (0..MANY)
            .map(|_| spawn(ground, |process| watch_one(process, target.clone())))
            .collect();
        let by = "{_, by} = Process.info(Process.whereis(:target), :monitored_by); length(by)";
        lost.wait_until(by, &(MANY + 1).to_string(), LIMIT);
        let info = runtime.process_info(watched.pid()).unwrap();
        assert_eq!([info.links.len(), info.monitored_by.len()], [MANY; 2]);

        let calls = format!("{{:net_kernel, :{OWN}}}, {{:is_auth, node()}}, 2000");
        ground.expect(&format!("Fixture.Waiting.begin_longest({calls})"), ":ok");
        std::thread::sleep(Duration::from_millis(500));
        let begin = Instant::now();
        lost.kill9();
        ended_having_heard(ground, many, &[("DOWN", MANY), ("EXIT", MANY)]);
        ended_having_heard(ground, watched, &[("EXIT", MANY)]);
        for one in each {
            ended_having_heard(ground, one, &[("DOWN", 1), ("EXIT", 1), ("nodedown", 1)]);
        }
        let cleaned = begin.elapsed();
        assert_eq!(runtime.process_count(), before);
        let open = "is_integer(Fixture.Waiting.ends())";
        ground.beam.wait_until(open, "true", LIMIT);
        let longest: u64 = ground.ask("Fixture.Waiting.ends()").parse().unwrap();
        let longest = Duration::from_micros(longest);
        eprintln!(
            "{MANY} processes, links and monitors gone after {cleaned:?}; another peer waited {longest:?} at most"
        );
        assert!(longest < LONGEST, "{longest:?}");
    });
}

fn lost_name() -> NodeName {
    LOST.parse().unwrap()
}

/// [`MANY`] processes there, all linked to `watched` and monitoring it; the first of them is the target of ours.
fn their_processes() -> String {
    format!(
        "rust = :{OWN}; me = self(); watched = :erpc.call(rust, :erlang, :whereis, [:watched]); \
         live = fn -> Process.link(watched); Process.monitor(watched); send(me, :ready); Process.sleep(:infinity) end; \
         all = for _ <- 1..{MANY}, do: spawn(live); for _ <- all, do: (receive do :ready -> :ok end); \
         Process.register(hd(all), :target); send({{:many, rust}}, all); :ok"
    )
}

fn spawn<F: Future<Output = Exit> + Send + 'static>(
    ground: &Ground,
    body: impl FnOnce(Process) -> F,
) -> ProcessHandle {
    let _tokio = ground.tokio.enter();
    let options = SpawnOptions {
        trap_exit: true,
        ..SpawnOptions::default()
    };
    ground.node().runtime().spawn_handle(options, body)
}

/// Links to all that it is sent and monitors them, then tells the first of them.
async fn watch_all(mut process: Process, told: oneshot::Sender<Pid>) -> Exit {
    let Received::Message(body) = process.receive().await else {
        panic!("a message");
    };
    let all: Vec<Pid> = body.typed().unwrap();
    for pid in &all {
        process.link(pid);
        process.monitor(Item::from(pid));
    }
    told.send(all[0].clone()).unwrap();
    hear(process, 2 * all.len()).await
}

async fn watch_one(process: Process, target: Pid) -> Exit {
    process.link(&target);
    process.monitor(Item::from(&target));
    process.monitor_node(&lost_name());
    hear(process, 3).await
}

/// Ends with how often it heard what, and what it still knows of others.
async fn hear(mut process: Process, times: usize) -> Exit {
    let noconnection = Term::atom("noconnection");
    let mut heard = BTreeMap::new();
    for _ in 0..times {
        let what = match process.receive().await {
            Received::Down { reason, .. } if reason == noconnection => "DOWN",
            Received::Exit { reason, .. } if reason == noconnection => "EXIT",
            Received::NodeDown { .. } => "nodedown",
            other => panic!("{other:?}"),
        };
        *heard.entry(what).or_insert(0) += 1;
    }
    let info = process.runtime().process_info(process.pid()).unwrap();
    let left = info.links.len() + info.monitors.len() + info.monitored_by.len() + info.waiting;
    Exit::with(Term::from(format!("{heard:?}, {left} left")))
}

#[track_caller]
fn ended_having_heard(ground: &Ground, process: ProcessHandle, expected: &[(&str, usize)]) {
    let expected: BTreeMap<&str, usize> = expected.iter().copied().collect();
    let ended = ground.run(process.ended());
    let expected = Term::from(format!("{expected:?}, 0 left"));
    assert_eq!(ended.reason(), &expected);
}
