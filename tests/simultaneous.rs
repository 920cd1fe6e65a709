//! Nodes of ours that dial each other at the same moment keep one connection, which both know as the same
//! (the rule of `ok_simultaneous` and `nok`: PROTOCOL.md, B.2).

use std::sync::Arc;
use std::time::Duration;

use beamlink::cluster::Event;
use beamlink::epmd::EpmdMode;
use beamlink::runtime::{PeerAddress, PeerInfo};
use beamlink::term::Term;
use beamlink::{Cookie, Node, NodeName};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(30);

struct Ours {
    node: Node,
    port: u16,
}

async fn start(name: &str) -> Ours {
    let port = interop::tcp();
    let builder = Node::builder(&format!("{name}@localhost"))
        .cookie(Cookie::new("at_once"))
        .epmd(EpmdMode::None)
        .dist_port(port);
    let node = builder.start().await.unwrap();
    Ours { node, port }
}

/// Each dials all others, all at once.
async fn dial_all(nodes: &[Ours]) {
    let dials = nodes.len() * (nodes.len() - 1);
    let barrier = Arc::new(Barrier::new(dials));
    let mut dialling = JoinSet::new();
    for from in nodes {
        for to in nodes {
            if from.node.name() == to.node.name() {
                continue;
            }
            let (runtime, barrier) = (from.node.runtime().clone(), barrier.clone());
            let (peer, address) = (to.node.name().clone(), PeerAddress::Port(to.port));
            dialling.spawn(async move {
                barrier.wait().await;
                let connected = runtime.connect(&peer, address).await;
                (runtime.name().clone(), peer, connected)
            });
        }
    }
    for (from, to, connected) in dialling.join_all().await {
        assert_eq!(connected, Ok(()), "{from} to {to}");
    }
}

fn seen_by(node: &Node, peer: &NodeName) -> PeerInfo {
    let peers = node.runtime().peers().into_iter();
    let mut of = peers.filter(|info| info.name == *peer);
    let info = of.next().unwrap();
    assert_eq!(of.next(), None);
    info
}

async fn round(names: &[&str]) {
    let mut nodes = Vec::new();
    for name in names {
        nodes.push(start(name).await);
    }
    let mut events: Vec<_> = nodes.iter().map(|ours| ours.node.events()).collect();
    dial_all(&nodes).await;
    for one in &nodes {
        assert_eq!(one.node.runtime().peers().len(), nodes.len() - 1);
        for other in &nodes {
            if one.node.name() == other.node.name() {
                continue;
            }
            let here = seen_by(&one.node, other.node.name());
            let there = seen_by(&other.node, one.node.name());
            assert_ne!(here.dialled, there.dialled, "two ends of one connection");
            // It bears a call both ways.
            let call = one.node.rpc(other.node.name(), "erlang", "node", ());
            let answer = timeout(LIMIT, call.into_future()).await.unwrap();
            assert_eq!(answer, Ok(Term::Atom(other.node.name().atom().clone())));
        }
    }
    // One nodeup each, and nobody came twice, or went.
    for (events, ours) in events.iter_mut().zip(&nodes) {
        let mut up = 0;
        loop {
            // All of them are up: who came twice is told by now, or at once.
            let patience = match up < nodes.len() - 1 {
                true => LIMIT,
                false => Duration::from_millis(20),
            };
            match timeout(patience, events.recv()).await {
                Ok(Some(Event::Up { .. })) => up += 1,
                Ok(Some(Event::SortsBefore { .. })) => {}
                Ok(other) => panic!("{}: {other:?}", ours.node.name()),
                Err(_) => break,
            }
        }
        assert_eq!(up, nodes.len() - 1, "{}", ours.node.name());
    }
    for ours in nodes {
        ours.node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_dial_each_other_keep_one_connection() {
    for _ in 0..60 {
        round(&["one", "other"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_that_dial_each_other_keep_three_connections() {
    for _ in 0..60 {
        round(&["one", "other", "third"]).await;
    }
}
