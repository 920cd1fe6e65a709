//! Calls to `:echo` of a peer, and an `echo` here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use beamlink::otp::gen_server::{self, CallError, Context, From, GenServer};
use beamlink::runtime::Runtime;
use beamlink::term::{Atom, Term};
use beamlink::{Node, NodeName};

use crate::{Answer, percentiles};

const LIMIT: Duration = Duration::from_secs(10);

/// Answers each call with its request.
pub(crate) struct Echo;

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
    ) -> gen_server::Answer<Term> {
        gen_server::Answer::Reply(request)
    }
}

fn get_key() -> Term {
    Term::tuple([Term::atom("get"), Term::atom("key")])
}

async fn call(runtime: &Runtime, peer: &NodeName) -> Result<(), CallError> {
    let request = get_key();
    let answer = gen_server::call(runtime, ("echo", peer).into(), &request, LIMIT).await?;
    match answer.term() {
        Ok(answer) if answer == request => Ok(()),
        other => panic!("{other:?} is no echo"),
    }
}

/// One after the other, in a task of tokio's: p50 and p99 in µs.
pub(crate) async fn calls(node: &Node, peer: NodeName, count: usize) -> Answer {
    let runtime = node.runtime().clone();
    let task = tokio::spawn(async move {
        let mut micros = Vec::with_capacity(count);
        for _ in 0..count {
            let start = Instant::now();
            call(&runtime, &peer).await?;
            micros.push(start.elapsed().as_secs_f64() * 1e6);
        }
        Ok::<_, CallError>(micros)
    });
    Ok(percentiles(task.await??).into())
}

/// The same for `erpc` of `erlang:node/0`.
pub(crate) async fn rpcs(node: &Node, peer: NodeName, count: usize) -> Answer {
    use beamlink::otp::erpc::{Request, call};
    let runtime = node.runtime().clone();
    let task = tokio::spawn(async move {
        let (module, function) = (Atom::from_static("erlang"), Atom::from_static("node"));
        let mut micros = Vec::with_capacity(count);
        for _ in 0..count {
            let start = Instant::now();
            if let Err(error) = call(
                &runtime,
                Request::new(&peer, &module, &function, Vec::new()),
            )
            .await
            {
                return Err(error.to_string());
            }
            micros.push(start.elapsed().as_secs_f64() * 1e6);
        }
        Ok(micros)
    });
    Ok(percentiles(task.await??).into())
}

/// Many callers at once, `each` so many calls: p50 and p99 in µs, and calls a second.
pub(crate) async fn many(node: &Node, peer: NodeName, callers: usize, each: usize) -> Answer {
    let peer = Arc::new(peer);
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (runtime, peer) = (node.runtime().clone(), peer.clone());
        tasks.spawn(async move {
            let mut micros = Vec::with_capacity(each);
            for _ in 0..each {
                let start = Instant::now();
                call(&runtime, &peer).await?;
                micros.push(start.elapsed().as_secs_f64() * 1e6);
            }
            Ok::<_, CallError>(micros)
        });
    }
    let mut all = Vec::with_capacity(callers * each);
    while let Some(done) = tasks.join_next().await {
        all.extend(done??);
    }
    let rate = (callers * each) as f64 / start.elapsed().as_secs_f64();
    let [p50, p99] = percentiles(all);
    Ok(vec![p50, p99, rate])
}
