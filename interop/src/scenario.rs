//! Scenarios: what happens to a cluster, told as values, so that the same can happen with a guest and without one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::beam::{BeamNode, BeamOptions};
use crate::beamlink::{Beamlink, BeamlinkOptions};
use crate::epmd::Epmd;
use crate::impairment::Impairment;
use crate::link::{BlackHole, Link};
use crate::net::{Bridge, Namespace};
use crate::otp::Otp;
use crate::skip::Missing;

const COOKIE: &str = "reg_greenhouse_clique";
const SECRET: &str = "dev_cluster_secret_2025";
const EPMD_PORT: u16 = 4369;
/// Longer than anything takes that heals by itself: a guest leaves 10 s between a loss and its next dial.
const HEALED: Duration = Duration::from_secs(120);

/// Someone to whom something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Real node number so, on a host of its own.
    Node(usize),
    /// The guest. In a run without one, what happens to it does not happen.
    Guest,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// They start, all at once.
    Starts(Vec<Who>),
    /// It ends in good order.
    Stops(Who),
    /// It is killed (SIGKILL).
    Killed(Who),
    /// It stops where it is (SIGSTOP).
    Freezes(Who),
    /// It goes on (SIGCONT).
    Thaws(Who),
    /// The cables of these are pulled.
    Unplugged(Vec<Who>),
    /// The cables of these are put back.
    Plugged(Vec<Who>),
    /// Nothing that is sent between these two sides arrives: nothing is down, nothing is refused.
    Parted(Vec<Who>, Vec<Who>),
    /// What the first sends to the second vanishes, and only that.
    Deafened(Who, Who),
    /// All that was parted or deafened is as before.
    Healed,
    /// The cable of this one is bad, both ways.
    Impaired(Who, Impairment),
    /// So much time passes.
    Passes(Duration),
    /// All that run list each other again, and this is how the time until then is called.
    Whole(&'static str),
}

/// A cluster, and what happens to it once it stands.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is about, as a sentence without its dot.
    pub name: &'static str,
    /// Real nodes.
    pub nodes: usize,
    /// `net_ticktime` of all, in seconds.
    pub ticktime: u32,
    /// The seed of whatever is left to chance.
    pub seed: u64,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// Why stores are reset oftener with a guest, and nothing that a guest does can change that.
    pub resets_because: Option<&'static str>,
}

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// How often a real node lost another, over all nodes.
    pub losses: usize,
    /// What real nodes logged from level warning up.
    pub log: Vec<String>,
    /// What nodes ask of their cluster, at the end: the worst median of all nodes, in µs.
    pub probe: BTreeMap<String, u64>,
    /// How long each [`Step::Whole`] took.
    pub whole: Vec<(&'static str, Duration)>,
    /// How often a store was reset, and how many events were lost.
    pub resets: usize,
}

impl Scenario {
    /// A cluster of so many real nodes with `net_ticktime` 4.
    pub fn new(name: &'static str, nodes: usize, steps: Vec<Step>) -> Scenario {
        Scenario {
            name,
            nodes,
            ticktime: 4,
            seed: 1,
            steps,
            resets_because: None,
        }
    }

    /// Says why a store may be reset oftener with a guest than without.
    #[must_use]
    pub fn resets_because(mut self, reason: &'static str) -> Scenario {
        self.resets_because = Some(reason);
        self
    }

    /// What was worse `with` a guest than `without`: nothing must be.
    pub fn harm(&self, with: &Outcome, without: &Outcome) -> Vec<String> {
        let mut harm = with.harm(without);
        if with.resets > without.resets && self.resets_because.is_none() {
            harm.push(format!(
                "{} stores were reset, {} without",
                with.resets, without.resets
            ));
        }
        harm
    }

    /// Lets it happen, with the guest `binary` or without one.
    ///
    /// # Errors
    /// When this machine cannot: no root, no such OTP.
    ///
    /// # Panics
    /// When the cluster does not become whole again.
    pub fn run(&self, otp: &Otp, guest: Option<&Path>) -> Result<Outcome, Missing> {
        let mut ground = Ground::new(self, otp, guest)?;
        for step in &self.steps {
            ground.happens(step)?;
        }
        Ok(ground.outcome())
    }
}

