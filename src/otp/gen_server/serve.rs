//! The loop of a server: receives, hands out, replies, ends.

use std::any::type_name;

use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::message::{Call, Message, sent};
use super::server::{Answer, Context, From, GenServer, Info, ServerOptions, StartError, Wants};
use super::sys::{Effect, System, asks_for_state, tell_state};
use crate::runtime::{
    Body, Exit, Process, ProcessHandle, Received, Runtime, SpawnOptions, catch_panic,
};
use crate::term::{DeserializeError, Pid, Term};

/// Starts `server` and returns once its `init` has.
///
/// # Errors
/// See [`StartError`].
pub async fn start<S: GenServer>(
    runtime: &Runtime,
    server: S,
    options: ServerOptions,
) -> Result<ProcessHandle, StartError> {
    let (started, starting) = oneshot::channel();
    let spawn = SpawnOptions {
        mailbox: options.mailbox,
        trap_exit: options.trap_exit,
    };
    let name = options.name.clone();
    let handle = runtime.spawn_handle(spawn, |process| run(process, server, options, started));
    match (starting.await, name) {
        (Ok(Ok(())), _) => Ok(handle),
        (Ok(Err(error)), _) => Err(error),
        (Err(_), _) => Err(StartError::Init(handle.ended().await.reason().clone())),
    }
}

async fn run<S: GenServer>(
    mut process: Process,
    mut server: S,
    options: ServerOptions,
    started: oneshot::Sender<Result<(), StartError>>,
) -> Exit {
    if let Some(parent) = &options.parent {
        process.link(parent);
    }
    if let Some(name) = &options.name
        && process.register(name).is_err()
    {
        // Whoever started it may be gone.
        let _ = started.send(Err(StartError::NameTaken(name.clone())));
        return Exit::normal();
    }
    let mut wants = Wants::default();
    let mut context = Context {
        process: &mut process,
        wants: &mut wants,
    };
    let init = catch_panic(server.init(&mut context)).await;
    let refused = match init {
        Ok(Ok(())) => None,
        Ok(Err(exit)) => Some(exit),
        Err(panic) => Some(Exit::with(panic)),
    };
    if let Some(exit) = refused {
        let _ = started.send(Err(StartError::Init(exit.reason().clone())));
        return exit;
    }
    let _ = started.send(Ok(()));
    let mut serving = Serving {
        process,
        server,
        system: System::new(type_name::<S>(), options.parent.clone()),
        parent: options.parent,
        wants,
    };
    let ended = catch_panic(serving.serve()).await;
    let exit = ended.unwrap_or_else(Exit::with);
    // A panic in its last words changes nothing.
    let _ = catch_panic(serving.server.terminate(exit.reason())).await;
    exit
}

struct Serving<S: GenServer> {
    process: Process,
    server: S,
    system: System,
    parent: Option<Pid>,
    wants: Wants<S::Continue>,
}

impl<S: GenServer> Serving<S> {
    async fn serve(&mut self) -> Exit {
        loop {
            if let Some(exit) = self.wants.stop.take() {
                return exit;
            }
            if let Some(what) = self.wants.go_on.take() {
                let mut context = Context {
                    process: &mut self.process,
                    wants: &mut self.wants,
                };
                self.server.handle_continue(what, &mut context).await;
                continue;
            }
            let Some(received) = self.receive().await else {
                self.info(Info::Timeout).await;
                continue;
            };
            if let Some(exit) = self.take(received).await {
                return exit;
            }
        }
    }

    /// `None` when nothing came for the time that the server set.
    async fn receive(&mut self) -> Option<Received> {
        if self.system.is_suspended() {
            let is_for_system = |received: &Received| match received {
                Received::Message(body) => {
                    matches!(Message::of(body.clone()), Message::System(..))
                }
                Received::Exit { .. } => true,
                _ => false,
            };
            return Some(self.process.receive_where(is_for_system).await);
        }
        match self.wants.idle.take() {
            Some(time) => timeout(time, self.process.receive()).await.ok(),
            None => Some(self.process.receive().await),
        }
    }

    /// Hands out one thing; it may be the end.
    async fn take(&mut self, received: Received) -> Option<Exit> {
        match received {
            Received::Message(body) => return self.message(Message::of(body)).await,
            Received::Exit { from, reason } => {
                if self.parent.as_ref() == Some(&from) {
                    return Some(Exit::with(reason));
                }
                self.info(Info::Exit { from, reason }).await;
            }
            Received::Down {
                reference,
                item,
                reason,
            } => {
                let down = Info::Down {
                    reference,
                    item,
                    reason,
                };
                self.info(down).await;
            }
            Received::NodeUp { node, hidden } => self.info(Info::NodeUp { node, hidden }).await,
            Received::NodeDown { node, hidden } => self.info(Info::NodeDown { node, hidden }).await,
        }
        None
    }

    async fn message(&mut self, message: Message) -> Option<Exit> {
        if !matches!(message, Message::System(..)) {
            self.system.count_in();
        }
        match message {
            Message::Call(call, request) => self.call(call, request).await,
            Message::Cast(request) => {
                if let Some(request) = understood("a cast", request) {
                    let mut context = Context {
                        process: &mut self.process,
                        wants: &mut self.wants,
                    };
                    self.server.handle_cast(request, &mut context).await;
                }
            }
            Message::Info(message) => {
                if let Some(message) = understood("a message", message) {
                    self.info(Info::Message(message)).await;
                }
            }
            Message::System(call, request) => return self.system(call, request).await,
        }
        None
    }

    async fn call(&mut self, call: Call, request: Body) {
        let request = match request.typed::<S::Call>() {
            Ok(request) => request,
            Err(error) => return self.refuse(call, &error).await,
        };
        let from = From::new(call, &self.process);
        let mut context = Context {
            process: &mut self.process,
            wants: &mut self.wants,
        };
        let answer = self
            .server
            .handle_call(request, from.clone(), &mut context)
            .await;
        if let Answer::Reply(reply) = answer {
            self.system.count_out();
            from.reply(&reply).await;
        }
    }

    /// The caller asks for what we do not know: it hears of that, and we go on.
    async fn refuse(&mut self, call: Call, error: &DeserializeError) {
        tracing::warn!(from = ?call.from(), %error, server = type_name::<S>(), "a request is not understood");
        let text = Term::from(error.to_string());
        let reason = Term::tuple([Term::atom("bad_request"), text]);
        let reply = Term::tuple([Term::atom("error"), reason]);
        let (runtime, pid) = (self.process.runtime(), self.process.pid());
        sent(call.reply(runtime, pid, &reply).await);
    }

    async fn info(&mut self, info: Info<S::Info>) {
        let mut context = Context {
            process: &mut self.process,
            wants: &mut self.wants,
        };
        self.server.handle_info(info, &mut context).await;
    }

    async fn system(&mut self, call: Call, request: Body) -> Option<Exit> {
        let Ok(request) = request.term() else {
            return None;
        };
        let state = self.server.state();
        if asks_for_state(&request) {
            tell_state(&self.process, call, state);
            return None;
        }
        let (reply, effect) = self.system.answer(&self.process, &request, &state);
        let (runtime, pid) = (self.process.runtime(), self.process.pid());
        sent(call.reply(runtime, pid, &reply).await);
        match effect {
            Effect::GoOn => None,
            Effect::Terminate(reason) => Some(Exit::with(reason)),
        }
    }
}

/// What a message says, or `None` with a line in the log.
fn understood<T: DeserializeOwned>(what: &str, body: Body) -> Option<T> {
    match body.typed() {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::warn!(%error, "{what} is not understood, and dropped");
            None
        }
    }
}
