//! Sending: to a process here, or as a signal over a connection.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

use super::Runtime;
use super::connection::Connection;
use super::message::{Body, Received};
use super::process::Destination;
use crate::dist::{Control, FRAGMENT_SIZE, Flags, Framing, Target, encode_frame, fragments};
use crate::term::{Atom, EncodeError, Pid, Term};

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no connection to that node, or it ended meanwhile.
    #[error("not connected to {0:?}: the message was not sent")]
    NotConnected(Atom),
    /// The message cannot be expressed on the wire.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl Runtime {
    /// Sends `message` from `from`, and waits while the peer's outbox is full.
    pub(crate) async fn send(
        &self,
        from: &Pid,
        to: &Destination,
        message: Term,
    ) -> Result<(), SendError> {
        let node = match to {
            Destination::Pid(pid) => &pid.node,
            Destination::Name(_) => self.name().atom(),
            Destination::Remote(_, node) => node.atom(),
            Destination::Alias(alias) => &alias.node,
        };
        if node == self.name().atom() {
            self.send_local(to, message);
            return Ok(());
        }
        let connection = self
            .connection(node)
            .ok_or_else(|| SendError::NotConnected(node.clone()))?;
        let control = control_for(&connection, from, to);
        connection.signal_with_room(&control, Some(&message)).await
    }

    fn send_local(&self, to: &Destination, message: Term) {
        let entry = match to {
            Destination::Pid(pid) => self.entry(pid),
            Destination::Name(name) | Destination::Remote(name, _) => {
                self.whereis(name).and_then(|pid| self.entry(&pid))
            }
            // No process of this node has made an alias yet.
            Destination::Alias(_) => None,
        };
        if let Some(entry) = entry {
            let body = Body::Term(message);
            entry.deliver(body.size(), Received::Message(body));
        }
    }

    /// Sends a signal without waiting for room: for the node's own answers. A peer that is gone needs none.
    pub(super) fn signal(&self, node: &Atom, control: &Control, payload: Option<&Term>) {
        if let Some(connection) = self.connection(node) {
            connection.signal(control, payload);
        }
    }
}

impl Runtime {
    /// Sends a signal of a process that has ended, waiting while the outbox is full.
    pub(super) async fn signal_with_room(&self, node: &Atom, control: &Control, payload: &Term) {
        if let Some(connection) = self.connection(node)
            && let Err(error) = connection.signal_with_room(control, Some(payload)).await
        {
            tracing::debug!(%error, "a signal was not sent");
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
        Destination::Alias(alias) if connection.has(Flags::ALTACT_SIG) => Control::AltactSig {
            from: from.clone(),
            to: Target::Alias(alias.clone()),
            exit: false,
        },
        Destination::Alias(alias) => Control::AliasSend {
            from: from.clone(),
            to: alias.clone(),
        },
    }
}

thread_local! {
    /// Where a signal is encoded before it is added to an outbox, so that no lock is held meanwhile.
    static SCRATCH: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(4096));
}

/// A scratch buffer that has grown beyond this is not kept.
const SCRATCH_KEPT: usize = 2 * FRAGMENT_SIZE;

impl Connection {
    /// Sends a signal without waiting for room: for the node's own answers. That the connection ended meanwhile is no
    /// fault: whoever would have read it knows.
    pub(super) fn signal(&self, control: &Control, payload: Option<&Term>) {
        let sent = self.with_frame(control, payload, |frame| self.push(frame));
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

    /// Sends a signal, waiting while the outbox is full: for processes. A large one goes in pieces, so that the small
    /// ones of others come between.
    pub(super) async fn signal_with_room(
        &self,
        control: &Control,
        payload: Option<&Term>,
    ) -> Result<(), SendError> {
        self.room().await.map_err(|_| self.gone())?;
        let frame = match self.with_frame(control, payload, |frame| self.push(frame))? {
            Encoded::Sent(result) => return result.map_err(|_| self.gone()),
            Encoded::Large(frame) => frame,
        };
        for (head, body) in self.pieces(frame) {
            self.room().await.map_err(|_| self.gone())?;
            self.push_piece(&head, body).map_err(|_| self.gone())?;
        }
        Ok(())
    }

    /// A large frame, in as many pieces as the connection allows.
    fn pieces(&self, frame: Bytes) -> impl Iterator<Item = (Vec<u8>, Bytes)> + use<> {
        let (whole, cut) = match self.framing() {
            Framing::PassThrough => (Some((Vec::new(), frame)), None),
            Framing::Header => (None, Some(fragments(frame, self.next_sequence()))),
        };
        whole.into_iter().chain(cut.into_iter().flatten())
    }

    fn gone(&self) -> SendError {
        SendError::NotConnected(self.info().name.atom().clone())
    }

    /// Encodes a signal and hands it to `send`, unless it must be cut into fragments.
    fn with_frame<T>(
        &self,
        control: &Control,
        payload: Option<&Term>,
        send: impl FnOnce(&[u8]) -> T,
    ) -> Result<Encoded<T>, SendError> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            encode_frame(self.framing(), control, payload, scratch)?;
            if scratch.len() > FRAGMENT_SIZE {
                return Ok(Encoded::Large(std::mem::take(scratch).freeze()));
            }
            let sent = send(scratch);
            if scratch.capacity() > SCRATCH_KEPT {
                *scratch = BytesMut::new();
            }
            Ok(Encoded::Sent(sent))
        })
    }
}

enum Encoded<T> {
    Sent(T),
    /// A whole frame that is too large to go in one.
    Large(Bytes),
}