/// The hosts of a run, and what runs there.
struct Ground<'a> {
    // Dropped before the hosts that they run on.
    guest: Option<Beamlink>,
    nodes: Vec<Option<BeamNode>>,
    links: BTreeMap<usize, Link>,
    _epmds: Vec<Epmd>,
    hosts: Vec<Namespace>,
    _bridge: Bridge,
    binary: Option<&'a Path>,
    scenario: &'a Scenario,
    otp: &'a Otp,
    holes: Vec<(usize, usize)>,
    /// Nodes that are frozen or cut off: nobody waits for them.
    away: Vec<Who>,
    outcome: Outcome,
}

impl<'a> Ground<'a> {
    fn new(
        scenario: &'a Scenario,
        otp: &'a Otp,
        binary: Option<&'a Path>,
    ) -> Result<Ground<'a>, Missing> {
        let names: Vec<String> = (0..scenario.nodes).map(|at| format!("node{at}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.push("rust0");
        let (bridge, hosts) = Bridge::new(&names)?;
        let epmds = hosts.iter().take(scenario.nodes);
        let epmds = epmds.map(|host| Epmd::start(EPMD_PORT, Some(host)));
        let epmds = epmds.collect::<Result<Vec<Epmd>, Missing>>()?;
        Ok(Ground {
            guest: None,
            nodes: (0..scenario.nodes).map(|_| None).collect(),
            links: BTreeMap::new(),
            _epmds: epmds,
            hosts,
            _bridge: bridge,
            binary,
            scenario,
            otp,
            holes: Vec::new(),
            away: Vec::new(),
            outcome: Outcome::default(),
        })
    }

    fn at(&self, who: Who) -> usize {
        match who {
            Who::Node(at) => at,
            Who::Guest => self.scenario.nodes,
        }
    }

    fn happens(&mut self, step: &Step) -> Result<(), Missing> {
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
                self.away.retain(|away| away != who);
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
                    self.away.retain(|away| away != who);
                }
            }
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
            Step::Passes(time) => std::thread::sleep(*time),
            Step::Whole(name) => self.whole(name),
        }
        Ok(())
    }

    fn start(&mut self, all: &[Who]) -> Result<(), Missing> {
        if let (true, Some(binary)) = (all.contains(&Who::Guest), self.binary) {
            let ticktime = self.scenario.ticktime.to_string();
            let options = BeamlinkOptions::new(binary)
                .on(&self.hosts[self.scenario.nodes])
                .env("HOME", "/nonexistent")
                .env("RELEASE_COOKIE", COOKIE)
                .env("BEAMLINK_NAME", "zz_maint_beamlink@rust0")
                .env("BEAMLINK_NET_TICKTIME", &ticktime)
                .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255")
                .env("EX_ESDB_CLUSTER_SECRET", SECRET)
                .args(&["--broadcast-only"]);
            self.guest = Some(Beamlink::start(options));
        }
        let number = |who: &Who| match who {
            Who::Node(at) => Some(*at),
            Who::Guest => None,
        };
        let numbers: Vec<usize> = all.iter().filter_map(number).collect();
        let options = numbers.iter().map(|at| self.beam(*at)).collect();
        let started = BeamNode::start_all(options)?;
        for (at, node) in numbers.into_iter().zip(started) {
            self.nodes[at] = Some(node);
        }
        Ok(())
    }

    fn beam(&self, at: usize) -> BeamOptions<'_> {
        let host = &self.hosts[at];
        let name = format!("ex_esdb@{}", host.host());
        BeamOptions::new(self.otp, &name, COOKIE, EPMD_PORT)
            .on(host)
            .net_ticktime(self.scenario.ticktime)
            .env("FIXTURE_GOSSIP", "on")
            .env("FIXTURE_EXESDB", "on")
            .env("FIXTURE_BROADCAST_ONLY", "true")
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255")
            .env("EX_ESDB_CLUSTER_SECRET", SECRET)
    }

    /// What a node has counted and logged goes with it.
    fn ends(&mut self, who: Who, in_order: bool) {
        match who {
            Who::Guest => {
                let guest = self.guest.take();
                match (guest, in_order) {
                    (Some(guest), true) => drop(guest.terminate()),
                    (Some(guest), false) => guest.kill9(),
                    (None, _) => {}
                }
            }
            Who::Node(at) => {
                let Some(mut node) = self.nodes[at].take() else {
                    return;
                };
                self.collect(&mut node);
                match in_order {
                    true => node.stop(),
                    false => node.kill9(),
                }
            }
        }
    }

    fn signal(&self, who: Who, freeze: bool) {
        match (who, freeze) {
            (Who::Node(at), true) => self.nodes[at].iter().for_each(BeamNode::freeze),
            (Who::Node(at), false) => self.nodes[at].iter().for_each(BeamNode::thaw),
            (Who::Guest, true) => self.guest.iter().for_each(Beamlink::freeze),
            (Who::Guest, false) => self.guest.iter().for_each(Beamlink::thaw),
        }
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

    /// Waits until all that run list each other.
    fn whole(&mut self, name: &'static str) {
        let begin = Instant::now();
        let here = |who: Who| !self.away.contains(&who);
        let guest = self.guest.is_some() && here(Who::Guest);
        let running = |at: &usize| self.nodes[*at].is_some() && here(Who::Node(*at));
        let running: Vec<usize> = (0..self.nodes.len()).filter(running).collect();
        for at in &running {
            let mut others: Vec<String> = running
                .iter()
                .filter(|other| *other != at)
                .map(|other| format!(":ex_esdb@node{other}"))
                .collect();
            if guest {
                others.push(":zz_maint_beamlink@rust0".to_owned());
            }
            let expected = format!("[{}]", others.join(", "));
            if let Some(node) = &mut self.nodes[*at] {
                node.wait_until("Enum.sort(Node.list())", &expected, HEALED);
            }
        }
        self.outcome.whole.push((name, begin.elapsed()));
    }

    /// Adds what a node has to tell.
    fn collect(&mut self, node: &mut BeamNode) {
        let losses = node.value(
            "length(for {_, :nodedown, n, _} <- Fixture.Nodes.events(), String.contains?(to_string(n), \"@node\"), do: n)",
        );
        self.outcome.losses += losses.parse::<usize>().unwrap_or(0);
        // What OTP says of any node that falls silent (`dist_util:con_loop/2`), here of the guest; and what `global`
        // says when the connections of a node end one by one. Links that real nodes lose are counted above.
        let lines = node.value(
            "Enum.reject(Fixture.Log.entries(), &(&1 =~ ~r/Node zz_maint_beamlink@rust0 not responding|prevent overlapping partitions/))",
        );
        if lines != "[]" {
            self.outcome.log.push(format!("{}: {lines}", node.name()));
        }
        let resets = node.value("elem(Fixture.ExESDB.Store.state(), 1)");
        self.outcome.resets += resets.parse::<usize>().unwrap_or(0);
    }

    fn outcome(mut self) -> Outcome {
        for at in 0..self.nodes.len() {
            let Some(mut node) = self.nodes[at].take() else {
                continue;
            };
            for (what, micros) in probe(&mut node) {
                let worst = self.outcome.probe.entry(what).or_default();
                *worst = micros.max(*worst);
            }
            self.nodes[at] = Some(node);
        }
        for at in 0..self.nodes.len() {
            if let Some(mut node) = self.nodes[at].take() {
                self.collect(&mut node);
                self.nodes[at] = Some(node);
            }
        }
        std::mem::take(&mut self.outcome)
    }
}

