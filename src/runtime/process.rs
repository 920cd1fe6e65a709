//! A process: what a Rust future gets to live as an Erlang process.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::{AbortHandle, JoinHandle};

use super::calls::Caller;
use super::entry::{Entry, Link};
use super::mailbox::MailboxLimit;
use super::message::{Item, NodeKinds, Received};
use super::{AliasMode, NameError, Runtime, SendError};
use crate::NodeName;
use crate::term::{Atom, Pid, Reference, Term};

/// Why a process ended; its links and monitors are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Exit(Term);

impl Exit {
    /// It did what it had to do: reason `normal`.
    pub fn normal() -> Exit {
        Exit(Term::atom("normal"))
    }

    /// It ended for `reason`.
    pub fn with(reason: Term) -> Exit {
        Exit(reason)
    }

    /// The reason.
    pub fn reason(&self) -> &Term {
        &self.0
    }
}

impl From<()> for Exit {
    fn from((): ()) -> Exit {
        Exit::normal()
    }
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To a process, here or on a peer.
    Pid(Pid),
    /// To the process registered here under this name.
    Name(Atom),
    /// To the process registered under this name on that node.
    Remote(Atom, Atom),
    /// To whoever holds this alias.
    Alias(Reference),
}

impl From<Pid> for Destination {
    fn from(pid: Pid) -> Destination {
        Destination::Pid(pid)
    }
}

impl From<&Pid> for Destination {
    fn from(pid: &Pid) -> Destination {
        Destination::Pid(pid.clone())
    }
}

impl From<Item> for Destination {
    fn from(item: Item) -> Destination {
        match item {
            Item::Pid(pid) => Destination::Pid(pid),
            Item::Name(name, node) => Destination::Remote(name, node),
        }
    }
}

impl From<(&'static str, &NodeName)> for Destination {
    fn from(named: (&'static str, &NodeName)) -> Destination {
        Item::from(named).into()
    }
}

impl From<Reference> for Destination {
    fn from(alias: Reference) -> Destination {
        Destination::Alias(alias)
    }
}

/// How a process is born.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpawnOptions {
    /// The bound of its mailbox.
    pub mailbox: MailboxLimit,
    /// Whether exit signals become messages from the start (`process_flag(trap_exit, true)`).
    pub trap_exit: bool,
}

/// The process itself, in the hands of the future that it runs.
#[derive(Debug)]
pub struct Process {
    pub(super) entry: Arc<Entry>,
    pub(super) runtime: Runtime,
}

impl Process {
    pub(super) fn of(entry: Arc<Entry>, runtime: Runtime) -> Process {
        Process { entry, runtime }
    }

    /// Its pid.
    pub fn pid(&self) -> &Pid {
        &self.entry.pid
    }

    /// The runtime that it lives on.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The oldest thing in the mailbox, once there is one; priority messages come first.
    pub async fn receive(&mut self) -> Received {
        self.entry.mailbox.take().await
    }

    /// The oldest thing in the mailbox, if there is one.
    pub fn try_receive(&mut self) -> Option<Received> {
        self.entry.mailbox.try_take()
    }

    /// The oldest thing in the mailbox that is `wanted`, once there is one; what came before stays there.
    pub async fn receive_where(&mut self, wanted: impl Fn(&Received) -> bool) -> Received {
        self.entry.mailbox.take_where(wanted).await
    }

