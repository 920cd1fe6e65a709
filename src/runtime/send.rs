//! Sending: to a process here, or as a signal over a connection.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;

use super::Runtime;
use super::connection::Connection;
use super::entry::Entry;
use super::message::{Body, Received};
use super::outbox::{Refused, When};
use super::process::Destination;
use crate::dist::{
    Control, FRAGMENT_SIZE, Flags, Framing, Payload, Target, encode_in_pieces, fragments,
};
use crate::term::{Atom, Encode, Pid, Pieces, Reference, SerializeError, Term, has_written_record};

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no connection to that node, or it ended meanwhile.
    #[error("not connected to {0:?}: the message was not sent")]
    NotConnected(Atom),
    /// The message cannot be expressed on the wire.
    #[error(transparent)]
    Encode(#[from] SerializeError),
}

impl Runtime {
    /// Sends `message` from `from`, and waits while the peer's outbox is full.
    pub(crate) async fn send(
        &self,
        from: &Pid,
        to: &Destination,
        message: Term,
    ) -> Result<(), SendError> {
        match self.connection_to(self.node_of(to))? {
            None => self.send_local(to, Body::Term(message)),
            Some(connection) => {
                let control = control_for(&connection, from, to);
                connection
                    .signal_with_room(&control, Some(&message), When::Soon)
                    .await?;
            }
        }
        Ok(())
    }

    /// As [`Runtime::send`], for what is no term yet.
    pub(crate) async fn send_encoded(
        &self,
        from: &Pid,
        to: &Destination,
        message: &dyn Encode,
        when: When,
    ) -> Result<(), SendError> {
        match self.connection_to(self.node_of(to))? {
            None => self.send_local(to, Body::Encoded(Payload::of(message)?)),
            Some(connection) => {
                let control = control_for(&connection, from, to);
                let payload = Some(message);
                connection.signal_with_room(&control, payload, when).await?;
            }
        }
        Ok(())
    }

    /// Answers who waits for that: at once, unless the process `from` has more to do, and may have more to say.
    pub(crate) async fn reply(
        &self,
        from: &Pid,
        to: &Destination,
        message: &dyn Encode,
    ) -> Result<(), SendError> {
        let has_more = |entry: Arc<Entry>| entry.mailbox.len() > 0;
        let when = match self.entry(from).is_some_and(has_more) {
            true => When::Soon,
            false => When::Now,
        };
        self.send_encoded(from, to, message, when).await
    }

    fn node_of<'a>(&'a self, to: &'a Destination) -> &'a Atom {
        match to {
            Destination::Pid(pid) => &pid.node,
            Destination::Name(_) => self.name().atom(),
            Destination::Remote(_, node) => node,
            Destination::Alias(alias) => &alias.node,
        }
    }

    fn send_local(&self, to: &Destination, body: Body) {
        let entry = match to {
            Destination::Pid(pid) => self.entry(pid),
            Destination::Name(name) | Destination::Remote(name, _) => {
                self.whereis(name).and_then(|pid| self.entry(&pid))
            }
            Destination::Alias(alias) => {
                return self.message_by_alias(alias, body, false);
            }
        };
        if let Some(entry) = entry {
            self.deliver_body(&entry, body);
        }
    }

    /// Delivers a message to the process of `entry`, or to the call of it that the message answers.
    pub(super) fn deliver_body(&self, entry: &Entry, body: Body) {
        let body = match entry.has_open_calls() {
            true => self.answer_by_pid(body),
            false => Some(body),
        };
        if let Some(body) = body {
            entry.deliver(body.size(), Received::Message(body));
        }
    }

    /// Sends a signal without waiting for room: for the node's own answers. A peer that is gone needs none.
    pub(super) fn signal(&self, node: &Atom, control: &Control, payload: Option<&dyn Encode>) {
        if let Some(connection) = self.connection(node) {
            connection.signal(control, payload);
        }
    }
}

