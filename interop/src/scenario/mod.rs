//! Scenarios: what happens to a cluster, told as values, so that the same can happen with a guest and without one.

mod cause;
mod compare;
mod ground;
mod outcome;
mod peer;
mod settled;
mod start;
mod strangers;

use std::path::Path;
use std::time::Duration;

use crate::impairment::Impairment;
use crate::otp::Otp;
use crate::skip::Missing;

pub use compare::Comparison;
pub use outcome::{Figure, Harm, Kind, Outcome};
pub use peer::{Change, Peer};
pub use strangers::Names;

/// The cookie and the secret of the cluster.
const COOKIE: &str = "reg_greenhouse_clique";
const SECRET: &str = "dev_cluster_secret_2025";
const EPMD_PORT: u16 = 4369;
/// Longer than anything takes that heals by itself: a guest leaves 10 s between a loss and its next dial.
const HEALED: Duration = Duration::from_secs(120);
/// How many pairs of runs there are at the most, with a guest and without.
const PAIRS: usize = 5;
/// What guests are called; the second one is there in few scenarios.
const GUESTS: [(&str, &str); 2] = [("zz_maint_beamlink", "rust0"), ("zz_maint_second", "rust1")];

/// Someone to whom something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Real node number so, on a host of its own.
    Node(usize),
    /// The guest. In a run without one, what happens to it does not happen.
    Guest,
    /// Another guest.
    SecondGuest,
}

