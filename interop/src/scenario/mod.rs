//! Scenarios: what happens to a cluster, told as values, so that the same can happen with a guest and without one.

mod ground;
mod outcome;
mod peer;
mod settled;
mod strangers;

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::impairment::Impairment;
use crate::otp::Otp;
use crate::skip::Missing;

pub use outcome::{Figure, Harm, Kind, Outcome};
pub use peer::{Change, Peer};
pub use strangers::Names;

/// The cookie and the secret of the cluster.
const COOKIE: &str = "reg_greenhouse_clique";
const SECRET: &str = "dev_cluster_secret_2025";
const EPMD_PORT: u16 = 4369;
/// Longer than anything takes that heals by itself: a guest leaves 10 s between a loss and its next dial.
const HEALED: Duration = Duration::from_secs(120);
/// How often a scenario is tried in which there was harm.
const ATTEMPTS: usize = 3;
const CHANCY_ATTEMPTS: usize = 5;
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
    /// What its nodes are not asked in the end, because it hangs without any guest.
    pub spared: Option<&'static str>,
    /// What is worse with a guest and why nothing that a guest does can change that.
    pub excuses: Vec<(Kind, &'static str)>,
}

/// What came of the same with a guest and without.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// With the guest.
    pub with: Outcome,
    /// Without it.
    pub without: Outcome,
    /// What was worse with it, and is not excused.
    pub harm: Vec<Harm>,
    /// How often it was tried.
    pub attempts: usize,
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

    /// What was worse `with` a guest than `without`: nothing must be. What is excused is not told.
    pub fn harm(&self, with: &Outcome, without: &Outcome) -> Vec<Harm> {
        let mut harm = with.harm(without);
        harm.retain(|harm| self.excuse(harm).is_none());
        harm
    }

    /// What was worse and is excused, each with its reason.
    pub fn borne(&self, with: &Outcome, without: &Outcome) -> Vec<(Harm, &'static str)> {
        let harm = with.harm(without).into_iter();
        harm.filter_map(|harm| self.excuse(&harm).map(|reason| (harm, reason)))
            .collect()
    }

    fn excuse(&self, harm: &Harm) -> Option<&'static str> {
        let found = self.excuses.iter().find(|(kind, _)| *kind == harm.kind);
        found.map(|(_, reason)| *reason)
    }

    /// Lets it happen with the guest and without one, both at the same time, so that both find the machine equally
    /// loaded; again while there is harm, up to three times in all, because what others do to the machine is not there
    /// three times in a row, and five times where a cluster without a guest falls apart in one way or another by chance.
    /// The last pair of outcomes is told; losses and resets without a guest are the most of all runs.
    ///
    /// # Errors
    /// When this machine cannot, as [`Scenario::run`].
    pub fn compare(&self, releases: &[Otp], guest: &Path) -> Result<Comparison, Missing> {
        let most = match self.chancy {
            true => CHANCY_ATTEMPTS,
            false => ATTEMPTS,
        };
        let mut attempts = 0;
        // What the cluster does to itself at the worst.
        let (mut losses, mut resets) = (0, 0);
        loop {
            attempts += 1;
            let mut comparison = self.compare_once(releases, guest, attempts)?;
            let Comparison {
                with,
                without,
                harm,
                ..
            } = &mut comparison;
            losses = losses.max(without.losses);
            resets = resets.max(without.resets);
            (without.losses, without.resets) = (losses, resets);
            if harm.iter().all(|harm| harm.kind != Kind::Stuck) {
                *harm = self.harm(with, without);
            }
            if comparison.harm.is_empty() || attempts == most {
                return Ok(comparison);
            }
            for harm in &comparison.harm {
                eprintln!("{}, attempt {attempts}: {harm}", self.name);
            }
        }
    }

    fn compare_once(
        &self,
        releases: &[Otp],
        guest: &Path,
        attempts: usize,
    ) -> Result<Comparison, Missing> {
        let (with, without) = thread::scope(|scope| {
            let with = scope.spawn(|| self.run(releases, Some(guest)));
            let without = scope.spawn(|| self.run(releases, None));
            (with.join(), without.join())
        });
        let stuck = |panic: Box<dyn std::any::Any + Send>| {
            let text = panic.downcast::<String>();
            Harm::stuck(text.map_or_else(|_| "it panicked".to_owned(), |text| *text))
        };
        let (with, without, harm) = match (with, without) {
            (Ok(with), Ok(without)) => {
                let (with, without) = (with?, without?);
                let harm = self.harm(&with, &without);
                (with, without, harm)
            }
            (Err(panic), _) => {
                let nothing = Outcome::default();
                (nothing.clone(), nothing, vec![stuck(panic)])
            }
            (_, Err(panic)) => {
                let nothing = Outcome::default();
                let mut harm = stuck(panic);
                harm.text = format!("without a guest: {}", harm.text);
                (nothing.clone(), nothing, vec![harm])
            }
        };
        Ok(Comparison {
            with,
            without,
            harm,
            attempts,
        })
    }

    /// Lets it happen, with the guest `binary` or without one. Node number *n* runs the *n*th of `releases`, beginning
    /// anew behind the last.
    ///
    /// # Errors
    /// When this machine cannot: no root, no such OTP.
    ///
    /// # Panics
    /// When the cluster does not become whole again.
    pub fn run(&self, releases: &[Otp], guest: Option<&Path>) -> Result<Outcome, Missing> {
        let mut ground = ground::Ground::new(self, releases, guest)?;
        for step in &self.steps {
            ground.happens(step)?;
        }
        Ok(ground.outcome())
    }

    /// For how long it waits at the least.
    pub fn length(&self) -> Duration {
        let waits = self.steps.iter().map(|step| match step {
            Step::Passes(time) | Step::Flooded(_, time) => *time,
            // What a guest that remembers waits for.
            Step::Starts(who) if self.remembers && *who == [Who::Guest] => Duration::from_secs(10),
            Step::Starts(_) => Duration::from_secs(2),
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