impl Runtime {
    /// Sends a signal of a process that has ended, waiting while the outbox is full.
    pub(super) async fn signal_with_room(
        &self,
        node: &Atom,
        control: &Control,
        payload: &Term,
        when: When,
    ) {
        let Some(connection) = self.connection(node) else {
            return;
        };
        let sent = connection.signal_with_room(control, Some(payload), when);
        let Err(error) = sent.await else {
            return;
        };
        tracing::debug!(%error, "a signal was not sent");
        if let SendError::Encode(_) = error {
            // Whoever waits for the end must hear of it, if not why.
            let reason = Term::atom("badarg");
            let sent = connection.signal_with_room(control, Some(&reason), when);
            if let Err(error) = sent.await {
                tracing::debug!(%error, "a signal was not sent");
            }
        }
    }
}

/// How a message goes to a destination on a peer.
fn control_for(connection: &Connection, from: &Pid, to: &Destination) -> Control {
    match to {
        Destination::Pid(to) if connection.has(Flags::SEND_SENDER) => Control::SendSender {
            from: from.clone(),
            to: to.clone(),
        },
        Destination::Pid(to) => Control::Send { to: to.clone() },
        Destination::Name(name) | Destination::Remote(name, _) => Control::RegSend {
            from: from.clone(),
            to: name.clone(),
        },
        Destination::Alias(alias) => control_for_alias(connection, from, alias, false),
    }
}

/// How a message goes by an alias of a peer; with priority, if the peer knows such.
pub(super) fn control_for_alias(
    connection: &Connection,
    from: &Pid,
    alias: &Reference,
    priority: bool,
) -> Control {
    let (from, alias) = (from.clone(), alias.clone());
    match connection.has(Flags::ALTACT_SIG) {
        true => Control::AltactSig {
            from,
            to: Target::Alias(alias),
            exit: false,
            priority,
        },
        false => Control::AliasSend { from, to: alias },
    }
}

thread_local! {
    /// Where a signal is encoded before it is added to an outbox, so that no lock is held meanwhile.
    static SCRATCH: RefCell<Pieces> = RefCell::default();
}

/// A scratch buffer that has grown beyond this is not kept.
const SCRATCH_KEPT: usize = 2 * FRAGMENT_SIZE;

/// A signal: a control message, and the payload of those that have one.
type Signal<'a> = (&'a Control, Option<&'a dyn Encode>);

