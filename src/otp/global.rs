//! `global`: we are no member of it, and say so in the way that lets everybody go on.
//!
//! Each peer opens with `init_connect` and would wait for us in `global:sync/0` for ever. One `in_sync` cast
//! puts us into its `synced` list and ends that; we never enter its `known` list, so no locks, names or
//! partition messages come (PROTOCOL.md, D.4, mode *in_sync*; `lib/kernel/src/global.erl`,
//! `handle_cast({in_sync, …})`). Nothing else is ever sent to a `global_name_server`, least of all
//! `lost_connection`, which it believes of anyone.

use super::gen_server::{Asked, next, sent};
use crate::NodeName;
use crate::runtime::Process;
use crate::term::Term;

pub(super) async fn run(mut process: Process) {
    loop {
        let Asked::Cast(request) = next(&mut process).await else {
            continue;
        };
        let Some(peer) = initiator(&request) else {
            continue;
        };
        let own = Term::Atom(process.runtime().name().atom().clone());
        let in_sync = Term::tuple([Term::atom("in_sync"), own, Term::from(true)]);
        let cast = Term::tuple([Term::atom("$gen_cast"), in_sync]);
        sent(process.send(("global_name_server", &peer), cast).await);
    }
}

/// The node of `{init_connect, {Version, Tag}, Node, InitMessage}`.
fn initiator(request: &Term) -> Option<NodeName> {
    match request.as_tuple()? {
        [head, _version, node, _message] if head.as_atom() == Some("init_connect") => {
            NodeName::new(node.as_atom()?).ok()
        }
        _ => None,
    }
}
