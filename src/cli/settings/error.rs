//! What can be wrong with the settings. No message repeats a secret or a line that may hold one.

use std::io;
use std::path::PathBuf;

use beamlink::{NodeName, NodeNameError};

use super::cookie_file::SecretFileError;
use super::env_file::Fault;
use super::source::Origin;

/// Why the settings cannot be used, and which source says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{origin}: {problem}")]
    Value { origin: Origin, problem: Problem },
    #[error("{first} and {second} give the same secret: leave one of them out")]
    Twice { first: Origin, second: Origin },
    #[error("{origin}: {error}")]
    NamedFile {
        origin: Origin,
        error: SecretFileError,
    },
    #[error(transparent)]
    DefaultCookie(#[from] SecretFileError),
    #[error("cannot read {path:?}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{path:?}, line {line}, {fault}")]
    EnvFile {
        path: PathBuf,
        line: usize,
        fault: Fault,
    },
    #[error("{path:?}, line {line}: {message}")]
    Toml {
        path: PathBuf,
        line: usize,
        message: String,
    },
    #[error("{path:?} has a key {key:?} that is none of ours; the nearest is {nearest:?}")]
    UnknownKey {
        path: PathBuf,
        key: String,
        nearest: &'static str,
    },
    #[error(
        "{name} ({name_origin}) is a {} name and {peer} ({peer_origin}) a {} one: a BEAM connects only to names \
         of its own form",
        form(.name), form(.peer)
    )]
    Forms {
        name: NodeName,
        name_origin: Origin,
        peer: NodeName,
        peer_origin: Origin,
    },
    #[error(
        "{origin}: {name} has a short host, which a node with a long name cannot have: give name@host.domain"
    )]
    NotLong { origin: Origin, name: NodeName },
    #[error(
        "a long name is wanted and the domain of this host {0:?} cannot be found: give --name name@host.domain"
    )]
    NoDomain(String),
    #[cfg(not(feature = "otel"))]
    #[error(
        "{origin}: this beamlink was built without OpenTelemetry; build it with \
         `cargo build --release --features otel`, or let a collector scrape /metrics (--http)"
    )]
    NoOtel { origin: Origin },
    #[error("{origin}: without EPMD a --dist-port is needed, and each --peer as name@host=port")]
    FixedPorts { origin: Origin },
}

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{text:?} is not {expects}")]
    Text { text: String, expects: &'static str },
    #[error(transparent)]
    NodeName(#[from] NodeNameError),
    #[error("is empty")]
    Empty,
    #[error("is not UTF-8")]
    NotUtf8,
    #[error("a secret must be a text in quotes")]
    Quotes,
    #[error("must be a table: [gossip]")]
    NotTable,
    #[error("a {0} cannot stand here")]
    Shape(&'static str),
    #[cfg(feature = "otel")]
    #[error(transparent)]
    Endpoint(#[from] crate::otel::EndpointError),
    #[error("a cookie has 1 to 255 characters, all of them of latin-1")]
    Cookie,
}

fn form(name: &NodeName) -> &'static str {
    if name.is_long() { "long" } else { "short" }
}
