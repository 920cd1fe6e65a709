//! Answers SPAWN_REQUEST: `erpc:execute_call/4` and `execute_cast/3`, and functions that are spawned as they are.

use crate::otp::functions::{Functions, Outcome};
use crate::runtime::{Exit, Process, Running, SpawnRequest, SpawnService};
use crate::term::{Atom, Reference, Term};

/// Runs the functions of the table.
#[derive(Debug)]
pub(crate) struct Erpc(pub(crate) Functions);

impl SpawnService for Erpc {
    fn accepts(&self, module: &Atom, function: &Atom, arity: u8) -> Result<(), Atom> {
        // `spawn(Node, Fun)`: its code is nowhere but at the peer. This makes the peer say so, where an exit of what it
        // spawned would be heard by nobody.
        match (module.as_str(), function.as_str(), arity) {
            ("erlang", "apply", 2) => Err(Atom::from_static("notsup")),
            _ => Ok(()),
        }
    }

    fn run(&self, process: Process, request: SpawnRequest) -> Running {
        let functions = self.0.clone();
        Box::pin(async move {
            let SpawnRequest {
                module,
                function,
                mut arguments,
                ..
            } = request;
            match (module.as_str(), function.as_str(), arguments.first()) {
                ("erpc", "execute_call", Some(Term::Ref(tag))) if arguments.len() == 4 => {
                    let tag = tag.clone();
                    match three(arguments.split_off(1)) {
                        Some(call) => Exit::with(result(tag, functions.apply(process, call).await)),
                        None => Exit::normal(),
                    }
                }
                ("erpc", "execute_cast", _) if arguments.len() == 3 => match three(arguments) {
                    Some(call) => death(functions.apply(process, call).await),
                    None => Exit::normal(),
                },
                _ => death(functions.call(process, module, function, arguments).await),
            }
        })
    }
}

fn three(terms: Vec<Term>) -> Option<[Term; 3]> {
    <[Term; 3]>::try_from(terms).ok()
}

/// The exit reason that carries a result to `erpc`.
fn result(tag: Reference, outcome: Outcome) -> Term {
    let tag = Term::Ref(tag);
    match outcome {
        Outcome::Value(value) => Term::tuple([tag, Term::atom("return"), value]),
        Outcome::Throw(thrown) => Term::tuple([tag, Term::atom("throw"), thrown]),
        Outcome::Exit(reason) => Term::tuple([tag, Term::atom("exit"), reason]),
        Outcome::Error { reason, stack } => Term::tuple([tag, Term::atom("error"), reason, stack]),
    }
}

/// Why a process ends that ran nothing but this.
fn death(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Value(_) => Exit::normal(),
        Outcome::Throw(thrown) => {
            let uncaught = Term::tuple([Term::atom("nocatch"), thrown]);
            Exit::with(Term::tuple([uncaught, Term::nil()]))
        }
        Outcome::Exit(reason) => Exit::with(reason),
        Outcome::Error { reason, stack } => Exit::with(Term::tuple([reason, stack])),
    }
}
