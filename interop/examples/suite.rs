//! The Rust node that the Elixir suite tests (`elixir_fixture/test`): `suite NAME@HOST`, with the cookie in `RELEASE_COOKIE`.
//! It prints `ready`, and ends when its stdin does, so that it does not outlive the suite.

use std::net::Ipv4Addr;
use std::time::Duration;

use beamlink::epmd::EpmdMode;
use beamlink::otp::Raised;
use beamlink::otp::gen_server::{Answer, Context, From, GenServer, ServerOptions};
use beamlink::otp::supervisor::{ChildSpec, Supervisor};
use beamlink::runtime::{Exit, Process, Received, Runtime, SpawnOptions};
use beamlink::term::{Atom, Pid, Term, to_term};
use beamlink::{Cookie, Node};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;

const SUITE: &str = "Elixir.Suite";

#[derive(Debug, Default, Serialize)]
struct Counter {
    count: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Get,
    Add(i64),
    /// Answered from elsewhere after so many milliseconds; the server goes on meanwhile.
    Later(u64),
    Stop(Term),
    Panic,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Add(i64),
}

impl GenServer for Counter {
    type Call = Call;
    type Reply = i64;
    type Cast = Cast;
    type Info = Term;
    type Continue = ();

    async fn handle_call(
        &mut self,
        call: Call,
        from: From<i64>,
        context: &mut Context<'_, Self>,
    ) -> Answer<i64> {
        match call {
            Call::Get => {}
            Call::Add(number) => self.count += number,
            Call::Later(millis) => {
                let count = self.count;
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    from.reply(&count).await;
                });
                return Answer::Later;
            }
            Call::Stop(reason) => context.stop(Exit::with(reason)),
            Call::Panic => panic!("asked to"),
        }
        Answer::Reply(self.count)
    }

    async fn handle_cast(&mut self, Cast::Add(number): Cast, _: &mut Context<'_, Self>) {
        self.count += number;
    }

    fn state(&self) -> Term {
        to_term(self).unwrap_or_else(|error| Term::from(error.to_string()))
    }
}

/// What a worker is told.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    Link(Pid),
    Exit(Term),
}

/// A process that traps exits and tells `owner` what it gets, until it is told to end.
async fn worker(mut process: Process, owner: Pid) -> Exit {
    loop {
        let heard = match process.receive().await {
            Received::Message(body) => match body.typed() {
                Ok(Order::Link(other)) => {
                    process.link(&other);
                    Term::atom("linked")
                }
                Ok(Order::Exit(reason)) => return Exit::with(reason),
                Err(error) => Term::from(error.to_string()),
            },
            Received::Exit { from, reason } => {
                Term::tuple([Term::atom("exit"), Term::Pid(from), reason])
            }
            other => Term::from(format!("{other:?}")),
        };
        let own = Term::Pid(process.pid().clone());
        // The owner may be gone.
        let _ = process.send(&owner, Term::tuple([own, heard])).await;
    }
}

fn start_worker(runtime: &Runtime, owner: Pid) -> Pid {
    let options = SpawnOptions {
        trap_exit: true,
        ..SpawnOptions::default()
    };
    runtime.spawn(options, |process| worker(process, owner))
}

fn export(node: &Node) {
    node.export(SUITE, "add", |(one, other): (i64, i64)| Ok(one + other));
    node.export(SUITE, "throw", |(term,): (Term,)| {
        Err::<(), _>(Raised::Throw(term))
    });
    node.export(SUITE, "exit", |(term,): (Term,)| {
        Err::<(), _>(Raised::Exit(term))
    });
    node.export(SUITE, "error", |(term,): (Term,)| {
        Err::<(), _>(Raised::Error(term))
    });
    node.export(SUITE, "parse", |(text,): (String,)| {
        let number: i64 = text.parse()?;
        Ok(number)
    });
    node.export(SUITE, "panic", |()| -> Result<(), Raised> {
        panic!("asked to")
    });
    node.export_async(SUITE, "sleep", |_, (millis,): (u64,)| async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        Ok(Term::atom("awake"))
    });
    node.export_async(
        SUITE,
        "tell",
        |process: Process, (to, message): (Pid, Term)| async move {
            process.send(to, message).await?;
            Ok(Term::atom("told"))
        },
    );
    node.export_async(
        SUITE,
        "worker",
        |process: Process, (owner,): (Pid,)| async move {
            Ok(start_worker(process.runtime(), owner))
        },
    );
}

async fn supervise(node: &Node) -> Result<(), Box<dyn std::error::Error>> {
    let name = Atom::from_static("counter");
    let options = ServerOptions {
        name: Some(name.clone()),
        ..ServerOptions::default()
    };
    Supervisor::new()
        .name(Atom::from_static("supervisor"))
        // The suite ends it often, and on purpose.
        .intensity(1000, Duration::from_secs(1))
        .child(ChildSpec::server(name, options, Counter::default))
        .start(node.runtime())
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).ok_or("give a node name")?;
    let node = Node::builder(&name)
        .cookie(Cookie::new(std::env::var("RELEASE_COOKIE")?))
        .epmd(EpmdMode::External)
        .epmd_port(std::env::var("ERL_EPMD_PORT")?.parse()?)
        .dist_address(Ipv4Addr::LOCALHOST.into())
        .start()
        .await?;
    export(&node);
    supervise(&node).await?;
    println!("ready");
    let mut ignored = Vec::new();
    tokio::io::stdin().read_to_end(&mut ignored).await?;
    node.stop().await;
    Ok(())
}
