//! Links, monitors and exit signals of our processes, towards processes here and on peers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::entry::{Entry, Link, State};
use super::message::Item;
use super::{Runtime, SendError};
use crate::NodeName;
use crate::dist::{Control, Spawn, Target};
use crate::term::{Atom, Pid, Reference, Term};

fn noproc() -> Term {
    Term::atom("noproc")
}

fn noconnection() -> Term {
    Term::atom("noconnection")
}

impl Runtime {
    fn is_own(&self, node: &Atom) -> bool {
        node == self.name().atom()
    }

    /// Tells the other end of a link that `entry` has just made.
    pub(super) fn link(&self, entry: &Arc<Entry>, other: &Pid) {
        if self.is_own(&other.node) {
            let linked = self.entry(other).is_some_and(|other| {
                other.alive().is_some_and(|mut state| {
                    state.links.insert(entry.pid.clone(), Link::Active);
                    true
                })
            });
            if !linked {
                entry.link_broken(other, noproc());
            }
            return;
        }
        match self.connection(&other.node) {
            Some(connection) => connection.signal(
                &Control::Link {
                    from: entry.pid.clone(),
                    to: other.clone(),
                },
                None,
            ),
            None => entry.link_broken(other, noconnection()),
        }
    }

    pub(super) fn unlink(&self, entry: &Arc<Entry>, other: &Pid) {
        let mut state = entry.lock();
        if state.links.get(other) != Some(&Link::Active) {
            return;
        }
        if self.is_own(&other.node) {
            state.links.remove(other);
            drop(state);
            if let Some(other) = self.entry(other) {
                other.lock().links.remove(&entry.pid);
            }
            return;
        }
        let id = self.0.next_unlink.fetch_add(1, Ordering::Relaxed);
        state.links.insert(other.clone(), Link::Unlinking(id));
        drop(state);
        let (from, to) = (entry.pid.clone(), other.clone());
        self.signal(&other.node, &Control::UnlinkId { id, from, to }, None);
    }

    pub(super) fn monitor(&self, entry: &Arc<Entry>, item: Item) -> Reference {
        let reference = self.new_reference();
        entry
            .lock()
            .watching
            .insert(reference.clone(), item.clone());
        if self.is_own(item.node()) {
            if !self.watch(&item, &entry.pid, &reference) {
                entry.monitor_fired(&reference, noproc());
            }
            return reference;
        }
        match self.connection(item.node()) {
            Some(connection) => connection.signal(
                &Control::MonitorP {
                    from: entry.pid.clone(),
                    to: target(&item),
                    reference: reference.clone(),
                },
                None,
            ),
            None => entry.monitor_fired(&reference, noconnection()),
        }
        reference
    }

    pub(super) fn demonitor(&self, entry: &Arc<Entry>, reference: &Reference) {
        let Some(item) = entry.lock().watching.remove(reference) else {
            return;
        };
        if self.is_own(item.node()) {
            self.unwatch(&item, reference);
            return;
        }
        let control = Control::DemonitorP {
            from: entry.pid.clone(),
            to: target(&item),
            reference: reference.clone(),
        };
        self.signal(item.node(), &control, None);
    }

    pub(super) fn exit(&self, from: &Pid, to: &Pid, reason: Term) {
        if self.is_own(&to.node) {
            if let Some(entry) = self.entry(to) {
                entry.exit_requested(from, reason, 1);
            }
            return;
        }
        let (from, to) = (from.clone(), to.clone());
        let node = to.node.clone();
        self.signal(&node, &Control::PayloadExit2 { from, to }, Some(&reason));
    }

