//! What the runtime knows of one process: its mailbox, links, monitors and names.
//!
//! It is kept beside the process, not inside, so that the reader of a connection answers for it at once,
//! whatever the process is doing.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::mailbox::{Mailbox, MailboxLimit, Priority, Put};
use super::message::{Item, NodeKinds, Received};
use crate::term::{Atom, Pid, Reference, Term};

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Active,
    /// We sent UNLINK_ID with this id: the link is gone here, and signals from the other end are
    /// ignored until it acknowledges ("Link Protocol" in the Erlang Distribution Protocol).
    Unlinking(u64),
}

/// All that changes while a process lives.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) trap_exit: bool,
    /// Why it must end, once it must.
    pub(crate) ending: Option<Term>,
    /// Whom to wake then.
    pub(crate) task: Option<Waker>,
    /// It has ended: nothing may be added any more.
    pub(crate) ended: bool,
    /// Most processes have no ties, and then no memory for them.
    ties: Option<Box<Ties>>,
}

impl State {
    /// What it has to do with others.
    pub(crate) fn ties(&self) -> &Ties {
        self.ties.as_deref().unwrap_or(&NO_TIES)
    }

    /// The same, to add some.
    pub(crate) fn tie(&mut self) -> &mut Ties {
        self.ties.get_or_insert_default()
    }

    /// The same, to take some away.
    pub(crate) fn untie(&mut self) -> Option<&mut Ties> {
        self.ties.as_deref_mut()
    }

    /// It has ended: nothing is left but what it had to do with others, for who tells them.
    pub(crate) fn end(&mut self) -> Ties {
        let ended = State {
            ended: true,
            ..State::default()
        };
        let ties = mem::replace(self, ended).ties;
        ties.map(|ties| *ties).unwrap_or_default()
    }
}

static NO_TIES: LazyLock<Ties> = LazyLock::new(Ties::default);

/// What a process has to do with others.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    pub(crate) links: HashMap<Pid, Link>,
    /// Who monitors this process, and as what.
    pub(crate) watchers: HashMap<Reference, (Pid, Item)>,
    /// What this process monitors.
    pub(crate) watching: HashMap<Reference, Item>,
    pub(crate) names: Vec<Atom>,
    /// The numbers of its aliases.
    pub(crate) aliases: HashSet<u64>,
    /// Nodes of whose loss it wants to hear, and how often it asked.
    pub(crate) nodes: HashMap<Atom, usize>,
    /// Which nodes' coming and going it wants to hear of.
    pub(crate) node_kinds: Option<NodeKinds>,
    /// Where its output goes.
    pub(crate) group_leader: Option<Pid>,
    /// Which of its links and monitors were made with priority, if there are such.
    pub(crate) priority: Option<Box<Preferred>>,
}

impl Ties {
    /// Takes an active link away, and tells whether its end was to be told with priority. `None` when there is none.
    pub(crate) fn drop_link(&mut self, other: &Pid) -> Option<bool> {
        if self.links.get(other) != Some(&Link::Active) {
            return None;
        }
        self.links.remove(other);
        let preferred = self.priority.as_mut();
        Some(preferred.is_some_and(|of| of.links.remove(other)))
    }
}

/// Whose ends are told by priority messages.
#[derive(Debug, Default)]
pub(crate) struct Preferred {
    pub(crate) links: HashSet<Pid>,
    pub(crate) monitors: HashSet<Reference>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) pid: Pid,
    pub(crate) mailbox: Mailbox,
    /// Whether `ending` is set.
    must_end: AtomicBool,
    /// Calls under its pid that wait for their end.
    pub(crate) open_calls: AtomicUsize,
    /// Whether there is a process that receives; an entry for calls has none.
    receives: bool,
    state: Mutex<State>,
}

impl Entry {
    pub(crate) fn new(pid: Pid, limit: MailboxLimit) -> Entry {
        Entry {
            pid,
            mailbox: Mailbox::new(limit),
            must_end: AtomicBool::new(false),
            open_calls: AtomicUsize::new(0),
            receives: true,
            state: Mutex::default(),
        }
    }

    /// What only makes calls: messages to it that answer none are lost.
    pub(crate) fn for_calls(pid: Pid) -> Entry {
        Entry {
            receives: false,
            ..Entry::new(pid, MailboxLimit::default())
        }
    }

