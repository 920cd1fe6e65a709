//! `supervisor`: starts children, and starts them again when they end (`lib/stdlib/src/supervisor.erl`, strategy
//! `one_for_one`). When they end too often it gives up, and says so.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::gen_server::{
    self, Effect, GenServer, Message, ServerOptions, System, asks_for_state, sent, tell_state,
};
use crate::runtime::{Exit, Item, Process, ProcessHandle, Received, Runtime, SpawnOptions};
use crate::term::{Atom, Pid, Term};

/// When a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// When it ended for another reason than `normal`, `shutdown` and `{shutdown, _}`.
    Transient,
    /// Never.
    Temporary,
}

impl Restart {
    fn as_str(self) -> &'static str {
        match self {
            Restart::Permanent => "permanent",
            Restart::Transient => "transient",
            Restart::Temporary => "temporary",
        }
    }

    fn applies(self, reason: &Term) -> bool {
        match self {
            Restart::Permanent => true,
            Restart::Transient => !is_orderly(reason),
            Restart::Temporary => false,
        }
    }
}

fn is_orderly(reason: &Term) -> bool {
    match reason.as_tuple() {
        Some([head, _]) => head.as_atom() == Some("shutdown"),
        _ => matches!(reason.as_atom(), Some("normal" | "shutdown")),
    }
}

type Starting = Pin<Box<dyn Future<Output = Result<Pid, Term>> + Send>>;
type Start = dyn Fn(Runtime, Pid) -> Starting + Send + Sync;

/// A child: how it is started, and when again.
#[derive(Clone)]
pub struct ChildSpec {
    id: Atom,
    restart: Restart,
    shutdown: Duration,
    start: Arc<Start>,
}

impl ChildSpec {
    /// A [`GenServer`] that `make` makes anew for each start. The options' parent is the supervisor.
    pub fn server<S: GenServer>(
        id: Atom,
        options: ServerOptions,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) -> ChildSpec {
        ChildSpec::new(id, move |runtime, parent| {
            let (server, mut options) = (make(), options.clone());
            options.parent = Some(parent);
            Box::pin(async move {
                let started = gen_server::start(&runtime, server, options).await;
                let handle = started.map_err(|error| Term::from(error.to_string()))?;
                Ok(handle.pid().clone())
            })
        })
    }

    /// A process that runs `body`, which is called anew for each start.
    pub fn process<F, E>(
        id: Atom,
        options: SpawnOptions,
        body: impl Fn(Process) -> F + Send + Sync + 'static,
    ) -> ChildSpec
    where
        F: Future<Output = E> + Send + 'static,
        E: Into<Exit>,
    {
        let body = Arc::new(body);
        ChildSpec::new(id, move |runtime, parent| {
            let body = body.clone();
            let pid = runtime.spawn(options, move |process| {
                process.link(&parent);
                body(process)
            });
            Box::pin(async move { Ok(pid) })
        })
    }

    fn new(
        id: Atom,
        start: impl Fn(Runtime, Pid) -> Starting + Send + Sync + 'static,
    ) -> ChildSpec {
        ChildSpec {
            id,
            restart: Restart::default(),
            shutdown: Duration::from_secs(5),
            start: Arc::new(start),
        }
    }

    /// When it is started again; [`Restart::Permanent`] unless set.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> ChildSpec {
        self.restart = restart;
        self
    }

    /// How long it may take to end when the supervisor ends, before it is killed; 5 s unless set.
    #[must_use]
    pub fn shutdown(mut self, time: Duration) -> ChildSpec {
        self.shutdown = time;
        self
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}

/// A supervisor that is still to be started.
///
/// ```no_run
/// use beamlink::otp::supervisor::{ChildSpec, Supervisor};
/// use beamlink::runtime::{Process, SpawnOptions};
/// use beamlink::term::Atom;
///
/// # async fn example(node: beamlink::Node) -> Result<(), Box<dyn std::error::Error>> {
/// let listener = ChildSpec::process(Atom::from_static("listener"), SpawnOptions::default(), async |mut process: Process| {
///     process.receive().await;
/// });
/// let supervisor = Supervisor::new().child(listener).start(node.runtime()).await?;
/// println!("gave up, or was ended: {:?}", supervisor.ended().await);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Supervisor {
    name: Option<Atom>,
    intensity: usize,
    period: Duration,
    children: Vec<ChildSpec>,
}

