//! What a BEAM expects of a member of its cluster, one file for each OTP module: a **citizen**.
//!
//! These are processes on the [runtime](crate::runtime). What is not here is answered by the runtime itself:
//! monitors of absent names by `noproc`, links to absent pids by `noproc`, UNLINK_ID by its acknowledgement.
//! Messages to names that nobody registered (`aten_sink`, every `pg` scope, `Elixir.Swarm.Tracker`) are dropped
//! undecoded, as a BEAM does.

mod arguments;
mod chardata;
mod erlang;
pub mod erpc;
pub mod eval;
mod functions;
pub mod gen_server;
mod global;
mod net_kernel;
mod rpc;
pub mod supervisor;
pub mod user;

use std::sync::Arc;

pub use arguments::{FromArguments, IntoArguments};
pub use functions::{Functions, Raised};

use crate::runtime::{NameError, Overflow, Process, Runtime, SpawnOptions};
use crate::term::Atom;

/// Starts all of them on `runtime`; peers may call the functions of the table.
///
/// # Errors
/// When one of the names is registered already.
pub fn install(runtime: &Runtime, functions: &Functions) -> Result<(), NameError> {
    runtime.serve_spawns(Arc::new(erpc::Erpc(functions.clone())));
    service(runtime, "net_kernel", net_kernel::run)?;
    service(runtime, "rex", |process| {
        rpc::run(process, functions.clone())
    })?;
    service(runtime, "user", user::run)?;
    let global = runtime.spawn(options(), global::run);
    runtime.register_unmonitored(&Atom::from_static("global_name_server"), &global)
}

fn service<F>(
    runtime: &Runtime,
    name: &'static str,
    body: impl FnOnce(Process) -> F,
) -> Result<(), NameError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let pid = runtime.spawn(options(), body);
    runtime.register(&Atom::from_static(name), &pid)
}

/// A service outlives a flood: what does not fit is lost. It outlives exit signals too.
fn options() -> SpawnOptions {
    let mut options = SpawnOptions::default();
    options.mailbox.bytes = 4 * 1024 * 1024;
    options.mailbox.overflow = Overflow::DropNewest;
    options.trap_exit = true;
    options
}

/// The target of the spans (crate `tracing`, level DEBUG) of functions that are called: `rpc.client` of a peer's, `rpc.server` of
/// ours. Their fields are those of OpenTelemetry's conventions for rpc; no argument or value is among them.
pub const SPANS: &str = "beamlink::rpc";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Cookie;
    use crate::runtime::RuntimeSettings;

    /// Nothing that a node is made of may keep the others alive for ever.
    #[tokio::test]
    async fn a_node_that_was_stopped_leaves_nothing_behind() {
        let (runtime, _events) = Runtime::start(RuntimeSettings {
            name: "a@localhost".parse().unwrap(),
            cookie: Cookie::new("c"),
            creation: 7,
            hidden: false,
            net_ticktime: Duration::from_secs(4),
            setup_time: Duration::from_secs(7),
        });
        install(&runtime, &Functions::default()).unwrap();
        assert_eq!(runtime.process_count(), 4);
        runtime.stop();
        let freed = async {
            while runtime.holders() > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), freed)
            .await
            .unwrap();
        assert_eq!(runtime.process_count(), 0);
    }
}
