//! Two nodes of ours, connected over loopback: what their processes say to each other.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use beamlink::cluster::Event;
use beamlink::epmd::EpmdMode;
use beamlink::gossip::{Gossip, VerdictKind};
use beamlink::runtime::{Destination, Exit, Item, Process, Received, SpawnOptions};
use beamlink::term::{Atom, Pid, Term};
use beamlink::{Cookie, GossipSecret, Node, NodeName};
use tokio::sync::oneshot;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

async fn pair() -> (Node, Node) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let (port, other_port) = (interop::tcp(), interop::tcp());
    let builder = |name: &str, port| {
        Node::builder(&format!("{name}{number}@localhost"))
            .cookie(Cookie::new("pair"))
            .epmd(EpmdMode::None)
            .dist_port(port)
    };
    let one = builder("one", port).start().await.unwrap();
    let other = builder("other", other_port).peer_at(one.name().clone(), port);
    let other = other.start().await.unwrap();
    for node in [&one, &other] {
        timeout(LIMIT, node.events().recv()).await.unwrap();
    }
    assert_eq!(one.nodes(), [other.name().clone()]);
    (one, other)
}

/// Runs `body` as a process of `node` and returns what it sends back.
async fn as_process<T, F>(node: &Node, body: impl FnOnce(Process) -> F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    node.runtime().spawn(SpawnOptions::default(), |process| {
        let result = body(process);
        async move {
            let _ = answer.send(result.await);
        }
    });
    timeout(LIMIT, answered).await.unwrap().unwrap()
}

/// A process that sends all that it receives back to whom its first element names.
fn echo(node: &Node) -> Pid {
    node.runtime()
        .spawn(SpawnOptions::default(), async |mut process: Process| {
            while let Received::Message(body) = process.receive().await {
                let body = body.term().unwrap();
                let [Term::Pid(from), body] = body.as_tuple().unwrap() else {
                    panic!("{body:?}");
                };
                process.send(from, body.clone()).await.unwrap();
            }
        })
}

/// A process that ends with the first message that it gets.
fn mortal(node: &Node) -> Pid {
    node.runtime().spawn(
        SpawnOptions::default(),
        async |mut process: Process| match process.receive().await {
            Received::Message(body) => match body.term().unwrap() {
                reason if reason.as_atom() == Some("panic") => panic!("asked to"),
                reason => Exit::with(reason),
            },
            other => panic!("{other:?}"),
        },
    )
}

