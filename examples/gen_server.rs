//! A key-value store in Rust that Elixir uses as one of its own GenServers; entries may expire.
//!
//! `RELEASE_COOKIE=clique cargo run --example gen_server -- zz_maint_store@$(hostname -s)`, and on a node of the cluster:
//!
//! ```elixir
//! store = {:store, :"zz_maint_store@myhost"}
//! Node.connect(elem(store, 1))
//! GenServer.call(store, {:put, :colour, "red"})           # :ok
//! GenServer.call(store, {:put_for, :token, "x", 5_000})   # :ok, and gone after five seconds
//! GenServer.call(store, {:fetch, :colour})                # {:ok, "red"}
//! GenServer.cast(store, {:delete, :colour})
//! :sys.get_state(store)
//! ```

mod shared;

use std::collections::BTreeMap;
use std::time::Duration;

use beamlink::otp::gen_server::{Answer, Context, From, GenServer, Info, ServerOptions};
use beamlink::otp::supervisor::{ChildSpec, Supervisor};
use beamlink::term::{Atom, Term};
use serde::{Deserialize, Serialize};

/// Keys and values are whatever Elixir sends: `Term` takes all. The number tells one `put` of a key from the next, so
/// that the timer of an earlier one does not end a later one.
#[derive(Default)]
struct Store {
    entries: BTreeMap<Term, (Term, i64)>,
    puts: i64,
}

/// Variants with fields are tagged tuples, those without are atoms.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Put(Term, Term),
    PutFor(Term, Term, u64),
    Fetch(Term),
    Size,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok,
    Error,
    /// The same tag with a value: `{:ok, value}`.
    #[serde(rename = "ok")]
    Value(Term),
    #[serde(untagged)]
    Size(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Delete(Term),
}

/// What the timers send: `{:expired, key, put}`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tick {
    Expired(Term, i64),
}

impl GenServer for Store {
    type Call = Call;
    type Reply = Reply;
    type Cast = Cast;
    type Info = Tick;
    type Continue = ();

    async fn handle_call(
        &mut self,
        call: Call,
        _: From<Reply>,
        context: &mut Context<'_, Self>,
    ) -> Answer<Reply> {
        Answer::Reply(match call {
            Call::Put(key, value) => {
                self.put(key, value);
                Reply::Ok
            }
            Call::PutFor(key, value, millis) => {
                let put = self.put(key.clone(), value);
                let tick = Term::tuple([Term::atom("expired"), key, Term::from(put)]);
                context.send_after(Duration::from_millis(millis), tick);
                Reply::Ok
            }
            Call::Fetch(key) => match self.entries.get(&key) {
                Some((value, _)) => Reply::Value(value.clone()),
                None => Reply::Error,
            },
            Call::Size => Reply::Size(self.entries.len()),
        })
    }

    async fn handle_cast(&mut self, Cast::Delete(key): Cast, _: &mut Context<'_, Self>) {
        self.entries.remove(&key);
    }

    async fn handle_info(&mut self, info: Info<Tick>, _: &mut Context<'_, Self>) {
        if let Info::Message(Tick::Expired(key, put)) = info
            && self.entries.get(&key).is_some_and(|(_, of)| *of == put)
        {
            self.entries.remove(&key);
        }
    }

    /// What `:sys.get_state/1` shows.
    fn state(&self) -> Term {
        let entries = self.entries.iter();
        let pairs = entries.map(|(key, (value, _))| Term::tuple([key.clone(), value.clone()]));
        Term::list(pairs)
    }
}

impl Store {
    /// Returns the number of this put.
    fn put(&mut self, key: Term, value: Term) -> i64 {
        self.puts += 1;
        self.entries.insert(key, (value, self.puts));
        self.puts
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = shared::builder()?.start().await?;
    println!("{} is up", node.name());
    let name = Atom::from_static("store");
    let options = ServerOptions {
        name: Some(name.clone()),
        ..ServerOptions::default()
    };
    // Whatever ends the store, it is started again, empty; a store that ends over and over ends the program instead, so
    // that whoever watches this program hears of it.
    let supervisor = Supervisor::new()
        .child(ChildSpec::server(name, options, Store::default))
        .start(node.runtime())
        .await?;
    tokio::select! {
        exit = supervisor.ended() => println!("the supervisor gave up: {}", exit.reason().to_elixir()),
        _ = tokio::signal::ctrl_c() => {}
    }
    node.stop().await;
    Ok(())
}
