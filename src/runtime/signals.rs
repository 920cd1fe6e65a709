//! Links, monitors and exit signals of our processes, towards processes here and on peers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::entry::{Entry, Link, Ties};
use super::handles::{Alias, Handle};
use super::mailbox::Priority;
use super::message::{Body, Item};
use super::outbox::When;
use super::{AliasMode, Runtime};
use crate::dist::{Control, Target};
use crate::term::{Atom, Pid, Reference, Term};

fn noproc() -> Term {
    Term::atom("noproc")
}

pub(super) fn noconnection() -> Term {
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
                    state.tie().links.insert(entry.pid.clone(), Link::Active);
                    true
                })
            });
            if !linked {
                entry.link_broken(other, noproc());
            }
            return;
        }
        match self.connection(&other.node) {
            // A BEAM would answer so itself; but an EXIT of this link, should `entry` end before that, would make it
            // drop the connection (PROTOCOL.md, C.4).
            Some(connection) if connection.info().creation != other.creation => {
                entry.link_broken(other, noproc());
            }
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
        let dropped = state.untie().and_then(|ties| ties.drop_link(other));
        if dropped.is_none() {
            return;
        }
        if self.is_own(&other.node) {
            drop(state);
            if let Some(other) = self.entry(other) {
                other
                    .lock()
                    .untie()
                    .and_then(|ties| ties.drop_link(&entry.pid));
            }
            return;
        }
        let id = self.0.next_unlink.fetch_add(1, Ordering::Relaxed);
        let ties = state.tie();
        ties.links.insert(other.clone(), Link::Unlinking(id));
        drop(state);
        let (from, to) = (entry.pid.clone(), other.clone());
        self.signal(&other.node, &Control::UnlinkId { id, from, to }, None);
    }

    pub(super) fn monitor(
        &self,
        entry: &Arc<Entry>,
        item: Item,
        alias: Option<AliasMode>,
        priority: bool,
    ) -> Reference {
        let reference = self.new_reference();
        if let Some(mode) = alias {
            self.alias(entry, &reference, mode, false);
        }
        let Some(mut state) = entry.alive() else {
            return reference;
        };
        let ties = state.tie();
        ties.watching.insert(reference.clone(), item.clone());
        if priority {
            let preferred = ties.priority.get_or_insert_default();
            preferred.monitors.insert(reference.clone());
        }
        drop(state);
        if self.is_own(item.node()) {
            if !self.watch(&item, &entry.pid, &reference) {
                self.monitor_over(entry, &reference, noproc());
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
            None => self.monitor_over(entry, &reference, noconnection()),
        }
        reference
    }

    pub(super) fn demonitor(&self, entry: &Arc<Entry>, reference: &Reference) {
        let item = entry.lock().untie().and_then(|ties| {
            if let Some(preferred) = &mut ties.priority {
                preferred.monitors.remove(reference);
            }
            ties.watching.remove(reference)
        });
        let Some(item) = item else {
            return;
        };
        self.alias_over(entry, reference);
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

    /// A call is over: ends the monitor that it had. The peer may learn of that with the next signal.
    pub(super) fn end_watch(&self, entry: &Entry, item: &Item, reference: &Reference) {
        if self.is_own(item.node()) {
            self.unwatch(item, reference);
        } else if let Some(connection) = self.connection(item.node()) {
            connection.signal_later(&Control::DemonitorP {
                from: entry.pid.clone(),
                to: target(item),
                reference: reference.clone(),
            });
        }
    }

    /// Monitor `reference` of `entry` has fired: so its alias may end, too.
    pub(super) fn monitor_over(&self, entry: &Entry, reference: &Reference, reason: Term) {
        if entry.monitor_fired(reference, reason) {
            self.alias_over(entry, reference);
        }
    }

    /// `node` is gone for the process of `entry`.
    pub(super) fn node_lost(&self, entry: &Entry, node: &Atom, hidden: bool) {
        for reference in entry.node_down(node, hidden) {
            self.alias_over(entry, &reference);
        }
    }

    /// Ends the alias that goes with a monitor, unless it is to stay.
    pub(super) fn alias_over(&self, entry: &Entry, reference: &Reference) {
        if let Some(number) = self.own_number(reference)
            && entry.lock().ties().aliases.contains(&number)
            && self.0.handles.ends_with_monitor(number)
        {
            self.unalias(entry, reference);
        }
    }

    pub(super) fn alias(
        &self,
        entry: &Arc<Entry>,
        reference: &Reference,
        mode: AliasMode,
        priority: bool,
    ) {
        if let Some(number) = self.own_number(reference)
            && let Some(mut state) = entry.alive()
        {
            state.tie().aliases.insert(number);
            let alias = Alias {
                entry: entry.clone(),
                mode,
                priority,
            };
            self.0.handles.insert(number, Handle::Alias(alias));
        }
    }

    pub(super) fn unalias(&self, entry: &Entry, reference: &Reference) -> bool {
        let Some(number) = self.own_number(reference) else {
            return false;
        };
        let known = entry
            .lock()
            .untie()
            .is_some_and(|ties| ties.aliases.remove(&number));
        known && self.0.handles.remove(number).is_some()
    }

    pub(super) fn exit(&self, from: &Pid, to: &Pid, reason: Term) {
        if self.is_own(&to.node) {
            if let Some(entry) = self.entry(to) {
                entry.exit_requested(from, reason, 1, Priority::Ordinary);
            }
            return;
        }
        let (from, to) = (from.clone(), to.clone());
        let node = to.node.clone();
        self.signal(&node, &Control::PayloadExit2 { from, to }, Some(&reason));
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
        state.tie().watchers.insert(reference.clone(), watching);
        true
    }

    pub(super) fn unwatch(&self, item: &Item, reference: &Reference) {
        if let Some(entry) = self.watchable(item)
            && entry.is_watched_no_more(reference)
        {
            return;
        }
        // The name may belong to another process by now, or to none.
        if let Item::Name(..) = item {
            for entry in self.entries() {
                if entry.is_watched_no_more(reference) {
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
    pub(super) async fn process_ended(&self, entry: &Arc<Entry>, reason: &Term) {
        let Ties {
            links,
            watchers,
            watching,
            names,
            aliases,
            ..
        } = entry.lock().end();
        self.drop_names(&names);
        for number in aliases {
            self.0.handles.remove(number);
        }
        self.forget(&entry.pid);
        for (other, link) in links {
            if link == Link::Active {
                self.break_link(&entry.pid, &other, reason).await;
            }
        }
        for (reference, (watcher, item)) in watchers {
            self.fire(&item, &watcher, &reference, reason).await;
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
        self.signal_with_room(&to.node, &control, reason, When::Soon)
            .await;
    }

    /// Tells `watcher` that `item`, which is ours, has ended.
    async fn fire(&self, item: &Item, watcher: &Pid, reference: &Reference, reason: &Term) {
        if self.is_own(&watcher.node) {
            return self.down(watcher, reference, Body::Term(reason.clone()));
        }
        let control = Control::PayloadMonitorPExit {
            from: target(item),
            to: watcher.clone(),
            reference: reference.clone(),
        };
        // It may be what somebody waits for: the result of an `erpc`.
        self.signal_with_room(&watcher.node, &control, reason, When::Now)
            .await;
    }
}

/// How the wire names what is monitored: names stand without their node.
pub(super) fn target(item: &Item) -> Target {
    match item {
        Item::Pid(pid) => Target::Pid(pid.clone()),
        Item::Name(name, _) => Target::Name(name.clone()),
    }
}
