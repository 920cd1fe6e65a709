//! The commands that ask one node something and go. Each is a hidden node for that long, under a name that the peer gives.

mod answer;
mod apply;
mod failure;
mod json;
mod nodes;
mod ping;
mod rpc;
mod server;
mod table;
pub(crate) mod words;

use std::future::Future;
use std::time::Duration;

use beamlink::node::Visitor;
use beamlink::runtime::PeerAddress;

pub(crate) use answer::{Answer, Format, tell};
pub(crate) use apply::ApplyArgs;
pub(crate) use failure::Failure;
pub(crate) use nodes::NodesArgs;
pub(crate) use ping::PingArgs;
pub(crate) use rpc::RpcArgs;
pub(crate) use server::{CallArgs, CastArgs, SendArgs};

use super::exit::Exit;
use super::output::start_log;
use super::settings::{Surroundings, Visit, VisitFlags};

/// The longest that a step of the connection set-up may take, as in a BEAM (`net_setuptime`).
const SETUP_TIME: Duration = Duration::from_secs(7);

/// How long an answer may take that should come at once, unless `--timeout` says otherwise.
const AT_ONCE: Duration = Duration::from_secs(5);

/// For code that may run for as long as it needs: a year.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(31_536_000);

/// Which node, and how to reach it.
#[derive(clap::Args)]
pub(crate) struct Target {
    /// name@host, name@host=port (without EPMD), or the name of a node on this host
    #[arg(value_name = "NODE")]
    node: String,
    #[command(flatten)]
    flags: VisitFlags,
}

/// What a command does once it is there.
pub(crate) trait Command {
    /// Which node it is for.
    fn target(&self) -> &Target;

    /// Whether its words make sense, before anybody is visited.
    fn check(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Does it.
    fn run(
        &self,
        visitor: &Visitor,
        settings: &Visit,
    ) -> impl Future<Output = Result<Answer, Failure>>;
}

/// Visits the node that `command` is for, does it there, and tells what came of it.
pub(crate) fn run(mut command: impl Command) -> Exit {
    let Target { node, flags } = command.target();
    let settings = match Visit::resolve(node, flags, &Surroundings::of_this_process()) {
        Ok(settings) => settings,
        Err(error) => return tell(Err(Failure::usage(error)), false),
    };
    if let Some(filter) = &settings.log {
        start_log(filter);
    }
    for warning in &settings.warnings {
        eprintln!("beamlink: warning: {warning}");
    }
    let json = settings.json;
    let result = command.check().and_then(|()| {
        in_tokio(async {
            let limit = settings.timeout.unwrap_or(AS_LONG_AS_IT_TAKES);
            let visited = tokio::time::timeout(limit, visit(&command, &settings)).await;
            visited.unwrap_or_else(|_| Err(Failure::timeout(limit)))
        })
    });
    tell(result, json)
}

async fn visit(command: &impl Command, settings: &Visit) -> Result<Answer, Failure> {
    let peer = &settings.peer;
    let address = match peer.port {
        Some(port) => PeerAddress::Port(port),
        None => PeerAddress::Epmd(settings.epmd_port),
    };
    let visit = Visitor::to(&peer.node, settings.cookie.clone()).setup_time(SETUP_TIME);
    let visitor = visit.connect(address).await?;
    command.run(&visitor, settings).await
}

/// Runs `future` on this thread: a visit is too short for more of them. What is left when it ends is not waited for.
pub(crate) fn in_tokio(
    future: impl Future<Output = Result<Answer, Failure>>,
) -> Result<Answer, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::NotStarted, error))?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
}
