//! `erpc` towards a peer: SPAWN_REQUEST of `erpc:execute_call/4`, whose result comes as an exit reason
//! (PROTOCOL.md, D.3; `lib/kernel/src/erpc.erl`).

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::NodeName;
use crate::otp::{SPANS, user};
use crate::runtime::{CallEnd, Caller, Runtime, SendError};
use crate::term::{Atom, DeserializeError, Pid, Reference, SerializeError, Term, from_term};

/// Why a call of a function on a peer brought no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RpcError {
    /// The function threw this.
    #[error("it threw {}", .0.to_elixir())]
    Throw(Term),
    /// The function ended by `exit/1` with this reason.
    #[error("it exited: {}", .0.to_elixir())]
    Exit(Term),
    /// The function raised this error.
    #[error("it raised {}", .reason.to_elixir())]
    Error {
        /// The reason: `badarith`, an Elixir exception, ….
        reason: Term,
        /// The stack, as Erlang shows it: `[{Module, Function, ArityOrArguments, Location}]`.
        stack: Term,
    },
    /// `undef`: there is no such function.
    #[error("undef: there is no {}.{}/{arity} on the peer", .module.as_str(), .function.as_str())]
    Undefined {
        /// The module that was called.
        module: Atom,
        /// The function that was called.
        function: Atom,
        /// How many arguments it was given.
        arity: usize,
    },
    /// The process that ran it was ended from outside, for this reason.
    #[error("the process that ran it was ended: {}", .0.to_elixir())]
    Signal(Term),
    /// The peer did not start it: `notsup`, `system_limit`, ….
    #[error("the peer did not start it: {}", .0.as_str())]
    NotStarted(Atom),
    /// It did not end in time. It may go on at the peer.
    #[error("timeout: no answer within {0:?}")]
    Timeout(Duration),
    /// There is no connection to the peer, or it ended before the answer came.
    #[error("noconnection: {0} is not connected")]
    NoConnection(NodeName),
    /// The arguments cannot be expressed.
    #[error("it was not called: {0}")]
    Arguments(SerializeError),
    /// The answer is no term, or not the one that is wanted.
    #[error("the answer is not understood: {0}")]
    Answer(DeserializeError),
}

impl RpcError {
    /// In a word.
    fn kind(&self) -> &'static str {
        match self {
            RpcError::Throw(_) => "throw",
            RpcError::Exit(_) => "exit",
            RpcError::Error { .. } => "error",
            RpcError::Undefined { .. } => "undef",
            RpcError::Signal(_) => "signal",
            RpcError::NotStarted(_) => "not_started",
            RpcError::Timeout(_) => "timeout",
            RpcError::NoConnection(_) => "noconnection",
            RpcError::Arguments(_) => "arguments",
            RpcError::Answer(_) => "answer",
        }
    }
}

/// What is to be called, where, and how.
#[derive(Debug, Clone)]
#[must_use]
pub struct Request {
    peer: NodeName,
    module: Atom,
    function: Atom,
    arguments: Vec<Term>,
    limit: Duration,
    group_leader: Option<Pid>,
}

impl Request {
    /// `module:function(arguments…)` on `peer`, with five seconds for it.
    pub fn new(peer: &NodeName, module: &Atom, function: &Atom, arguments: Vec<Term>) -> Request {
        Request {
            peer: peer.clone(),
            module: module.clone(),
            function: function.clone(),
            arguments,
            limit: Duration::from_secs(5),
            group_leader: None,
        }
    }

    /// How long the answer may take.
    pub fn timeout(mut self, limit: Duration) -> Request {
        self.limit = limit;
        self
    }

    /// The process that gets what the function prints; that of the caller unless set.
    pub fn group_leader(mut self, leader: &Pid) -> Request {
        self.group_leader = Some(leader.clone());
        self
    }
}

/// Takes what is printed.
pub(crate) type Print = Box<dyn FnMut(&str) + Send>;

