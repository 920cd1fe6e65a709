//! The effective settings of a command. Each comes from the first of: flag, `BEAMLINK_*`, the
//! variables of an Elixir release and of OTP, those of ExESDB, `--config`, default. A variable that is not set
//! in the environment is looked up in `--env-file`.

mod config;
mod cookie_file;
mod cookie_sources;
mod doctor;
mod env_file;
mod error;
mod flags;
mod gossip;
mod host;
mod otlp;
mod report;
mod resolve;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod visit;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use super::output::LogFormat;
use beamlink::epmd::EpmdMode;
use beamlink::gossip::Gossip;
use beamlink::{Cookie, NodeName};

pub(crate) use cookie_sources::cookie_sources;
pub(crate) use doctor::{DoctorFlags, Examine};
pub(crate) use error::SettingsError;
pub(crate) use flags::Flags;
pub(crate) use gossip::{Heartbeat, HeartbeatFlags, Listen, ListenFlags};
pub(crate) use report::Report;
pub(crate) use resolve::http_address;
pub(crate) use source::Surroundings;
pub(crate) use visit::{AskEpmd, AskFlags, ServeEpmd, ServeFlags, Visit, VisitFlags};

/// Everything that `beamlink join` needs to know, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) name: NodeName,
    pub(crate) cookie: Cookie,
    pub(crate) hidden: bool,
    pub(crate) net_ticktime: Duration,
    /// None: neither send heartbeats nor listen for them.
    pub(crate) gossip: Option<Gossip>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) epmd: EpmdMode,
    pub(crate) epmd_port: u16,
    /// None: any that is free.
    pub(crate) dist_port: Option<u16>,
    /// None: all.
    pub(crate) dist_addr: Option<IpAddr>,
    pub(crate) state_dir: Option<PathBuf>,
    /// None: no HTTP.
    pub(crate) http: Option<SocketAddr>,
    /// How many peers must be up for the node to be ready.
    pub(crate) ready_when: usize,
    /// None: nothing is exported.
    #[cfg(feature = "otel")]
    pub(crate) otlp: Option<crate::otel::Endpoint>,
    pub(crate) exit_when: Option<usize>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) json: bool,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    /// All of the above as shown to a person, with where it came from.
    pub(crate) report: Report,
    /// What a person should know although it stops nothing.
    pub(crate) warnings: Vec<String>,
}

/// A peer named by hand, `name@host` or `name@host=port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) node: NodeName,
    pub(crate) port: Option<u16>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}={port}", self.node),
            None => self.node.fmt(f),
        }
    }
}

impl Settings {
    /// The files that secrets were read from, with their modes.
    pub(crate) fn secret_files(&self) -> Vec<(PathBuf, u32)> {
        let origins = [&table::COOKIE, &table::SECRET].map(|setting| self.report.origin(setting));
        let files = origins
            .into_iter()
            .flatten()
            .filter_map(|origin| match origin {
                source::Origin::File { path, .. } => Some(path),
                _ => None,
            });
        files
            .filter_map(|path| Some((path.to_path_buf(), cookie_file::mode(&path).ok()?)))
            .collect()
    }

    /// Finds every setting's effective value.
    ///
    /// # Errors
    /// The first value that cannot be used, with its source.
    pub(crate) fn resolve(
        flags: &Flags,
        surroundings: &Surroundings,
    ) -> Result<Settings, SettingsError> {
        let mut from = resolve::Resolver::new(flags, surroundings)?;
        let peers = from.peers()?;
        let name = from.name(&peers)?;
        let hidden = from.with_default(&table::HIDDEN, resolve::switch)?;
        let net_ticktime =
            from.with_default(&table::NET_TICKTIME, resolve::parsed::<NonZeroU16>)?;
        let gossip = match from.with_default(&table::NO_GOSSIP, resolve::switch)? {
            true => None,
            false => Some(from.gossip()?),
        };
        let epmd = from.with_default(&table::EPMD, resolve::epmd_mode)?;
        let epmd_port = from.with_default(&table::EPMD_PORT, resolve::port)?;
        let dist_port = from.optional(&table::DIST_PORT, resolve::port)?;
        let ports_fixed = dist_port.is_some() && peers.iter().all(|peer| peer.port.is_some());
        if epmd == EpmdMode::None && !ports_fixed {
            return Err(SettingsError::FixedPorts {
                origin: from.origin(&table::EPMD),
            });
        }
        let dist_addr = from.optional(&table::DIST_ADDR, resolve::parsed)?;
        let state_dir = from.state_dir()?;
        let http = from.optional(&table::HTTP, resolve::http_address)?;
        let ready_when = from.with_default(&table::READY_WHEN, resolve::parsed)?;
        #[cfg(feature = "otel")]
        let otlp = from.otlp()?;
        #[cfg(not(feature = "otel"))]
        from.no_otlp()?;
        let exit_when = from
            .optional(&table::EXIT_WHEN, resolve::parsed)?
            .map(NonZeroUsize::get);
        let timeout = from
            .optional(&table::TIMEOUT, resolve::seconds)?
            .map(Duration::from_secs_f64);
        let json = from.with_default(&table::JSON, resolve::switch)?;
        let log = from.with_default(&table::LOG, resolve::log_filter)?;
        let log_format = from.with_default(&table::LOG_FORMAT, resolve::log_format)?;
        // Last, so that a missing cookie file does not hide what else is wrong.
        let cookie = from.cookie()?;
        Ok(Settings {
            name,
            cookie,
            hidden,
            net_ticktime: Duration::from_secs(net_ticktime.get().into()),
            gossip,
            peers,
            epmd,
            epmd_port,
            dist_port,
            dist_addr,
            state_dir,
            http,
            ready_when,
            #[cfg(feature = "otel")]
            otlp,
            exit_when,
            timeout,
            json,
            log,
            log_format,
            report: from.report,
            warnings: from.warnings,
        })
    }
}
