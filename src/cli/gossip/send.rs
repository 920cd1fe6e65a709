//! `beamlink gossip send`: one heartbeat.

use beamlink::NodeName;
use beamlink::gossip::{Codec, GossipSocket};
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::settings::{Heartbeat, HeartbeatFlags, Surroundings};
use crate::cli::visit::{Answer, Failure, tell};

/// Send one heartbeat for a node
///
/// Every libcluster node that can read it dials the node at once, and logs a warning when that fails; the name stays in its
/// atom table for good. So send it for a node that is yours and that runs.
#[derive(clap::Args)]
pub(crate) struct SendArgs {
    /// The node, as name@host
    #[arg(long, value_name = "NAME@HOST")]
    name: NodeName,
    #[command(flatten)]
    flags: HeartbeatFlags,
}

pub(crate) fn run(args: &SendArgs) -> Exit {
    let settings = match Heartbeat::resolve(&args.flags, &Surroundings::of_this_process()) {
        Ok(settings) => settings,
        Err(error) => return tell(Err(Failure::usage(error)), false),
    };
    for warning in &settings.warnings {
        eprintln!("beamlink: warning: {warning}");
    }
    let node = &args.name;
    eprintln!(
        "beamlink: warning: libcluster nodes that read this dial {node} at once; where it does not run they log that, and keep \
         its name for good"
    );
    tell(send(node, &settings), settings.json)
}

fn send(node: &NodeName, settings: &Heartbeat) -> Result<Answer, Failure> {
    let gossip = &settings.gossip;
    let failed = |error: &dyn std::error::Error| Failure::new(Exit::NotStarted, error);
    let socket = GossipSocket::open(gossip).map_err(|error| failed(&error))?;
    let packet = Codec::new(node, gossip.secret.as_ref()).encode(rand::random());
    socket.send(&packet).map_err(|error| failed(&error))?;
    let to = format!("{}:{}", gossip.multicast_addr, gossip.port);
    let key = match &gossip.secret {
        Some(secret) => format!("encrypted with {secret}"),
        None => "plain".to_owned(),
    };
    let length = packet.len();
    Ok(Answer::new(
        format!("sent {length} bytes to {to}: a heartbeat of {node}, {key}"),
        json!({
            "node": node.as_str(),
            "to": to,
            "bytes": length,
            "secret": gossip.secret.as_ref().map(ToString::to_string),
        }),
    ))
}