    pub(crate) fn has_open_calls(&self) -> bool {
        self.open_calls.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless the process has ended.
    pub(crate) fn alive(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.lock();
        (!state.ended).then_some(state)
    }

    /// Delivers a message, or ends the process when its mailbox is full.
    pub(crate) fn deliver(&self, size: usize, message: Received) {
        self.deliver_with(Priority::Ordinary, size, message);
    }

    /// The same, before those that wait if it has priority.
    pub(crate) fn deliver_with(&self, priority: Priority, size: usize, message: Received) {
        if self.receives && self.mailbox.put(size, message, priority) == Put::Overflowed {
            tracing::warn!(pid = ?self.pid, "mailbox_overflow: a process does not receive as fast as it is sent to");
            self.must_end(Term::atom("mailbox_overflow"));
        }
    }

    /// Makes the process end with `reason` at its next await; the first reason counts.
    pub(crate) fn must_end(&self, reason: Term) {
        let mut state = self.lock();
        state.ending.get_or_insert(reason);
        self.must_end.store(true, Ordering::Release);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Why it must end, if it must.
    pub(crate) fn ending(&self) -> Option<Term> {
        let must_end = self.must_end.load(Ordering::Acquire);
        must_end.then(|| {
            self.lock()
                .ending
                .take()
                .unwrap_or_else(|| Term::atom("killed"))
        })
    }

    /// The linked process `from` ended with `reason`.
    pub(crate) fn link_broken(&self, from: &Pid, reason: Term) {
        let Some(mut state) = self.alive() else {
            return;
        };
        let Some(preferred) = state.untie().and_then(|ties| ties.drop_link(from)) else {
            return;
        };
        let priority = Priority::when(preferred);
        let trap = state.trap_exit;
        drop(state);
        if trap {
            let from = from.clone();
            self.deliver_with(priority, 0, Received::Exit { from, reason });
        } else if reason != Term::atom("normal") {
            self.must_end(reason);
        }
    }

    /// `from` called `exit(Pid, reason)` on this process. `kill` cannot be trapped.
    pub(crate) fn exit_requested(&self, from: &Pid, reason: Term, size: usize, priority: Priority) {
        let Some(state) = self.alive() else {
            return;
        };
        let trap = state.trap_exit;
        drop(state);
        if reason == Term::atom("kill") {
            self.must_end(Term::atom("killed"));
        } else if trap {
            let from = from.clone();
            self.deliver_with(priority, size.max(1), Received::Exit { from, reason });
        } else if reason != Term::atom("normal") || *from == self.pid {
            self.must_end(reason);
        }
    }

    /// Monitor `reference`, which this process holds, has fired. False when it holds none.
    pub(crate) fn monitor_fired(&self, reference: &Reference, reason: Term) -> bool {
        let fired = self.alive().and_then(|mut state| {
            let ties = state.untie()?;
            let item = ties.watching.remove(reference)?;
            let preferred = ties.priority.as_mut();
            let priority = preferred.is_some_and(|of| of.monitors.remove(reference));
            Some((item, Priority::when(priority)))
        });
        let Some((item, priority)) = fired else {
            return false;
        };
        let reference = reference.clone();
        self.deliver_with(
            priority,
            0,
            Received::Down {
                reference,
                item,
                reason,
            },
        );
        true
    }

    /// Ends a monitor on this process. False when there was none.
    pub(crate) fn is_watched_no_more(&self, reference: &Reference) -> bool {
        let mut state = self.lock();
        let watcher = state
            .untie()
            .and_then(|ties| ties.watchers.remove(reference));
        watcher.is_some()
    }

    /// A node of this kind has come.
    pub(crate) fn node_up(&self, node: &Atom, hidden: bool) {
        let wanted = self.lock().ties().node_kinds;
        if wanted.is_some_and(|kinds| kinds.include(hidden)) {
            let node = node.clone();
            self.deliver(0, Received::NodeUp { node, hidden });
        }
    }

    /// The node `node` is gone, with every link, monitor and watcher there. Returns the monitors that were lost.
    pub(crate) fn node_down(&self, node: &Atom, hidden: bool) -> Vec<Reference> {
        let noconnection = || Term::atom("noconnection");
        let (broken, fired, told) = {
            let Some(mut state) = self.alive() else {
                return Vec::new();
            };
            let Some(ties) = state.untie() else {
                return Vec::new();
            };
            ties.watchers
                .retain(|_, (watcher, _)| watcher.node != *node);
            ties.links
                .retain(|pid, link| pid.node != *node || *link == Link::Active);
            let broken: Vec<Pid> = ties
                .links
                .keys()
                .filter(|pid| pid.node == *node)
                .cloned()
                .collect();
            let fired: Vec<Reference> = ties
                .watching
                .iter()
                .filter(|(_, item)| item.node() == node)
                .map(|(reference, _)| reference.clone())
                .collect();
            let kinds = ties.node_kinds.is_some_and(|kinds| kinds.include(hidden));
            let told = ties.nodes.remove(node).unwrap_or(0) + usize::from(kinds);
            (broken, fired, told)
        };
        for pid in broken {
            self.link_broken(&pid, noconnection());
        }
        for reference in &fired {
            self.monitor_fired(reference, noconnection());
        }
        for _ in 0..told {
            let node = node.clone();
            self.deliver(0, Received::NodeDown { node, hidden });
        }
        fired
    }
}
