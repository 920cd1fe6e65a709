//! edp_node: `rpcs COUNT` calls `erlang:node/0` by `rex`, `send COUNT` sends `{tick, Number}` to `sink`. It asks the EPMD at
//! 4369 and no other.

use std::time::Instant;

use edp_node::Node;
use erltf::OwnedTerm;
use erltf::types::Atom;

use crate::{Answer, Error, answer, now, percentiles};

pub(crate) fn serve(name: &str, peer: &str, cookie: &str) -> Result<(), Error> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let node = tokio.block_on(Node::connect_to_hidden(name, cookie, peer))?;
    answer(|words| match words {
        ["rpcs", count] => tokio.block_on(rpcs(&node, peer, count.parse()?)),
        ["send", count] => tokio.block_on(send(&node, peer, count.parse()?)),
        _ => Err("rpcs or send".into()),
    })
}

async fn rpcs(node: &Node, peer: &str, count: usize) -> Answer {
    let mut micros = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        node.rpc_call_raw(peer, "erlang", "node", Vec::new()).await?;
        micros.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(percentiles(micros))
}

async fn send(node: &Node, peer: &str, count: i64) -> Answer {
    let name = vec![OwnedTerm::Atom(Atom::new("sink"))];
    let found = node.rpc_call_raw(peer, "erlang", "whereis", name).await?;
    let pid = match found {
        OwnedTerm::Tuple(parts) => match parts.into_iter().nth(1) {
            Some(OwnedTerm::Pid(pid)) => pid,
            other => return Err(format!("{other:?} is no pid").into()),
        },
        other => return Err(format!("{other:?} is no answer of rex").into()),
    };
    let begin = now();
    for number in 0..count {
        let message = vec![OwnedTerm::Atom(Atom::new("tick")), OwnedTerm::Integer(number)];
        node.send(&pid, OwnedTerm::Tuple(message)).await?;
    }
    Ok(vec![begin])
}
