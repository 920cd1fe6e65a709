//! What each is started with.

use std::path::Path;

use super::ground::{Ground, QUIET};
use super::{COOKIE, EPMD_PORT, Guest, Who};
use crate::beam::{BeamNode, BeamOptions};
use crate::beamlink::{Beamlink, BeamlinkOptions};
use crate::skip::Missing;

/// Dozens of nodes share a few processors, which none keeps while it waits.
const NO_BUSY_WAIT: &str = "+sbwt none +sbwtdcpu none +sbwtdio none";

impl Ground<'_> {
    pub(super) fn start(&mut self, all: &[Who]) -> Result<(), Missing> {
        let quiet = QUIET.read();
        if let Some(Guest::Beam(deeds)) = self.guest
            && all.contains(&Who::Guest)
        {
            let mut stand_in = BeamNode::start(self.stand_in())?;
            stand_in.value(deeds);
            self.stand_in = Some(stand_in);
        }
        if let Some(Guest::Beamlink(binary)) = self.guest {
            for (number, who) in [Who::Guest, Who::SecondGuest].iter().enumerate() {
                if all.contains(who) {
                    self.guests[number] = Some(Beamlink::start(self.beamlink(binary, number)));
                }
            }
        }
        let number = |who: &Who| match who {
            Who::Node(at) => Some(*at),
            Who::Guest | Who::SecondGuest => None,
        };
        let numbers: Vec<usize> = all.iter().filter_map(number).collect();
        let options = numbers.iter().map(|at| self.beam(*at)).collect();
        let started = BeamNode::start_all(options)?;
        for (at, node) in numbers.into_iter().zip(started) {
            self.nodes[at] = Some(node);
            self.resets_before[at] = 0;
        }
        drop(quiet);
        Ok(())
    }

    /// Whether nodes of several releases are here: the `pg` of OTP 25 ends over and over again where a later one says
    /// `{discover, Pid, 1}` to it, with a guest and without.
    pub(super) fn is_mixed(&self) -> bool {
        self.releases.len() > 1
    }

    /// A real node in the place of the guest.
    fn stand_in(&self) -> BeamOptions<'_> {
        let scenario = self.scenario;
        let name = scenario.guest(0);
        let options = BeamOptions::new(&self.releases[0], &name, COOKIE, EPMD_PORT)
            .on(&self.hosts[scenario.peers.len()])
            .net_ticktime(scenario.ticktime)
            .erl(NO_BUSY_WAIT)
            .env("FIXTURE_GOSSIP", "on")
            .env("FIXTURE_BROADCAST_ONLY", "true")
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255");
        match scenario.secret {
            Some(secret) => options.env("EX_ESDB_CLUSTER_SECRET", secret),
            None => options,
        }
    }

    /// Whether a guest runs.
    pub(super) fn is_here(&self, number: usize) -> bool {
        self.guests[number].is_some() || (number == 0 && self.stand_in.is_some())
    }

    pub(super) fn beamlink(&self, binary: &Path, number: usize) -> BeamlinkOptions<'_> {
        let scenario = self.scenario;
        let options = BeamlinkOptions::new(binary)
            .on(&self.hosts[scenario.peers.len() + number])
            .env("HOME", "/nonexistent")
            .env("RELEASE_COOKIE", COOKIE)
            .env("BEAMLINK_NAME", &scenario.guest(number))
            .env("BEAMLINK_NET_TICKTIME", &scenario.ticktime.to_string())
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255")
            .args(&["--broadcast-only"]);
        let options = match scenario.secret {
            Some(secret) => options.env("EX_ESDB_CLUSTER_SECRET", secret),
            None => options,
        };
        match scenario.remembers {
            true => options.args(&["--state-dir", &self.memory.to_string_lossy()]),
            false => options,
        }
    }

    fn beam(&self, at: usize) -> BeamOptions<'_> {
        let peer = &self.peers[at];
        let name = self.scenario.name_of(peer);
        let otp = &self.releases[at % self.releases.len()];
        let mut options = BeamOptions::new(otp, &name, &peer.cookie, EPMD_PORT)
            .on(&self.hosts[at])
            .net_ticktime(peer.ticktime)
            .erl(NO_BUSY_WAIT)
            .env("FIXTURE_GOSSIP", "on")
            .env("FIXTURE_PG", if self.is_mixed() { "off" } else { "on" })
            .env("FIXTURE_EXESDB", if peer.stranger { "off" } else { "on" })
            .env("FIXTURE_BROADCAST_ONLY", "true")
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255");
        if self.scenario.secret.is_some() {
            options = options.env("EX_ESDB_CLUSTER_SECRET", &peer.secret);
        }
        peer.erl
            .iter()
            .fold(options, |options, flag| options.erl(flag))
    }
}
