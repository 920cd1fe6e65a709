//! What the examples have in common: the node that arguments and environment describe.

use std::error::Error;

use beamlink::node::NodeBuilder;
use beamlink::{Cookie, Node};

/// Describes the node of `EXAMPLE NAME@HOST [PEER@HOST…]`. The cookie is read from `RELEASE_COOKIE`, as an Elixir release
/// does: other users of the machine would see it among the arguments. `ERL_EPMD_PORT` is what it is to a BEAM.
pub(crate) fn builder() -> Result<NodeBuilder, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("give a node name, and peers")?;
    let cookie = std::env::var("RELEASE_COOKIE")
        .map_err(|_| "set RELEASE_COOKIE to the cookie of the cluster")?;
    let mut builder = Node::builder(&name).cookie(Cookie::new(cookie));
    if let Ok(port) = std::env::var("ERL_EPMD_PORT") {
        builder = builder.epmd_port(port.parse()?);
    }
    for peer in arguments {
        builder = builder.peer(peer.parse()?);
    }
    Ok(builder)
}
