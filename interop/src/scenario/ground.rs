//! The hosts of a run, what runs there, and how each step happens to it.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::cause::Causes;
use super::strangers::{self, Door, Names, Starving};
use super::{EPMD_PORT, Figure, GUESTS, Guest, HEALED, Outcome, Peer, Scenario, Step, Who};
use crate::beam::BeamNode;
use crate::beamlink::Beamlink;
use crate::epmd::Epmd;
use crate::link::{BlackHole, Link};
use crate::net::{Bridge, Namespace};
use crate::otp::Otp;
use crate::skip::Missing;

/// The host of forgers: nobody of the cluster lives there.
const FAR: &str = "far9";
/// What a flood of forged heartbeats may cost the guest: a share of a processor, memory, and dials of strangers (16 at
/// once and 4 a second, as `MembershipConfig` has it).
const FLOOD_CPU: f64 = 0.5;
const FLOOD_MEMORY_KIB: u64 = 16 * 1024;
const FLOOD_DIALS: usize = 16;
const FLOOD_DIALS_A_SECOND: usize = 4;

/// Starting a BEAM takes a processor for a second. Where scenarios run side by side, nobody starts one while another
/// measures.
pub(super) static QUIET: RwLock<()> = RwLock::new(());

pub(super) struct Ground<'a> {
    // Dropped before the hosts that they run on.
    starving: Vec<(Who, Starving)>,
    pub(super) guests: [Option<Beamlink>; 2],
    /// A real node in the place of the first guest.
    pub(super) stand_in: Option<BeamNode>,
    pub(super) nodes: Vec<Option<BeamNode>>,
    links: BTreeMap<usize, Link>,
    epmds: BTreeMap<usize, Epmd>,
    stale: Vec<TcpStream>,
    /// Those of the nodes, of the guests, and [`FAR`].
    pub(super) hosts: Vec<Namespace>,
    _bridge: Bridge,
    pub(super) guest: Option<Guest<'a>>,
    pub(super) scenario: &'a Scenario,
    pub(super) peers: Vec<Peer>,
    pub(super) releases: &'a [Otp],
    holes: Vec<(usize, usize)>,
    hosts_table: String,
    files: usize,
    /// Nodes that are frozen or cut off: nobody waits for them.
    pub(super) away: Vec<Who>,
    /// What the guest remembers between its lives.
    pub(super) memory: PathBuf,
    pub(super) outcome: Outcome,
    pub(super) causes: Causes,
    /// The resets of each node's store that do not count.
    pub(super) resets_before: Vec<usize>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        releases: &'a [Otp],
        guest: Option<Guest<'a>>,
    ) -> Result<Ground<'a>, Missing> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let peers = scenario.peers.iter().map(|peer| peer.on.as_str());
        let others = GUESTS.iter().map(|(_, host)| *host).chain([FAR]);
        let names: Vec<String> = peers
            .chain(others)
            .map(|name| scenario.host(name))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (bridge, hosts) = match scenario.ipv6 {
            true => Bridge::ipv6(&names)?,
            false => Bridge::new(&names)?,
        };
        let nodes = scenario.peers.len();
        let epmd = |(at, host)| Ok((at, Epmd::start(EPMD_PORT, Some(host))?));
        let epmds = hosts.iter().enumerate().take(nodes).map(epmd);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("beamlink-ground-{}-{number}", std::process::id());
        Ok(Ground {
            starving: Vec::new(),
            guests: [None, None],
            stand_in: None,
            nodes: (0..nodes).map(|_| None).collect(),
            links: BTreeMap::new(),
            epmds: epmds.collect::<Result<BTreeMap<usize, Epmd>, Missing>>()?,
            stale: Vec::new(),
            hosts_table: hosts[0].hosts()?,
            hosts,
            _bridge: bridge,
            guest,
            scenario,
            peers: scenario.peers.clone(),
            releases,
            holes: Vec::new(),
            files: 0,
            away: Vec::new(),
            memory: std::env::temp_dir().join(folder),
            outcome: Outcome::default(),
            causes: Causes::default(),
            resets_before: vec![0; nodes],
        })
    }

    fn at(&self, who: Who) -> usize {
        match who {
            Who::Node(at) => at,
            Who::Guest => self.scenario.peers.len(),
            Who::SecondGuest => self.scenario.peers.len() + 1,
        }
    }

    fn far(&self) -> &Namespace {
        &self.hosts[self.scenario.peers.len() + 2]
    }

    pub(super) fn happens(&mut self, step: &Step) -> Result<(), Missing> {
        let name = |who: &Who| match who {
            Who::Node(at) => Some(self.scenario.name_of(&self.peers[*at])),
            Who::Guest | Who::SecondGuest => None,
        };
        self.causes.happens(step, name);
        match step {
            Step::Starts(all) => self.start(all)?,
            Step::Stops(who) => self.ends(*who, true),
            Step::Killed(who) => self.ends(*who, false),
            Step::Freezes(who) => {
                self.signal(*who, true);
                self.away.push(*who);
            }
            Step::Thaws(who) => {
                self.signal(*who, false);
                self.returns(*who);
            }
            Step::Starves(who) => {
                let pid = self.os_pid(*who);
                let starving = pid.map(|pid| (*who, Starving::of(pid)));
                self.starving.extend(starving);
            }
            Step::Feeds(who) => self.starving.retain(|(starving, _)| starving != who),
            Step::FilesRunOut => {
                if let Some(guest) = &self.guests[0] {
                    self.files = guest.open_files().unwrap_or(0);
                    guest.limit_files(self.files);
                }
            }
            Step::FilesReturn => self
                .guests
                .iter()
                .flatten()
                .for_each(|guest| guest.limit_files(1024)),
            Step::Changes(who, change) => {
                if let Who::Node(at) = who {
                    self.peers[*at].change(change);
                }
            }
            Step::Unplugged(all) => {
                for who in all {
                    self.hosts[self.at(*who)].link_down()?;
                    self.away.push(*who);
                }
            }
            Step::Plugged(all) => {
                for who in all {
                    self.hosts[self.at(*who)].link_up()?;
                    self.returns(*who);
                }
            }
            Step::Readdressed(who) => self.readdress(self.at(*who))?,
            Step::Parted(some, others) => {
                for one in some {
                    for other in others {
                        self.holes.push((self.at(*one), self.at(*other)));
                        self.holes.push((self.at(*other), self.at(*one)));
                    }
                }
                self.dig()?;
            }
            Step::Deafened(from, to) => {
                self.holes.push((self.at(*from), self.at(*to)));
                self.dig()?;
            }
            Step::Healed => {
                self.holes.clear();
                self.dig()?;
            }
            Step::Impaired(who, impairment) => self.link(self.at(*who))?.set(*impairment),
            Step::Forgets(one, other) => {
                let forgotten = self.hosts[self.at(*other)].host();
                let kept = self.hosts_table.lines();
                let kept = kept.filter(|line| !line.ends_with(&format!(" {forgotten}")));
                let kept: String = kept.map(|line| format!("{line}\n")).collect();
                self.hosts[self.at(*one)].set_hosts(&kept)?;
            }
            Step::Remembered => {
                for host in &self.hosts {
                    host.set_hosts(&self.hosts_table)?;
                }
            }
            Step::EpmdKilled(who) => {
                if let Some(epmd) = self.epmds.remove(&self.at(*who)) {
                    epmd.kill9();
                }
            }
            Step::EpmdStarts(who) => {
                let at = self.at(*who);
                let epmd = Epmd::start(EPMD_PORT, Some(&self.hosts[at]))?;
                self.epmds.insert(at, epmd);
            }
            Step::StaleNames(who) => {
                let host = &self.hosts[self.at(*who)];
                self.stale
                    .extend(strangers::register_stale(host, EPMD_PORT)?);
            }
            Step::Flooded(names, time) => self.flood(*names, *time)?,
            Step::NameTaken => self.name_taken(),
            Step::Does(who, expression) => {
                if let Some(node) = self.node(*who) {
                    let _ = node.ask(expression);
                }
            }
            Step::Sees(who, expression, expected) => {
                if self.guest.is_some()
                    && let Some(node) = self.node(*who)
                {
                    node.wait_until(expression, expected, HEALED);
                }
            }
            Step::CountsAnew => self.counts_anew(),
            Step::Passes(time) => std::thread::sleep(*time),
            Step::Whole(name) => self.whole(name),
        }
        Ok(())
    }

    fn node(&mut self, who: Who) -> Option<&mut BeamNode> {
        match who {
            Who::Node(at) => self.nodes[at].as_mut(),
            Who::Guest | Who::SecondGuest => None,
        }
    }

    fn os_pid(&self, who: Who) -> Option<u32> {
        match who {
            Who::Node(at) => self.nodes[at].as_ref().map(BeamNode::os_pid),
            Who::Guest => self.guests[0].as_ref().map(Beamlink::os_pid),
            Who::SecondGuest => self.guests[1].as_ref().map(Beamlink::os_pid),
        }
    }

    fn returns(&mut self, who: Who) {
        self.away.retain(|away| *away != who);
    }

    /// What a node has counted and logged goes with it.
    fn ends(&mut self, who: Who, in_order: bool) {
        let number = match who {
            Who::Guest => {
                self.stand_in = None;
                0
            }
            Who::SecondGuest => 1,
            Who::Node(at) => {
                if let Some(mut node) = self.nodes[at].take() {
                    self.collect(at, &mut node);
                    match in_order {
                        true => node.stop(),
                        false => node.kill9(),
                    }
                }
                return;
            }
        };
        match (self.guests[number].take(), in_order) {
            (Some(guest), true) => drop(guest.terminate()),
            (Some(guest), false) => guest.kill9(),
            (None, _) => {}
        }
    }

    fn signal(&self, who: Who, freeze: bool) {
        let guest = |number: usize| self.guests[number].iter();
        match (who, freeze) {
            (Who::Node(at), true) => self.nodes[at].iter().for_each(BeamNode::freeze),
            (Who::Node(at), false) => self.nodes[at].iter().for_each(BeamNode::thaw),
            (Who::Guest, true) => guest(0).for_each(Beamlink::freeze),
            (Who::Guest, false) => guest(0).for_each(Beamlink::thaw),
            (Who::SecondGuest, true) => guest(1).for_each(Beamlink::freeze),
            (Who::SecondGuest, false) => guest(1).for_each(Beamlink::thaw),
        }
    }

    fn readdress(&mut self, at: usize) -> Result<(), Missing> {
        let (old, host) = (
            self.hosts[at].address().to_owned(),
            self.hosts[at].host().to_owned(),
        );
        let new = format!("172.20.7.{}", at + 2);
        self.hosts[at].readdress(&new)?;
        let (before, after) = (format!("{old} {host}\n"), format!("{new} {host}\n"));
        self.hosts_table = self.hosts_table.replace(&before, &after);
        self.happens(&Step::Remembered)
    }

    fn link(&mut self, at: usize) -> Result<&Link, Missing> {
        if !self.links.contains_key(&at) {
            let link = self.hosts[at].impair(self.scenario.seed)?;
            self.links.insert(at, link);
        }
        Ok(&self.links[&at])
    }

    /// Makes the black holes of each link those that are wanted now.
    fn dig(&mut self) -> Result<(), Missing> {
        let ends: Vec<usize> = self.holes.iter().map(|(_, to)| *to).collect();
        for at in ends {
            self.link(at)?;
        }
        for (at, link) in &self.links {
            let from = self.holes.iter().filter(|(_, to)| to == at);
            let holes = from.map(|(from, _)| BlackHole::From(&self.hosts[*from]));
            link.black_holes(&holes.collect::<Vec<BlackHole<'_>>>());
        }
        Ok(())
    }

    fn flood(&mut self, names: Names, time: Duration) -> Result<(), Missing> {
        let members = self.peers.iter().filter(|peer| !peer.stranger);
        let real: Vec<String> = members.map(|peer| self.scenario.name_of(peer)).collect();
        let stale = self.hosts[0].host();
        let forged = strangers::named(names, &real, self.far().host(), stale);
        let secret = match self.scenario.secret {
            Some(secret) => format!("{secret:?}"),
            None => "nil".to_owned(),
        };
        let Some(maker) = self.nodes.iter_mut().flatten().next() else {
            return Ok(());
        };
        let packets = strangers::packets(maker, &forged, &secret);
        let Some(guest) = &self.guests[0] else {
            return Ok(());
        };
        let door = Door::open(self.far(), EPMD_PORT)?;
        let before = (guest.cpu(), guest.rss_kib());
        let address = self.hosts[self.at(Who::Guest)].address();
        let sent = strangers::flood(self.far(), address, &packets, time)?;
        let cpu = guest.cpu().zip(before.0).map(|(now, then)| now - then);
        let grown = guest.rss_kib().zip(before.1);
        let share = cpu.map_or(1.0, |cpu| cpu.as_secs_f64() / time.as_secs_f64());
        let grown = grown.map_or(u64::MAX, |(now, then)| now.saturating_sub(then));
        let dials = door.knocks();
        let seconds = usize::try_from(time.as_secs()).unwrap_or(0);
        let most = FLOOD_DIALS + FLOOD_DIALS_A_SECOND * (seconds + 1);
        self.outcome.figures.push(Figure {
            what: format!("{names:?} names").to_lowercase(),
            shown: format!(
                "{sent} heartbeats in {seconds} s, {:.0} % of a processor, {grown} KiB more, {dials} dials of a stranger",
                share * 100.0
            ),
            beyond: sent == 0 || share > FLOOD_CPU || grown > FLOOD_MEMORY_KIB || dials > most,
        });
        Ok(())
    }

    fn name_taken(&mut self) {
        let Some(Guest::Beamlink(binary)) = self.guest else {
            return;
        };
        let mut twin = Beamlink::start(self.beamlink(binary, 0));
        let status = twin.wait(HEALED);
        let code = status.and_then(|status| status.code());
        self.outcome.figures.push(Figure {
            what: "status of a second one under the name".to_owned(),
            shown: code.map_or("none".to_owned(), |code| code.to_string()),
            beyond: code.is_none_or(|code| code == 0),
        });
    }
}

impl Drop for Ground<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.memory);
    }
}
