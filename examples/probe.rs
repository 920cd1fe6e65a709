//! Watches a cluster: says which nodes come and go, and every few seconds prints a table of how they are.
//!
//! `RELEASE_COOKIE=clique cargo run --example probe -- zz_maint_probe@$(hostname -s) app@myhost`
//!
//! ```text
//! nodeup app@myhost
//! node           run queue    memory    uptime
//! app@myhost             0    42 MiB    1234 s
//! other@myhost   no answer: timeout: no answer within 5s
//! ```
//!
//! `PROBE_SECONDS` sets how often; 5 unless set. It needs nothing on the nodes: `erlang` is there on all of them.

mod shared;

use std::time::Duration;

use beamlink::otp::erpc::RpcError;
use beamlink::term::Atom;
use beamlink::{Node, NodeName};

struct Health {
    run_queue: u64,
    memory: u64,
    uptime: Duration,
}

/// Asks all three at once: one that hangs costs no more time than one question.
async fn ask(node: &Node, peer: &NodeName) -> Result<Health, RpcError> {
    let statistics = |item| {
        let item = Atom::from_static(item);
        node.rpc(peer, "erlang", "statistics", (item,))
    };
    let total = (Atom::from_static("total"),);
    let memory = node.rpc(peer, "erlang", "memory", total);
    let (run_queue, memory, (uptime, _)) = tokio::try_join!(
        statistics("run_queue").value(),
        memory.value(),
        // Milliseconds since the start, and since the last one who asked.
        statistics("wall_clock").value::<(u64, u64)>(),
    )?;
    Ok(Health {
        run_queue,
        memory,
        uptime: Duration::from_millis(uptime),
    })
}

async fn print(node: &Node) {
    let nodes = node.nodes();
    let Some(wide) = nodes.iter().map(|peer| peer.as_str().len()).max() else {
        return println!("no node is connected");
    };
    println!("{:wide$}   run queue    memory    uptime", "node");
    for peer in nodes {
        let name = peer.as_str();
        match ask(node, &peer).await {
            Ok(health) => println!(
                "{name:wide$} {:11} {:5} MiB {:7} s",
                health.run_queue,
                health.memory >> 20,
                health.uptime.as_secs()
            ),
            // One that does not answer is a row, and no reason to stop.
            Err(error) => println!("{name:wide$}   no answer: {error}"),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::var("PROBE_SECONDS").map_or(Ok(5), |text| text.parse())?;
    let node = shared::builder()?.start().await?;
    println!("{} is up", node.name());
    let mut events = node.events();
    let mut clock = tokio::time::interval(Duration::from_secs(seconds));
    loop {
        tokio::select! {
            Some(event) = events.recv() => println!("{event}"),
            _ = clock.tick() => print(&node).await,
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    node.stop().await;
    Ok(())
}
