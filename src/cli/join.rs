//! `beamlink join`: a node that stays in the cluster until it is told to leave.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use beamlink::Node;
use beamlink::cluster::{Event, Refusal};
use beamlink::epmd::{EpmdError, RegisterError};
use beamlink::node::StartError;

use super::exit::Exit;
use super::export::Exports;
use super::output::{Notice, Output, start_log_with};
use super::reload::reload;
use super::service;
use super::settings::{Flags, Settings};
use super::signals::{Hangup, Signals};
use crate::http::{HttpServer, HttpSettings, Limits, View};

/// Runs a node as `settings` say, which came of `flags` among others, to its end.
pub(crate) fn run(settings: Settings, flags: &Flags) -> Exit {
    let mut exports = Exports::start(&settings);
    let spans = exports.as_ref().map(Exports::spans).unwrap_or_default();
    start_log_with(spans, &settings.log, settings.log_format);
    let exports = match &mut exports {
        Ok(exports) => exports,
        Err(error) => return not_started(error, Exit::NotStarted),
    };
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return not_started(&error, Exit::NotStarted),
    };
    let exit = runtime.block_on(join(settings, flags, exports));
    // A look-up that the resolver does not answer must not hold up the leaving.
    runtime.shutdown_background();
    exit
}

async fn join(settings: Settings, flags: &Flags, exports: &mut Exports) -> Exit {
    let deadline = settings.timeout.map(|timeout| Instant::now() + timeout);
    let signals = Signals::new().and_then(|signals| Ok((signals, Hangup::new()?)));
    let (mut signals, hangup) = match signals {
        Ok(signals) => signals,
        Err(error) => return not_started(&error, Exit::NotStarted),
    };
    let node = tokio::select! {
        started = start(&settings) => match started {
            Ok(node) => node,
            Err(error) => return not_started(&error, status(&error)),
        },
        name = signals.next() => return left_on(name),
        () = until(deadline) => return timed_out(),
    };
    let view = View {
        observer: node.observer(),
        wanted: settings.ready_when,
    };
    exports.watch(&view);
    // It ends with this function.
    let _http = match serve_http(&settings, view) {
        Ok(server) => server,
        Err(error) => {
            node.stop().await;
            return not_started(&error, Exit::NotStarted);
        }
    };
    let watch = Watch {
        node: &node,
        output: Output {
            json: settings.json,
        },
        wanted: settings.exit_when,
    };
    let exit = tokio::select! {
        told = watch.run() => match told {
            Ok(()) => Exit::Done,
            Err(error) => {
                tracing::warn!("stdout takes no more events ({error}): leaving");
                Exit::Done
            }
        },
        name = signals.next() => left_on(name),
        () = until(deadline) => timed_out(),
        () = reload(&node, &settings, flags, hangup) => Exit::Done,
        () = service::tell(node.observer()) => Exit::Done,
    };
    service::stopping();
    node.stop().await;
    exit
}

/// Nothing, where no HTTP is wanted.
fn serve_http(settings: &Settings, view: View) -> Result<Option<HttpServer>, HttpNotServed> {
    let Some(address) = settings.http else {
        return Ok(None);
    };
    let http = HttpSettings {
        address,
        limits: Limits::default(),
    };
    let server =
        HttpServer::start(&http, view).map_err(|error| HttpNotServed { address, error })?;
    tracing::info!("http://{}/", server.address());
    Ok(Some(server))
}

#[derive(Debug, thiserror::Error)]
#[error("cannot serve HTTP on {address}: {error}; choose another --http")]
struct HttpNotServed {
    address: SocketAddr,
    error: io::Error,
}

