//! The router: what a peer's signal means for our processes. It runs in the reader and never waits.

use std::sync::Arc;

use super::Runtime;
use super::connection::Connection;
use super::entry::Link;
use super::mailbox::Priority;
use super::message::{Body, Item};
use crate::dist::{Control, Payload, Spawned, Target};
use crate::term::{Pid, Reference, Term};

/// Payloads up to this many bytes are copied out of the read buffer, so that a message which waits long does not
/// keep 64 KiB alive, and the buffer can be filled again in place.
const COPIED: usize = 4096;

impl Runtime {
    /// Acts on one signal of the peer at `connection`.
    pub(super) fn route(
        &self,
        connection: &Arc<Connection>,
        control: Control,
        payload: Option<Payload>,
    ) {
        match control {
            Control::Send { to } | Control::SendSender { to, .. } => {
                self.message_for(Some(to), payload);
            }
            Control::RegSend { to, .. } => self.message_for(self.whereis(&to), payload),
            Control::AltactSig {
                from,
                to,
                exit,
                priority,
            } => match exit {
                true => self.exit_for(&from, &to, payload, priority),
                false => match to {
                    Target::Pid(pid) => self.message_for(Some(pid), payload),
                    Target::Name(name) => self.message_for(self.whereis(&name), payload),
                    Target::Alias(alias) => self.message_for_alias(&alias, payload, priority),
                },
            },
            Control::AliasSend { to, .. } => self.message_for_alias(&to, payload, false),
            Control::Link { from, to } => self.link_from(connection, from, to),
            Control::UnlinkId { id, from, to } => self.unlink_from(connection, id, from, to),
            Control::UnlinkIdAck { id, from, to } => {
                if let Some(entry) = self.entry(&to) {
                    let mut state = entry.lock();
                    if state.ties().links.get(&from) == Some(&Link::Unlinking(id)) {
                        state.tie().links.remove(&from);
                    }
                }
            }
            Control::Exit { from, to, reason } => self.link_broken(&from, &to, reason),
            Control::PayloadExit { from, to } => self.link_broken(&from, &to, reason(payload)),
            Control::Exit2 { from, to, reason } => self.exit_requested(&from, &to, reason, 1),
            Control::PayloadExit2 { from, to } => {
                let size = payload.as_ref().map_or(1, Payload::len);
                self.exit_requested(&from, &to, reason(payload), size);
            }
            Control::MonitorP {
                from,
                to,
                reference,
            } => {
                self.monitor_from(connection, from, to, reference);
            }
            Control::DemonitorP { to, reference, .. } => {
                if let Some(item) = self.item(to) {
                    self.unwatch(&item, &reference);
                }
            }
            Control::MonitorPExit {
                to,
                reference,
                reason,
                ..
            } => {
                self.down(&to, &reference, Body::Term(reason));
            }
            Control::PayloadMonitorPExit { to, reference, .. } => {
                if let Some(reason) = payload {
                    self.down(&to, &reference, Body::Encoded(reason.compact(COPIED)));
                }
            }
            Control::SpawnRequest(request) => self.spawn_for(connection, request, payload),
            Control::SpawnReply {
                reference,
                to,
                link,
                monitor,
                result,
            } => match result {
                Spawned::Pid(pid) => {
                    self.spawned_there(connection, &reference, (to, pid), link, monitor);
                }
                Spawned::Error(error) => self.not_spawned(&reference, error),
            },
            Control::GroupLeader { leader, to } => {
                if let Some(entry) = self.entry(&to)
                    && let Some(mut state) = entry.alive()
                {
                    state.tie().group_leader = Some(leader);
                }
            }
        }
    }

    fn message_for(&self, pid: Option<Pid>, payload: Option<Payload>) {
        let entry = pid.and_then(|pid| self.entry(&pid));
        if let (Some(entry), Some(payload)) = (entry, payload) {
            self.deliver_body(&entry, Body::Encoded(payload.compact(COPIED)));
        }
    }

    fn message_for_alias(&self, alias: &Reference, payload: Option<Payload>, priority: bool) {
        if let Some(payload) = payload {
            let body = Body::Encoded(payload.compact(COPIED));
            self.message_by_alias(alias, body, priority);
        }
    }

    /// An exit signal by an alias, which it does not use up, or to whom else such a signal may go.
    fn exit_for(&self, from: &Pid, to: &Target, payload: Option<Payload>, priority: bool) {
        let size = payload.as_ref().map_or(1, Payload::len);
        let reason = reason(payload);
        match to {
            Target::Pid(to) => self.exit_requested(from, to, reason, size),
            Target::Name(name) => {
                if let Some(to) = self.whereis(name) {
                    self.exit_requested(from, &to, reason, size);
                }
            }
            Target::Alias(alias) => self.exit_by_alias(from, alias, (reason, size), priority),
        }
    }

    /// How a peer names what is ours.
    fn item(&self, target: Target) -> Option<Item> {
        match target {
            Target::Pid(pid) => Some(Item::Pid(pid)),
            Target::Name(name) => Some(Item::Name(name, self.name().atom().clone())),
            Target::Alias(_) => None,
        }
    }

    fn link_from(&self, connection: &Arc<Connection>, from: Pid, to: Pid) {
        let linked = self.entry(&to).is_some_and(|entry| {
            entry.alive().is_some_and(|mut state| {
                // While we wait for the acknowledgement of an unlink, this link was made before the peer
                // read it, and is ended by it.
                let links = &mut state.tie().links;
                links.entry(from.clone()).or_insert(Link::Active);
                true
            })
        });
        if !linked {
            let control = Control::PayloadExit { from: to, to: from };
            connection.signal(&control, Some(&Term::atom("noproc")));
        }
    }

    fn unlink_from(&self, connection: &Arc<Connection>, id: u64, from: Pid, to: Pid) {
        if let Some(entry) = self.entry(&to) {
            entry.lock().untie().and_then(|ties| ties.drop_link(&from));
        }
        // Always, even when nothing was known of the link (PROTOCOL.md, C.3).
        connection.signal(
            &Control::UnlinkIdAck {
                id,
                from: to,
                to: from,
            },
            None,
        );
    }

    fn link_broken(&self, from: &Pid, to: &Pid, reason: Term) {
        if let Some(entry) = self.entry(to) {
            entry.link_broken(from, reason);
        }
    }

    fn exit_requested(&self, from: &Pid, to: &Pid, reason: Term, size: usize) {
        if let Some(entry) = self.entry(to) {
            entry.exit_requested(from, reason, size, Priority::Ordinary);
        }
    }

    fn monitor_from(
        &self,
        connection: &Arc<Connection>,
        from: Pid,
        to: Target,
        reference: Reference,
    ) {
        let watched = self
            .item(to.clone())
            .is_some_and(|item| self.watch(&item, &from, &reference));
        if !watched {
            let control = Control::PayloadMonitorPExit {
                from: to,
                to: from,
                reference,
            };
            connection.signal(&control, Some(&Term::atom("noproc")));
        }
    }
}

/// A reason that we cannot read is a reason all the same.
fn reason(payload: Option<Payload>) -> Term {
    payload
        .and_then(|payload| payload.decode().ok())
        .unwrap_or_else(|| Term::atom("undecodable_reason"))
}