/// A call that is made once it is awaited.
#[must_use = "it is made once it is awaited"]
pub struct Rpc<'a> {
    runtime: &'a Runtime,
    request: Result<Request, SerializeError>,
    print: Option<Print>,
}

impl<'a> Rpc<'a> {
    pub(crate) fn new(runtime: &'a Runtime, request: Result<Request, SerializeError>) -> Rpc<'a> {
        Rpc {
            runtime,
            request,
            print: None,
        }
    }

    /// How long the answer may take; five seconds unless set.
    pub fn timeout(mut self, limit: Duration) -> Rpc<'a> {
        self.request = self.request.map(|request| request.timeout(limit));
        self
    }

    /// Hands `print` what the function prints, as it comes. Unless set it goes to the log.
    pub fn output(mut self, print: impl FnMut(&str) + Send + 'static) -> Rpc<'a> {
        self.print = Some(Box::new(print));
        self
    }

    /// Makes the call, and returns the value as one of Rust.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn value<T: DeserializeOwned>(self) -> Result<T, RpcError> {
        from_term(&self.await?).map_err(RpcError::Answer)
    }
}

impl<'a> IntoFuture for Rpc<'a> {
    type Output = Result<Term, RpcError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Term, RpcError>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = self.request.map_err(RpcError::Arguments)?;
            let Some(print) = self.print else {
                return call(self.runtime, request).await;
            };
            let leader = user::group_leader(self.runtime, print);
            let result = call(self.runtime, request.group_leader(leader.pid())).await;
            leader.exit(Term::atom("kill"));
            // Nothing is printed after this returns.
            leader.ended().await;
            result
        })
    }
}

impl fmt::Debug for Rpc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rpc").field(&self.request).finish()
    }
}

/// Calls a function on a peer and returns its value.
///
/// # Errors
/// See [`RpcError`].
pub async fn call(caller: &impl Caller, request: Request) -> Result<Term, RpcError> {
    let limit = request.limit;
    let begin = Instant::now();
    let (module, function) = (request.module.as_str(), request.function.as_str());
    let span = tracing::debug_span!(
        target: SPANS,
        "rpc.client",
        otel.name = format!("{module}:{function}/{}", request.arguments.len()),
        otel.kind = "client",
        otel.status_code = Empty,
        rpc.system = "erlang",
        rpc.service = module,
        rpc.method = function,
        error.r#type = Empty,
        server.address = request.peer.as_str(),
    );
    let executing = execute(caller, request).instrument(span.clone());
    let ended = tokio::time::timeout(limit, executing).await;
    let result = ended.unwrap_or(Err(RpcError::Timeout(limit)));
    if let Err(error) = &result {
        span.record("error.type", error.kind());
        span.record("otel.status_code", "ERROR");
    }
    let made = &caller.runtime().counters().made;
    made.note(begin.elapsed(), result.is_ok());
    result
}

async fn execute(caller: &impl Caller, request: Request) -> Result<Term, RpcError> {
    let Request {
        peer,
        module,
        function,
        arguments,
        group_leader,
        ..
    } = request;
    let runtime = caller.runtime();
    let leader = leader(caller, group_leader);
    let arity = arguments.len();
    let mut tag = None;
    let execute_call = (
        &Atom::from_static("erpc"),
        &Atom::from_static("execute_call"),
    );
    let open = runtime.open_spawn(caller, &peer, execute_call, &leader, |reference| {
        tag = Some(reference.clone());
        vec![
            Term::Ref(reference.clone()),
            Term::Atom(module.clone()),
            Term::Atom(function.clone()),
            Term::list(arguments),
        ]
    });
    let open = open.await.map_err(|error| match error {
        SendError::NotConnected(_) => RpcError::NoConnection(peer.clone()),
        SendError::Encode(error) => RpcError::Arguments(error),
    })?;
    let reason = match open.end().await {
        CallEnd::Down(reason) | CallEnd::Answer(reason) => reason
            .term()
            .map_err(|error| RpcError::Answer(error.into()))?,
        CallEnd::NotSpawned(error) => return Err(RpcError::NotStarted(error)),
        CallEnd::NoConnection => return Err(RpcError::NoConnection(peer)),
    };
    match outcome(tag.as_ref(), reason) {
        Err(RpcError::Error { reason, stack })
            if reason.as_atom() == Some("undef") && is_top(&stack, &module, &function, arity) =>
        {
            Err(RpcError::Undefined {
                module,
                function,
                arity,
            })
        }
        outcome => outcome,
    }
}

