//! What the references of this node lead to: aliases of processes, and calls that wait for their end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;
use tokio::sync::oneshot;

use super::calls::CallEnd;
use super::entry::Entry;
use crate::term::{Atom, Pid, Reference};

/// When an alias ends without [`Process::unalias`](super::Process::unalias) ("Process Aliases" in the Erlang Reference
/// Manual; the modes of `erlang:monitor/3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AliasMode {
    /// With its process only (`explicit_unalias`).
    Explicit,
    /// With its monitor too (`demonitor`).
    Demonitor,
    /// With the first message that comes by it, which ends the monitor too (`reply_demonitor`, `reply`).
    Reply,
}

/// What a reference leads to.
#[derive(Debug)]
pub(super) enum Handle {
    Alias(Alias),
    /// Something that is being spawned on a peer.
    Spawn(Spawning),
    Call {
        /// Who called.
        from: Arc<Entry>,
        /// The node whose loss ends the call.
        node: Atom,
        end: oneshot::Sender<CallEnd>,
    },
}

/// Whose alias it is, and what it is good for.
#[derive(Debug, Clone)]
pub(super) struct Alias {
    pub(super) entry: Arc<Entry>,
    pub(super) mode: AliasMode,
    /// Whether messages with priority by it come before others.
    pub(super) priority: bool,
}

/// Who waits for a SPAWN_REPLY, and what is to be made of it before anything else comes.
#[derive(Debug)]
pub(super) struct Spawning {
    pub(super) entry: Arc<Entry>,
    /// Where it is spawned.
    pub(super) node: Atom,
    /// What messages to its monitor are to be good for.
    pub(super) alias: Option<AliasMode>,
    pub(super) told: oneshot::Sender<Result<Pid, NotSpawned>>,
}

/// Why it was not.
#[derive(Debug)]
pub(super) enum NotSpawned {
    Refused(Atom),
    NoConnection,
}

#[derive(Debug, Default)]
pub(super) struct Handles(Mutex<HashMap<u64, Handle>>);

/// The number that [`Runtime::new_reference`](super::Runtime::new_reference) made a reference of.
pub(super) fn number(reference: &Reference) -> Option<u64> {
    match *reference.words() {
        [low, high, 0] => Some(u64::from(low) | u64::from(high) << 18),
        _ => None,
    }
}

impl Handles {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Handle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, number: u64, handle: Handle) {
        self.lock().insert(number, handle);
    }

    pub(super) fn remove(&self, number: u64) -> Option<Handle> {
        self.lock().remove(&number)
    }

    /// Whose alias this is. `None` when the number names no alias.
    pub(super) fn alias(&self, number: u64) -> Option<Alias> {
        match self.lock().get(&number)? {
            Handle::Alias(alias) => Some(alias.clone()),
            _ => None,
        }
    }

    /// The same for a message that goes by it: an alias for one reply ends with that.
    pub(super) fn follow(&self, number: u64) -> Option<Alias> {
        let alias = self.alias(number)?;
        match alias.mode {
            // Of two at once only one goes by it.
            AliasMode::Reply => self.remove(number).map(|_| alias),
            _ => Some(alias),
        }
    }

    /// Whether this is an alias that ends with its monitor.
    pub(super) fn ends_with_monitor(&self, number: u64) -> bool {
        match self.lock().get(&number) {
            Some(Handle::Alias(alias)) => alias.mode != AliasMode::Explicit,
            _ => false,
        }
    }

    /// Takes the call of this number, if it is one.
    pub(super) fn take_call(&self, number: u64) -> Option<(Arc<Entry>, oneshot::Sender<CallEnd>)> {
        let mut handles = self.lock();
        if !matches!(handles.get(&number)?, Handle::Call { .. }) {
            return None;
        }
        match handles.remove(&number) {
            Some(Handle::Call { from, end, .. }) => Some((from, end)),
            _ => None,
        }
    }

    /// Takes what waits for this SPAWN_REPLY, if something does.
    pub(super) fn take_spawning(&self, number: u64) -> Option<Spawning> {
        let mut handles = self.lock();
        if !matches!(handles.get(&number)?, Handle::Spawn(_)) {
            return None;
        }
        match handles.remove(&number) {
            Some(Handle::Spawn(spawning)) => Some(spawning),
            _ => None,
        }
    }

    /// The connection to `node` is gone: takes all that waits for something there.
    pub(super) fn waiting_for(&self, node: &Atom) -> Vec<Handle> {
        let waits = |handle: &Handle| match handle {
            Handle::Call { node: waited, .. } => waited == node,
            Handle::Spawn(spawning) => spawning.node == *node,
            Handle::Alias(_) => false,
        };
        let mut handles = self.lock();
        let lost = handles.extract_if(|_, handle| waits(handle));
        lost.map(|(_, handle)| handle).collect()
    }
}