/// The fixture's probe of one node. A hang is a panic.
fn probe(node: &mut BeamNode) -> BTreeMap<String, u64> {
    let figures =
        node.value("Fixture.Probe.all(9) |> Enum.map_join(\" \", fn {k, v} -> \"#{k}=#{v}\" end)");
    let figures = figures.trim_matches('"').split(' ').map(|figure| {
        let (name, micros) = figure.split_once('=').unwrap_or((figure, ""));
        let micros = micros.parse();
        (
            name.to_owned(),
            micros.unwrap_or_else(|_| panic!("{}: {figure}", node.name())),
        )
    });
    figures.collect()
}

impl Outcome {
    fn harm(&self, without: &Outcome) -> Vec<String> {
        let mut harm = Vec::new();
        if self.losses > without.losses {
            harm.push(format!(
                "real nodes lost each other {} times, {} without",
                self.losses, without.losses
            ));
        }
        if self.log.len() > without.log.len() {
            harm.push(format!(
                "logged: {:?}; without: {:?}",
                self.log, without.log
            ));
        }
        for (what, with) in &self.probe {
            let alone = without.probe.get(what).copied().unwrap_or(0);
            if *with > alone * 12 / 10 + 5_000 {
                harm.push(format!("{what} took {with} µs, {alone} µs without"));
            }
        }
        harm
    }
}
