//! Calls: a request whose answer is awaited, and the monitor that says when none will come.
//!
//! As in `gen:call` since OTP 24, the reference of the monitor is an alias too: the answer comes by it, straight from
//! the reader of the connection to whoever waits, and one that comes too late leads nowhere.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::connection::Connection;
use super::entry::Entry;
use super::handles::{Handle, NotSpawned, number};
use super::mailbox::Priority;
use super::message::{Body, Item, Received};
use super::outbox::When;
use super::process::Process;
use super::signals::target;
use super::{Runtime, SendError};
use crate::NodeName;
use crate::dist::{Control, Flags, Payload, Spawn};
use crate::term::{Atom, Decoder, Encode, Fields, Pid, Reference, Term};

/// How a call ended.
#[derive(Debug)]
pub enum CallEnd {
    /// The answer: what stood beside the tag in `{Tag, Answer}`.
    Answer(Body),
    /// What was called ended, or was not there, for this reason. For something that was spawned this is its result.
    Down(Body),
    /// The peer did not spawn it, for this reason.
    NotSpawned(Atom),
    /// The connection to the peer ended.
    NoConnection,
}

/// A call that has been made. Dropping it ends the waiting: the monitor goes, and a late answer is lost.
#[derive(Debug)]
pub struct OpenCall {
    runtime: Runtime,
    from: Arc<Entry>,
    reference: Reference,
    /// What is monitored for it; nothing is while it is being spawned.
    watched: Option<Item>,
    end: oneshot::Receiver<CallEnd>,
}

impl OpenCall {
    /// Waits for the end.
    pub async fn end(mut self) -> CallEnd {
        let end = (&mut self.end).await;
        // The sender is lost only when the whole runtime ends.
        let end = end.unwrap_or(CallEnd::NoConnection);
        if !matches!(end, CallEnd::Answer(_)) {
            // The monitor has fired, or went with the connection.
            self.watched = None;
        }
        end
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let waited =
            number(&self.reference).and_then(|number| self.runtime.0.handles.take_call(number));
        if waited.is_some() {
            self.from.open_calls.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(item) = &self.watched {
            self.runtime.end_watch(&self.from, item, &self.reference);
        }
    }
}

/// Who makes calls: a process under its own pid, or a node under a pid that it keeps for all who are no process.
pub trait Caller: Sync {
    /// The runtime that carries the call.
    fn runtime(&self) -> &Runtime;
    /// The pid that the other side sees.
    fn pid(&self) -> &Pid;
}

impl Caller for Runtime {
    fn runtime(&self) -> &Runtime {
        self
    }

    fn pid(&self) -> &Pid {
        &self.caller().pid
    }
}

impl Caller for Process {
    fn runtime(&self) -> &Runtime {
        Process::runtime(self)
    }

    fn pid(&self) -> &Pid {
        Process::pid(self)
    }
}

impl Runtime {
    /// The entry that stands for all callers that are no process: it has no mailbox, only calls.
    fn caller(&self) -> &Arc<Entry> {
        self.0.caller.get_or_init(|| {
            let entry = Arc::new(Entry::for_calls(self.new_pid()));
            self.add(&entry);
            entry
        })
    }

    /// Monitors `item` and sends it the message that `message` makes of the caller's pid and the reference, both in
    /// one write. It waits while the peer's outbox is full.
    ///
    /// # Errors
    /// When the peer is not connected, or the message cannot be expressed.
    pub async fn open_call<M: Encode + Send>(
        &self,
        caller: &impl Caller,
        item: Item,
        message: impl FnOnce(&Pid, &Reference) -> M,
    ) -> Result<OpenCall, SendError> {
        let from = self.entry_of(caller.pid());
        let reference = self.new_reference();
        let message = message(&from.pid, &reference);
        let node = item.node().clone();
        let connection = self.connection_to(&node)?;
        let call = self.begin(from, reference, Some(item.clone()), node);
        match connection {
            None => self.call_here(&call, &item, &message)?,
            Some(connection) => {
                let monitor = Control::MonitorP {
                    from: call.from.pid.clone(),
                    to: target(&item),
                    reference: call.reference.clone(),
                };
                let send = message_to(&connection, &call.from.pid, &item);
                connection.call_with_room(&monitor, &send, &message).await?;
            }
        }
        Ok(call)
    }

