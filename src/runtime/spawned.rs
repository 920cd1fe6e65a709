//! What is spawned here by a SPAWN_REQUEST, of a peer or our own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::connection::Connection;
use super::entry::{Entry, Link};
use super::message::{Body, Item};
use super::outbox::When;
use super::process::{Exit, Process, SpawnOptions};
use super::{Caller, Runtime, SendError};
use crate::NodeName;
use crate::dist::{Control, Payload, Spawn, Spawned};
use crate::term::{Atom, Pid, Term};

/// Someone wants a process started here.
#[derive(Debug, Clone, PartialEq)]
pub struct SpawnRequest {
    /// Who asks.
    pub from: Pid,
    /// The module of the function that it is to run.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// Its arguments.
    pub arguments: Vec<Term>,
}

/// What a spawned process does until it ends; for `erpc` the exit reason carries the result.
pub type Running = Pin<Box<dyn Future<Output = Exit> + Send>>;

/// What runs when something is spawned here.
pub trait SpawnService: Send + Sync {
    /// Whether it runs this at all.
    ///
    /// # Errors
    /// Why not, for who asked: `notsup`, `system_limit`, ….
    fn accepts(&self, module: &Atom, function: &Atom, arity: u8) -> Result<(), Atom>;

    /// Runs it as `process`, whose group leader is that of who asked.
    fn run(&self, process: Process, request: SpawnRequest) -> Running;
}

impl Runtime {
    /// Starts what a peer asks for. The reply goes out before the process can end.
    pub(super) fn spawn_for(
        &self,
        connection: &Arc<Connection>,
        asked: Spawn,
        payload: Option<Payload>,
    ) {
        let accepted = self.accepts_spawn(&asked);
        let entry = accepted.map(|()| self.prepare_spawned(&asked));
        let result = match &entry {
            Ok(entry) => Spawned::Pid(entry.pid.clone()),
            Err(refusal) => Spawned::Error(refusal.clone()),
        };
        let reply = Control::SpawnReply {
            reference: asked.reference.clone(),
            to: asked.from.clone(),
            link: asked.link,
            monitor: asked.monitor,
            result,
        };
        connection.signal(&reply, None);
        if let (Ok(entry), Some(payload)) = (entry, payload) {
            self.run_spawned(entry, asked, Body::Encoded(payload));
        }
    }

    /// Starts what a process here asks of its own node; `begun` hears of the process before it runs.
    ///
    /// # Errors
    /// Why it is not started.
    pub(super) fn spawn_here(
        &self,
        asked: Spawn,
        arguments: Term,
        begun: impl FnOnce(&Pid),
    ) -> Result<(), Atom> {
        self.accepts_spawn(&asked)?;
        let entry = self.prepare_spawned(&asked);
        begun(&entry.pid);
        self.run_spawned(entry, asked, Body::Term(arguments));
        Ok(())
    }

    fn accepts_spawn(&self, asked: &Spawn) -> Result<(), Atom> {
        match self.0.spawner.get() {
            Some(service) => service.accepts(&asked.module, &asked.function, asked.arity),
            None => Err(Atom::from_static("notsup")),
        }
    }

    fn prepare_spawned(&self, asked: &Spawn) -> Arc<Entry> {
        let entry = self.prepare(SpawnOptions::default());
        let mut state = entry.lock();
        state.tie().group_leader = Some(asked.group_leader.clone());
        if asked.link {
            state.tie().links.insert(asked.from.clone(), Link::Active);
        }
        if asked.monitor {
            let watcher = (asked.from.clone(), Item::Pid(entry.pid.clone()));
            state
                .tie()
                .watchers
                .insert(asked.reference.clone(), watcher);
        }
        drop(state);
        entry
    }

    /// Asks `peer` to start something, whatever comes of it.
    ///
    /// # Errors
    /// When the peer is not connected, or the arguments cannot be expressed.
    pub async fn spawn_and_forget(
        &self,
        caller: &impl Caller,
        peer: &NodeName,
        (module, function): (&Atom, &Atom),
        group_leader: &Pid,
        arguments: Vec<Term>,
    ) -> Result<(), SendError> {
        let spawn = Spawn {
            reference: self.new_reference(),
            from: caller.pid().clone(),
            group_leader: group_leader.clone(),
            module: module.clone(),
            function: function.clone(),
            arity: u8::try_from(arguments.len()).unwrap_or(u8::MAX),
            link: false,
            monitor: false,
        };
        let arguments = Term::list(arguments);
        match self.connection_to(peer.atom())? {
            // Whatever comes of it.
            None => drop(self.spawn_here(spawn, arguments, |_| ())),
            Some(connection) => {
                let control = Control::SpawnRequest(spawn);
                connection
                    .signal_with_room(&control, Some(&arguments), When::Soon)
                    .await?;
            }
        }
        Ok(())
    }

    /// The arguments are decoded by the process, not by the reader that brought them.
    fn run_spawned(&self, entry: Arc<Entry>, asked: Spawn, arguments: Body) {
        let runtime = self.clone();
        let process = Process::of(entry.clone(), self.clone());
        self.run(entry, async move {
            let Ok(Term::List(arguments)) = arguments.term() else {
                return Exit::with(Term::atom("badarg"));
            };
            let request = SpawnRequest {
                from: asked.from,
                module: asked.module,
                function: asked.function,
                arguments: arguments.into_vec(),
            };
            match runtime.0.spawner.get().cloned() {
                Some(service) => service.run(process, request).await,
                None => Exit::with(Term::atom("notsup")),
            }
        });
    }
}
