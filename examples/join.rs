//! Joins a cluster by libcluster's Gossip, and prints what happens in it until it is told to stop.
//!
//! `RELEASE_COOKIE=clique cargo run --example join -- zz_maint_example@$(hostname -s) [PEER…]`

mod shared;

use beamlink::gossip::Gossip;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = shared::builder()?.gossip(Gossip::default()).start().await?;
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