    fn call_here(
        &self,
        call: &OpenCall,
        item: &Item,
        message: &dyn Encode,
    ) -> Result<(), SendError> {
        if !self.watch(item, &call.from.pid, &call.reference) {
            self.down(
                &call.from.pid,
                &call.reference,
                Body::Term(Term::atom("noproc")),
            );
            return Ok(());
        }
        let pid = match item {
            Item::Pid(pid) => Some(pid.clone()),
            Item::Name(name, _) => self.whereis(name),
        };
        let body = Body::Encoded(Payload::of(message)?);
        if let Some(entry) = pid.and_then(|pid| self.entry(&pid)) {
            self.deliver_body(&entry, body);
        }
        Ok(())
    }

    /// Asks `peer` to start `module:function(arguments)` with the output going to `group_leader`, and awaits its end.
    /// `arguments` makes them of the reference by which the end comes.
    ///
    /// # Errors
    /// When the peer is not connected, or the arguments cannot be expressed.
    pub async fn open_spawn(
        &self,
        caller: &impl Caller,
        peer: &NodeName,
        (module, function): (&Atom, &Atom),
        group_leader: &Pid,
        arguments: impl FnOnce(&Reference) -> Vec<Term>,
    ) -> Result<OpenCall, SendError> {
        let from = self.entry_of(caller.pid());
        let reference = self.new_reference();
        let arguments = arguments(&reference);
        let arity = u8::try_from(arguments.len()).unwrap_or(u8::MAX);
        let arguments = Term::list(arguments);
        let node = peer.atom().clone();
        let connection = self.connection_to(&node)?;
        let call = self.begin(from, reference, None, node);
        let spawn = Spawn {
            reference: call.reference.clone(),
            from: call.from.pid.clone(),
            group_leader: group_leader.clone(),
            module: module.clone(),
            function: function.clone(),
            arity,
            link: false,
            monitor: true,
        };
        match connection {
            None => {
                if let Err(refusal) = self.spawn_here(spawn, arguments, |_| ()) {
                    self.call_not_spawned(&call.reference, refusal);
                }
            }
            Some(connection) => {
                let control = Control::SpawnRequest(spawn);
                connection
                    .signal_with_room(&control, Some(&arguments), When::Now)
                    .await?;
            }
        }
        Ok(call)
    }

    /// A caller that ends while it calls finds an entry nowhere; the call then ends with the future that made it.
    fn entry_of(&self, pid: &Pid) -> Arc<Entry> {
        self.entry(pid).unwrap_or_else(|| self.caller().clone())
    }

    /// The connection to `node`; `None` for this node itself.
    pub(super) fn connection_to(&self, node: &Atom) -> Result<Option<Arc<Connection>>, SendError> {
        if node == self.name().atom() {
            return Ok(None);
        }
        match self.connection(node) {
            Some(connection) => Ok(Some(connection)),
            None => Err(SendError::NotConnected(node.clone())),
        }
    }

    fn begin(
        &self,
        from: Arc<Entry>,
        reference: Reference,
        watched: Option<Item>,
        node: Atom,
    ) -> OpenCall {
        let (sender, end) = oneshot::channel();
        let handle = Handle::Call {
            from: from.clone(),
            node,
            end: sender,
        };
        if let Some(number) = number(&reference) {
            from.open_calls.fetch_add(1, Ordering::Relaxed);
            self.0.handles.insert(number, handle);
        }
        OpenCall {
            runtime: self.clone(),
            from,
            reference,
            watched,
            end,
        }
    }

    /// Ends the call of `reference`; gives `end` back when there is none.
    fn end_call(&self, reference: &Reference, end: CallEnd) -> Result<(), CallEnd> {
        let call = self
            .own_number(reference)
            .and_then(|number| self.0.handles.take_call(number));
        let Some((from, sender)) = call else {
            return Err(end);
        };
        from.open_calls.fetch_sub(1, Ordering::Relaxed);
        // Whoever waited may have given up just now.
        let _ = sender.send(end);
        Ok(())
    }

    /// A message came by `alias`.
    pub(super) fn message_by_alias(&self, alias: &Reference, body: Body, priority: bool) {
        let Some(number) = self.own_number(alias) else {
            return;
        };
        if let Some((from, sender)) = self.0.handles.take_call(number) {
            from.open_calls.fetch_sub(1, Ordering::Relaxed);
            if let Some((_, answer)) = tagged(&body) {
                let _ = sender.send(CallEnd::Answer(answer));
            }
            return;
        }
        if let Some(followed) = self.0.handles.follow(number) {
            let entry = followed.entry;
            if followed.mode == super::AliasMode::Reply {
                entry
                    .lock()
                    .untie()
                    .map(|ties| ties.aliases.remove(&number));
                self.demonitor(&entry, alias);
            }
            let priority = Priority::when(priority && followed.priority);
            entry.deliver_with(priority, body.size(), Received::Message(body));
        }
    }

