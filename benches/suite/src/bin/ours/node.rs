//! A node of ours as a user has it: on tokio's runtime for many threads, which has as many as there are cores to run on.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use beamlink::cluster::Event;
use beamlink::epmd::EpmdMode;
use beamlink::gossip::Gossip;
use beamlink::runtime::{Process, Received};
use beamlink::{Cookie, GossipSecret, Node, NodeName};

use crate::messages::Sink;
use crate::{Answer, calls, gossip, messages, number, terms, typed};

/// How many nodes have come, and gone.
#[derive(Debug, Default)]
struct Seen {
    up: AtomicU64,
    down: AtomicU64,
}

/// `ours node NAME COOKIE EPMD_PORT NET_TICKTIME GOSSIP_PORT`; the last is 0 for no gossip.
pub(crate) fn serve(settings: &[&str]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let [name, cookie, epmd, ticktime, gossip] = settings else {
        return Err("node NAME COOKIE EPMD_PORT NET_TICKTIME GOSSIP_PORT".into());
    };
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut builder = Node::builder(name)
        .cookie(Cookie::new(*cookie))
        .epmd(EpmdMode::External)
        .epmd_port(number(epmd)?)
        .net_ticktime(Duration::from_secs(number(ticktime)?))
        .dist_address(Ipv4Addr::LOCALHOST.into());
    match number(gossip)? {
        // Hidden, so that the BEAMs of the suite do not find each other through it.
        0 => builder = builder.hidden(true),
        port => builder = builder.gossip(settings_of_gossip(port)),
    }
    let node = tokio.block_on(builder.start())?;
    let seen = Arc::new(Seen::default());
    tokio.spawn(count(node.events(), seen.clone()));
    tokio.block_on(node.start_server(calls::Echo).name("echo").start())?;
    let mut sink = None;
    crate::answer(|words| tokio.block_on(request(&node, &seen, &mut sink, words)))?;
    tokio.block_on(node.stop());
    Ok(())
}

fn settings_of_gossip(port: u16) -> Gossip {
    let gossip = Gossip::default()
        .port(port)
        .multicast_if(Ipv4Addr::LOCALHOST);
    gossip.secret(GossipSecret::new(gossip::SECRET))
}

async fn count(mut events: beamlink::cluster::Events, seen: Arc<Seen>) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Up { .. } => seen.up.fetch_add(1, Ordering::Relaxed),
            Event::Down { .. } => seen.down.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }
}

async fn request(node: &Node, seen: &Seen, sink: &mut Option<Sink>, words: &[&str]) -> Answer {
    match words {
        ["connect", peer] => {
            node.connect(&peer.parse::<NodeName>()?).await?;
            Ok(Vec::new())
        }
        ["port"] => Ok(vec![f64::from(node.dist_port())]),
        ["calls", count, peer] => calls::calls(node, peer.parse()?, number(count)?).await,
        ["rpcs", count, peer] => calls::rpcs(node, peer.parse()?, number(count)?).await,
        ["many", callers, each, peer] => {
            calls::many(node, peer.parse()?, number(callers)?, number(each)?).await
        }
        ["send", count, size, peer] => {
            messages::send(node, peer.parse()?, number(count)?, number(size)?).await
        }
        ["sink", count, size] => {
            *sink = Some(Sink::start(node, number(count)?, number(size)?)?);
            Ok(Vec::new())
        }
        ["wait"] => match sink.take() {
            Some(sink) => sink.wait().await,
            None => Err("no sink".into()),
        },
        ["spawn", count] => {
            for _ in 0..number::<usize>(count)? {
                node.spawn(idle);
            }
            Ok(vec![node.runtime().process_count() as f64])
        }
        ["down", count, limit] => downs(seen, number(count)?, number(limit)?).await,
        ["up", count, limit] => ups(seen, number(count)?, number(limit)?).await,
        ["forget"] => {
            seen.up.store(0, Ordering::Relaxed);
            seen.down.store(0, Ordering::Relaxed);
            Ok(Vec::new())
        }
        ["term", what, slice, hex] => terms::time(what, number(slice)?, hex),
        ["typed", which, slice, hex] => typed::time(which, number(slice)?, hex),
        ["gossip", count] => gossip::check(number(count)?),
        _ => Err(format!("no request: {words:?}").into()),
    }
}

async fn idle(mut process: Process) {
    while let Received::Message(_) = process.receive().await {}
}

async fn downs(seen: &Seen, count: u64, limit: u64) -> Answer {
    reached(&seen.down, count, limit).await
}

async fn ups(seen: &Seen, count: u64, limit: u64) -> Answer {
    reached(&seen.up, count, limit).await
}

/// Milliseconds until the first, and until all of `count` were counted.
async fn reached(counter: &AtomicU64, count: u64, limit: u64) -> Answer {
    let begin = Instant::now();
    let mut first = None;
    while begin.elapsed() < Duration::from_millis(limit) {
        let now = counter.load(Ordering::Relaxed);
        let millis = begin.elapsed().as_secs_f64() * 1e3;
        if now > 0 && first.is_none() {
            first = Some(millis);
        }
        if now >= count {
            return Ok(vec![first.unwrap_or(millis), millis]);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let now = counter.load(Ordering::Relaxed);
    Err(format!("{now} of {count} within {limit} ms").into())
}
