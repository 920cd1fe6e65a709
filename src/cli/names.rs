//! `beamlink names`: whom an EPMD knows.

use beamlink::epmd;
use serde_json::json;
use tokio::net::lookup_host;

use super::exit::Exit;
use super::settings::{AskEpmd, AskFlags, Surroundings};
use super::visit::{Answer, Failure, in_tokio, tell};

/// List the nodes that a host's EPMD knows, as epmd -names does
#[derive(clap::Args)]
pub(crate) struct NamesArgs {
    /// The host
    #[arg(default_value = "localhost")]
    host: String,
    #[command(flatten)]
    flags: AskFlags,
}

pub(crate) fn run(args: &NamesArgs) -> Exit {
    let settings = match AskEpmd::resolve(&args.flags, &Surroundings::of_this_process()) {
        Ok(settings) => settings,
        Err(error) => return tell(Err(Failure::usage(error)), false),
    };
    in_tokio(settings.json, names(&args.host, &settings))
}

async fn names(host: &str, settings: &AskEpmd) -> Result<Answer, Failure> {
    let limit = settings.timeout.unwrap_or(epmd::TIME_LIMIT);
    let unresolved =
        |error: &str| Failure::new(Exit::Unresolved, format!("{host} is not resolved: {error}"));
    let resolved = tokio::time::timeout(limit, lookup_host((host, settings.port))).await;
    let addresses = resolved
        .map_err(|_| unresolved("the resolver did not answer in time"))?
        .map_err(|error| unresolved(&error.to_string()))?;
    let mut failure = unresolved("it has no address");
    for address in addresses {
        match epmd::names(address, limit).await {
            Ok(nodes) => return Ok(listed(settings.port, &nodes)),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

fn listed(epmd_port: u16, nodes: &[(String, u16)]) -> Answer {
    let mut text = format!("epmd: up and running on port {epmd_port} with data:");
    for (name, port) in nodes {
        text.push_str(&format!("\nname {name} at port {port}"));
    }
    let node = |(name, port): &(String, u16)| json!({"name": name, "port": port});
    let nodes: Vec<_> = nodes.iter().map(node).collect();
    Answer::new(text, json!({"epmd_port": epmd_port, "nodes": nodes}))
}