impl Connection {
    /// Sends a signal without waiting for room: for the node's own answers. That the connection ended meanwhile is no
    /// fault: whoever would have read it knows.
    pub(super) fn signal(&self, control: &Control, payload: Option<&dyn Encode>) {
        let sent = self.with_frames(&[(control, payload)], |frame| self.push(frame, When::Soon));
        let sent = match sent {
            Ok(Encoded::Sent(_)) => return,
            Ok(Encoded::Large(frame)) => {
                let mut pieces = self.pieces(frame);
                let result = pieces.try_for_each(|(head, body)| self.push_piece(&head, body));
                result.map_err(|_| self.gone())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            tracing::debug!(peer = %self.info().name, %error, "a signal was not sent");
        }
    }

    /// Sends a small signal with the next one, or within a second.
    pub(super) fn signal_later(&self, control: &Control) {
        // As above: a connection that has ended needs none.
        let _ = self.with_frames(&[(control, None)], |frame| self.push(frame, When::Later));
    }

    /// Sends a signal, waiting while the outbox is full: for processes. A large one goes in pieces, so that the small
    /// ones of others come between.
    pub(super) async fn signal_with_room(
        self: &Arc<Self>,
        control: &Control,
        payload: Option<&dyn Encode>,
        when: When,
    ) -> Result<(), SendError> {
        self.signals_with_room(&[(control, payload)], when).await
    }

    /// Sends a monitor and a message in one write, at once: who calls waits for the answer.
    pub(super) async fn call_with_room(
        self: &Arc<Self>,
        monitor: &Control,
        message: &Control,
        payload: &dyn Encode,
    ) -> Result<(), SendError> {
        let both = [(monitor, None), (message, Some(payload))];
        self.signals_with_room(&both, When::Now).await
    }

    async fn signals_with_room(
        self: &Arc<Self>,
        signals: &[Signal<'_>],
        when: When,
    ) -> Result<(), SendError> {
        let frame = loop {
            let sent = self.with_frames(signals, |frames| self.push_in_room(frames, when))?;
            match sent {
                Encoded::Sent(Err(Refused::Full)) => self.room().await.map_err(|_| self.gone())?,
                Encoded::Sent(result) => return result.map_err(|_| self.gone()),
                Encoded::Large(frame) => break frame,
            }
        };
        if let [before @ .., (control, payload)] = signals
            && !before.is_empty()
        {
            // Only one signal may be cut.
            for (control, payload) in before {
                self.signal(control, *payload);
            }
            let last = [(*control, *payload)];
            return Box::pin(self.signals_with_room(&last, when)).await;
        }
        let mut rest = Rest {
            connection: self.clone(),
            pieces: Some(Box::new(self.pieces(frame))),
        };
        rest.send().await
    }

    /// A large frame, in as many pieces as the connection allows.
    fn pieces(&self, frame: Vec<Bytes>) -> impl Iterator<Item = Fragment> + use<> {
        let length: usize = frame.iter().map(Bytes::len).sum();
        let (whole, cut) = match self.framing() {
            Framing::Header if length > FRAGMENT_SIZE => {
                (None, Some(fragments(frame, self.next_sequence())))
            }
            _ => (Some((Vec::new(), frame)), None),
        };
        whole.into_iter().chain(cut.into_iter().flatten())
    }

    fn gone(&self) -> SendError {
        SendError::NotConnected(self.info().name.atom().clone())
    }

    /// Encodes signals and hands them to `send`, unless they must be cut into fragments: only a single one may be.
    fn with_frames<T>(
        &self,
        signals: &[Signal<'_>],
        send: impl FnOnce(&[u8]) -> T,
    ) -> Result<Encoded<T>, SendError> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            // What was written for others does not count.
            has_written_record();
            for (control, payload) in signals {
                encode_in_pieces(self.framing(), control, *payload, scratch)?;
            }
            if has_written_record() && !self.has(Flags::NATIVE_RECORDS) {
                let peer = self.info().name.atom().clone();
                return Err(SerializeError::Record(peer).into());
            }
            // A binary beside the buffer makes it a large one, too, if not one that is cut.
            if scratch.len() > scratch.buffer().len().min(FRAGMENT_SIZE) {
                return Ok(Encoded::Large(scratch.take()));
            }
            let sent = send(scratch.buffer());
            if scratch.buffer().capacity() > SCRATCH_KEPT {
                *scratch = Pieces::default();
            }
            Ok(Encoded::Sent(sent))
        })
    }
}

enum Encoded<T> {
    Sent(T),
    /// A whole frame that is too large to go in one.
    Large(Vec<Bytes>),
}

/// The head of a fragment, and its body, which shares the memory of the message.
type Fragment = (Vec<u8>, Vec<Bytes>);

/// What is still to be sent of a large signal.
struct Rest {
    connection: Arc<Connection>,
    pieces: Option<Box<dyn Iterator<Item = Fragment> + Send>>,
}

impl Rest {
    async fn send(&mut self) -> Result<(), SendError> {
        let sent = self.send_all().await;
        self.pieces = None;
        sent.map_err(|_| self.connection.gone())
    }

    async fn send_all(&mut self) -> Result<(), Refused> {
        while let Some(pieces) = &mut self.pieces {
            self.connection.room().await?;
            match pieces.next() {
                Some((head, body)) => self.connection.push_piece(&head, body)?,
                None => break,
            }
        }
        Ok(())
    }
}

impl Drop for Rest {
    /// A sender that gave up, or was ended, half-way: the peer would hold the first fragments for ever.
    fn drop(&mut self) {
        let Some(pieces) = self.pieces.take() else {
            return;
        };
        let connection = self.connection.clone();
        if let Ok(tokio) = tokio::runtime::Handle::try_current() {
            tokio.spawn(async move {
                let pieces = Some(pieces);
                let mut rest = Rest { connection, pieces };
                // A connection that ends takes the rest with it.
                let _ = rest.send().await;
            });
        }
    }
}
