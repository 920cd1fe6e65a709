//! Joins a cluster and prints what happens in it until it is told to stop.
//!
//! `cargo run --example join -- zz_maint_example@$(hostname -s) my_cookie`

use beamlink::{Cookie, Node};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(cookie)) = (arguments.next(), arguments.next()) else {
        return Err("give a node name and the cookie of the cluster".into());
    };
    let node = Node::builder(&name)
        .epmd_port(24500)
        .peer("a@127.0.0.1".parse()?)
        .cookie(Cookie::new(cookie))
        .start()
        .await?;
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