    /// A message came to a pid that has open calls: servers that know nothing of aliases answer so. Gives the message
    /// back when it is no answer.
    pub(super) fn answer_by_pid(&self, body: Body) -> Option<Body> {
        let Some((reference, answer)) = tagged(&body) else {
            return Some(body);
        };
        match self.end_call(&reference, CallEnd::Answer(answer)) {
            Ok(()) => None,
            Err(_) => Some(body),
        }
    }

    /// The monitor `reference` of the process `to` has fired, or what it spawned has ended.
    pub(super) fn down(&self, to: &Pid, reference: &Reference, reason: Body) {
        if let Err(CallEnd::Down(reason)) = self.end_call(reference, CallEnd::Down(reason))
            && let Some(entry) = self.entry(to)
        {
            let reason = reason.term();
            let reason = reason.unwrap_or_else(|_| Term::atom("undecodable_reason"));
            self.monitor_over(&entry, reference, reason);
        }
    }

    /// A call's function was not spawned.
    pub(super) fn call_not_spawned(&self, reference: &Reference, error: Atom) {
        // Who called may have given up.
        let _ = self.end_call(reference, CallEnd::NotSpawned(error));
    }

    /// The connection to `node` is gone.
    pub(super) fn end_calls_of(&self, node: &Atom) {
        for handle in self.0.handles.waiting_for(node) {
            match handle {
                Handle::Call { from, end, .. } => {
                    from.open_calls.fetch_sub(1, Ordering::Relaxed);
                    let _ = end.send(CallEnd::NoConnection);
                }
                Handle::Spawn(spawning) => {
                    let _ = spawning.told.send(Err(NotSpawned::NoConnection));
                }
                Handle::Alias(_) => {}
            }
        }
    }

    /// The number of a reference that this boot of this node has made.
    pub(super) fn own_number(&self, reference: &Reference) -> Option<u64> {
        let own =
            reference.creation == self.0.settings.creation && reference.node == *self.name().atom();
        number(reference).filter(|_| own)
    }
}

/// How a message goes to what is called.
fn message_to(connection: &Connection, from: &Pid, item: &Item) -> Control {
    match item {
        Item::Pid(to) if connection.has(Flags::SEND_SENDER) => Control::SendSender {
            from: from.clone(),
            to: to.clone(),
        },
        Item::Pid(to) => Control::Send { to: to.clone() },
        Item::Name(name, _) => Control::RegSend {
            from: from.clone(),
            to: name.clone(),
        },
    }
}

/// The reference in the tag of `{Tag, Answer}`, and the answer, which is not decoded.
fn tagged(body: &Body) -> Option<(Reference, Body)> {
    match body {
        Body::Term(term) => match term.as_tuple()? {
            [tag, answer] => Some((reference_of(tag)?, Body::Term(answer.clone()))),
            _ => None,
        },
        Body::Encoded(payload) => {
            let bytes: Bytes = payload.bytes();
            let mut fields = Fields::new(&bytes);
            if fields.tuple()? != 2 {
                return None;
            }
            let (reference, answer) = match alias_or_reference(&mut fields) {
                Some(reference) => (reference, bytes.slice(fields.position()..)),
                // Another form of the tag.
                None => {
                    let mut decoder = Decoder::new(bytes.slice(PAIR..));
                    let tag = decoder.term().ok()?;
                    (reference_of(&tag)?, decoder.remaining())
                }
            };
            Some((reference, Body::Encoded(Payload::from(answer))))
        }
    }
}

/// The length of the head of a tuple of two.
const PAIR: usize = 2;

/// The tag as we made it, and every server echoes it, or a plain reference.
fn alias_or_reference(fields: &mut Fields<'_>) -> Option<Reference> {
    let mut ahead = fields.clone();
    if ahead.cons().is_some() {
        ahead.word("alias")?;
        *fields = ahead;
    }
    fields.reference()
}

/// `Ref` or `[alias|Ref]`.
fn reference_of(tag: &Term) -> Option<Reference> {
    match tag {
        Term::Ref(reference) => Some(reference.clone()),
        Term::Improper(list) => match list.as_slice() {
            [head, Term::Ref(alias)] if head.as_atom() == Some("alias") => Some(alias.clone()),
            _ => None,
        },
        _ => None,
    }
}
