//! The server: a trait, and what its functions are given.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::{Call, sent};
use crate::runtime::{Destination, Exit, Item, MailboxLimit, Process, Runtime};
use crate::term::{Atom, Pid, Reference, Term, Typed};

/// A GenServer in Rust: what Elixir's behaviour of that name is there. BEAM nodes reach it by
/// `GenServer.call({:counter, :"rust@host"}, request)`; its messages are typed by serde
/// ([how](crate::term#typed-values)).
///
/// A request that is no `Call` is answered by `{:error, {:bad_request, text}}`, a cast or a message that is none is
/// dropped with a line in the log: no stranger can end it by a wrong word. With [`Term`] as type nothing is wrong.
///
/// ```no_run
/// use beamlink::otp::gen_server::{Answer, Context, From, GenServer};
/// use serde::{Deserialize, Serialize};
///
/// struct Counter(i64);
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Call {
///     Get,       // :get
///     Add(i64),  // {:add, n}
/// }
///
/// impl GenServer for Counter {
///     type Call = Call;
///     type Reply = i64;
///     type Cast = Call;
///     type Info = beamlink::term::Term;
///     type Continue = ();
///
///     async fn handle_call(&mut self, call: Call, _: From<i64>, _: &mut Context<'_, Self>) -> Answer<i64> {
///         if let Call::Add(number) = call {
///             self.0 += number;
///         }
///         Answer::Reply(self.0)
///     }
/// }
///
/// # async fn example(node: beamlink::Node) -> Result<(), Box<dyn std::error::Error>> {
/// node.start_server(Counter(0)).name("counter").start().await?;
/// # Ok(())
/// # }
/// ```
pub trait GenServer: Sized + Send + 'static {
    /// What it is called with.
    type Call: DeserializeOwned + Send;
    /// What it replies.
    type Reply: Serialize + Send + Sync;
    /// What is cast to it.
    type Cast: DeserializeOwned + Send;
    /// All other messages.
    type Info: DeserializeOwned + Send;
    /// What it goes on with ([`Context::continue_with`]).
    type Continue: Send;

    /// Runs before anything is received; whoever started the server waits for it.
    ///
    /// # Errors
    /// The server does not start, for this reason.
    fn init(
        &mut self,
        context: &mut Context<'_, Self>,
    ) -> impl Future<Output = Result<(), Exit>> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Someone called. The answer is the reply, or that it comes [later](Answer::Later), by `from`.
    fn handle_call(
        &mut self,
        request: Self::Call,
        from: From<Self::Reply>,
        context: &mut Context<'_, Self>,
    ) -> impl Future<Output = Answer<Self::Reply>> + Send;

    /// Something was cast.
    fn handle_cast(
        &mut self,
        request: Self::Cast,
        context: &mut Context<'_, Self>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (request, context);
        async {}
    }

    /// Anything else came.
    fn handle_info(
        &mut self,
        info: Info<Self::Info>,
        context: &mut Context<'_, Self>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (info, context);
        async {}
    }

    /// Runs before the next message is received, when that was asked for.
    fn handle_continue(
        &mut self,
        what: Self::Continue,
        context: &mut Context<'_, Self>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (what, context);
        async {}
    }

    /// Runs last, unless the server is killed: after [`Context::stop`], a panic, `sys:terminate/2`, or an exit of who it
    /// was started by, if it traps exits.
    fn terminate(&mut self, reason: &Term) -> impl Future<Output = ()> + Send {
        let _ = reason;
        async {}
    }

    /// Its state, for `:sys.get_state/1` and `:sys.get_status/1`.
    fn state(&self) -> Term {
        Term::atom("undefined")
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<R> {
    /// This is the reply.
    Reply(R),
    /// It comes later, from wherever the [`From`] is then.
    Later,
}

/// A caller that waits for its reply. It can be sent anywhere, and outlive the server.
pub struct From<R> {
    call: Call,
    runtime: Runtime,
    server: Pid,
    reply: PhantomData<fn(R)>,
}

impl<R: Serialize + Sync> From<R> {
    pub(super) fn new(call: Call, process: &Process) -> From<R> {
        From {
            call,
            runtime: process.runtime().clone(),
            server: process.pid().clone(),
            reply: PhantomData,
        }
    }

    /// Who called.
    pub fn pid(&self) -> &Pid {
        self.call.from()
    }

    /// Sends the reply. One that comes too late, or for a caller that is gone, is lost.
    pub async fn reply(self, reply: &R) {
        let reply = Typed(reply);
        sent(self.call.reply(&self.runtime, &self.server, &reply).await);
    }
}

impl<R> Clone for From<R> {
    fn clone(&self) -> From<R> {
        From {
            call: self.call.clone(),
            runtime: self.runtime.clone(),
            server: self.server.clone(),
            reply: PhantomData,
        }
    }
}

impl<R> fmt::Debug for From<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("From").field(&self.call).finish()
    }
}