fn leader(caller: &impl Caller, wished: Option<Pid>) -> Pid {
    let user = || caller.runtime().whereis(&Atom::from_static("user"));
    wished.or_else(user).unwrap_or_else(|| caller.pid().clone())
}

/// What the exit reason of `erpc:execute_call/4` says.
fn outcome(tag: Option<&Reference>, reason: Term) -> Result<Term, RpcError> {
    let Term::Tuple(parts) = reason else {
        return Err(RpcError::Signal(reason));
    };
    match <[Term; 3]>::try_from(parts.into_vec()) {
        Ok([Term::Ref(own), how, value]) if Some(&own) == tag => match how.as_atom() {
            Some("return") => Ok(value),
            Some("throw") => Err(RpcError::Throw(value)),
            Some("exit") => Err(RpcError::Exit(value)),
            Some("error") => Err(RpcError::Error {
                reason: value,
                stack: Term::nil(),
            }),
            _ => Err(RpcError::Signal(Term::tuple([Term::Ref(own), how, value]))),
        },
        Ok(other) => Err(RpcError::Signal(Term::tuple(other))),
        Err(parts) => match <[Term; 4]>::try_from(parts) {
            Ok([Term::Ref(own), how, reason, stack])
                if Some(&own) == tag && how.as_atom() == Some("error") =>
            {
                Err(RpcError::Error { reason, stack })
            }
            Ok(other) => Err(RpcError::Signal(Term::tuple(other))),
            Err(parts) => Err(RpcError::Signal(Term::tuple(parts))),
        },
    }
}

/// Whether the call itself was undefined, and not one that it made.
fn is_top(stack: &Term, module: &Atom, function: &Atom, arity: usize) -> bool {
    let top = stack.as_list().and_then(<[Term]>::first);
    match top.and_then(Term::as_tuple) {
        Some([Term::Atom(m), Term::Atom(f), arguments, ..]) => {
            let given = match arguments {
                Term::Int(given) => usize::try_from(*given).ok(),
                arguments => arguments.as_list().map(<[Term]>::len),
            };
            m == module && f == function && given == Some(arity)
        }
        _ => false,
    }
}

/// Calls the same function on all of `peers` at once; the results stand in the order of the peers (`erpc:multicall/5`).
pub async fn multicall(
    runtime: &Runtime,
    peers: &[NodeName],
    request: impl Fn(&NodeName) -> Request,
) -> Vec<Result<Term, RpcError>> {
    let mut calls = tokio::task::JoinSet::new();
    for (at, peer) in peers.iter().enumerate() {
        let (runtime, request) = (runtime.clone(), request(peer));
        calls.spawn(async move { (at, call(&runtime, request).await) });
    }
    let mut ended = calls.join_all().await;
    ended.sort_by_key(|(at, _)| *at);
    ended.into_iter().map(|(_, result)| result).collect()
}

/// Starts a function on a peer, whatever comes of it (`erpc:cast/4`).
///
/// # Errors
/// When the peer is not connected, or the arguments cannot be expressed.
pub async fn cast(caller: &impl Caller, request: Request) -> Result<(), SendError> {
    let leader = leader(caller, request.group_leader);
    let arguments = vec![
        Term::Atom(request.module),
        Term::Atom(request.function),
        Term::list(request.arguments),
    ];
    let execute_cast = (
        &Atom::from_static("erpc"),
        &Atom::from_static("execute_cast"),
    );
    let runtime = caller.runtime();
    runtime
        .spawn_and_forget(caller, &request.peer, execute_cast, &leader, arguments)
        .await
}
