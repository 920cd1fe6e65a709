//! Watches Elixir processes, and tells how they ended: by a call, and by rpc.
//!
//! `RELEASE_COOKIE=clique cargo run --example metrics -- zz_maint_metrics@$(hostname -s)`, and on a node of the cluster:
//!
//! ```elixir
//! metrics = {:metrics, :"zz_maint_metrics@myhost"}
//! GenServer.cast(metrics, {:watch, "worker", pid})
//! GenServer.call(metrics, :snapshot)
//! # %{"worker" => %{alive: 3, ended: %{"normal" => 7, "noconnection" => 1}}}
//! :rpc.call(elem(metrics, 1), Metrics, :snapshot, [])   # the same, for who asks all nodes the same
//! ```

mod shared;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use beamlink::otp::Raised;
use beamlink::otp::gen_server::{self, Answer, Context, From, GenServer, Info};
use beamlink::runtime::{Item, Process};
use beamlink::term::{Pid, Reference, Term};
use serde::{Deserialize, Serialize};

#[derive(Default)]
struct Metrics {
    /// The kind of each process, by its monitor.
    watched: HashMap<Reference, String>,
    seen: Snapshot,
}

/// By kind of process.
type Snapshot = BTreeMap<String, Kind>;

#[derive(Debug, Clone, Default, Serialize)]
struct Kind {
    alive: u64,
    /// By reason.
    ended: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Snapshot,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Watch(String, Pid),
}

impl GenServer for Metrics {
    type Call = Call;
    type Reply = Snapshot;
    type Cast = Cast;
    type Info = Term;
    type Continue = ();

    async fn handle_call(
        &mut self,
        Call::Snapshot: Call,
        _: From<Snapshot>,
        _: &mut Context<'_, Self>,
    ) -> Answer<Snapshot> {
        Answer::Reply(self.seen.clone())
    }

    async fn handle_cast(&mut self, Cast::Watch(kind, pid): Cast, context: &mut Context<'_, Self>) {
        // A process that has ended already is heard of at once, with the reason `noproc`.
        let monitor = context.process().monitor(Item::Pid(pid));
        self.seen.entry(kind.clone()).or_default().alive += 1;
        self.watched.insert(monitor, kind);
    }

    async fn handle_info(&mut self, info: Info<Term>, _: &mut Context<'_, Self>) {
        let Info::Down {
            reference, reason, ..
        } = info
        else {
            return;
        };
        if let Some(kind) = self.watched.remove(&reference)
            && let Some(kind) = self.seen.get_mut(&kind)
        {
            kind.alive -= 1;
            *kind.ended.entry(headline(&reason)).or_default() += 1;
        }
    }
}

/// The reason of an exception holds its stack, which is another one each time: its first part is what can be counted.
fn headline(reason: &Term) -> String {
    match reason.as_tuple() {
        Some([first, ..]) => headline(first),
        _ => reason.to_erlang().to_string(),
    }
}

/// A function has no state: it asks the server, as an Elixir one would.
async fn snapshot(process: Process, (): ()) -> Result<Term, Raised> {
    let own = process.runtime().name().clone();
    let second = Duration::from_secs(1);
    let request = Term::atom("snapshot");
    let answer = gen_server::call(&process, ("metrics", &own).into(), &request, second).await?;
    Ok(answer.term()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = shared::builder()?.start().await?;
    println!("{} is up", node.name());
    let metrics = node.start_server(Metrics::default()).name("metrics");
    let metrics = metrics.start().await?;
    node.export_async("Elixir.Metrics", "snapshot", snapshot);
    tokio::select! {
        exit = metrics.ended() => println!("the server ended: {}", exit.reason().to_elixir()),
        _ = tokio::signal::ctrl_c() => {}
    }
    node.stop().await;
    Ok(())
}
