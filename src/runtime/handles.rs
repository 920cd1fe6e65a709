//! What the references of this node lead to: aliases of processes, and calls that wait for their end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::calls::CallEnd;
use super::entry::Entry;
use crate::term::{Atom, Reference};

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
    Alias(Arc<Entry>, AliasMode),
    Call {
        /// Who called.
        from: Arc<Entry>,
        /// The node whose loss ends the call.
        node: Atom,
        end: oneshot::Sender<CallEnd>,
    },
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

    /// The process to which a message by this alias goes; an alias for one reply ends with that. `None` when the
    /// number names no alias.
    pub(super) fn follow(&self, number: u64) -> Option<(Arc<Entry>, AliasMode)> {
        let mut handles = self.lock();
        let Handle::Alias(entry, mode) = handles.get(&number)? else {
            return None;
        };
        let found = (entry.clone(), *mode);
        if found.1 == AliasMode::Reply {
            handles.remove(&number);
        }
        Some(found)
    }

    /// Whether this is an alias that ends with its monitor.
    pub(super) fn ends_with_monitor(&self, number: u64) -> bool {
        match self.lock().get(&number) {
            Some(Handle::Alias(_, mode)) => *mode != AliasMode::Explicit,
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

    /// The connection to `node` is gone: takes all calls that wait for something there.
    pub(super) fn calls_of(&self, node: &Atom) -> Vec<(Arc<Entry>, oneshot::Sender<CallEnd>)> {
        let mut handles = self.lock();
        let waits =
            |handle: &Handle| matches!(handle, Handle::Call { node: waited, .. } if waited == node);
        let lost: Vec<(u64, Handle)> = handles.extract_if(|_, handle| waits(handle)).collect();
        drop(handles);
        lost.into_iter()
            .filter_map(|(_, handle)| match handle {
                Handle::Call { from, end, .. } => Some((from, end)),
                Handle::Alias(..) => None,
            })
            .collect()
    }
}
