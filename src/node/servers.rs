//! Processes and GenServers of a node, and calls to those of others.

use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Node;
use crate::NodeName;
use crate::otp::gen_server::{self, CallError, GenServer, ServerOptions, StartError};
use crate::runtime::{
    Body, Caller, Destination, Exit, Item, MailboxLimit, NameError, Process, ProcessHandle,
    SendError, SpawnOptions, When,
};
use crate::term::{Atom, Pid, Typed, to_term};

impl Node {
    /// Starts a process that runs `body`: with a pid, a mailbox, links and monitors, as one of Erlang. It ends with what
    /// the future returns; when that panics, with `{panic, Text}`. A body that never returns says so by `-> ()`.
    ///
    /// ```no_run
    /// use beamlink::runtime::{Process, Received};
    ///
    /// # async fn example(node: beamlink::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let handle = node.spawn(async |mut process: Process| {
    ///     while let Received::Message(body) = process.receive().await {
    ///         println!("{:?}", body.term());
    ///     }
    /// });
    /// node.register("printer", handle.pid())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn<B, F, E>(&self, body: B) -> ProcessHandle
    where
        B: FnOnce(Process) -> F,
        F: Future<Output = E> + Send + 'static,
        E: Into<Exit>,
    {
        self.runtime().spawn_handle(SpawnOptions::default(), body)
    }

    /// Registers the process `pid` under `name`: peers reach it as `{name, Node}`.
    ///
    /// # Errors
    /// When the name is taken, or the process does not live.
    ///
    /// # Panics
    /// When the name has more than 255 characters.
    pub fn register(&self, name: &'static str, pid: &Pid) -> Result<(), NameError> {
        self.runtime().register(&Atom::from_static(name), pid)
    }

    /// Sends `message` to a process, a registered name, or an alias, here or on a peer. It waits while the peer's outbox
    /// is full. Whether somebody receives it is not known, as in Erlang.
    ///
    /// # Errors
    /// When the node is not connected, or the message cannot be expressed.
    pub async fn send(
        &self,
        to: impl Into<Destination>,
        message: &(impl Serialize + Sync),
    ) -> Result<(), SendError> {
        let runtime = self.runtime();
        let message = Typed(message);
        runtime
            .send_encoded(runtime.pid(), &to.into(), &message, When::Soon)
            .await
    }

    /// Calls a GenServer, here or on a peer, as `GenServer.call/3` does.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(node: beamlink::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let peer = "app@host".parse()?;
    /// let count: i64 = node.call(("counter", &peer), &("add", 2), Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<R: DeserializeOwned>(
        &self,
        server: impl Into<Item>,
        request: &(impl Serialize + Sync),
        timeout: Duration,
    ) -> Result<R, CallError> {
        let request = Typed(request);
        let answer = gen_server::call(self.runtime(), server.into(), &request, timeout).await?;
        answer.typed().map_err(CallError::Answer)
    }

    /// Casts to a GenServer, as `GenServer.cast/2` does.
    ///
    /// # Errors
    /// When the node is not connected, or the request cannot be expressed.
    pub async fn cast(
        &self,
        server: impl Into<Item>,
        request: &(impl Serialize + Sync),
    ) -> Result<(), SendError> {
        gen_server::cast(self.runtime(), server.into(), &Typed(request)).await
    }

    /// Calls the GenServer registered as `name` on each of `nodes` at once: the answers, and the nodes that gave none
    /// (`GenServer.multi_call/4`).
    ///
    /// # Errors
    /// When the request cannot be expressed.
    pub async fn multi_call<R: DeserializeOwned>(
        &self,
        nodes: &[NodeName],
        name: &Atom,
        request: &(impl Serialize + Sync),
        timeout: Duration,
    ) -> Result<MultiAnswer<R>, CallError> {
        let request = to_term(request).map_err(CallError::Request)?;
        let (bodies, mut failures) =
            gen_server::multi_call(self.runtime(), nodes, name, request, timeout).await;
        let mut answers = Vec::new();
        for (node, body) in bodies {
            match Body::typed(body) {
                Ok(answer) => answers.push((node, answer)),
                Err(error) => failures.push((node, CallError::Answer(error))),
            }
        }
        Ok((answers, failures))
    }

    /// Begins to start a [`GenServer`].
    pub fn start_server<S: GenServer>(&self, server: S) -> Starting<'_, S> {
        Starting {
            node: self,
            server,
            options: ServerOptions::default(),
        }
    }
}

/// Who answered what, and who did not answer.
pub type MultiAnswer<R> = (Vec<(NodeName, R)>, Vec<(NodeName, CallError)>);

/// A server that is still to be started.
#[derive(Debug)]
#[must_use]
pub struct Starting<'a, S> {
    node: &'a Node,
    server: S,
    options: ServerOptions,
}

impl<S: GenServer> Starting<'_, S> {
    /// The name under which it is registered.
    ///
    /// # Panics
    /// When the name has more than 255 characters.
    pub fn name(mut self, name: &'static str) -> Self {
        self.options.name = Some(Atom::from_static(name));
        self
    }

    /// The process to which it is linked, and whose exit ends it.
    pub fn parent(mut self, parent: &Pid) -> Self {
        self.options.parent = Some(parent.clone());
        self
    }

    /// The bound of its mailbox.
    pub fn mailbox(mut self, limit: MailboxLimit) -> Self {
        self.options.mailbox = limit;
        self
    }

    /// Lets exit signals come to [`GenServer::handle_info`].
    pub fn trap_exit(mut self) -> Self {
        self.options.trap_exit = true;
        self
    }

    /// Starts it; its `init` has run when this returns.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<ProcessHandle, StartError> {
        gen_server::start(self.node.runtime(), self.server, self.options).await
    }
}
