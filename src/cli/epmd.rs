//! `beamlink epmd`: an EPMD and nothing else.

use std::net::IpAddr;

use beamlink::epmd::{EpmdServer, ServeError, ServerSettings};

use super::exit::Exit;
use super::output::{LogFormat, start_log};
use super::settings::{ServeEpmd, ServeFlags, Surroundings};
use super::signals::Signals;
use super::visit::{Failure, tell};

/// Serve as the EPMD of this host until SIGTERM or SIGINT
#[derive(clap::Args)]
pub(crate) struct EpmdArgs {
    /// Listen on this address, besides loopback (again for more) [default: all of this host]
    #[arg(
        long,
        value_name = "ADDR",
        env = "ERL_EPMD_ADDRESS",
        value_delimiter = ','
    )]
    address: Vec<IpAddr>,
    #[command(flatten)]
    flags: ServeFlags,
}

pub(crate) fn run(args: &EpmdArgs) -> Exit {
    let settings = match ServeEpmd::resolve(&args.flags, &Surroundings::of_this_process()) {
        Ok(settings) => settings,
        Err(error) => return tell(Err(Failure::usage(error)), false),
    };
    start_log(&settings.log, LogFormat::Text);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return tell(Err(Failure::new(Exit::NotStarted, error)), false),
    };
    let served = runtime.block_on(serve(ServerSettings {
        port: settings.port,
        addresses: args.address.clone(),
        ..ServerSettings::default()
    }));
    runtime.shutdown_background();
    match served {
        Ok(signal) => {
            tracing::info!("{signal}: leaving");
            Exit::Done
        }
        Err(error) => {
            tracing::error!("not started: {error}");
            Exit::NotStarted
        }
    }
}

/// The signal that ended it.
async fn serve(settings: ServerSettings) -> Result<&'static str, NotServed> {
    let mut signals = Signals::new()?;
    let server = EpmdServer::bind(settings)?;
    tracing::info!("ready: EPMD on port {}", server.port());
    tokio::select! {
        never = server.run() => never,
        signal = signals.next() => Ok(signal),
    }
}

#[derive(Debug, thiserror::Error)]
enum NotServed {
    #[error(transparent)]
    Signals(#[from] std::io::Error),
    #[error(transparent)]
    Serve(#[from] ServeError),
}
