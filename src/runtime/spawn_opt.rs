//! Spawning on a peer, with a link and a monitor from the first moment on (`erlang:spawn_opt/5`).

use std::mem;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::connection::Connection;
use super::entry::{Entry, Link};
use super::handles::{Handle, NotSpawned, Spawning, number};
use super::message::Item;
use super::outbox::When;
use super::signals::noconnection;
use super::{AliasMode, Process, Runtime, SendError};
use crate::NodeName;
use crate::dist::{Control, Spawn};
use crate::term::{Atom, Pid, Reference, SerializeError, Term};

/// What a process that is spawned elsewhere is to be to who spawns it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpawnOpt {
    /// `link`: when one of them ends, the other gets an exit signal.
    pub link: bool,
    /// `monitor`: a [`Received::Down`](super::Received::Down) comes when it ends.
    pub monitor: bool,
    /// `{monitor, [{alias, Mode}]}`: messages to the monitor come to who spawns while the alias lasts. Nothing without
    /// `monitor`.
    pub alias: Option<AliasMode>,
}

/// A process that was spawned elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnedProcess {
    /// Its pid.
    pub pid: Pid,
    /// The monitor, if one was wanted.
    pub monitor: Option<Reference>,
}

/// Why nothing was spawned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// The peer did not start it: `notsup`, `system_limit`, ….
    #[error("the peer did not start it: {}", .0.as_str())]
    NotStarted(Atom),
    /// There is no connection to the peer, or it ended before the answer came: then it may have been started, and it has
    /// ended if it is linked.
    #[error("noconnection: {0} is not connected")]
    NoConnection(NodeName),
    /// The arguments cannot be expressed.
    #[error("it was not spawned: {0}")]
    Arguments(SerializeError),
}

impl Process {
    /// Spawns `module:function(arguments…)` on `peer`, and waits until it is there. The link and the monitor stand before it
    /// runs, so that no end of it is missed; it prints where this process does. Dropping the future abandons it: one that is
    /// linked is ended for the reason `abandoned` (`spawn_request_abandon/1`).
    ///
    /// ```no_run
    /// # use beamlink::runtime::{Process, SpawnOpt};
    /// # use beamlink::term::{Atom, Term};
    /// # async fn example(process: &Process, peer: &beamlink::NodeName) -> Result<(), Box<dyn std::error::Error>> {
    /// let sleep = (&Atom::from_static("timer"), &Atom::from_static("sleep"));
    /// let options = SpawnOpt { monitor: true, ..SpawnOpt::default() };
    /// let spawned = process.spawn_opt(peer, sleep, vec![Term::from(1000)], options).await?;
    /// println!("{:?}", spawned.pid);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub async fn spawn_opt(
        &self,
        peer: &NodeName,
        (module, function): (&Atom, &Atom),
        arguments: Vec<Term>,
        options: SpawnOpt,
    ) -> Result<SpawnedProcess, SpawnError> {
        let runtime = &self.runtime;
        let reference = runtime.new_reference();
        let spawn = Spawn {
            reference: reference.clone(),
            from: self.pid().clone(),
            group_leader: self.group_leader().unwrap_or_else(|| self.pid().clone()),
            module: module.clone(),
            function: function.clone(),
            arity: u8::try_from(arguments.len()).unwrap_or(u8::MAX),
            link: options.link,
            monitor: options.monitor,
        };
        let arguments = Term::list(arguments);
        let spawned = self.spawned(peer, spawn, arguments, options.alias);
        Ok(SpawnedProcess {
            pid: spawned.await?,
            monitor: options.monitor.then_some(reference),
        })
    }

    async fn spawned(
        &self,
        peer: &NodeName,
        spawn: Spawn,
        arguments: Term,
        alias: Option<AliasMode>,
    ) -> Result<Pid, SpawnError> {
        let runtime = &self.runtime;
        let gone = || SpawnError::NoConnection(peer.clone());
        let connection = runtime.connection_to(peer.atom()).map_err(|_| gone())?;
        let (told, answer) = oneshot::channel();
        let Some(connection) = connection else {
            let (link, monitor) = (spawn.link, spawn.monitor);
            let reference = spawn.reference.clone();
            let begun = |pid: &Pid| {
                runtime.tie(
                    &self.entry,
                    pid,
                    link,
                    monitor.then_some((&reference, alias)),
                );
                // Who asks is here to hear it.
                let _ = told.send(Ok(pid.clone()));
            };
            let started = runtime.spawn_here(spawn, arguments, begun);
            started.map_err(SpawnError::NotStarted)?;
            return answered(answer, gone).await;
        };
        let waiting = Spawning {
            entry: self.entry.clone(),
            node: peer.atom().clone(),
            alias,
            told,
        };
        let number = number(&spawn.reference).unwrap_or_default();
        runtime.0.handles.insert(number, Handle::Spawn(waiting));
        let control = Control::SpawnRequest(spawn);
        let unsent = Unsent(runtime, number);
        let sent = connection.signal_with_room(&control, Some(&arguments), When::Now);
        sent.await.map_err(|error| match error {
            SendError::NotConnected(_) => gone(),
            SendError::Encode(error) => SpawnError::Arguments(error),
        })?;
        unsent.sent();
        // The connection may have ended before it was noted that somebody waits.
        if connection.is_down() {
            runtime.0.handles.take_spawning(number);
        }
        answered(answer, gone).await
    }
}

