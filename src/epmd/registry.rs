//! The state of an EPMD: who is registered, who was, and under which creation. Pure.

use std::collections::{HashMap, VecDeque};

use super::codec::NodeEntry;
use super::reply::NamesReply;

/// How many past names are remembered, so that their next life gets another creation
/// (`MAX_UNREG_COUNT` in `epmd_int.h`).
const MAX_PAST: usize = 1000;

/// Creations below this are those of the time when they had two bits.
const FIRST_CREATION: u32 = 4;

/// The name is registered, and its owner is still there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {0:?} is already registered")]
pub struct NameInUse(pub String);

/// The registered nodes of one host.
///
/// ```
/// use beamlink::epmd::{NodeEntry, NodeType, Registry};
/// let mut registry = Registry::default();
/// let entry = NodeEntry::new("a", 9100, NodeType::Visible);
/// let first = registry.register(entry.clone(), 1, 1000).unwrap();
/// assert!(registry.register(entry.clone(), 2, 1000).is_err());
/// registry.unregister("a", 1);
/// assert_eq!(registry.register(entry, 2, 1000), Ok(first + 1));
/// ```
#[derive(Debug, Default)]
pub struct Registry {
    active: HashMap<String, Slot>,
    past: VecDeque<Slot>,
    registrations: u64,
}

#[derive(Debug)]
struct Slot {
    entry: NodeEntry,
    owner: u64,
    creation: u32,
    /// The how many-th registration this is: NAMES lists the last one first.
    number: u64,
}

impl Registry {
    /// Registers a node for `owner` (any number that tells connections apart) and returns its creation.
    ///
    /// As in `node_reg2` of `epmd_srv.c`: a name that was here before gets its last creation plus one, a
    /// new one begins after `seed`; one that speaks no version 6 gets a creation of 1 to 3.
    pub fn register(&mut self, entry: NodeEntry, owner: u64, seed: u32) -> Result<u32, NameInUse> {
        if self.active.contains_key(&entry.name) {
            return Err(NameInUse(entry.name));
        }
        let before = self.take_past(&entry.name).unwrap_or(seed);
        let creation = before.wrapping_add(1).max(FIRST_CREATION);
        let granted = match entry.highest_version {
            6.. => creation,
            _ => creation % 3 + 1,
        };
        self.registrations += 1;
        let slot = Slot {
            owner,
            creation,
            number: self.registrations,
            entry,
        };
        self.active.insert(slot.entry.name.clone(), slot);
        Ok(granted)
    }

    /// Forgets the node, if it is `owner` who registered it.
    pub fn unregister(&mut self, name: &str, owner: u64) {
        if self.active.get(name).is_none_or(|slot| slot.owner != owner) {
            return;
        }
        self.past.extend(self.active.remove(name));
        if self.past.len() > MAX_PAST {
            self.past.pop_front();
        }
    }

    /// The node that has this name.
    pub fn lookup(&self, name: &str) -> Option<&NodeEntry> {
        self.active.get(name).map(|slot| &slot.entry)
    }

    /// The answer to NAMES, given the port that this EPMD listens on.
    pub fn names(&self, epmd_port: u16) -> NamesReply {
        let nodes = self.newest_first();
        let nodes = nodes
            .iter()
            .map(|slot| (slot.entry.name.clone(), slot.entry.port));
        NamesReply {
            epmd_port,
            nodes: nodes.collect(),
        }
    }

    /// The answer to DUMP. Where epmd prints a file descriptor, this prints the owner.
    pub fn dump(&self, epmd_port: u16) -> Vec<u8> {
        let mut out = Vec::from(u32::from(epmd_port).to_be_bytes());
        for Slot { entry, owner, .. } in self.newest_first() {
            let (name, port) = (&entry.name, entry.port);
            out.extend(
                format!("active name     <{name}> at port {port}, fd = {owner}\n\0").bytes(),
            );
        }
        for Slot { entry, owner, .. } in &self.past {
            let (name, port) = (&entry.name, entry.port);
            out.extend(
                format!("old/unused name <{name}>, port = {port}, fd = {owner} \n\0").bytes(),
            );
        }
        out
    }

    fn newest_first(&self) -> Vec<&Slot> {
        let mut slots: Vec<&Slot> = self.active.values().collect();
        slots.sort_by_key(|slot| std::cmp::Reverse(slot.number));
        slots
    }

    /// The creation that `name` had in its last life, which is then no longer remembered as past.
    fn take_past(&mut self, name: &str) -> Option<u32> {
        let at = self.past.iter().position(|slot| slot.entry.name == name)?;
        self.past.remove(at).map(|slot| slot.creation)
    }
}

#[cfg(test)]
mod tests;
