//! `rpc`: the `rex` server (`lib/kernel/src/rpc.erl`). `rpc:call` itself goes by [`erpc`](super::erpc).

use super::erpc::{Functions, Outcome, undefined_stack};
use super::gen_server::{Message, next, sent};
use crate::runtime::{Destination, Process};
use crate::term::{Pid, Term};

pub(super) async fn run(mut process: Process) {
    loop {
        match next(&mut process).await {
            // `rpc:block_call`: {block_call, M, F, A, GroupLeader}.
            Message::Call(call, request) => {
                let reply = match request.as_tuple() {
                    Some([head, module, function, arguments, _leader])
                        if head.as_atom() == Some("block_call") =>
                    {
                        apply(&process, module, function, arguments)
                    }
                    _ => continue,
                };
                sent(call.reply(&process, reply).await);
            }
            Message::Cast(_) => {}
            Message::Info(message) => {
                if let Some((to, reply)) = answer(&process, &message).await {
                    sent(process.send(to, reply).await);
                }
            }
        }
    }
}

/// The answer to one of rex's plain messages, and to whom it goes.
async fn answer(process: &Process, message: &Term) -> Option<(Pid, Term)> {
    let [Term::Pid(from), request] = message.as_tuple()? else {
        return None;
    };
    if request.as_atom() == Some("features_request") {
        let features = Term::list([Term::atom("erpc")]);
        let own = Term::Atom(process.runtime().name().atom().clone());
        let reply = Term::tuple([Term::atom("features_reply"), own, features]);
        return Some((from.clone(), reply));
    }
    let reply = match request.as_tuple()? {
        [head, name, message] if head.as_atom() == Some("sbcast") => {
            broadcast(process, name, message).await
        }
        // What C nodes, `erl_call` and `ei_rpc` send.
        [head, module, function, arguments, _leader] if head.as_atom() == Some("call") => {
            let result = apply(process, module, function, arguments);
            Term::tuple([Term::atom("rex"), result])
        }
        _ => return None,
    };
    Some((from.clone(), reply))
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
            sent(process.send(Destination::Pid(pid), message.clone()).await);
            own.clone()
        }
        None => Term::tuple([Term::atom("nonexisting_name"), name.clone()]),
    };
    Term::tuple([Term::atom("rex"), own, outcome])
}

/// The value, or `{badrpc, {'EXIT', {Reason, Stack}}}`.
fn apply(process: &Process, module: &Term, function: &Term, arguments: &Term) -> Term {
    let reason = match Functions::of(process.runtime()).apply(module, function, arguments) {
        Outcome::Value(value) => return value,
        Outcome::Error(reason) => reason,
        Outcome::Undefined => Term::atom("undef"),
    };
    let stack = undefined_stack(module, function, arguments);
    let exit = Term::tuple([Term::atom("EXIT"), Term::tuple([reason, stack])]);
    Term::tuple([Term::atom("badrpc"), exit])
}
