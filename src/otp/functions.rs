//! The functions that peers may call: those of [`erlang`](super::erlang), and those that were exported by name. Nothing
//! else can be reached from outside (DESIGN.md, law 4: nobody runs code here).

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use tracing::Instrument as _;
use tracing::field::Empty;

use super::{SPANS, erlang};
use crate::runtime::{Process, catch_panic};
use crate::term::{Atom, Term};

/// How a function ended without a value: the three classes of an Erlang exception.
#[derive(Debug, Clone, PartialEq)]
pub enum Raised {
    /// `throw(Term)`.
    Throw(Term),
    /// `exit(Reason)`.
    Exit(Term),
    /// `erlang:error(Reason)`; the caller gets a stack that names the exported function.
    Error(Term),
}

impl Raised {
    /// `badarg`: an argument is not what the function takes.
    pub fn bad_argument() -> Raised {
        Raised::Error(Term::atom("badarg"))
    }
}

/// An error of Rust is raised as `{rust_error, Text}`.
impl<E: std::error::Error> From<E> for Raised {
    fn from(error: E) -> Raised {
        let text = Term::from(error.to_string());
        Raised::Error(Term::tuple([Term::atom("rust_error"), text]))
    }
}

type Returned = Pin<Box<dyn Future<Output = Result<Term, Raised>> + Send>>;
type Body = dyn Fn(Process, Vec<Term>) -> Returned + Send + Sync;

struct Exported {
    body: Box<Body>,
    /// Where it was exported, and its name in Rust: for the stack that a caller gets.
    location: &'static Location<'static>,
    rust: &'static str,
}

/// The table of exported functions. Clones share it.
#[derive(Clone, Default)]
pub struct Functions(Arc<RwLock<HashMap<Key, Arc<Exported>>>>);

/// Module, function, arity.
type Key = (Atom, Atom, usize);

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Value(Term),
    Throw(Term),
    Exit(Term),
    Error { reason: Term, stack: Term },
}

impl Outcome {
    /// In a word, where it brought no value.
    fn failure(&self) -> Option<&'static str> {
        match self {
            Outcome::Value(_) => None,
            Outcome::Throw(_) => Some("throw"),
            Outcome::Exit(_) => Some("exit"),
            Outcome::Error { reason, .. } if reason.as_atom() == Some("undef") => Some("undef"),
            Outcome::Error { .. } => Some("error"),
        }
    }
}

impl Functions {
    /// Lets peers call `body` as `module:function` with `arity` arguments. One that was exported under the same name
    /// and arity goes.
    #[track_caller]
    pub fn export<F>(
        &self,
        module: &Atom,
        function: &Atom,
        arity: usize,
        body: impl Fn(Process, Vec<Term>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<Term, Raised>> + Send + 'static,
    {
        let key = (module.clone(), function.clone(), arity);
        let exported = Exported {
            rust: rust_name(&body),
            body: Box::new(move |process, arguments| Box::pin(body(process, arguments))),
            location: Location::caller(),
        };
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.insert(key, Arc::new(exported));
    }

    /// Ends an export: peers get `undef` from now on. False when there is none.
    pub fn unexport(&self, module: &Atom, function: &Atom, arity: usize) -> bool {
        let key = (module.clone(), function.clone(), arity);
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.remove(&key).is_some()
    }

    /// The exported functions, with their arities.
    pub fn exported(&self) -> Vec<(Atom, Atom, usize)> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.keys().cloned().collect()
    }

    fn find(&self, key: &Key) -> Option<Arc<Exported>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.get(key).cloned()
    }

    /// Calls what three terms name, as `process`; anything but two atoms and a list is `badarg`.
    pub(super) async fn apply(&self, process: Process, call: [Term; 3]) -> Outcome {
        let [
            Term::Atom(module),
            Term::Atom(function),
            Term::List(arguments),
        ] = call
        else {
            let [module, function, arguments] = call;
            let reason = Term::atom("badarg");
            let stack = stack_of(module, function, arguments, Vec::new());
            return Outcome::Error { reason, stack };
        };
        self.call(process, module, function, arguments.into_vec())
            .await
    }