    /// Starts something on a peer and monitors it.
    pub(super) async fn spawn_on(
        &self,
        entry: &Arc<Entry>,
        peer: &NodeName,
        module: &Atom,
        function: &Atom,
        arguments: Vec<Term>,
    ) -> Result<Reference, SendError> {
        let node = peer.atom();
        let connection = self.connection(node);
        let connection = connection.ok_or_else(|| SendError::NotConnected(node.clone()))?;
        let reference = self.new_reference();
        // What will be monitored has no pid yet; its node is what counts when that goes down.
        let item = Item::Name(function.clone(), node.clone());
        entry.lock().watching.insert(reference.clone(), item);
        let leader = self.whereis(&Atom::from_static("user"));
        let control = Control::SpawnRequest(Spawn {
            reference: reference.clone(),
            from: entry.pid.clone(),
            group_leader: leader.unwrap_or_else(|| entry.pid.clone()),
            module: module.clone(),
            function: function.clone(),
            arity: u8::try_from(arguments.len()).unwrap_or(u8::MAX),
            link: false,
            monitor: true,
        });
        let arguments = Term::list(arguments);
        let sent = connection
            .signal_with_room(&control, Some(&arguments))
            .await;
        if sent.is_err() {
            entry.lock().watching.remove(&reference);
        }
        sent.map(|()| reference)
    }

    /// Makes `watcher` hear when `item`, which is ours, ends. False when it is not there.
    pub(super) fn watch(&self, item: &Item, watcher: &Pid, reference: &Reference) -> bool {
        let Some(entry) = self.watchable(item) else {
            return false;
        };
        let Some(mut state) = entry.alive() else {
            return false;
        };
        let watching = (watcher.clone(), item.clone());
        state.watchers.insert(reference.clone(), watching);
        true
    }

    pub(super) fn unwatch(&self, item: &Item, reference: &Reference) {
        if let Some(entry) = self.watchable(item)
            && entry.lock().watchers.remove(reference).is_some()
        {
            return;
        }
        // The name may belong to another process by now, or to none.
        if let Item::Name(..) = item {
            for entry in self.entries() {
                if entry.lock().watchers.remove(reference).is_some() {
                    return;
                }
            }
        }
    }

    fn watchable(&self, item: &Item) -> Option<Arc<Entry>> {
        match item {
            Item::Pid(pid) => self.entry(pid),
            Item::Name(name, _) => {
                let registered = self.registered(name)?;
                self.entry(&registered.pid).filter(|_| registered.shown)
            }
        }
    }

    /// The process of `entry` has ended: tells all who wait for that.
    pub(super) async fn process_ended(&self, entry: &Arc<Entry>, reason: Term) {
        let State {
            links,
            watchers,
            watching,
            names,
            ..
        } = {
            let mut state = entry.lock();
            let ended = State {
                ended: true,
                ..State::default()
            };
            std::mem::replace(&mut *state, ended)
        };
        self.drop_names(&names);
        self.forget(&entry.pid);
        for (other, link) in links {
            if link == Link::Active {
                self.break_link(&entry.pid, &other, &reason).await;
            }
        }
        for (reference, (watcher, item)) in watchers {
            self.fire(&item, &watcher, &reference, &reason).await;
        }
        for (reference, item) in watching {
            if self.is_own(item.node()) {
                self.unwatch(&item, &reference);
            } else {
                let from = entry.pid.clone();
                let to = target(&item);
                let control = Control::DemonitorP {
                    from,
                    to,
                    reference,
                };
                self.signal(item.node(), &control, None);
            }
        }
    }

    async fn break_link(&self, from: &Pid, to: &Pid, reason: &Term) {
        if self.is_own(&to.node) {
            if let Some(entry) = self.entry(to) {
                entry.link_broken(from, reason.clone());
            }
            return;
        }
        let control = Control::PayloadExit {
            from: from.clone(),
            to: to.clone(),
        };
        self.signal_with_room(&to.node, &control, reason).await;
    }

    /// Tells `watcher` that `item`, which is ours, has ended.
    async fn fire(&self, item: &Item, watcher: &Pid, reference: &Reference, reason: &Term) {
        if self.is_own(&watcher.node) {
            if let Some(entry) = self.entry(watcher) {
                entry.monitor_fired(reference, reason.clone());
            }
            return;
        }
        let control = Control::PayloadMonitorPExit {
            from: target(item),
            to: watcher.clone(),
            reference: reference.clone(),
        };
        self.signal_with_room(&watcher.node, &control, reason).await;
    }
}

/// How the wire names what is monitored: names stand without their node.
fn target(item: &Item) -> Target {
    match item {
        Item::Pid(pid) => Target::Pid(pid.clone()),
        Item::Name(name, _) => Target::Name(name.clone()),
    }
}
