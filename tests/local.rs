//! Processes of one node among themselves: what the BEAM judges across nodes (tests/calls) holds here, too.

use std::time::Duration;

use beamlink::epmd::EpmdMode;
use beamlink::otp::gen_server::{self, CallError};
use beamlink::runtime::{
    AliasMode, Destination, Exit, Item, MailboxLimit, Overflow, Process, Received, SpawnOptions,
};
use beamlink::term::{Pid, Reference, Term};
use beamlink::{Cookie, Node};
use tokio::sync::oneshot;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

async fn node() -> Node {
    let builder = Node::builder("local@localhost").cookie(Cookie::new("local"));
    let builder = builder.epmd(EpmdMode::None).dist_port(interop::tcp());
    builder.start().await.unwrap()
}

/// Runs `body` as a process and returns what it does.
async fn as_process<T, F>(node: &Node, body: impl FnOnce(Process) -> F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    node.spawn(|process| {
        let result = body(process);
        async move {
            let _ = answer.send(result.await);
        }
    });
    timeout(LIMIT, answered).await.unwrap().unwrap()
}

/// A process that ends with the first message that it gets.
fn mortal(node: &Node) -> Pid {
    let handle = node.spawn(async |mut process: Process| match process.receive().await {
        Received::Message(body) => Exit::with(body.term().unwrap()),
        other => panic!("{other:?}"),
    });
    handle.pid().clone()
}

