//! Registered names.

use std::sync::PoisonError;

use foldhash::HashMap;

use super::Runtime;
use crate::term::{Atom, Pid};

/// Why a name cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Another process has it.
    #[error("the name {0:?} is registered already")]
    Taken(Atom),
    /// The process has ended.
    #[error("the process does not live, so it cannot be registered as {0:?}")]
    NoProcess(Atom),
}

/// One registered name.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) pid: Pid,
    /// Whether monitors find it. A name that is not shown takes messages, but answers monitors by `noproc`:
    /// whoever monitors `global_name_server` before a call wants a reply that only a full member of
    /// `global` gives (mute, it hangs `global:set_lock/1` for ever; PROTOCOL.md, D.2).
    pub(crate) shown: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<Atom, Registered>);

impl Runtime {
    /// Registers the process `pid` under `name`.
    ///
    /// # Errors
    /// When the name is taken, or the process does not live.
    pub fn register(&self, name: &Atom, pid: &Pid) -> Result<(), NameError> {
        self.put_name(name, pid, true)
    }

    /// Registers a process that takes messages under `name`, while monitors of that name hear `noproc`.
    ///
    /// # Errors
    /// When the name is taken, or the process does not live.
    pub(crate) fn register_unmonitored(&self, name: &Atom, pid: &Pid) -> Result<(), NameError> {
        self.put_name(name, pid, false)
    }

    fn put_name(&self, name: &Atom, pid: &Pid, shown: bool) -> Result<(), NameError> {
        let missing = || NameError::NoProcess(name.clone());
        let entry = self.entry(pid).ok_or_else(missing)?;
        let mut names = self.0.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.0.contains_key(name) {
            return Err(NameError::Taken(name.clone()));
        }
        let mut state = entry.alive().ok_or_else(missing)?;
        state.tie().names.push(name.clone());
        let pid = pid.clone();
        names.0.insert(name.clone(), Registered { pid, shown });
        Ok(())
    }

    /// Takes `name` from the process that has it.
    pub fn unregister(&self, name: &Atom) -> bool {
        let mut names = self.0.names.write().unwrap_or_else(PoisonError::into_inner);
        let Some(registered) = names.0.remove(name) else {
            return false;
        };
        if let Some(entry) = self.entry(&registered.pid)
            && let Some(ties) = entry.lock().untie()
        {
            ties.names.retain(|known| known != name);
        }
        true
    }

    /// The process that is registered under `name`.
    pub fn whereis(&self, name: &Atom) -> Option<Pid> {
        self.registered(name).map(|registered| registered.pid)
    }

    pub(crate) fn registered(&self, name: &Atom) -> Option<Registered> {
        let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
        names.0.get(name).cloned()
    }

    /// All registered names.
    pub fn names(&self) -> Vec<Atom> {
        let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
        names.0.keys().cloned().collect()
    }

    pub(crate) fn drop_names(&self, dropped: &[Atom]) {
        if dropped.is_empty() {
            return;
        }
        let mut names = self.0.names.write().unwrap_or_else(PoisonError::into_inner);
        for name in dropped {
            names.0.remove(name);
        }
    }
}
