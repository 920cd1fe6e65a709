//! The full mesh is ours to make: `global` meshes only its own members, and a guest is none (PROTOCOL.md, E 12).
//! So each peer is asked whom it knows.

use std::time::Duration;

use crate::NodeName;
use crate::otp::erpc::{self, Request};
use crate::runtime::Runtime;
use crate::term::Atom;

/// How often the peers are asked.
pub(super) const INTERVAL: Duration = Duration::from_secs(3);
/// For how long an answer is waited for.
const LIMIT: Duration = Duration::from_secs(5);

/// The visible nodes that `peer` is connected to; none when it does not say.
pub(super) async fn nodes_of(runtime: &Runtime, peer: &NodeName) -> Vec<NodeName> {
    let (module, function) = (Atom::from_static("erlang"), Atom::from_static("nodes"));
    let request = Request::new(peer, &module, &function, Vec::new()).timeout(LIMIT);
    match erpc::call(runtime, request).await {
        Ok(nodes) => nodes
            .as_list()
            .unwrap_or_default()
            .iter()
            .filter_map(|node| NodeName::new(node.as_atom()?).ok())
            .collect(),
        Err(error) => {
            tracing::debug!(%peer, %error, "the peer does not say whom it is connected to");
            Vec::new()
        }
    }
}
