//! The client: calls and casts, as `GenServer.call/3` and `GenServer.cast/2` make them.

use std::time::Duration;

use bytes::BytesMut;
use tokio::task::JoinSet;

use crate::NodeName;
use crate::runtime::{Body, CallEnd, Caller, Destination, Item, Runtime, SendError, When};
use crate::term::{
    Atom, DeserializeError, Encode, Part, Pid, Pieces, Reference, SerializeError, Term,
};

/// Why a call brought no answer: the reasons with which `GenServer.call/3` exits.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// `noproc`: nobody is registered under this name there, or the process has ended.
    #[error("noproc: nobody answers to {} on {}", item_name(.0), .0.node().as_str())]
    NoProcess(Item),
    /// `{nodedown, Node}`: the node is not connected, or the connection ended while we waited.
    #[error("nodedown: {} is not connected", .0.as_str())]
    NodeDown(Atom),
    /// `timeout`: no answer in time. The server may answer later, and nobody will hear it.
    #[error("timeout: no answer within {0:?}")]
    Timeout(Duration),
    /// The server ended before it answered, for this reason.
    #[error("the server ended: {}", .0.to_elixir())]
    Exit(Term),
    /// The request cannot be expressed.
    #[error("the request was not sent: {0}")]
    Request(SerializeError),
    /// The answer is no term, or not the one that is wanted.
    #[error("the answer is not understood: {0}")]
    Answer(DeserializeError),
}

fn item_name(item: &Item) -> String {
    match item {
        Item::Pid(pid) => Term::Pid(pid.clone()).to_elixir().to_string(),
        Item::Name(name, _) => Term::Atom(name.clone()).to_elixir().to_string(),
    }
}

/// `{'$gen_call', {From, [alias|Reference]}, Request}`, written without a tree.
struct GenCall<'a> {
    label: &'static str,
    from: Pid,
    tag: Reference,
    request: &'a (dyn Encode + 'a),
}

impl GenCall<'_> {
    /// All but the request.
    fn encode_head(&self, out: &mut BytesMut) -> Result<(), SerializeError> {
        let head = [
            Part::Tuple(3),
            Part::Word(self.label),
            Part::Tuple(2),
            Part::Pid(&self.from),
            Part::Cons,
            Part::Word("alias"),
            Part::Reference(&self.tag),
        ];
        Ok(Part::write(&head, out)?)
    }
}

impl Encode for GenCall<'_> {
    fn encode_to(&self, out: &mut BytesMut) -> Result<(), SerializeError> {
        self.encode_head(out)?;
        self.request.encode_to(out)
    }

    fn encode_in_pieces(&self, out: &mut Pieces) -> Result<(), SerializeError> {
        self.encode_head(out.buffer())?;
        self.request.encode_in_pieces(out)
    }
}

/// Calls `server` and returns its answer.
///
/// # Errors
/// See [`CallError`].
pub async fn call(
    caller: &impl Caller,
    server: Item,
    request: &dyn Encode,
    limit: Duration,
) -> Result<Body, CallError> {
    labelled(caller, "$gen_call", server, request, limit).await
}

/// A request by the protocol of `gen:call/4` with this label.
pub(crate) async fn labelled(
    caller: &impl Caller,
    label: &'static str,
    server: Item,
    request: &dyn Encode,
    limit: Duration,
) -> Result<Body, CallError> {
    let node = server.node().clone();
    let message = |from: &Pid, tag: &Reference| GenCall {
        label,
        from: from.clone(),
        tag: tag.clone(),
        request,
    };
    let answered = async {
        let open = caller.runtime().open_call(caller, server.clone(), message);
        let open = open.await.map_err(|error| match error {
            SendError::NotConnected(node) => CallError::NodeDown(node),
            SendError::Encode(error) => CallError::Request(error),
        })?;
        match open.end().await {
            CallEnd::Answer(answer) => Ok(answer),
            CallEnd::Down(reason) => {
                let reason = reason
                    .term()
                    .map_err(|error| CallError::Answer(error.into()))?;
                Err(match reason.as_atom() {
                    Some("noproc") => CallError::NoProcess(server),
                    Some("noconnection") => CallError::NodeDown(node),
                    _ => CallError::Exit(reason),
                })
            }
            CallEnd::NotSpawned(_) | CallEnd::NoConnection => Err(CallError::NodeDown(node)),
        }
    };
    let in_time = tokio::time::timeout(limit, answered).await;
    in_time.unwrap_or(Err(CallError::Timeout(limit)))
}

/// Sends `{'$gen_cast', request}`. Whether somebody takes it is not known.
///
/// # Errors
/// When the node is not connected, or the request cannot be expressed.
pub async fn cast(
    caller: &impl Caller,
    server: Item,
    request: &dyn Encode,
) -> Result<(), SendError> {
    let to = Destination::from(server);
    let runtime = caller.runtime();
    runtime
        .send_encoded(caller.pid(), &to, &GenCast(request), When::Soon)
        .await
}

/// `{'$gen_cast', Request}`, written without a tree.
struct GenCast<'a>(&'a dyn Encode);

impl Encode for GenCast<'_> {
    fn encode_to(&self, out: &mut BytesMut) -> Result<(), SerializeError> {
        Part::write(&GEN_CAST, out)?;
        self.0.encode_to(out)
    }

    fn encode_in_pieces(&self, out: &mut Pieces) -> Result<(), SerializeError> {
        Part::write(&GEN_CAST, out.buffer())?;
        self.0.encode_in_pieces(out)
    }
}

const GEN_CAST: [Part<'_>; 2] = [Part::Tuple(2), Part::Word("$gen_cast")];

/// Calls the server registered as `name` on each of `nodes`, all at once, and returns the answers of those who answered
/// in time, and the nodes that did not (`GenServer.multi_call/4`).
pub async fn multi_call(
    runtime: &Runtime,
    nodes: &[NodeName],
    name: &Atom,
    request: Term,
    limit: Duration,
) -> (Vec<(NodeName, Body)>, Vec<(NodeName, CallError)>) {
    let mut calls = JoinSet::new();
    for (at, node) in nodes.iter().enumerate() {
        let (runtime, request) = (runtime.clone(), request.clone());
        let server = Item::Name(name.clone(), node.atom().clone());
        calls.spawn(async move { (at, call(&runtime, server, &request, limit).await) });
    }
    let mut ended = calls.join_all().await;
    ended.sort_by_key(|(at, _)| *at);
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    for ((_, ended), node) in ended.into_iter().zip(nodes) {
        match ended {
            Ok(answer) => answers.push((node.clone(), answer)),
            Err(error) => failures.push((node.clone(), error)),
        }
    }
    (answers, failures)
}