async fn message(process: &mut Process) -> Term {
    match timeout(LIMIT, process.receive()).await.unwrap() {
        Received::Message(body) => body.term().unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn by_alias(process: &Process, alias: &Reference, number: i64) {
    process
        .send(alias.clone(), Term::from(number))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_alias_ends_as_its_mode_says() {
    let node = node().await;
    let watched = mortal(&node);
    as_process(&node, async move |mut process: Process| {
        let explicit = process.alias(AliasMode::Explicit);
        by_alias(&process, &explicit, 1).await;
        by_alias(&process, &explicit, 2).await;
        assert!(process.unalias(&explicit));
        assert!(!process.unalias(&explicit));
        by_alias(&process, &explicit, 3).await;
        let reply = process.alias(AliasMode::Reply);
        by_alias(&process, &reply, 4).await;
        by_alias(&process, &reply, 5).await;
        let both = process.monitor_with_alias(Item::Pid(watched.clone()), AliasMode::Demonitor);
        by_alias(&process, &both, 6).await;
        process.demonitor(&both);
        by_alias(&process, &both, 7).await;
        // A message by this one ends the monitor, too.
        let once = process.monitor_with_alias(Item::Pid(watched.clone()), AliasMode::Reply);
        by_alias(&process, &once, 8).await;
        let stays = process.monitor_with_alias(Item::Pid(watched.clone()), AliasMode::Explicit);
        for expected in [1, 2, 4, 6, 8] {
            assert_eq!(message(&mut process).await, Term::from(expected));
        }
        process.send(&watched, Term::atom("done")).await.unwrap();
        match timeout(LIMIT, process.receive()).await.unwrap() {
            Received::Down { reference, .. } => assert_eq!(reference, stays),
            other => panic!("{other:?}"),
        }
        by_alias(&process, &stays, 9).await;
        assert_eq!(message(&mut process).await, Term::from(9));
        assert!(process.try_receive().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_alias_of_a_process_that_ended_leads_nowhere() {
    let node = node().await;
    let (tell, told) = oneshot::channel();
    let ended = node.spawn(async move |process: Process| {
        tell.send(process.alias(AliasMode::Explicit)).unwrap();
    });
    let alias = told.await.unwrap();
    ended.ended().await;
    node.send(Destination::Alias(alias), &1).await.unwrap();
}

#[tokio::test]
async fn what_is_wanted_is_taken_and_the_rest_stays_in_order() {
    let node = node().await;
    as_process(&node, async move |mut process: Process| {
        let own = process.pid().clone();
        for number in 1..=5 {
            process.send(&own, Term::from(number)).await.unwrap();
        }
        let is_four = |received: &Received| {
            matches!(received, Received::Message(body) if body.clone().term().unwrap() == Term::from(4))
        };
        process.receive_where(is_four).await;
        // One that is not there yet.
        let timer = process.send_after(Duration::from_millis(20), &own, Term::from(4));
        process.receive_where(is_four).await;
        assert!(!timer.cancel());
        let cancelled = process.send_after(LIMIT, &own, Term::from(9));
        assert!(cancelled.cancel());
        for expected in [1, 2, 3, 5] {
            assert_eq!(message(&mut process).await, Term::from(expected));
        }
    })
    .await;
}

#[tokio::test]
async fn a_handle_ends_a_process_and_hears_why_it_ended() {
    let node = node().await;
    let handle = node.spawn(async |mut process: Process| {
        process.receive().await;
    });
    node.register("sleeper", handle.pid()).unwrap();
    assert!(node.register("sleeper", handle.pid()).is_err());
    handle.exit(Term::atom("enough"));
    let exit = timeout(LIMIT, handle.ended()).await.unwrap();
    assert_eq!(exit, Exit::with(Term::atom("enough")));
    assert!(
        node.runtime()
            .names()
            .iter()
            .all(|name| name.as_str() != "sleeper")
    );
    let panicking = node.spawn(async |_: Process| -> () { panic!("at once") });
    let exit = timeout(LIMIT, panicking.ended()).await.unwrap();
    assert_eq!(
        exit.reason().to_elixir().to_string(),
        "{:panic, \"at once\"}"
    );
}

/// A process calls under its own pid: the server sees it, and its other messages stay where they are.
#[tokio::test]
async fn a_process_that_calls_keeps_its_mailbox() {
    let node = node().await;
    let server = node.spawn(async |mut process: Process| -> () {
        loop {
            let Received::Message(body) = process.receive().await else {
                continue;
            };
            if let gen_server::Message::Call(call, _) = gen_server::Message::of(body) {
                let caller = call.from().clone();
                process.send(&caller, Term::atom("before")).await.unwrap();
                let pid = Term::Pid(caller);
                call.reply(process.runtime(), process.pid(), &pid)
                    .await
                    .unwrap();
            }
        }
    });
    let server = server.pid().clone();
    as_process(&node, async move |mut process: Process| {
        let own = process.pid().clone();
        process.send(&own, Term::atom("first")).await.unwrap();
        let request = Term::atom("who");
        let answer = gen_server::call(&process, Item::Pid(server.clone()), &request, LIMIT);
        assert_eq!(
            answer.await.unwrap().term().unwrap(),
            Term::Pid(own.clone())
        );
        assert_eq!(message(&mut process).await, Term::atom("first"));
        assert_eq!(message(&mut process).await, Term::atom("before"));
        let short = Duration::from_millis(10);
        let silent = gen_server::call(&process, Item::Pid(own), &request, short).await;
        assert_eq!(silent.unwrap_err(), CallError::Timeout(short));
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_that_overflows_ends_its_process_or_loses_the_newest() {
    let node = node().await;
    for (overflow, ends) in [(Overflow::End, true), (Overflow::DropNewest, false)] {
        let options = SpawnOptions {
            mailbox: MailboxLimit {
                bytes: 1024,
                overflow,
            },
            ..SpawnOptions::default()
        };
        let handle = node
            .runtime()
            .spawn_handle(options, async |process: Process| {
                while process.dropped() == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                std::future::pending::<()>().await;
            });
        for number in 0..100 {
            node.send(handle.pid(), &number).await.unwrap();
        }
        if ends {
            let exit = timeout(LIMIT, handle.ended()).await.unwrap();
            assert_eq!(exit, Exit::with(Term::atom("mailbox_overflow")));
        } else {
            assert!(node.runtime().is_alive(handle.pid()));
        }
    }
}

/// As `erlang:monitor_node/2` counts: each call is one nodedown, and each can be taken back.
#[tokio::test]
async fn node_monitors_are_counted() {
    let node = node().await;
    as_process(&node, async move |mut process: Process| {
        let absent = "absent@localhost".parse().unwrap();
        process.monitor_node(&absent);
        match timeout(LIMIT, process.receive()).await.unwrap() {
            Received::NodeDown { node, .. } => assert_eq!(node.as_str(), "absent@localhost"),
            other => panic!("{other:?}"),
        }
        assert!(!process.demonitor_node(&absent));
        assert!(process.try_receive().is_none());
    })
    .await;
}
