//! I/O: what a command says: log lines for people on stderr, one JSON object a line for programs on stdout.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;

use serde::Serialize;
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Something worth telling, with the fields of its JSON object.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Notice {
    /// The node listens, is registered, and tells others of itself.
    Ready {
        node: String,
        dist_port: u16,
    },
    Nodeup {
        node: String,
        hidden: bool,
    },
    Nodedown {
        node: String,
        hidden: bool,
        reason: String,
    },
    Refused {
        /// None: it did not come as far as a name.
        node: Option<String>,
        /// None: nowhere, or many.
        address: Option<String>,
        reason: &'static str,
        /// None: one of those that were told before.
        message: Option<String>,
        count: u64,
    },
    HeartbeatRejected {
        /// None: many.
        source: Option<IpAddr>,
        reason: &'static str,
        /// None: one of those that were told before.
        message: Option<String>,
        count: u64,
    },
    /// Our name sorts before that of `node`.
    SortsBefore {
        node: String,
        message: String,
    },
    /// So many notices could not be told.
    Missed {
        count: u64,
    },
}

impl Notice {
    fn level(&self) -> Level {
        match self {
            Notice::Ready { .. } | Notice::Nodeup { .. } | Notice::Nodedown { .. } => Level::INFO,
            _ => Level::WARN,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Ready { node, dist_port } => {
                write!(f, "ready: {node} takes connections on port {dist_port}")
            }
            Notice::Nodeup { node, hidden } => write!(f, "nodeup: {node}{}", hidden_mark(*hidden)),
            Notice::Nodedown {
                node,
                hidden,
                reason,
            } => {
                write!(f, "nodedown: {node}{}: {reason}", hidden_mark(*hidden))
            }
            Notice::Refused {
                node,
                address,
                reason,
                message,
                count,
            } => {
                let node = node.as_deref().unwrap_or("a stranger");
                let address = address.as_deref().unwrap_or("an unknown address");
                write!(
                    f,
                    "no connection with {node} at {address}: {}",
                    told(message, reason, *count)
                )
            }
            Notice::HeartbeatRejected {
                source,
                reason,
                message,
                count,
            } => {
                let source = source.map_or_else(|| "many sources".to_owned(), |ip| ip.to_string());
                write!(
                    f,
                    "heartbeat rejected from {source}: {}",
                    told(message, reason, *count)
                )
            }
            Notice::SortsBefore { message, .. } => f.write_str(message),
            Notice::Missed { count } => write!(f, "{count} events came too fast to be told"),
        }
    }
}

fn hidden_mark(hidden: bool) -> &'static str {
    if hidden { " (hidden)" } else { "" }
}

fn told(message: &Option<String>, reason: &str, count: u64) -> String {
    match message {
        Some(message) => message.clone(),
        None => format!("{reason}, {count} more"),
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
    pub(crate) fn tell(self, notice: &Notice) -> io::Result<()> {
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

/// A layer that takes spans.
pub(crate) type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log on stderr, in colour on a terminal unless `NO_COLOR` is set (<https://no-color.org>).
pub(crate) fn start_log(filter: &str, format: LogFormat) {
    start_log_with(None, filter, format);
}

/// The same; spans go to `spans`, whatever is logged.
pub(crate) fn start_log_with(spans: Option<SpanLayer>, filter: &str, format: LogFormat) {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let filter = EnvFilter::new(filter);
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let subscriber = tracing_subscriber::registry().with(spans);
    match format {
        LogFormat::Text => {
            let log = log
                .with_ansi(!no_color && io::stderr().is_terminal())
                .with_target(false);
            subscriber.with(log.with_filter(filter)).init();
        }
        LogFormat::Json => {
            let log = log.json().flatten_event(true);
            subscriber.with(log.with_filter(filter)).init();
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
