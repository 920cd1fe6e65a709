//! The settings of the commands that are no node for long.

use std::time::Duration;

use beamlink::Cookie;

use super::error::SettingsError;
use super::flags::{Only, Subset};
use super::resolve::{self, Resolver};
use super::source::{Origin, Surroundings};
use super::table::{self, Setting};
use super::{Peer, host};

/// The flags of a command that visits a peer.
pub(crate) type VisitFlags = Only<Visiting>;
/// The flags of a command that asks an EPMD.
pub(crate) type AskFlags = Only<Asking>;
/// The flags of an EPMD.
pub(crate) type ServeFlags = Only<Serving>;

pub(crate) struct Visiting;
pub(crate) struct Asking;
pub(crate) struct Serving;

impl Subset for Visiting {
    const SETTINGS: &'static [&'static Setting] = table::VISIT;
}

impl Subset for Asking {
    const SETTINGS: &'static [&'static Setting] = table::ASK_EPMD;
}

impl Subset for Serving {
    const SETTINGS: &'static [&'static Setting] = table::SERVE_EPMD;
}

/// What a visit needs to know, checked.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) peer: Peer,
    pub(crate) cookie: Cookie,
    pub(crate) epmd_port: u16,
    pub(crate) timeout: Option<Duration>,
    pub(crate) json: bool,
    pub(crate) log: Option<String>,
    /// What a person should know although it stops nothing.
    pub(crate) warnings: Vec<String>,
}

impl Visit {
    /// Finds the effective settings of a visit to `node`: `name@host`, `name@host=port`, or a name on this host.
    ///
    /// # Errors
    /// The first value that cannot be used, with its source.
    pub(crate) fn resolve(
        node: &str,
        flags: &VisitFlags,
        surroundings: &Surroundings,
    ) -> Result<Visit, SettingsError> {
        let mut from = Resolver::new(&flags.flags, surroundings)?;
        Ok(Visit {
            peer: peer(node, surroundings)?,
            epmd_port: from.with_default(&table::EPMD_PORT, resolve::port)?,
            timeout: timeout(&mut from)?,
            json: from.with_default(&table::ANSWER_JSON, resolve::switch)?,
            log: from.optional(&table::QUIET_LOG, resolve::log_filter)?,
            // Last, so that a missing cookie file does not hide what else is wrong.
            cookie: from.cookie()?,
            warnings: from.warnings,
        })
    }
}

/// What it takes to ask an EPMD.
#[derive(Debug)]
pub(crate) struct AskEpmd {
    pub(crate) port: u16,
    pub(crate) timeout: Option<Duration>,
    pub(crate) json: bool,
}

impl AskEpmd {
    /// # Errors
    /// As for [`Visit::resolve`].
    pub(crate) fn resolve(
        flags: &AskFlags,
        surroundings: &Surroundings,
    ) -> Result<AskEpmd, SettingsError> {
        let mut from = Resolver::new(&flags.flags, surroundings)?;
        Ok(AskEpmd {
            port: from.with_default(&table::EPMD_PORT, resolve::port)?,
            timeout: timeout(&mut from)?,
            json: from.with_default(&table::ANSWER_JSON, resolve::switch)?,
        })
    }
}

/// What it takes to be an EPMD.
#[derive(Debug)]
pub(crate) struct ServeEpmd {
    pub(crate) port: u16,
    pub(crate) log: String,
}

impl ServeEpmd {
    /// # Errors
    /// As for [`Visit::resolve`].
    pub(crate) fn resolve(
        flags: &ServeFlags,
        surroundings: &Surroundings,
    ) -> Result<ServeEpmd, SettingsError> {
        let mut from = Resolver::new(&flags.flags, surroundings)?;
        Ok(ServeEpmd {
            port: from.with_default(&table::EPMD_PORT, resolve::port)?,
            log: from.with_default(&table::LOG, resolve::log_filter)?,
        })
    }
}

fn timeout(from: &mut Resolver<'_>) -> Result<Option<Duration>, SettingsError> {
    let seconds = from.optional(&table::TIMEOUT, resolve::seconds)?;
    Ok(seconds.map(Duration::from_secs_f64))
}

/// `name@host`, `name@host=port`, or a name on this host.
pub(super) fn peer(text: &str, surroundings: &Surroundings) -> Result<Peer, SettingsError> {
    let host = host::short(&surroundings.hostname);
    let full = match (text.contains('@'), text.split_once('=')) {
        (true, _) => text.to_owned(),
        (false, Some((name, port))) => format!("{name}@{host}={port}"),
        (false, None) => format!("{text}@{host}"),
    };
    let peer = resolve::peer(&full);
    peer.map_err(|problem| SettingsError::Value {
        origin: Origin::Argument("NODE"),
        problem,
    })
}
