//! What comes to a `gen_server`: calls, casts, system messages, and anything else. Requests are not decoded here.

use bytes::{BufMut, BytesMut};

use super::sys::{System, asks_for_state, tell_state};
use crate::dist::Payload;
use crate::runtime::{Body, Destination, Process, Received, Runtime, SendError};
use crate::term::{Decoder, Encode, Pid, Pieces, Reference, SerializeError, Term};

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
        runtime.reply(pid, &to, &tagged).await
    }

    /// `{Pid, Tag}`
    fn of(term: &Term) -> Option<Call> {
        match term.as_tuple()? {
            [Term::Pid(from), tag] => Some(Call {
                from: from.clone(),
                tag: tag.clone(),
            }),
            _ => None,
        }
    }
}

/// `{Tag, Value}`, written without a tree.
struct Tagged<'a> {
    tag: Term,
    value: &'a dyn Encode,
}

impl Encode for Tagged<'_> {
    fn encode_to(&self, out: &mut BytesMut) -> Result<(), SerializeError> {
        out.put_slice(&PAIR);
        self.tag.encode_to(out)?;
        self.value.encode_to(out)
    }

    fn encode_in_pieces(&self, out: &mut Pieces) -> Result<(), SerializeError> {
        out.buffer().put_slice(&PAIR);
        self.tag.encode_to(out.buffer())?;
        self.value.encode_in_pieces(out)
    }
}

/// A tuple of two, and of three.
const PAIR: [u8; 2] = [104, 2];
const TRIPLE: [u8; 2] = [104, 3];

/// A message, as a `gen_server` looks at it.
#[derive(Debug, Clone)]
pub enum Message {
    /// `{'$gen_call', {Pid, Tag}, Request}`.
    Call(Call, Body),
    /// `{'$gen_cast', Request}`.
    Cast(Body),
    /// `{system, {Pid, Tag}, Request}`, as the functions of `sys` send it.
    System(Call, Body),
    /// Anything else.
    Info(Body),
}

impl Message {
    /// What `body` is.
    pub fn of(body: Body) -> Message {
        let known = match &body {
            Body::Encoded(payload) => encoded(payload),
            Body::Term(term) => plain(term),
        };
        known.unwrap_or(Message::Info(body))
    }
}

fn encoded(payload: &Payload) -> Option<Message> {
    let bytes = payload.bytes();
    let is_call = bytes.starts_with(&TRIPLE);
    if !is_call && !bytes.starts_with(&PAIR) {
        return None;
    }
    let mut decoder = Decoder::new(bytes.slice(PAIR.len()..));
    let head = decoder.term().ok()?;
    match (head.as_atom()?, is_call) {
        ("$gen_cast", false) => Some(Message::Cast(rest(&decoder))),
        ("$gen_call", true) => {
            let call = Call::of(&decoder.term().ok()?)?;
            Some(Message::Call(call, rest(&decoder)))
        }
        ("system", true) => {
            let call = Call::of(&decoder.term().ok()?)?;
            Some(Message::System(call, rest(&decoder)))
        }
        _ => None,
    }
}

fn rest(decoder: &Decoder) -> Body {
    Body::Encoded(Payload::from(decoder.remaining()))
}

fn plain(term: &Term) -> Option<Message> {
    let body = |term: &Term| Body::Term(term.clone());
    match term.as_tuple()? {
        [head, request] if head.as_atom() == Some("$gen_cast") => {
            Some(Message::Cast(body(request)))
        }
        [head, from, request] if head.as_atom() == Some("$gen_call") => {
            Some(Message::Call(Call::of(from)?, body(request)))
        }
        [head, from, request] if head.as_atom() == Some("system") => {
            Some(Message::System(Call::of(from)?, body(request)))
        }
        _ => None,
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

/// What a service of this node is asked, decoded.
pub(crate) enum Asked {
    Call(Call, Term),
    Cast(Term),
    Info(Term),
}

/// The next message of a service; exits and downs are not for it, and system messages are answered here: whoever looks
/// at all registered processes must not wait for one of them.
pub(crate) async fn next(process: &mut Process) -> Asked {
    let mut system = System::new("a service of beamlink", None);
    loop {
        let Received::Message(body) = process.receive().await else {
            continue;
        };
        let asked = match Message::of(body) {
            Message::Call(call, request) => {
                request.term().map(|request| Asked::Call(call, request))
            }
            Message::Cast(request) => request.term().map(Asked::Cast),
            Message::Info(message) => message.term().map(Asked::Info),
            Message::System(call, request) => {
                let undefined = Term::atom("undefined");
                let Ok(request) = request.term() else {
                    continue;
                };
                if asks_for_state(&request) {
                    tell_state(process, call, undefined);
                } else {
                    // It cannot be ended or suspended from outside.
                    let (reply, _) = system.answer(process, &request, &undefined);
                    let (runtime, pid) = (process.runtime(), process.pid());
                    sent(call.reply(runtime, pid, &reply).await);
                }
                continue;
            }
        };
        match asked {
            Ok(asked) => return asked,
            Err(error) => tracing::warn!(%error, "a message that is not a term was dropped"),
        }
    }
}

/// A reply that cannot be sent has nobody who waits for it.
pub(crate) fn sent(result: Result<(), SendError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "an answer was not sent");
    }
}
