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
pub(crate) use table::aligned;

use super::exit::Exit;
use super::output::{LogFormat, start_log};
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
        start_log(filter, LogFormat::Text);
    }
    for warning in &settings.warnings {
        eprintln!("beamlink: warning: {warning}");
    }
    if let Err(failure) = command.check() {
        return tell(Err(failure), settings.json);
    }
    in_tokio(settings.json, async {
        let limit = settings.timeout.unwrap_or(AS_LONG_AS_IT_TAKES);
        let visited = tokio::time::timeout(limit, visit(&command, &settings)).await;
        visited.unwrap_or_else(|_| Err(Failure::timeout(limit)))
    })
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

/// Runs `future` on this thread, a visit being too short for more of them, and tells what came of it.
///
/// Nothing is closed before the process ends: a node that hears of our end takes the processor that we need to tell
/// the answer, and to end.
pub(crate) fn in_tokio(json: bool, future: impl Future<Output = Result<Answer, Failure>>) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return tell(Err(Failure::new(Exit::NotStarted, error)), json),
    };
    let exit = runtime.block_on(async {
        match future.await {
            // Ticks go on while nobody reads it, so that the node has nothing to log.
            Ok(answer) if answer.may_block() => {
                let told = tokio::task::spawn_blocking(move || tell(Ok(answer), json));
                told.await.unwrap_or(Exit::NotStarted)
            }
            result => tell(result, json),
        }
    });
    std::mem::forget(runtime);
    exit
}
