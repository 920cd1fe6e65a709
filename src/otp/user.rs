//! `user`: the default group leader, which answers the I/O protocol
//! (the chapter "The Erlang I/O Protocol" of the stdlib User's Guide).
//!
//! A request that is not answered hangs the process that made it. Output is logged at `debug`; there is no input.

use super::gen_server::{Message, next, sent};
use crate::runtime::Process;
use crate::term::{Pid, Term};

pub(super) async fn run(mut process: Process) {
    loop {
        let Message::Info(message) = next(&mut process).await else {
            continue;
        };
        let Some((from, reply_as, request)) = io_request(&message) else {
            continue;
        };
        let reply = answer(request);
        let message = Term::tuple([Term::atom("io_reply"), reply_as.clone(), reply]);
        sent(process.send(from, message).await);
    }
}

/// The parts of `{io_request, From, ReplyAs, Request}`.
fn io_request(message: &Term) -> Option<(&Pid, &Term, &Term)> {
    match message.as_tuple()? {
        [head, Term::Pid(from), reply_as, request] if head.as_atom() == Some("io_request") => {
            Some((from, reply_as, request))
        }
        _ => None,
    }
}

fn answer(request: &Term) -> Term {
    let operation = match request.as_tuple() {
        Some([head, ..]) => head.as_atom(),
        _ => request.as_atom(),
    };
    match operation {
        Some("put_chars") => {
            tracing::debug!(request = %request.to_erlang(), "output for user");
            Term::atom("ok")
        }
        Some("setopts") => Term::atom("ok"),
        Some("getopts") => {
            Term::list([Term::tuple([Term::atom("encoding"), Term::atom("unicode")])])
        }
        Some("requests") => match request.as_tuple() {
            Some([_, Term::List(requests)]) => requests
                .iter()
                .map(answer)
                .last()
                .unwrap_or_else(|| Term::atom("ok")),
            _ => error("request"),
        },
        Some("get_line" | "get_chars" | "get_until" | "get_geometry" | "get_password") => {
            error("enotsup")
        }
        _ => error("request"),
    }
}

fn error(reason: &'static str) -> Term {
    Term::tuple([Term::atom("error"), Term::atom(reason)])
}
