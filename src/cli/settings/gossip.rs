//! The settings of the commands that listen for heartbeats, and that send one.

use std::path::Path;

use beamlink::GossipSecret;
use beamlink::doctor::discovery::Candidate;
use beamlink::gossip::Gossip;

use super::cookie_file;
use super::error::SettingsError;
use super::flags::{Only, Subset};
use super::resolve::{self, Resolver};
use super::source::{Origin, Surroundings};
use super::table::{self, Setting};

/// The flags of a command that listens for heartbeats.
pub(crate) type ListenFlags = Only<Listening>;
/// The flags of a command that sends one.
pub(crate) type HeartbeatFlags = Only<Sending>;

pub(crate) struct Listening;
pub(crate) struct Sending;

impl Subset for Listening {
    const SETTINGS: &'static [&'static Setting] = table::LISTEN;
}

impl Subset for Sending {
    const SETTINGS: &'static [&'static Setting] = table::HEARTBEAT;
}

/// What it takes to listen, checked.
#[derive(Debug)]
pub(crate) struct Listen {
    pub(crate) gossip: Gossip,
    /// The configured one, then those of the flags.
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) epmd_port: u16,
    pub(crate) json: bool,
    /// What a person should know although it stops nothing.
    pub(crate) warnings: Vec<String>,
}

impl Listen {
    /// Finds the effective settings.
    ///
    /// # Errors
    /// The first value that cannot be used, with its source.
    pub(crate) fn resolve(
        flags: &ListenFlags,
        surroundings: &Surroundings,
    ) -> Result<Listen, SettingsError> {
        let to_try = &flags.flags;
        let configured = to_try.without(&[&table::SECRET, &table::SECRET_FILE]);
        let mut from = Resolver::new(&configured, surroundings)?;
        let gossip = from.gossip()?;
        let mut candidates = Vec::new();
        if let Some(secret) = &gossip.secret {
            candidates.push(Candidate {
                label: from.origin(&table::SECRET).to_string(),
                secret: secret.clone(),
            });
        }
        if let Some(secret) = &gossip.old_secret {
            candidates.push(Candidate {
                label: from.origin(&table::OLD_SECRET_FILE).to_string(),
                secret: secret.clone(),
            });
        }
        for (at, text) in (1..).zip(to_try.get(&table::SECRET).unwrap_or_default()) {
            candidates.push(Candidate {
                label: format!("flag --secret {at}"),
                secret: GossipSecret::new(text.as_bytes()),
            });
        }
        for path in to_try.get(&table::SECRET_FILE).unwrap_or_default() {
            candidates.push(in_file(Path::new(path.as_str()))?);
        }
        Ok(Listen {
            gossip,
            candidates,
            epmd_port: from.with_default(&table::EPMD_PORT, resolve::port)?,
            json: from.with_default(&table::LISTEN_JSON, resolve::switch)?,
            warnings: from.warnings,
        })
    }
}

fn in_file(path: &Path) -> Result<Candidate, SettingsError> {
    match cookie_file::gossip_secret(path) {
        Ok((secret, _)) => Ok(Candidate {
            label: format!("file {}", path.display()),
            secret,
        }),
        Err(error) => Err(SettingsError::NamedFile {
            origin: Origin::Flag(table::SECRET_FILE.flag),
            error,
        }),
    }
}

/// What it takes to send a heartbeat, checked.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    pub(crate) gossip: Gossip,
    pub(crate) json: bool,
    /// What a person should know although it stops nothing.
    pub(crate) warnings: Vec<String>,
}

impl Heartbeat {
    /// Finds the effective settings.
    ///
    /// # Errors
    /// The first value that cannot be used, with its source.
    pub(crate) fn resolve(
        flags: &HeartbeatFlags,
        surroundings: &Surroundings,
    ) -> Result<Heartbeat, SettingsError> {
        let mut from = Resolver::new(&flags.flags, surroundings)?;
        Ok(Heartbeat {
            gossip: from.gossip()?,
            json: from.with_default(&table::ANSWER_JSON, resolve::switch)?,
            warnings: from.warnings,
        })
    }
}