/// A request that is not sent: nobody will answer it.
struct Unsent<'a>(&'a Runtime, u64);

impl Unsent<'_> {
    fn sent(self) {
        mem::forget(self);
    }
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        self.0.0.handles.take_spawning(self.1);
    }
}

async fn answered(
    answer: oneshot::Receiver<Result<Pid, NotSpawned>>,
    gone: impl Fn() -> SpawnError,
) -> Result<Pid, SpawnError> {
    match answer.await {
        Ok(Ok(pid)) => Ok(pid),
        Ok(Err(NotSpawned::Refused(error))) => Err(SpawnError::NotStarted(error)),
        Ok(Err(NotSpawned::NoConnection)) | Err(_) => Err(gone()),
    }
}

impl Runtime {
    /// Makes the link and the monitor of `entry` to what it has spawned. False when it has ended.
    fn tie(
        &self,
        entry: &Arc<Entry>,
        pid: &Pid,
        link: bool,
        monitor: Option<(&Reference, Option<AliasMode>)>,
    ) -> bool {
        let Some(mut state) = entry.alive() else {
            return false;
        };
        if link {
            state.tie().links.insert(pid.clone(), Link::Active);
        }
        let Some((reference, alias)) = monitor else {
            return true;
        };
        let item = Item::Pid(pid.clone());
        state.tie().watching.insert(reference.clone(), item);
        drop(state);
        if let Some(mode) = alias {
            self.alias(entry, reference, mode, false);
        }
        true
    }

    /// A peer has spawned `pid` for `from`. What comes of it is behind this on the connection.
    pub(super) fn spawned_there(
        &self,
        connection: &Arc<Connection>,
        reference: &Reference,
        (from, pid): (Pid, Pid),
        link: bool,
        monitor: bool,
    ) {
        let waiting = self.own_number(reference);
        let waiting = waiting.and_then(|number| self.0.handles.take_spawning(number));
        // A link that nobody here has.
        let unwanted = |reason| {
            let (from, to) = (from.clone(), pid.clone());
            let control = Control::PayloadExit { from, to };
            connection.signal(&control, Some(&Term::atom(reason)));
        };
        let Some(waiting) = waiting else {
            // That of a call has no link.
            if link {
                unwanted("noproc");
            }
            return;
        };
        let Spawning {
            entry, told, alias, ..
        } = waiting;
        if !self.tie(&entry, &pid, link, monitor.then_some((reference, alias))) {
            if link {
                unwanted("noproc");
            }
            return;
        }
        // It may have ended while this was noted, too late for those who looked for such links.
        if connection.is_down() {
            entry.link_broken(&pid, noconnection());
            self.monitor_over(&entry, reference, noconnection());
        }
        if told.send(Ok(pid.clone())).is_err() {
            if monitor {
                self.demonitor(&entry, reference);
            }
            let mut state = entry.lock();
            let linked = state.untie().and_then(|ties| ties.drop_link(&pid));
            drop(state);
            if link && linked.is_some() {
                unwanted("abandoned");
            }
        }
    }

    /// The peer did not spawn what `reference` asked for.
    pub(super) fn not_spawned(&self, reference: &Reference, error: Atom) {
        let waiting = self.own_number(reference);
        match waiting.and_then(|number| self.0.handles.take_spawning(number)) {
            // Who asked may have given up.
            Some(waiting) => drop(waiting.told.send(Err(NotSpawned::Refused(error)))),
            None => self.call_not_spawned(reference, error),
        }
    }
}
