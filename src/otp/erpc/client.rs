//! `erpc` towards a peer: SPAWN_REQUEST of `erpc:execute_call/4`, whose result comes as an exit reason.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::NodeName;
use crate::runtime::{Item, Received, Runtime, SendError, SpawnOptions};
use crate::term::{Atom, Term};

/// Why a call of a function on a peer brought no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// It did not end in time. It may go on at the peer.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// There is no connection to the peer, or it ended before the answer came.
    #[error("noconnection: the peer is not connected")]
    NoConnection,
    /// The function raised this: `{Class, …}` as `erpc` reports it, or why the peer did not start it.
    #[error("the peer raised {}", .0.to_erlang())]
    Raised(Term),
}

impl From<SendError> for CallError {
    fn from(_: SendError) -> CallError {
        CallError::NoConnection
    }
}

/// Calls `module:function(arguments)` on `peer` and returns its value.
///
/// # Errors
/// See [`CallError`].
pub async fn call(
    runtime: &Runtime,
    peer: &NodeName,
    module: &Atom,
    function: &Atom,
    arguments: Vec<Term>,
    limit: Duration,
) -> Result<Term, CallError> {
    let (answer, answered) = oneshot::channel();
    let peer = peer.clone();
    let target = (module.clone(), function.clone());
    runtime.spawn(SpawnOptions::default(), async move |mut process| {
        let tag = process.new_reference();
        let arguments = vec![
            Term::Ref(tag.clone()),
            Term::Atom(target.0),
            Term::Atom(target.1),
            Term::list(arguments),
        ];
        let (module, function) = (Atom::from_static("erpc"), Atom::from_static("execute_call"));
        let request = process.spawn_request(&peer, &module, &function, arguments);
        let monitor = match request.await {
            Ok(monitor) => monitor,
            Err(error) => return drop(answer.send(Err(error.into()))),
        };
        let outcome = tokio::time::timeout(limit, async {
            loop {
                match process.receive().await {
                    Received::Down {
                        reference,
                        item,
                        reason,
                    } if reference == monitor => {
                        return outcome(&tag, &item, reason);
                    }
                    _ => {}
                }
            }
        });
        let outcome = outcome.await.unwrap_or(Err(CallError::Timeout(limit)));
        // Nobody waits any more when this fails.
        let _ = answer.send(outcome);
    });
    answered.await.unwrap_or(Err(CallError::NoConnection))
}

/// What the exit reason of `erpc:execute_call/4` says.
fn outcome(tag: &crate::term::Reference, item: &Item, reason: Term) -> Result<Term, CallError> {
    if let (Item::Name(..), Some("noconnection")) = (item, reason.as_atom()) {
        return Err(CallError::NoConnection);
    }
    match reason.as_tuple() {
        Some([Term::Ref(own), how, value]) if own == tag && how.as_atom() == Some("return") => {
            Ok(value.clone())
        }
        _ => Err(CallError::Raised(reason)),
    }
}