/// What comes to a server that is neither call nor cast.
#[derive(Debug, Clone, PartialEq)]
pub enum Info<T> {
    /// A message.
    Message(T),
    /// What it monitors ended, or is not there.
    Down {
        /// The monitor.
        reference: Reference,
        /// What was monitored.
        item: Item,
        /// Why it ended.
        reason: Term,
    },
    /// A linked process ended, and this one traps exits.
    Exit {
        /// Who ended.
        from: Pid,
        /// Why.
        reason: Term,
    },
    /// A node has come ([`Process::monitor_nodes`]).
    NodeUp {
        /// Its name.
        node: Atom,
        /// Whether it is a hidden node.
        hidden: bool,
    },
    /// A node is gone.
    NodeDown {
        /// Its name.
        node: Atom,
        /// Whether it was a hidden node.
        hidden: bool,
    },
    /// Nothing came for the time that [`Context::idle_timeout`] set.
    Timeout,
}

/// The server's process, and what it wants next.
pub struct Context<'a, S: GenServer> {
    pub(super) process: &'a mut Process,
    pub(super) wants: &'a mut Wants<S::Continue>,
}

/// What a server has asked for.
#[derive(Debug)]
pub(super) struct Wants<C> {
    pub(super) go_on: Option<C>,
    pub(super) stop: Option<Exit>,
    pub(super) idle: Option<Duration>,
}

impl<C> Default for Wants<C> {
    fn default() -> Wants<C> {
        Wants {
            go_on: None,
            stop: None,
            idle: None,
        }
    }
}

impl<S: GenServer> Context<'_, S> {
    /// The process that it runs as: for links, monitors, timers, calls of others.
    pub fn process(&mut self) -> &mut Process {
        self.process
    }

    /// Its pid.
    pub fn pid(&self) -> &Pid {
        self.process.pid()
    }

    /// [`GenServer::handle_continue`] runs with this before the next message is received.
    pub fn continue_with(&mut self, what: S::Continue) {
        self.wants.go_on = Some(what);
    }

    /// Ends the server once the present function has returned; the reply of a call is still sent.
    pub fn stop(&mut self, reason: impl Into<Exit>) {
        self.wants.stop = Some(reason.into());
    }

    /// When nothing comes for so long, [`Info::Timeout`] does. It holds for the next message only.
    pub fn idle_timeout(&mut self, time: Duration) {
        self.wants.idle = Some(time);
    }

    /// Sends itself `message` after a while.
    pub fn send_after(&self, delay: Duration, message: Term) -> crate::runtime::Timer {
        let own = Destination::Pid(self.process.pid().clone());
        self.process.send_after(delay, own, message)
    }
}

impl<S: GenServer> fmt::Debug for Context<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Context").field(self.process).finish()
    }
}

/// How a server is born.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// The name under which it is registered.
    pub name: Option<Atom>,
    /// To whom it is linked: its parent, whose exit ends it.
    pub parent: Option<Pid>,
    /// The bound of its mailbox.
    pub mailbox: MailboxLimit,
    /// Whether exit signals come to [`GenServer::handle_info`].
    pub trap_exit: bool,
}

/// Why a server did not start.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StartError {
    /// `already_started`: the name is taken.
    #[error("the name {} is registered already", .0.as_str())]
    NameTaken(Atom),
    /// `init` refused, panicked, or the parent has ended.
    #[error("init ended: {}", .0.to_elixir())]
    Init(Term),
}