    /// Sends `message` to a process of this node, or to anybody else, after a while (`Process.send_after/4`).
    pub fn send_after(&self, delay: Duration, to: impl Into<Destination>, message: Term) -> Timer {
        let (runtime, from, to) = (self.runtime.clone(), self.pid().clone(), to.into());
        let task = tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            // As for any message: whether somebody takes it is not known.
            let _ = runtime.send(&from, &to, message).await;
        });
        Timer(task.abort_handle())
    }

    /// How many things wait in the mailbox.
    pub fn waiting(&self) -> usize {
        self.entry.mailbox.len()
    }

    /// How many messages were lost because the mailbox was full (`Overflow::DropNewest`).
    pub fn dropped(&self) -> u64 {
        self.entry.mailbox.dropped()
    }

    /// Sends `message`. It waits while the peer's outbox is full. As in Erlang, a receiver that does not
    /// exist is no error; messages to one receiver arrive in the order in which they were sent.
    ///
    /// # Errors
    /// When the node is not connected, or the message has more than 4 GiB in one place.
    pub async fn send(&self, to: impl Into<Destination>, message: Term) -> Result<(), SendError> {
        self.runtime.send(self.pid(), &to.into(), message).await
    }

    /// Registers this process under `name`.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn register(&self, name: &Atom) -> Result<(), NameError> {
        self.runtime.register(name, self.pid())
    }

    /// Sets whether exit signals become messages ([`Received::Exit`]), and returns what was set before.
    pub fn trap_exit(&self, trap: bool) -> bool {
        std::mem::replace(&mut self.entry.lock().trap_exit, trap)
    }

    /// Links this process to `other`: when one of them ends, the other gets an exit signal. If `other` is not
    /// there, that signal comes at once (`noproc`, or `noconnection` if its node is not connected).
    pub fn link(&self, other: &Pid) {
        self.link_with(other, false);
    }

    pub(super) fn link_with(&self, other: &Pid, priority: bool) {
        let Some(mut state) = self.entry.alive() else {
            return;
        };
        let ties = state.tie();
        let before = ties.links.insert(other.clone(), Link::Active);
        if priority {
            let preferred = ties.priority.get_or_insert_default();
            preferred.links.insert(other.clone());
        } else if let Some(preferred) = &mut ties.priority {
            preferred.links.remove(other);
        }
        drop(state);
        if *other == self.entry.pid || before == Some(Link::Active) {
            return;
        }
        self.runtime.link(&self.entry, other);
    }

    /// Ends the link to `other`: no exit signal from it arrives any more.
    pub fn unlink(&self, other: &Pid) {
        self.runtime.unlink(&self.entry, other);
    }

    /// Monitors a process or a name: a [`Received::Down`] comes when it ends, at once if it is not there.
    pub fn monitor(&self, item: Item) -> Reference {
        self.runtime.monitor(&self.entry, item, None, false)
    }

    /// As [`Process::monitor`]; messages to the reference ([`Destination::Alias`]) come to this process while the alias
    /// lasts, which `mode` says.
    pub fn monitor_with_alias(&self, item: Item, mode: AliasMode) -> Reference {
        self.runtime.monitor(&self.entry, item, Some(mode), false)
    }

    /// An alias of this process: messages to it ([`Destination::Alias`]) come here until [`Process::unalias`], or only
    /// the first one does ([`AliasMode::Reply`]).
    pub fn alias(&self, mode: AliasMode) -> Reference {
        let reference = self.new_reference();
        self.runtime.alias(&self.entry, &reference, mode, false);
        reference
    }

    /// Ends an alias: messages to it are lost from now on. False when it had ended.
    pub fn unalias(&self, alias: &Reference) -> bool {
        self.runtime.unalias(&self.entry, alias)
    }

    /// Asks for one [`Received::NodeDown`] when the connection to `node` ends: at once when there is none. Each call
    /// counts, as those of `erlang:monitor_node(Node, true)` do.
    pub fn monitor_node(&self, node: &NodeName) {
        let Some(mut state) = self.entry.alive() else {
            return;
        };
        let nodes = &mut state.tie().nodes;
        *nodes.entry(node.atom().clone()).or_default() += 1;
        drop(state);
        // Whoever takes it back first tells of it, be it this or the end of a connection.
        if self.runtime.connection(node.atom()).is_none() && self.demonitor_node(node) {
            let (node, hidden) = (node.atom().clone(), false);
            self.entry.deliver(0, Received::NodeDown { node, hidden });
        }
    }

    /// Takes one call of [`Process::monitor_node`] back. False when there is none.
    pub fn demonitor_node(&self, node: &NodeName) -> bool {
        let mut state = self.entry.lock();
        let Some(ties) = state.untie() else {
            return false;
        };
        match ties.nodes.remove(node.atom()) {
            Some(count) if count > 1 => {
                ties.nodes.insert(node.atom().clone(), count - 1);
                true
            }
            known => known.is_some(),
        }
    }

    /// Asks for [`Received::NodeUp`] and [`Received::NodeDown`] of all nodes of these kinds
    /// (`net_kernel:monitor_nodes/2`), or, with `None`, for no more of them.
    pub fn monitor_nodes(&self, kinds: Option<NodeKinds>) {
        if let Some(mut state) = self.entry.alive() {
            state.tie().node_kinds = kinds;
        }
    }

    /// Where its output goes: the process that answers the I/O protocol for it. The process `user` of this node, unless
    /// it was spawned from elsewhere.
    pub fn group_leader(&self) -> Option<Pid> {
        let own = self.entry.lock().ties().group_leader.clone();
        own.or_else(|| self.runtime.whereis(&Atom::from_static("user")))
    }

    /// Sets where its output goes; `None` for the process `user` of this node.
    pub fn set_group_leader(&self, leader: Option<Pid>) {
        if let Some(mut state) = self.entry.alive() {
            state.tie().group_leader = leader;
        }
    }

    /// Ends a monitor. A [`Received::Down`] that arrived before stays in the mailbox.
    pub fn demonitor(&self, reference: &Reference) {
        self.runtime.demonitor(&self.entry, reference);
    }

    /// A reference that was not made before.
    pub fn new_reference(&self) -> Reference {
        self.runtime.new_reference()
    }

    /// Sends `other` an exit signal, as `exit/2` does.
    pub fn exit(&self, other: &Pid, reason: Term) {
        self.runtime.exit(self.pid(), other, reason);
    }
}

