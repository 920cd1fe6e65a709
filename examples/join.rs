//! Joins a cluster and prints what happens in it until it is told to stop.
//!
//! `cargo run --example join -- zz_maint_example@$(hostname -s) COOKIE [PEER…]`

use beamlink::gossip::Gossip;
use beamlink::{Cookie, Node};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(cookie)) = (arguments.next(), arguments.next()) else {
        return Err("give a node name and the cookie of the cluster".into());
    };
    let mut builder = Node::builder(&name)
        .cookie(Cookie::new(cookie))
        .gossip(Gossip::default());
    for peer in arguments {
        builder = builder.peer(peer.parse()?);
    }
    let node = builder.start().await?;
    println!("{} is up", node.name());
    let mut events = node.events();
    loop {
        tokio::select! {
            Some(event) = events.recv() => println!("{event}; connected: {:?}", node.nodes()),
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    node.stop().await;
    Ok(())
}
