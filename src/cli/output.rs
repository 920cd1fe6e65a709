//! I/O: what a command says: log lines for people on stderr, one JSON object a line for programs on stdout.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use tracing::Level;
use tracing_subscriber::EnvFilter;

/// Something worth telling, with the fields of its JSON object.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Notice<'a> {
    Ready {
        node: &'a str,
        dist_port: u16,
    },
    Nodeup {
        node: &'a str,
    },
    Nodedown {
        node: &'a str,
        reason: &'a str,
        message: String,
    },
    Refused {
        node: Option<&'a str>,
        address: Option<SocketAddr>,
        reason: &'a str,
        message: String,
    },
    HeartbeatRejected {
        /// None: many.
        source: Option<IpAddr>,
        reason: &'a str,
        message: String,
        count: u64,
    },
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Ready { node, dist_port } => {
                write!(f, "ready: {node}, peers connect to port {dist_port}")
            }
            Notice::Nodeup { node } => write!(f, "up: {node}"),
            Notice::Nodedown { node, message, .. } => write!(f, "down: {node}: {message}"),
            Notice::Refused {
                node,
                address,
                message,
                ..
            } => {
                write!(f, "refused: {}", node.unwrap_or("unknown node"))?;
                if let Some(address) = address {
                    write!(f, " at {address}")?;
                }
                write!(f, ": {message}")
            }
            Notice::HeartbeatRejected {
                source,
                message,
                count,
                ..
            } => {
                match source {
                    Some(source) => write!(f, "heartbeat from {source} rejected: {message}")?,
                    None => write!(f, "heartbeats from many sources rejected: {message}")?,
                }
                match count {
                    1 => Ok(()),
                    count => write!(f, " ({count} more)"),
                }
            }
        }
    }
}

impl Notice<'_> {
    fn level(&self) -> Level {
        match self {
            Notice::Ready { .. } | Notice::Nodeup { .. } => Level::INFO,
            _ => Level::WARN,
        }
    }
}

/// Where notices go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Tells `notice` to the log, and with `json` to stdout.
    ///
    /// # Errors
    /// Stdout is closed or full: whoever wanted the events is gone.
    pub(crate) fn tell(self, notice: &Notice<'_>) -> io::Result<()> {
        match notice.level() {
            Level::WARN => tracing::warn!("{notice}"),
            _ => tracing::info!("{notice}"),
        }
        if !self.json {
            return Ok(());
        }
        let mut line = serde_json::to_vec(notice)?;
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(&line)?;
        stdout.flush()
    }
}

/// Starts the log on stderr, in colour on a terminal unless `NO_COLOR` is set (<https://no-color.org>).
pub(crate) fn start_log(filter: &str) {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(!no_color && io::stderr().is_terminal())
        .with_target(false)
        .init();
}