    /// Calls `module:function(arguments)` as `process`.
    pub(super) async fn call(
        &self,
        process: Process,
        module: Atom,
        function: Atom,
        arguments: Vec<Term>,
    ) -> Outcome {
        let begin = Instant::now();
        let runtime = process.runtime().clone();
        let span = tracing::debug_span!(
            target: SPANS,
            "rpc.server",
            otel.name = format!("{}:{}/{}", module.as_str(), function.as_str(), arguments.len()),
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system = "erlang",
            rpc.service = module.as_str(),
            rpc.method = function.as_str(),
            error.r#type = Empty,
            // What it prints goes to where the call comes from.
            client.address = process.group_leader().map(|leader| leader.node.as_str().to_owned()),
        );
        let outcome = self.find_and_run(process, module, function, arguments);
        let outcome = outcome.instrument(span.clone()).await;
        let failure = outcome.failure();
        if let Some(kind) = failure {
            span.record("error.type", kind);
            span.record("otel.status_code", "ERROR");
        }
        let returned = failure.is_none();
        runtime.counters().served.note(begin.elapsed(), returned);
        outcome
    }

    async fn find_and_run(
        &self,
        process: Process,
        module: Atom,
        function: Atom,
        arguments: Vec<Term>,
    ) -> Outcome {
        let key = (module, function, arguments.len());
        if let Some(exported) = self.find(&key) {
            return exported.run(process, key, arguments).await;
        }
        let (module, function, _) = key;
        match erlang::call(
            process.runtime(),
            module.as_str(),
            function.as_str(),
            &arguments,
        ) {
            Some(Ok(value)) => Outcome::Value(value),
            failed => Outcome::Error {
                reason: Term::atom(if failed.is_some() { "badarg" } else { "undef" }),
                stack: stack_of(
                    Term::Atom(module),
                    Term::Atom(function),
                    Term::list(arguments),
                    Vec::new(),
                ),
            },
        }
    }
}

impl Exported {
    async fn run(&self, process: Process, key: Key, arguments: Vec<Term>) -> Outcome {
        // A function that does not wait runs, and may panic, when it is asked for its future.
        let running = async { (self.body)(process, arguments).await };
        let raised = match catch_panic(running).await {
            Ok(Ok(value)) => return Outcome::Value(value),
            Ok(Err(raised)) => raised,
            Err(panic) => Raised::Error(panic),
        };
        match raised {
            Raised::Throw(thrown) => Outcome::Throw(thrown),
            Raised::Exit(reason) => Outcome::Exit(reason),
            Raised::Error(reason) => {
                let (module, function, arity) = key;
                let arity = Term::from(i64::try_from(arity).unwrap_or(i64::MAX));
                let (module, function) = (Term::Atom(module), Term::Atom(function));
                let stack = stack_of(module, function, arity, self.place());
                Outcome::Error { reason, stack }
            }
        }
    }

    /// Where its code is, as a frame of a stack says it.
    fn place(&self) -> Vec<Term> {
        let file = Term::charlist(self.location.file());
        let line = Term::from(i64::from(self.location.line()));
        vec![
            Term::tuple([Term::atom("file"), file]),
            Term::tuple([Term::atom("line"), line]),
            Term::tuple([Term::atom("rust"), Term::from(self.rust)]),
        ]
    }
}

fn rust_name<T>(_: &T) -> &'static str {
    std::any::type_name::<T>()
}

/// `[{Module, Function, ArityOrArguments, Location}]`.
pub(super) fn stack_of(module: Term, function: Term, arguments: Term, place: Vec<Term>) -> Term {
    Term::list([Term::tuple([
        module,
        function,
        arguments,
        Term::list(place),
    ])])
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.exported()).finish()
    }
}
