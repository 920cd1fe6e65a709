//! The connection table of a make-believe BEAM, as `net_kernel` has it (`accept_pending`, `is_pending`, `wait_pending` and
//! the exits of owners in `lib/kernel/src/net_kernel.erl`, `mark_pending/1` in `dist_util.erl`).

use super::*;

enum Entry {
    /// Dialled or accepted: one attempt at a time.
    Pending(AttemptId),
    Up {
        owner: AttemptId,
        /// It would replace the connection.
        pending: Option<AttemptId>,
    },
}

pub(super) struct NetKernel {
    own: NodeName,
    entries: HashMap<NodeName, Entry>,
    next: u64,
}

/// What the acceptor is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Accepted {
    Ok(AttemptId),
    /// The other attempt, whichever side began it, ends here and now.
    Instead(AttemptId, AttemptId),
    Nok,
    UpPending(AttemptId),
    /// It closes without a word.
    AlreadyPending,
}

impl NetKernel {
    pub(super) fn new(own: NodeName) -> NetKernel {
        NetKernel {
            own,
            entries: HashMap::new(),
            next: 1,
        }
    }

    fn id(&mut self) -> AttemptId {
        self.next += 1;
        AttemptId(self.next)
    }

    /// `None`: there is a connection, or an attempt of either side.
    pub(super) fn dial(&mut self, peer: &NodeName) -> Option<AttemptId> {
        if self.entries.contains_key(peer) {
            return None;
        }
        let id = self.id();
        self.entries.insert(peer.clone(), Entry::Pending(id));
        Some(id)
    }

    pub(super) fn accept(&mut self, peer: &NodeName) -> Accepted {
        let id = self.id();
        let own_is_greater = self.own > *peer;
        match self.entries.get_mut(peer) {
            None => {
                self.entries.insert(peer.clone(), Entry::Pending(id));
                Accepted::Ok(id)
            }
            Some(Entry::Pending(_)) if own_is_greater => Accepted::Nok,
            Some(Entry::Pending(owner)) => Accepted::Instead(id, std::mem::replace(owner, id)),
            Some(Entry::Up { pending, .. }) if pending.is_none() => {
                *pending = Some(id);
                Accepted::UpPending(id)
            }
            Some(Entry::Up { .. }) => Accepted::AlreadyPending,
        }
    }

    /// What an initiator answers to `alive`.
    pub(super) fn is_pending(&self, peer: &NodeName, id: AttemptId) -> bool {
        matches!(self.entries.get(peer), Some(Entry::Pending(owner)) if *owner == id)
    }

    /// An attempt was authenticated. The connection that it replaces, if it does, and whether it stands.
    pub(super) fn up(&mut self, peer: &NodeName, id: AttemptId) -> (Option<AttemptId>, bool) {
        let up = Entry::Up {
            owner: id,
            pending: None,
        };
        match self.entries.get_mut(peer) {
            Some(entry @ Entry::Pending(_)) => {
                let stands = matches!(entry, Entry::Pending(owner) if *owner == id);
                if stands {
                    *entry = up;
                }
                (None, stands)
            }
            Some(Entry::Up { owner, pending }) if *pending == Some(id) => {
                let old = *owner;
                self.entries.insert(peer.clone(), up);
                (Some(old), true)
            }
            _ => (None, false),
        }
    }

    pub(super) fn ended(&mut self, peer: &NodeName, id: AttemptId) {
        let next = match self.entries.get_mut(peer) {
            Some(Entry::Pending(owner)) if *owner == id => None,
            Some(Entry::Up { owner, pending }) if *owner == id => pending.map(Entry::Pending),
            Some(Entry::Up { pending, .. }) => {
                if *pending == Some(id) {
                    *pending = None;
                }
                return;
            }
            _ => return,
        };
        match next {
            Some(entry) => self.entries.insert(peer.clone(), entry),
            None => self.entries.remove(peer),
        };
    }
}