/// Who is the guest of a run.
#[derive(Debug, Clone, Copy)]
pub enum Guest<'a> {
    /// The built `beamlink`.
    Beamlink(&'a Path),
    /// A real node in its place, which does this (Elixir) when it has started: a guest that is bad on purpose.
    Beam(&'a str),
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
    /// From now on it has a tenth of a processor.
    Starves(Who),
    /// It has what it wants of a processor again.
    Feeds(Who),
    /// The guest can open no more files.
    FilesRunOut,
    /// It can again.
    FilesReturn,
    /// When it starts next, it is different in this.
    Changes(Who, Change),
    /// The cables of these are pulled.
    Unplugged(Vec<Who>),
    /// The cables of these are put back.
    Plugged(Vec<Who>),
    /// Its cable is pulled and put back, and its address is another then, which all know.
    Readdressed(Who),
    /// Nothing that is sent between these two sides arrives: nothing is down, nothing is refused.
    Parted(Vec<Who>, Vec<Who>),
    /// What the first sends to the second vanishes, and only that.
    Deafened(Who, Who),
    /// All that was parted or deafened is as before.
    Healed,
    /// The cable of this one is bad, both ways.
    Impaired(Who, Impairment),
    /// The host of the first cannot resolve the host of the second any more.
    Forgets(Who, Who),
    /// All hosts resolve all others again.
    Remembered,
    /// The EPMD on the host of this one is killed.
    EpmdKilled(Who),
    /// An EPMD starts on the host of this one.
    EpmdStarts(Who),
    /// Five hundred names are registered on the host of this one, behind whose ports nobody is.
    StaleNames(Who),
    /// Somebody sends the guest 10,000 heartbeats a second for so long.
    Flooded(Names, Duration),
    /// Somebody starts a second beamlink under the name of the guest, on its host: it must end by itself.
    NameTaken,
    /// A node does this (Elixir); whatever comes of it.
    Does(Who, &'static str),
    /// With a guest, this (Elixir) is or becomes so at a node.
    Sees(Who, &'static str, &'static str),
    /// Resets of stores count from here on: how often many nodes that start at once reset theirs is chance.
    CountsAnew,
    /// So much time passes.
    Passes(Duration),
    /// All that run list each other again, and this is how the time until then is called.
    Whole(&'static str),
}

/// A cluster, and what happens to it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is about, as a sentence without its dot.
    pub name: &'static str,
    /// Real nodes.
    pub peers: Vec<Peer>,
    /// `net_ticktime` of the guests, in seconds.
    pub ticktime: u32,
    /// The seed of whatever is left to chance.
    pub seed: u64,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// The hosts know each other by IPv6 addresses.
    pub ipv6: bool,
    /// The hosts have long names, with this behind them.
    pub domain: Option<&'static str>,
    /// The secret of the heartbeats; none for plain ones.
    pub secret: Option<&'static str>,
    /// The guest remembers when it left.
    pub remembers: bool,
    /// It is worth a run with nodes of several OTP releases in one cluster.
    pub mixed: bool,
    /// How the cluster falls apart is left to chance, with a guest and without.
    pub chancy: bool,
    /// How many pairs of runs there are at the most.
    pub pairs: usize,
    /// What its nodes are not asked in the end, because it hangs without any guest.
    pub spared: Option<&'static str>,
    /// What is worse with a guest and why nothing that a guest does can change that.
    pub excuses: Vec<(Kind, &'static str)>,
}

impl Scenario {
    /// A cluster of so many real nodes with `net_ticktime` 4.
    pub fn new(name: &'static str, nodes: usize, steps: Vec<Step>) -> Scenario {
        Scenario {
            name,
            peers: (0..nodes).map(Peer::numbered).collect(),
            ticktime: 4,
            seed: std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap_or(1)),
            steps,
            ipv6: false,
            domain: None,
            secret: Some(SECRET),
            remembers: false,
            mixed: false,
            chancy: false,
            pairs: PAIRS,
            spared: None,
            excuses: Vec::new(),
        }
    }

    /// Changes what its nodes are started with.
    #[must_use]
    pub fn each(mut self, change: impl Fn(Peer) -> Peer) -> Scenario {
        self.peers = self.peers.into_iter().map(change).collect();
        self
    }

    /// Adds a node; it is no member of the cluster if it is [`Peer::stranger`].
    #[must_use]
    pub fn peer(mut self, peer: Peer) -> Scenario {
        self.peers.push(peer);
        self
    }

    /// Sets `net_ticktime` of all.
    #[must_use]
    pub fn ticktime(mut self, seconds: u32) -> Scenario {
        self.ticktime = seconds;
        self.each(|peer| peer.ticktime(seconds))
    }

    /// Says that nodes of several OTP releases are to try it together.
    #[must_use]
    pub fn mixed(mut self) -> Scenario {
        self.mixed = true;
        self
    }

    /// Says that how it falls apart is left to chance: `global` of each node disconnects others in the order in which
    /// it hears of losses (`prevent_overlapping_partitions`).
    #[must_use]
    pub fn chancy(mut self) -> Scenario {
        self.chancy = true;
        self
    }

    /// Says why something may be worse with a guest than without.
    #[must_use]
    pub fn excused(mut self, kind: Kind, reason: &'static str) -> Scenario {
        self.excuses.push((kind, reason));
        self
    }

    /// Lets it happen, with a guest or without one, up to where its nodes are to be asked. Node number *n* runs the *n*th of
    /// `releases`, beginning anew behind the last.
    fn play<'a>(
        &'a self,
        releases: &'a [Otp],
        guest: Option<Guest<'a>>,
    ) -> Result<ground::Ground<'a>, Missing> {
        let mut ground = ground::Ground::new(self, releases, guest)?;
        for step in &self.steps {
            ground.happens(step)?;
        }
        Ok(ground)
    }

    /// For how long it waits at the least.
    pub fn length(&self) -> Duration {
        let waits = self.steps.iter().map(|step| match step {
            Step::Passes(time) | Step::Flooded(_, time) => *time,
            // What a guest that remembers waits for.
            Step::Starts(who) if self.remembers && *who == [Who::Guest] => Duration::from_secs(10),
            Step::Starts(_) => Duration::from_secs(2),
            // Until somebody hears of it and dials.
            Step::Healed | Step::Thaws(_) | Step::Plugged(_) => Duration::from_secs(5),
            _ => Duration::ZERO,
        });
        waits.sum()
    }

    /// The host called so, as it is named in this scenario.
    fn host(&self, name: &str) -> String {
        match self.domain {
            Some(domain) => format!("{name}.{domain}"),
            None => name.to_owned(),
        }
    }

    /// The full name of a guest.
    fn guest(&self, number: usize) -> String {
        let (name, host) = GUESTS[number];
        format!("{name}@{}", self.host(host))
    }

    fn name_of(&self, peer: &Peer) -> String {
        format!("{}@{}", peer.name, self.host(&peer.host))
    }
}
