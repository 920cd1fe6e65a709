//! The wire side of `gen_server`: calls, casts and replies (PROTOCOL.md, D.2; `lib/stdlib/src/gen.erl`).

use bytes::{BufMut, BytesMut};

use crate::runtime::{Body, Destination, Process, Received, Runtime, SendError};
use crate::term::{Encode, EncodeError, Pid, Reference, Term};

/// A call that waits for its reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    from: Pid,
    /// To be echoed exactly: a reference, `[alias|Ref]`, `{Ref, Node}` or `[[alias|Alias]|Ref]`.
    tag: Term,
}

impl Call {
    /// Who called.
    pub fn from(&self) -> &Pid {
        &self.from
    }

    /// Sends `{Tag, value}` from the process `pid`: by the caller's alias where the tag has one, so that a reply that
    /// comes too late is lost and not left in its mailbox.
    ///
    /// # Errors
    /// When the caller's node is not connected any more, or the value cannot be expressed.
    pub async fn reply(
        self,
        runtime: &Runtime,
        pid: &Pid,
        value: &dyn Encode,
    ) -> Result<(), SendError> {
        let to = match alias(&self.tag) {
            Some(alias) => Destination::Alias(alias.clone()),
            None => Destination::Pid(self.from),
        };
        let tagged = Tagged {
            tag: self.tag,
            value,
        };
        runtime.send_encoded(pid, &to, &tagged).await
    }
}

/// `{Tag, Value}`, written without a tree.
struct Tagged<'a> {
    tag: Term,
    value: &'a dyn Encode,
}

impl Encode for Tagged<'_> {
    fn encode_to(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        const PAIR: [u8; 2] = [104, 2];
        out.put_slice(&PAIR);
        self.tag.encode(out)?;
        self.value.encode_to(out)
    }
}

/// A message, as a `gen_server` looks at it.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// `{'$gen_call', {Pid, Tag}, Request}`.
    Call(Call, Term),
    /// `{'$gen_cast', Request}`.
    Cast(Term),
    /// Anything else.
    Info(Term),
}

impl Message {
    /// What `body` is, or `None` when it is not a term (the message is lost, with a line in the log).
    pub fn of(body: Body) -> Option<Message> {
        match body.term() {
            Ok(term) => Some(Message::classify(term)),
            Err(error) => {
                tracing::warn!(%error, "a message that is not a term was dropped");
                None
            }
        }
    }

    /// What `term` is.
    pub fn classify(term: Term) -> Message {
        match term.as_tuple() {
            Some([head, request]) if head.as_atom() == Some("$gen_cast") => {
                Message::Cast(request.clone())
            }
            Some([head, from, request]) if head.as_atom() == Some("$gen_call") => {
                match from.as_tuple() {
                    Some([Term::Pid(pid), tag]) => {
                        let from = pid.clone();
                        let tag = tag.clone();
                        Message::Call(Call { from, tag }, request.clone())
                    }
                    _ => Message::Info(term),
                }
            }
            _ => Message::Info(term),
        }
    }
}

/// The alias in a tag, if it has one.
fn alias(tag: &Term) -> Option<&Reference> {
    let Term::Improper(list) = tag else {
        return None;
    };
    match list.as_slice() {
        [head, Term::Ref(alias)] if head.as_atom() == Some("alias") => Some(alias),
        [inner @ Term::Improper(_), _] => alias(inner),
        _ => None,
    }
}

/// The next message of a service; exits and downs are not for it.
pub(crate) async fn next(process: &mut Process) -> Message {
    loop {
        if let Received::Message(body) = process.receive().await
            && let Some(message) = Message::of(body)
        {
            return message;
        }
    }
}

/// A reply that cannot be sent has nobody who waits for it.
pub(crate) fn sent(result: Result<(), SendError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "an answer was not sent");
    }
}
