//! The settings of the doctor.

use beamlink::doctor::Doctor;

use super::cookie_sources;
use super::error::SettingsError;
use super::flags::{Only, Subset};
use super::resolve::{self, Resolver};
use super::source::Surroundings;
use super::table::{self, Setting};
use super::visit::peer;

/// The flags of the doctor.
pub(crate) type DoctorFlags = Only<Examining>;

pub(crate) struct Examining;

impl Subset for Examining {
    const SETTINGS: &'static [&'static Setting] = table::DOCTOR;
}

/// What the doctor needs to know, checked.
#[derive(Debug)]
pub(crate) struct Examine {
    /// With all sections.
    pub(crate) doctor: Doctor,
    pub(crate) json: bool,
    /// What a person should know although it stops nothing.
    pub(crate) warnings: Vec<String>,
}

impl Examine {
    /// Finds the effective settings for a look at `nodes`: each `name@host`, `name@host=port`, or a name on this host.
    ///
    /// # Errors
    /// The first value that cannot be used, with its source.
    pub(crate) fn resolve(
        nodes: &[String],
        flags: &DoctorFlags,
        surroundings: &Surroundings,
    ) -> Result<Examine, SettingsError> {
        let mut from = Resolver::new(&flags.flags, surroundings)?;
        let nodes = nodes.iter().map(|node| {
            let peer = peer(node, surroundings)?;
            Ok((peer.node, peer.port))
        });
        let nodes = nodes.collect::<Result<_, SettingsError>>()?;
        let gossip = from.gossip()?;
        let epmd_port = from.with_default(&table::EPMD_PORT, resolve::port)?;
        let json = from.with_default(&table::ANSWER_JSON, resolve::switch)?;
        Ok(Examine {
            doctor: Doctor {
                nodes,
                // Last, so that a missing cookie file does not hide what else is wrong.
                cookie: from.cookie()?,
                epmd_port,
                gossip,
                cookies: cookie_sources(surroundings),
                sections: beamlink::doctor::Section::ALL.to_vec(),
                listen: Doctor::LISTEN,
            },
            json,
            warnings: from.warnings,
        })
    }
}