impl Default for Supervisor {
    fn default() -> Supervisor {
        Supervisor::new()
    }
}

/// A child could not be started, so neither was the supervisor.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the child {} was not started: {}", .child.as_str(), .reason.to_elixir())]
pub struct ChildError {
    /// Its id.
    pub child: Atom,
    /// Why.
    pub reason: Term,
}

impl Supervisor {
    /// One without children, which gives up at the fourth restart within five seconds, as Elixir's does.
    pub fn new() -> Supervisor {
        Supervisor {
            name: None,
            intensity: 3,
            period: Duration::from_secs(5),
            children: Vec::new(),
        }
    }

    /// The name under which it is registered.
    pub fn name(mut self, name: Atom) -> Supervisor {
        self.name = Some(name);
        self
    }

    /// It gives up when more than `restarts` happen within `period`.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Supervisor {
        self.intensity = restarts;
        self.period = period;
        self
    }

    /// Adds a child. Children are started in this order, and ended in the opposite one.
    pub fn child(mut self, child: ChildSpec) -> Supervisor {
        self.children.push(child);
        self
    }

    /// Starts it and its children. When it gives up its process ends with `shutdown`, and an error stands in the log.
    ///
    /// # Errors
    /// When a child does not start, or the name is taken.
    pub async fn start(self, runtime: &Runtime) -> Result<ProcessHandle, ChildError> {
        let options = SpawnOptions {
            trap_exit: true,
            ..SpawnOptions::default()
        };
        let (started, starting) = tokio::sync::oneshot::channel();
        let handle = runtime.spawn_handle(options, async move |process| {
            let mut running = Running {
                process,
                system: System::new("Supervisor", None),
                restarts: VecDeque::new(),
                children: Vec::new(),
                supervisor: self,
            };
            if let Err(error) = running.start_all().await {
                running.end_children().await;
                let exit = Exit::with(error.reason.clone());
                // Whoever started it may be gone.
                let _ = started.send(Err(error));
                return exit;
            }
            let _ = started.send(Ok(()));
            let exit = running.watch().await;
            running.end_children().await;
            exit
        });
        match starting.await {
            Ok(Err(error)) => Err(error),
            _ => Ok(handle),
        }
    }
}

struct Running {
    process: Process,
    system: System,
    supervisor: Supervisor,
    /// Those that live, or are to be restarted, in the order of their start.
    children: Vec<(ChildSpec, Option<Pid>)>,
    restarts: VecDeque<Instant>,
}

impl Running {
    async fn start_all(&mut self) -> Result<(), ChildError> {
        if let Some(name) = &self.supervisor.name {
            self.process.register(name).map_err(|error| ChildError {
                child: name.clone(),
                reason: Term::from(error.to_string()),
            })?;
        }
        for spec in std::mem::take(&mut self.supervisor.children) {
            match self.start_child(&spec).await {
                Ok(pid) => self.children.push((spec, Some(pid))),
                Err(reason) => {
                    let child = spec.id;
                    return Err(ChildError { child, reason });
                }
            }
        }
        Ok(())
    }

    async fn start_child(&mut self, spec: &ChildSpec) -> Result<Pid, Term> {
        let (runtime, own) = (self.process.runtime().clone(), self.process.pid().clone());
        let pid = (spec.start)(runtime, own).await?;
        // A child that has ended already is heard of as one that ended later.
        self.process.link(&pid);
        Ok(pid)
    }

    /// Runs until it gives up, or is told to end.
    async fn watch(&mut self) -> Exit {
        loop {
            match self.process.receive().await {
                Received::Exit { from, reason } => {
                    let child = self
                        .children
                        .iter()
                        .position(|(_, pid)| pid.as_ref() == Some(&from));
                    match child {
                        Some(at) => {
                            if let Some(exit) = self.child_ended(at, reason).await {
                                return exit;
                            }
                        }
                        // Someone ends the supervisor, or what it is linked to ended.
                        None => return Exit::with(reason),
                    }
                }
                Received::Message(body) => {
                    if let Some(exit) = self.message(Message::of(body)).await {
                        return exit;
                    }
                }
                _ => {}
            }
        }
    }