async fn start(settings: &Settings) -> Result<Node, StartError> {
    let mut builder = Node::builder(settings.name.as_str())
        .cookie(settings.cookie.clone())
        .epmd(settings.epmd)
        .epmd_port(settings.epmd_port)
        .dist_port(settings.dist_port.unwrap_or(0))
        .hidden(settings.hidden)
        .net_ticktime(settings.net_ticktime);
    if let Some(gossip) = &settings.gossip {
        builder = builder.gossip(gossip.clone());
    }
    if let Some(folder) = &settings.state_dir {
        builder = builder.state_folder(folder);
    }
    if let Some(address) = settings.dist_addr {
        builder = builder.dist_address(address);
    }
    for peer in &settings.peers {
        builder = match peer.port {
            Some(port) => builder.peer_at(peer.node.clone(), port),
            None => builder.peer(peer.node.clone()),
        };
    }
    builder.start().await
}

fn status(error: &StartError) -> Exit {
    match error {
        StartError::Name(_) | StartError::NoCookie | StartError::NoPort => Exit::Usage,
        StartError::Epmd(EpmdError::Register(RegisterError::NameTaken { .. })) => Exit::Refused,
        StartError::Epmd(_) => Exit::EpmdDown,
        StartError::Listen { .. } | StartError::Gossip(_) | StartError::StateFolder { .. } => {
            Exit::NotStarted
        }
    }
}

fn not_started(error: &dyn std::error::Error, exit: Exit) -> Exit {
    tracing::error!("not started: {error}");
    exit
}

fn left_on(signal: &str) -> Exit {
    tracing::info!("{signal}: leaving");
    Exit::Done
}

fn timed_out() -> Exit {
    tracing::error!("--timeout is over: leaving");
    Exit::Timeout
}

/// Tells what happens, until enough peers are up or nobody listens.
struct Watch<'a> {
    node: &'a Node,
    output: Output,
    wanted: Option<usize>,
}

impl Watch<'_> {
    async fn run(&self) -> io::Result<()> {
        let mut events = self.node.events();
        let ready = Notice::Ready {
            node: self.node.name().to_string(),
            dist_port: self.node.dist_port(),
        };
        self.say(ready).await?;
        loop {
            match events.recv().await {
                Some(event) => self.tell(event).await?,
                None => return Ok(()),
            }
            if self
                .wanted
                .is_some_and(|wanted| self.node.nodes().len() >= wanted)
            {
                return Ok(());
            }
        }
    }

    /// Whoever reads stdout may stop doing so: signals, and all else, must be heard meanwhile.
    async fn say(&self, notice: Notice) -> io::Result<()> {
        let output = self.output;
        let told = tokio::task::spawn_blocking(move || output.tell(&notice));
        told.await.unwrap_or(Ok(()))
    }

    async fn tell(&self, event: Event) -> io::Result<()> {
        let message = event.to_string();
        let notice = match event {
            Event::Up { node, hidden, .. } => Notice::Nodeup {
                node: node.to_string(),
                hidden,
            },
            Event::Down {
                node,
                hidden,
                reason,
            } => Notice::Nodedown {
                node: node.to_string(),
                hidden,
                reason: reason.to_string(),
            },
            Event::Refused { node, refusal } => refused(node.to_string(), &refusal),
            Event::SortsBefore { node } => Notice::SortsBefore {
                node: node.to_string(),
                message,
            },
            Event::Missed { count } => Notice::Missed { count },
            Event::Stranger {
                address,
                kind,
                detail,
                count,
            } => Notice::Refused {
                node: None,
                address: address.map(|address| address.to_string()),
                reason: kind.as_str(),
                message: detail,
                count,
            },
            Event::HeartbeatRejected {
                address,
                kind,
                detail,
                count,
            } => Notice::HeartbeatRejected {
                source: address,
                reason: kind.as_str(),
                message: detail,
                count,
            },
            _ => {
                tracing::info!("{message}");
                return Ok(());
            }
        };
        self.say(notice).await
    }
}

fn refused(node: String, refusal: &Refusal) -> Notice {
    let message = match refusal.detail.is_empty() {
        true => refusal.kind.to_string(),
        false => refusal.detail.clone(),
    };
    Notice::Refused {
        node: Some(node),
        address: refusal.address.map(|address| address.to_string()),
        reason: refusal.kind.as_str(),
        message: Some(message),
        count: 1,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
