//! `beamlink call`, `cast` and `send`: one message to a process.

use beamlink::NodeName;
use beamlink::node::Visitor;
use beamlink::otp::erpc::{self, Request};
use beamlink::otp::gen_server::{self, CallError};
use beamlink::runtime::{Item, Process, Received, SpawnOptions};
use beamlink::term::{Atom, Term};
use tokio::sync::oneshot;

use super::rpc::failed;
use super::{AT_ONCE, Answer, Command, Failure, Format, Target, words};
use crate::cli::settings::Visit;

/// Call a GenServer, and show what it answers
#[derive(clap::Args)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    message: Message,
    /// How the answer is written
    #[arg(short, long, value_enum, default_value = "elixir")]
    output: Format,
}

/// Cast a message to a GenServer
#[derive(clap::Args)]
pub(crate) struct CastArgs {
    #[command(flatten)]
    message: Message,
}

/// Send a message to a process
#[derive(clap::Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    message: Message,
}

/// To whom, and what.
#[derive(clap::Args)]
struct Message {
    #[command(flatten)]
    target: Target,
    /// The name it is registered by (name, :name, MyApp.Server), or its pid as the node shows it (#PID<0.85.0>)
    server: String,
    /// A term in the syntax of Elixir, or else of Erlang
    #[arg(allow_hyphen_values = true)]
    term: String,
    #[arg(skip)]
    parsed: Option<(words::Process, Term)>,
}

impl Message {
    fn check(&mut self) -> Result<(), Failure> {
        self.parsed = Some((words::process(&self.server)?, words::term(&self.term)?));
        Ok(())
    }

    fn on(&self, visitor: &Visitor) -> Result<(Item, Term), Failure> {
        match &self.parsed {
            Some((process, term)) => Ok((process.on(visitor), term.clone())),
            None => Err(Failure::usage("give a process and a term")),
        }
    }
}

impl Command for CallArgs {
    fn target(&self) -> &Target {
        &self.message.target
    }

    fn check(&mut self) -> Result<(), Failure> {
        self.message.check()
    }

    async fn run(&self, visitor: &Visitor, settings: &Visit) -> Result<Answer, Failure> {
        let (server, request) = self.message.on(visitor)?;
        let limit = settings.timeout.unwrap_or(AT_ONCE);
        let called = gen_server::call(visitor.runtime(), server, &request, limit).await;
        let answer = match called {
            Ok(answer) => answer,
            Err(CallError::Exit(reason)) => return Err(exited(visitor, reason).await),
            Err(error) => return Err(error.into()),
        };
        let answer = answer.term().map_err(Failure::remote)?;
        Ok(Answer::of(&answer, self.output))
    }
}

/// Why the server ended before it answered, in the words of Elixir where the node has it.
async fn exited(visitor: &Visitor, reason: Term) -> Failure {
    let (module, function) = (
        Atom::from_static("Elixir.Exception"),
        Atom::from_static("format_exit"),
    );
    let words = visitor.rpc(&module, &function, vec![reason.clone()]);
    match words.value::<String>().await {
        Ok(words) => failed(visitor, &format!("the server ended: {words}")),
        Err(_) => CallError::Exit(reason).into(),
    }
}

impl Command for CastArgs {
    fn target(&self) -> &Target {
        &self.message.target
    }

    fn check(&mut self) -> Result<(), Failure> {
        self.message.check()
    }

    async fn run(&self, visitor: &Visitor, _: &Visit) -> Result<Answer, Failure> {
        let (server, request) = self.message.on(visitor)?;
        delivered(visitor, server, request, Kind::Cast).await
    }
}

impl Command for SendArgs {
    fn target(&self) -> &Target {
        &self.message.target
    }

    fn check(&mut self) -> Result<(), Failure> {
        self.message.check()
    }

    async fn run(&self, visitor: &Visitor, _: &Visit) -> Result<Answer, Failure> {
        let (to, message) = self.message.on(visitor)?;
        delivered(visitor, to, message, Kind::Bare).await
    }
}

/// What a message looks like at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As it is.
    Bare,
    /// `{'$gen_cast', Message}`
    Cast,
}

async fn delivered(
    visitor: &Visitor,
    to: Item,
    message: Term,
    kind: Kind,
) -> Result<Answer, Failure> {
    let (tell, told) = oneshot::channel();
    let peer = visitor.peer().clone();
    let sender = async move |process: Process| {
        // The visit is over when nobody wants to know.
        let _ = tell.send(deliver(process, &peer, to, message, kind).await);
    };
    visitor.runtime().spawn(SpawnOptions::default(), sender);
    let delivered = told.await;
    delivered.unwrap_or_else(|_| Err(Failure::remote("the message was not sent")))?;
    Ok(Answer::done())
}

/// Sends a message and makes sure that it has arrived, and that somebody is there. Signals keep their order: once the node
/// has answered what was asked behind the message, the message is there, or we know that nobody is.
async fn deliver(
    mut process: Process,
    peer: &NodeName,
    to: Item,
    message: Term,
    kind: Kind,
) -> Result<(), Failure> {
    let monitor = process.monitor(to.clone());
    match kind {
        Kind::Cast => gen_server::cast(&process, to.clone(), &message).await?,
        Kind::Bare => process.send(to.clone(), message).await?,
    }
    let (module, function) = (Atom::from_static("erlang"), Atom::from_static("node"));
    let question = Request::new(peer, &module, &function, Vec::new());
    erpc::call(&process, question.timeout(AT_ONCE)).await?;
    while let Some(received) = process.try_receive() {
        if let Received::Down {
            reference, reason, ..
        } = received
            && reference == monitor
            && reason.as_atom() == Some("noproc")
        {
            return Err(CallError::NoProcess(to).into());
        }
    }
    Ok(())
}