    /// A child has ended: starts it again, or gives up.
    async fn child_ended(&mut self, at: usize, mut reason: Term) -> Option<Exit> {
        let spec = self.children.get(at)?.0.clone();
        loop {
            if !is_orderly(&reason) {
                tracing::warn!(child = spec.id.as_str(), reason = %reason.to_elixir(), "a child ended");
            }
            if !spec.restart.applies(&reason) {
                if spec.restart == Restart::Temporary {
                    self.children.remove(at);
                } else if let Some(child) = self.children.get_mut(at) {
                    child.1 = None;
                }
                return None;
            }
            if self.is_too_often() {
                tracing::error!(
                    child = spec.id.as_str(),
                    reason = %reason.to_elixir(),
                    "the supervisor gives up: more than {} restarts within {:?}",
                    self.supervisor.intensity,
                    self.supervisor.period
                );
                if let Some(child) = self.children.get_mut(at) {
                    child.1 = None;
                }
                return Some(Exit::with(Term::atom("shutdown")));
            }
            match self.start_child(&spec).await {
                Ok(pid) => {
                    if let Some(child) = self.children.get_mut(at) {
                        child.1 = Some(pid);
                    }
                    return None;
                }
                Err(error) => reason = error,
            }
        }
    }

    /// Notes one restart more.
    fn is_too_often(&mut self) -> bool {
        let now = Instant::now();
        let period = self.supervisor.period;
        self.restarts.retain(|at| now.duration_since(*at) <= period);
        self.restarts.push_back(now);
        self.restarts.len() > self.supervisor.intensity
    }

    async fn message(&mut self, message: Message) -> Option<Exit> {
        let (call, reply, exit) = match message {
            Message::System(call, request) => {
                let request = request.term().ok()?;
                if asks_for_state(&request) {
                    tell_state(&self.process, call, self.which_children());
                    return None;
                }
                let (reply, effect) =
                    self.system
                        .answer(&self.process, &request, &self.which_children());
                let exit = match effect {
                    Effect::GoOn => None,
                    Effect::Terminate(reason) => Some(Exit::with(reason)),
                };
                (call, reply, exit)
            }
            Message::Call(call, request) => {
                let request = request.term().ok()?;
                let reply = match request.as_atom() {
                    Some("which_children") => self.which_children(),
                    Some("count_children") => self.count_children(),
                    // As a static supervisor of OTP would say of what it does not do.
                    _ => Term::tuple([Term::atom("error"), Term::atom("notsup")]),
                };
                (call, reply, None)
            }
            Message::Cast(_) | Message::Info(_) => return None,
        };
        let (runtime, pid) = (self.process.runtime(), self.process.pid());
        sent(call.reply(runtime, pid, &reply).await);
        exit
    }

    /// `[{Id, Pid | undefined, worker, Modules}]`, the youngest first.
    fn which_children(&self) -> Term {
        Term::list(self.children.iter().rev().map(|(spec, pid)| {
            let pid = pid
                .clone()
                .map_or_else(|| Term::atom("undefined"), Term::Pid);
            let id = Term::Atom(spec.id.clone());
            Term::tuple([id, pid, Term::atom("worker"), Term::nil()])
        }))
    }

    fn count_children(&self) -> Term {
        let count = |count: usize| Term::from(i64::try_from(count).unwrap_or(i64::MAX));
        let all = self.children.len();
        let active = self
            .children
            .iter()
            .filter(|(_, pid)| pid.is_some())
            .count();
        Term::list(
            [
                ("specs", all),
                ("active", active),
                ("supervisors", 0),
                ("workers", all),
            ]
            .map(|(name, number)| Term::tuple([Term::atom(name), count(number)])),
        )
    }

    /// Ends the children, the youngest first: each is asked, and killed when it takes too long.
    async fn end_children(&mut self) {
        while let Some((spec, pid)) = self.children.pop() {
            let Some(pid) = pid else { continue };
            let monitor = self.process.monitor(Item::Pid(pid.clone()));
            self.process.unlink(&pid);
            let is_its_end = |received: &Received| matches!(received, Received::Down { reference, .. } if *reference == monitor);
            self.process.exit(&pid, Term::atom("shutdown"));
            let ended = timeout(spec.shutdown, self.process.receive_where(is_its_end)).await;
            if ended.is_err() {
                tracing::warn!(
                    child = spec.id.as_str(),
                    restart = spec.restart.as_str(),
                    "a child did not end in time, and is killed"
                );
                self.process.exit(&pid, Term::atom("kill"));
            }
        }
    }
}
