//! `rpc`: the `rex` server (`lib/kernel/src/rpc.erl`). `rpc:call` itself goes by [`erpc`](super::erpc).

use super::functions::{Functions, Outcome};
use super::gen_server::{Asked, Call, next, sent};
use crate::runtime::{Destination, Process, Runtime, SpawnOptions};
use crate::term::{Pid, Term};

pub(super) async fn run(mut process: Process, functions: Functions) {
    loop {
        match next(&mut process).await {
            Asked::Call(call, request) => {
                if let Some((leader, applied)) = block_call(request) {
                    let runtime = process.runtime();
                    reply_by(
                        runtime,
                        functions.clone(),
                        leader,
                        applied,
                        ReplyTo::Call(call),
                    );
                }
            }
            Asked::Cast(_) => {}
            Asked::Info(message) => plain(&process, &functions, message).await,
        }
    }
}

/// `rpc:block_call`: `{block_call, M, F, A, GroupLeader}`. It blocks no other caller here.
fn block_call(request: Term) -> Option<(Option<Pid>, [Term; 3])> {
    let Term::Tuple(parts) = request else {
        return None;
    };
    let [head, module, function, arguments, leader] =
        <[Term; 5]>::try_from(parts.into_vec()).ok()?;
    let is_call = matches!(head.as_atom(), Some("block_call" | "call"));
    let leader = leader.as_pid().cloned();
    is_call.then_some((leader, [module, function, arguments]))
}

/// Rex's plain messages: `{Pid, Request}`.
async fn plain(process: &Process, functions: &Functions, message: Term) {
    let Term::Tuple(parts) = message else {
        return;
    };
    let Ok([Term::Pid(from), request]) = <[Term; 2]>::try_from(parts.into_vec()) else {
        return;
    };
    if request.as_atom() == Some("features_request") {
        let features = Term::list([Term::atom("erpc")]);
        let own = Term::Atom(process.runtime().name().atom().clone());
        let reply = Term::tuple([Term::atom("features_reply"), own, features]);
        return sent(process.send(from, reply).await);
    }
    match request.as_tuple() {
        Some([head, name, message]) if head.as_atom() == Some("sbcast") => {
            let reply = broadcast(process, name, message).await;
            sent(process.send(from, reply).await);
        }
        // What C nodes, `erl_call` and `ei_rpc` send.
        Some([head, ..]) if head.as_atom() == Some("call") => {
            if let Some((leader, applied)) = block_call(request) {
                let runtime = process.runtime();
                reply_by(
                    runtime,
                    functions.clone(),
                    leader,
                    applied,
                    ReplyTo::Rex(from),
                );
            }
        }
        _ => {}
    }
}

enum ReplyTo {
    Call(Call),
    Rex(Pid),
}

/// Applies a function in a process of its own, so that rex goes on meanwhile.
fn reply_by(
    runtime: &Runtime,
    functions: Functions,
    leader: Option<Pid>,
    applied: [Term; 3],
    to: ReplyTo,
) {
    runtime.spawn(SpawnOptions::default(), async move |process: Process| {
        process.set_group_leader(leader);
        let runtime = process.runtime().clone();
        let pid = process.pid().clone();
        let result = value_or_badrpc(functions.apply(process, applied).await);
        match to {
            ReplyTo::Call(call) => sent(call.reply(&runtime, &pid, &result).await),
            ReplyTo::Rex(from) => {
                let reply = Term::tuple([Term::atom("rex"), result]);
                sent(runtime.send(&pid, &Destination::Pid(from), reply).await);
            }
        }
    });
}

/// `rpc:sbcast`: delivers `message` to a registered name and says whether there is one.
async fn broadcast(process: &Process, name: &Term, message: &Term) -> Term {
    let runtime = process.runtime();
    let own = Term::Atom(runtime.name().atom().clone());
    let registered = match name {
        Term::Atom(name) => runtime.whereis(name),
        _ => None,
    };
    let outcome = match registered {
        Some(pid) => {
            sent(process.send(pid, message.clone()).await);
            own.clone()
        }
        None => Term::tuple([Term::atom("nonexisting_name"), name.clone()]),
    };
    Term::tuple([Term::atom("rex"), own, outcome])
}

/// What `rpc:call` gives its caller: a thrown term is a value, too.
fn value_or_badrpc(outcome: Outcome) -> Term {
    let exit = match outcome {
        Outcome::Value(value) | Outcome::Throw(value) => return value,
        Outcome::Exit(reason) => reason,
        Outcome::Error { reason, stack } => Term::tuple([reason, stack]),
    };
    let exit = Term::tuple([Term::atom("EXIT"), exit]);
    Term::tuple([Term::atom("badrpc"), exit])
}
