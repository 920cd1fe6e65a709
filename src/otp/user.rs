//! `user`, and group leaders of our own: what answers the I/O protocol
//! (the chapter "The Erlang I/O Protocol" of the stdlib User's Guide).
//!
//! A request that is not answered hangs the process that made it. There is no input: who asks for some is refused. Output
//! is answered once it is out, and so makes who prints wait for who reads it.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};

use super::chardata;
use super::erpc::{self, Request};
use super::gen_server::{Asked, next, sent};
use crate::NodeName;
use crate::runtime::{Process, ProcessHandle, Runtime, SpawnOptions};
use crate::term::{Pid, Term};

/// How long a peer may take to format what it wants printed.
const FORMAT_LIMIT: Duration = Duration::from_secs(5);

/// Output for `user` is logged at `debug`.
pub(super) async fn run(process: Process) {
    serve(process, Print::Log).await;
}

/// Starts a process that hands `print` all that processes print whose group leader it is. It lives until it is ended by
/// its handle. `print` may block: it runs on a thread for that, a text at a time, and who prints waits for it.
pub fn group_leader(runtime: &Runtime, print: impl FnMut(&str) + Send + 'static) -> ProcessHandle {
    let print = Print::Blocking(Box::new(print));
    runtime.spawn_handle(SpawnOptions::default(), |process| serve(process, print))
}

type Writer = Box<dyn FnMut(&str) + Send>;

/// Where output goes.
enum Print {
    Log,
    Blocking(Writer),
}

impl Print {
    /// Prints `text`. False when tokio ends. A panic in the writer is one of this process.
    async fn print(&mut self, text: String) -> bool {
        let Print::Blocking(print) = self else {
            tracing::debug!(%text, "output for user");
            return true;
        };
        // A writer that nobody reads from may take for ever, and ticks must go on.
        let mut taken: Writer = std::mem::replace(print, Box::new(|_| ()));
        let printing = tokio::task::spawn_blocking(move || {
            taken(&text);
            taken
        });
        match Printing(printing).await {
            Ok(back) => {
                *print = back;
                true
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => false,
            },
        }
    }
}

/// What has not begun to print when its process ends is not printed any more.
struct Printing(JoinHandle<Writer>);

impl Future for Printing {
    type Output = Result<Writer, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl Drop for Printing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve(mut process: Process, mut print: Print) {
    loop {
        let Asked::Info(message) = next(&mut process).await else {
            continue;
        };
        let Some((from, reply_as, request)) = io_request(&message) else {
            continue;
        };
        let reply = answer(&process, from, request, &mut print).await;
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

async fn answer(process: &Process, from: &Pid, request: &Term, print: &mut Print) -> Term {
    match request.as_tuple() {
        // The first that fails ends it; the answer is that of the last.
        Some([head, Term::List(requests)]) if head.as_atom() == Some("requests") => {
            for request in requests.iter() {
                let reply = one(process, from, request, print).await;
                if reply != Term::atom("ok") {
                    return reply;
                }
            }
            Term::atom("ok")
        }
        _ => one(process, from, request, print).await,
    }
}

async fn one(process: &Process, from: &Pid, request: &Term, print: &mut Print) -> Term {
    let whole = [request.clone()];
    let parts = request.as_tuple().unwrap_or(&whole);
    let Some((head, rest)) = parts.split_first() else {
        return error("request");
    };
    match (head.as_atom(), rest) {
        (Some("put_chars"), [encoding, chars]) => put_chars(encoding, chars, print).await,
        (Some("put_chars"), [chars]) => put_chars(&Term::atom("latin1"), chars, print).await,
        (
            Some("put_chars"),
            [
                encoding,
                Term::Atom(module),
                Term::Atom(function),
                Term::List(arguments),
            ],
        ) => {
            // `io:format/2` leaves the work to us: `io_lib:format/2` is at the peer, so it runs there.
            let Ok(peer) = NodeName::new(from.node.as_str()) else {
                return error("request");
            };
            let request = Request::new(&peer, module, function, arguments.to_vec());
            match erpc::call(process, request.timeout(FORMAT_LIMIT)).await {
                Ok(chars) => put_chars(encoding, &chars, print).await,
                Err(_) => error("put_chars"),
            }
        }
        (Some("setopts"), [_]) => Term::atom("ok"),
        (Some("getopts"), []) => Term::list([
            Term::tuple([Term::atom("binary"), Term::from(true)]),
            Term::tuple([Term::atom("encoding"), Term::atom("unicode")]),
        ]),
        (Some("get_line" | "get_chars" | "get_until" | "get_geometry" | "get_password"), _) => {
            error("enotsup")
        }
        _ => error("request"),
    }
}

async fn put_chars(encoding: &Term, chars: &Term, print: &mut Print) -> Term {
    let text = match encoding.as_atom() {
        Some("latin1") => chardata::latin1(chars),
        Some("unicode") => chardata::unicode(chars),
        _ => None,
    };
    match text {
        Some(text) => match print.print(text).await {
            true => Term::atom("ok"),
            false => error("terminated"),
        },
        None => error("put_chars"),
    }
}

fn error(reason: &'static str) -> Term {
    Term::tuple([Term::atom("error"), Term::atom(reason)])
}