async fn message(process: &mut Process) -> Term {
    match process.receive().await {
        Received::Message(body) => body.term().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_in_order_small_and_large() {
    let (one, other) = pair().await;
    let echo = echo(&other);
    let sizes = as_process(&one, async move |mut process: Process| {
        let sizes = [10, 70_000, 3, 20_000_000, 1, 65_536, 8_388_608, 0];
        for size in sizes {
            let body = Term::Binary(vec![7; size].into());
            let own = Term::Pid(process.pid().clone());
            process.send(&echo, Term::tuple([own, body])).await.unwrap();
        }
        let mut got = Vec::new();
        for _ in sizes {
            got.push(message(&mut process).await.as_binary().unwrap().len());
        }
        (sizes.to_vec(), got)
    });
    let (sent, got) = sizes.await;
    assert_eq!(sent, got);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_messages_keep_their_order() {
    let (one, other) = pair().await;
    let echo = echo(&other);
    as_process(&one, async move |mut process: Process| {
        for number in 0..20_000 {
            let own = Term::Pid(process.pid().clone());
            let body = Term::from(number);
            process.send(&echo, Term::tuple([own, body])).await.unwrap();
        }
        for number in 0..20_000 {
            assert_eq!(message(&mut process).await, Term::from(number));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_hears_why_and_of_what_was_never_there() {
    let (one, other) = pair().await;
    let node = other.name().clone();
    let mortals = [mortal(&other), mortal(&other)];
    as_process(&one, async move |mut process: Process| {
        let [ends, panics] = mortals;
        for (pid, word, expected) in [
            (ends, "bored", "bored"),
            (panics, "panic", "{panic,<<\"asked to\">>}"),
        ] {
            let monitor = process.monitor(Item::Pid(pid.clone()));
            process.send(&pid, Term::atom(word)).await.unwrap();
            let Received::Down {
                reference, reason, ..
            } = process.receive().await
            else {
                panic!("a down");
            };
            assert_eq!(
                (reference, reason.to_erlang().to_string().as_str()),
                (monitor, expected)
            );
            process.monitor(Item::Pid(pid));
            assert_down(&mut process, "noproc").await;
        }
        let absent = Atom::from_static("nobody");
        process.monitor(Item::Name(absent, node.atom().clone()));
        assert_down(&mut process, "noproc").await;
        let stranger = Atom::from_static("x@elsewhere");
        process.monitor(Item::Name(Atom::from_static("rex"), stranger));
        assert_down(&mut process, "noconnection").await;
    })
    .await;
}

async fn assert_down(process: &mut Process, expected: &str) {
    match process.receive().await {
        Received::Down { reason, .. } => assert_eq!(reason.as_atom(), Some(expected)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonitored_process_ends_in_silence() {
    let (one, other) = pair().await;
    let (pid, echo) = (mortal(&other), echo(&other));
    as_process(&one, async move |mut process: Process| {
        let monitor = process.monitor(Item::Pid(pid.clone()));
        process.demonitor(&monitor);
        process.send(&pid, Term::atom("bored")).await.unwrap();
        let own = Term::Pid(process.pid().clone());
        process
            .send(&echo, Term::tuple([own, Term::atom("last")]))
            .await
            .unwrap();
        assert_eq!(message(&mut process).await, Term::atom("last"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_carry_exits_unless_they_are_undone() {
    let (one, other) = pair().await;
    let linked = mortal(&other);
    let unlinked = mortal(&other);
    as_process(&one, async move |mut process: Process| {
        process.trap_exit(true);
        process.link(&linked);
        process.link(&unlinked);
        process.unlink(&unlinked);
        process
            .send(&unlinked, Term::atom("unheard"))
            .await
            .unwrap();
        process.send(&linked, Term::atom("heard")).await.unwrap();
        let Received::Exit { from, reason } = process.receive().await else {
            panic!("an exit");
        };
        assert_eq!((from, reason), (linked.clone(), Term::atom("heard")));
        process.link(&linked);
        let Received::Exit { reason, .. } = process.receive().await else {
            panic!("an exit");
        };
        assert_eq!(reason, Term::atom("noproc"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_signals_end_who_does_not_trap_them() {
    let (one, other) = pair().await;
    let victims = [mortal(&other), mortal(&other), mortal(&other)];
    as_process(&one, async move |mut process: Process| {
        let [quiet, ended, killed] = victims;
        for (victim, reason, expected) in [(&ended, "why", "why"), (&killed, "kill", "killed")] {
            process.monitor(Item::Pid(victim.clone()));
            process.exit(victim, Term::atom(reason));
            assert_down(&mut process, expected).await;
        }
        process.exit(&quiet, Term::atom("normal"));
        process.monitor(Item::Pid(quiet.clone()));
        process.send(&quiet, Term::atom("alive")).await.unwrap();
        assert_down(&mut process, "alive").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loss_of_a_node_is_the_end_of_all_there() {
    let (one, other) = pair().await;
    let (linked, watched) = (mortal(&other), mortal(&other));
    let name: NodeName = other.name().clone();
    let (ready, told) = oneshot::channel();
    let result = as_process(&one, async move |mut process: Process| {
        process.trap_exit(true);
        process.link(&linked);
        process.monitor(Item::Pid(watched));
        ready.send(()).unwrap();
        let mut heard = Vec::new();
        for _ in 0..2 {
            heard.push(match process.receive().await {
                Received::Exit { reason, .. } | Received::Down { reason, .. } => reason,
                other => panic!("{other:?}"),
            });
        }
        let to = Destination::Remote(Atom::from_static("rex"), name.atom().clone());
        let sent = process.send(to, Term::nil()).await;
        (heard, sent.is_err())
    });
    let stop = async {
        told.await.unwrap();
        other.stop().await;
    };
    let ((heard, refused), ()) = tokio::join!(result, stop);
    assert_eq!(
        heard,
        [Term::atom("noconnection"), Term::atom("noconnection")]
    );
    assert!(refused);
    let gone = async {
        while !one.nodes().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LIMIT, gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_processes_are_told_the_same() {
    let (one, _other) = pair().await;
    let victim = mortal(&one);
    as_process(&one, async move |mut process: Process| {
        process.trap_exit(true);
        process.register(&Atom::from_static("boss")).unwrap();
        process.link(&victim);
        process.monitor(Item::Pid(victim.clone()));
        process
            .send(Destination::Name(Atom::from_static("boss")), Term::from(1))
            .await
            .unwrap();
        assert_eq!(message(&mut process).await, Term::from(1));
        process.send(&victim, Term::atom("done")).await.unwrap();
        for _ in 0..2 {
            match process.receive().await {
                Received::Exit { reason, .. } | Received::Down { reason, .. } => {
                    assert_eq!(reason, Term::atom("done"));
                }
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_are_counted_by_what_they_are() {
    let port = interop::udp();
    let loopback = std::net::Ipv4Addr::LOCALHOST;
    let gossip = |secret: &str| {
        Gossip::default()
            .port(port)
            .multicast_addr([239, 255, 0, 9].into())
            .multicast_if(loopback)
            .secret(GossipSecret::new(secret))
    };
    let start = |name: &'static str, secret| {
        Node::builder(name)
            .cookie(Cookie::new("counted"))
            .epmd(EpmdMode::None)
            .dist_port(interop::tcp())
            .gossip(gossip(secret))
            .start()
    };
    let one = start("counted1@localhost", "one").await.unwrap();
    let _other = start("counted2@localhost", "other").await.unwrap();
    let counted = async {
        while one.datagrams().of(VerdictKind::Undecryptable) == 0
            || one.datagrams().of(VerdictKind::OwnEcho) == 0
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, counted).await.unwrap();
    assert_eq!(one.datagrams().of(VerdictKind::Heartbeat), 0);
}

/// Both dial at once, in either order of their names: one connection comes of it, and it stays.
#[tokio::test(flavor = "multi_thread")]
async fn two_that_dial_each_other_are_connected_once() {
    for round in 0..20 {
        let (port, other_port) = (interop::tcp(), interop::tcp());
        let name = |which: &str| format!("{which}{round}@localhost");
        let builder = |name: &str, port| {
            Node::builder(name)
                .cookie(Cookie::new("both"))
                .epmd(EpmdMode::None)
                .dist_port(port)
        };
        let (a, z) = (name("a"), name("z"));
        let one = builder(&a, port).peer_at(z.parse().unwrap(), other_port);
        let other = builder(&z, other_port).peer_at(a.parse().unwrap(), port);
        let (one, other) = tokio::join!(one.start(), other.start());
        let nodes = [one.unwrap(), other.unwrap()];
        for node in &nodes {
            let mut events = node.events();
            let mut ups = 0;
            let patience = |ups| {
                if ups == 0 {
                    LIMIT
                } else {
                    Duration::from_millis(100)
                }
            };
            while let Ok(Some(event)) = timeout(patience(ups), events.recv()).await {
                match event {
                    Event::Up { .. } => ups += 1,
                    Event::SortsBefore { .. } => {}
                    event => panic!("round {round}: {event}"),
                }
            }
            assert_eq!(ups, 1, "round {round}");
        }
    }
}