impl Runtime {
    /// Starts a process that runs `body`. It ends with what the future returns; when the future panics, with
    /// `{panic, Text}`; when an exit signal ends it, at its next await.
    ///
    /// ```no_run
    /// # use beamlink::runtime::{Received, Runtime, SpawnOptions};
    /// # fn example(runtime: &Runtime) {
    /// let pid = runtime.spawn(SpawnOptions::default(), async |mut process| {
    ///     if let Received::Message(body) = process.receive().await {
    ///         println!("{:?}", body.term());
    ///     }
    /// });
    /// # }
    /// ```
    pub fn spawn<B, F, E>(&self, options: SpawnOptions, body: B) -> Pid
    where
        B: FnOnce(Process) -> F,
        F: Future<Output = E> + Send + 'static,
        E: Into<Exit>,
    {
        self.spawn_handle(options, body).pid
    }

    /// As [`Runtime::spawn`], with a handle on its end.
    pub fn spawn_handle<B, F, E>(&self, options: SpawnOptions, body: B) -> ProcessHandle
    where
        B: FnOnce(Process) -> F,
        F: Future<Output = E> + Send + 'static,
        E: Into<Exit>,
    {
        let entry = self.prepare(options);
        let future = body(Process {
            entry: entry.clone(),
            runtime: self.clone(),
        });
        ProcessHandle {
            pid: entry.pid.clone(),
            runtime: self.clone(),
            ended: self.run(entry, future),
        }
    }

    /// A process that is there, and does not run yet.
    pub(super) fn prepare(&self, options: SpawnOptions) -> Arc<Entry> {
        let entry = Arc::new(Entry::new(self.new_pid(), options.mailbox));
        entry.lock().trap_exit = options.trap_exit;
        self.add(&entry);
        entry
    }

    /// Lets the process of `entry` run `future`.
    pub(super) fn run<E: Into<Exit>>(
        &self,
        entry: Arc<Entry>,
        future: impl Future<Output = E> + Send + 'static,
    ) -> JoinHandle<Term> {
        let runtime = self.clone();
        // In memory of its own, of just its size: each `async` around it would have room for it twice.
        let future = Box::pin(future.map(|end| end.into().0));
        tokio::spawn(async move {
            let reason = until_its_end(&entry, future).await;
            Box::pin(runtime.process_ended(&entry, &reason)).await;
            reason
        })
    }
}

/// A message that will be sent. Dropping it changes nothing.
#[derive(Debug)]
pub struct Timer(AbortHandle);

impl Timer {
    /// Prevents it. False when the message was sent already.
    pub fn cancel(self) -> bool {
        let in_time = !self.0.is_finished();
        self.0.abort();
        in_time
    }
}

/// A process in the hands of who started it. Dropping it changes nothing.
#[derive(Debug)]
pub struct ProcessHandle {
    pid: Pid,
    runtime: Runtime,
    ended: JoinHandle<Term>,
}

impl ProcessHandle {
    /// The pid of the process.
    pub fn pid(&self) -> &Pid {
        &self.pid
    }

    /// Sends it an exit signal with `reason`, as `exit/2` does.
    pub fn exit(&self, reason: Term) {
        let from = Caller::pid(&self.runtime).clone();
        self.runtime.exit(&from, &self.pid, reason);
    }

    /// Waits until it has ended, and says why it did.
    pub async fn ended(self) -> Exit {
        // It is lost only when the tokio runtime ends.
        Exit(self.ended.await.unwrap_or_else(|_| Term::atom("killed")))
    }
}

/// Runs `future` until it ends, panics, or the process must end.
async fn until_its_end(entry: &Entry, future: Pin<Box<impl Future<Output = Term>>>) -> Term {
    let mut future = pin!(catch_panic(future));
    let mut is_known = false;
    poll_fn(|context| {
        // A task has one waker for all its life.
        if !mem::replace(&mut is_known, true) {
            entry.lock().task = Some(context.waker().clone());
        }
        if let Some(reason) = entry.ending() {
            return Poll::Ready(reason);
        }
        future
            .as_mut()
            .poll(context)
            .map(|ended| ended.unwrap_or_else(|panic| panic))
    })
    .await
}

/// Runs `future` to its end, or to a panic in it: `{panic, Text}`.
pub(crate) async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, Term> {
    let mut future = pin!(future);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic_reason(&*panic))),
        },
    )
    .await
}

/// What links and monitors of a process that panicked are told.
fn panic_reason(panic: &(dyn std::any::Any + Send)) -> Term {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".to_owned());
    Term::tuple([Term::atom("panic"), Term::from(text)])
}
