//! `erpc`: what a peer reaches when it spawns something here (PROTOCOL.md, D.3; `lib/kernel/src/erpc.erl`).
//!
//! A SPAWN_REQUEST is always answered. `erpc:execute_call/4` and `execute_cast/3` reach a fixed table of functions;
//! all else is `undef`, exactly as a BEAM reports it (DESIGN.md, law 4: nobody runs code here).

mod client;

pub use client::{CallError, call};

use crate::runtime::{Exit, Runtime, SpawnRequest, SpawnService};
use crate::term::{Reference, Term};

/// What came of a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Value(Term),
    /// `erlang:error(Reason)`, raised by the function itself.
    Error(Term),
    Undefined,
}

/// The functions that peers may call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Functions<'a> {
    runtime: &'a Runtime,
}

impl Functions<'_> {
    pub(crate) fn of(runtime: &Runtime) -> Functions<'_> {
        Functions { runtime }
    }

    /// Calls `module:function(arguments)`.
    pub(crate) fn call(&self, module: &str, function: &str, arguments: &[Term]) -> Outcome {
        match (module, function, arguments) {
            ("erlang", "node", []) => Outcome::Value(self.own_name()),
            ("erlang", "nodes", []) => Outcome::Value(self.nodes(|hidden| !hidden)),
            ("erlang", "nodes", [kinds]) => self.nodes_of(kinds),
            ("erlang", "is_process_alive", [Term::Pid(pid)])
                if pid.node == *self.runtime.name().atom() =>
            {
                Outcome::Value(Term::from(self.runtime.is_alive(pid)))
            }
            ("erlang", "is_process_alive", [_]) => bad_argument(),
            ("erlang", "system_info", [item]) => self.system_info(item),
            ("application", "which_applications", [] | [_]) => Outcome::Value(applications()),
            _ => Outcome::Undefined,
        }
    }

    /// Calls what three terms name; anything but two atoms and a list is `badarg`.
    pub(crate) fn apply(&self, module: &Term, function: &Term, arguments: &Term) -> Outcome {
        match (module.as_atom(), function.as_atom(), arguments.as_list()) {
            (Some(module), Some(function), Some(arguments)) => {
                self.call(module, function, arguments)
            }
            _ => bad_argument(),
        }
    }

    fn own_name(&self) -> Term {
        Term::Atom(self.runtime.name().atom().clone())
    }

    fn nodes(&self, wanted: impl Fn(bool) -> bool) -> Term {
        let peers = self.runtime.peers();
        let wanted = peers.into_iter().filter(|peer| wanted(peer.hidden));
        Term::list(wanted.map(|peer| Term::Atom(peer.name.atom().clone())))
    }

    /// `erlang:nodes(Kind | [Kind])`.
    fn nodes_of(&self, kinds: &Term) -> Outcome {
        let one = [kinds.clone()];
        let kinds = kinds.as_list().unwrap_or(&one);
        let (mut visible, mut hidden, mut this) = (false, false, false);
        for kind in kinds {
            match kind.as_atom() {
                Some("visible") => visible = true,
                Some("hidden") => hidden = true,
                Some("connected") => (visible, hidden) = (true, true),
                Some("known") => (visible, hidden, this) = (true, true, true),
                Some("this") => this = true,
                _ => return bad_argument(),
            }
        }
        let peers = self.nodes(|is_hidden| if is_hidden { hidden } else { visible });
        let mut nodes: Vec<Term> = peers.as_list().unwrap_or_default().to_vec();
        if this {
            nodes.insert(0, self.own_name());
        }
        Outcome::Value(Term::list(nodes))
    }

    /// The items that tools ask every member of `Node.list()` for. There is no OTP here: release and version
    /// name the oldest release whose protocol we speak.
    fn system_info(&self, item: &Term) -> Outcome {
        let value = match item.as_atom() {
            Some("otp_release") => charlist("25"),
            Some("version") => charlist("13.0"),
            Some("machine") => charlist("beamlink"),
            Some("system_version") => {
                charlist(concat!("beamlink ", env!("CARGO_PKG_VERSION"), "\n"))
            }
            Some("system_architecture") => charlist(std::env::consts::ARCH),
            Some("creation") => Term::from(i64::from(self.runtime.settings().creation)),
            Some("process_count") => count(self.runtime.process_count()),
            Some("process_limit") => count(0x0fff_ffff),
            Some("port_count" | "atom_count" | "ets_count") => count(0),
            Some("wordsize") => count(size_of::<usize>()),
            Some("schedulers" | "schedulers_online" | "logical_processors") => {
                count(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
            }
            _ => return bad_argument(),
        };
        Outcome::Value(value)
    }
}

fn bad_argument() -> Outcome {
    Outcome::Error(Term::atom("badarg"))
}

fn count(count: usize) -> Term {
    Term::from(i64::try_from(count).unwrap_or(i64::MAX))
}

fn charlist(text: &str) -> Term {
    Term::list(
        text.chars()
            .map(|letter| Term::from(i64::from(u32::from(letter)))),
    )
}

/// Only ourselves: Swarm puts every node that runs `swarm` into its ring, and ExESDB every one that runs `ex_esdb`.
fn applications() -> Term {
    Term::list([Term::tuple([
        Term::atom("beamlink"),
        charlist("beamlink"),
        charlist(env!("CARGO_PKG_VERSION")),
    ])])
}

/// `{Reason, Stack}` or its parts, for a function that is not there.
pub(crate) fn undefined_stack(module: &Term, function: &Term, arguments: &Term) -> Term {
    let frame = [
        module.clone(),
        function.clone(),
        arguments.clone(),
        Term::nil(),
    ];
    Term::list([Term::tuple(frame)])
}

/// Answers SPAWN_REQUEST with the functions of the table.
pub(crate) struct Erpc;

impl Functions<'_> {
    /// `erpc:execute_call(Res, M, F, A)`: the result is an exit reason.
    fn execute_call(
        &self,
        result: &Reference,
        module: &Term,
        function: &Term,
        arguments: &Term,
    ) -> Term {
        let result = Term::Ref(result.clone());
        let stack = || undefined_stack(module, function, arguments);
        match self.apply(module, function, arguments) {
            Outcome::Value(value) => Term::tuple([result, Term::atom("return"), value]),
            Outcome::Error(reason) => Term::tuple([result, Term::atom("error"), reason, stack()]),
            Outcome::Undefined => {
                Term::tuple([result, Term::atom("error"), Term::atom("undef"), stack()])
            }
        }
    }
}

impl SpawnService for Erpc {
    fn run(&self, runtime: &Runtime, request: &SpawnRequest) -> Exit {
        let functions = Functions::of(runtime);
        let called = (
            request.module.as_str(),
            request.function.as_str(),
            request.arguments.as_slice(),
        );
        match called {
            ("erpc", "execute_call", [Term::Ref(result), module, function, arguments]) => {
                Exit::with(functions.execute_call(result, module, function, arguments))
            }
            ("erpc", "execute_cast", [module, function, arguments]) => {
                functions.apply(module, function, arguments);
                Exit::normal()
            }
            (module, function, arguments) => {
                let stack = || {
                    undefined_stack(
                        &Term::Atom(request.module.clone()),
                        &Term::Atom(request.function.clone()),
                        &Term::list(arguments.iter().cloned()),
                    )
                };
                match functions.call(module, function, arguments) {
                    Outcome::Value(_) => Exit::normal(),
                    Outcome::Error(reason) => Exit::with(Term::tuple([reason, stack()])),
                    Outcome::Undefined => Exit::with(Term::tuple([Term::atom("undef"), stack()])),
                }
            }
        }
    }
}
