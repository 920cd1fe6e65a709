//! Clusters in virtual time: memberships and make-believe libcluster nodes that crash, boot, gossip,
//! dial whom they hear, and lose connections.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::bench::{from, refusal, seconds};
use crate::cluster::*;
use crate::name::NodeName;

const LATENCY: Duration = Duration::from_millis(2);
/// From the registration with EPMD to the first heartbeat: the applications start in between.
const BOOT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Beat {
        of: usize,
        life: u32,
    },
    Hear {
        at: usize,
        of: usize,
    },
    Arrive {
        from: usize,
        to: usize,
        life: u32,
        looking: bool,
    },
    AskPeers {
        of: usize,
        life: u32,
    },
    Wake {
        of: usize,
    },
    Boot {
        of: usize,
    },
    Crash {
        of: usize,
    },
    Cut,
}

struct Node {
    name: NodeName,
    /// `None`: a BEAM with libcluster.
    membership: Option<Membership>,
    /// Whether it dials whom it hears.
    dials: bool,
    up: bool,
    life: u32,
    born: Duration,
    dialling: BTreeSet<usize>,
    wake: Option<Duration>,
    beat: Duration,
    /// For a BEAM: what its monitors of nodes saw of each guest in this life.
    saw: Vec<(Duration, usize, bool)>,
}

struct Sim {
    now: Duration,
    rng: SmallRng,
    queue: BinaryHeap<Reverse<(Duration, u64, What)>>,
    numbered: u64,
    nodes: Vec<Node>,
    links: BTreeSet<(usize, usize)>,
    crashes: bool,
    log: Vec<(Duration, usize, usize, &'static str)>,
    most_dials_to_one: usize,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Sim {
    fn new(guests: usize, beams: usize, seed: u64) -> Sim {
        let mut sim = Sim {
            now: Duration::ZERO,
            rng: SmallRng::seed_from_u64(seed),
            queue: BinaryHeap::new(),
            numbered: 0,
            nodes: Vec::new(),
            links: BTreeSet::new(),
            crashes: true,
            log: Vec::new(),
            most_dials_to_one: 0,
        };
        for n in 0..guests + beams {
            let guest = n < guests;
            let name = match guest {
                true => format!("zz_maint_{n}@rust{n}"),
                false => format!("ex_esdb@node{n}"),
            };
            sim.nodes.push(Node {
                name: NodeName::new(&name).unwrap(),
                membership: None,
                dials: !n.is_multiple_of(4),
                up: false,
                life: 0,
                born: Duration::ZERO,
                dialling: BTreeSet::new(),
                wake: None,
                beat: Duration::ZERO,
                saw: Vec::new(),
            });
            match guest {
                true => sim.start_guest(n, Duration::ZERO),
                false => sim.after(Duration::ZERO, What::Boot { of: n }),
            }
        }
        sim
    }

    fn after(&mut self, wait: Duration, what: What) {
        self.numbered += 1;
        self.queue
            .push(Reverse((self.now + wait, self.numbered, what)));
    }

    fn between(&mut self, low: f64, high: f64) -> Duration {
        seconds(self.rng.random_range(low..high))
    }

    fn start_guest(&mut self, of: usize, quiet_start: Duration) {
        let config = MembershipConfig {
            quiet_start: self.now + quiet_start,
            ..MembershipConfig::default()
        };
        let seed = self.rng.random();
        let node = &mut self.nodes[of];
        node.membership = Some(Membership::new(config, node.name.clone(), seed));
        node.up = true;
        node.life += 1;
        node.dialling.clear();
        node.wake = None;
        let life = node.life;
        self.after(Duration::ZERO, What::Beat { of, life });
        self.after(seconds(5.0), What::AskPeers { of, life });
    }

    /// The process of a guest ends and starts again at once, under its old name.
    fn restart_guest(&mut self, of: usize) {
        for peer in self.peers(of) {
            self.unlink(of, peer);
        }
        self.start_guest(of, seconds(10.0));
    }

    fn run(&mut self, until: Duration) {
        while let Some(Reverse((at, _, what))) = self.queue.pop() {
            if at > until {
                self.queue.push(Reverse((at, 0, what)));
                break;
            }
            self.now = at;
            self.step(what);
        }
        self.now = until;
    }

    fn step(&mut self, what: What) {
        match what {
            What::Beat { of, life } if self.alive(of, life) => {
                let wait = Duration::from_millis(self.rng.random_range(1..=5000));
                self.after(wait, What::Beat { of, life });
                let quiet = self.nodes[of]
                    .membership
                    .as_ref()
                    .map(Membership::quiet_until);
                if quiet.is_none_or(|until| self.now >= until) {
                    self.nodes[of].beat = self.now;
                    for at in (0..self.nodes.len()).filter(|at| *at != of) {
                        let guests_matter = self.nodes[at].membership.is_some() || quiet.is_some();
                        if guests_matter && self.rng.random_bool(0.95) {
                            self.after(LATENCY, What::Hear { at, of });
                        }
                    }
                }
            }
            What::Hear { at, of } if self.nodes[at].up => self.hear(at, of),
            What::Arrive {
                from,
                to,
                life,
                looking,
            } if self.alive(from, life) => {
                self.arrive(from, to, looking);
            }
            What::AskPeers { of, life } if self.alive(of, life) => {
                self.after(seconds(5.0), What::AskPeers { of, life });
                self.ask_peers(of);
            }
            What::Wake { of } => self.pump(of),
            What::Boot { of } => {
                let node = &mut self.nodes[of];
                (node.up, node.born) = (true, self.now);
                node.life += 1;
                let life = node.life;
                self.after(BOOT, What::Beat { of, life });
                let lives = self.between(15.0, 200.0);
                self.after(lives, What::Crash { of });
            }
            What::Crash { of } if self.crashes => {
                self.check_what_was_seen(of);
                self.nodes[of].up = false;
                for peer in self.peers(of) {
                    self.unlink(of, peer);
                }
                self.nodes[of].saw.clear();
                let down = self.between(1.0, 15.0);
                self.after(down, What::Boot { of });
            }
            What::Cut if self.crashes => {
                self.after(seconds(0.5), What::Cut);
                if !self.links.is_empty() {
                    let which = self.rng.random_range(0..self.links.len());
                    let (a, b) = *self.links.iter().nth(which).unwrap();
                    // A heartbeat on its way at the moment of the loss cannot be called back.
                    let clear = |n: usize| self.now > self.nodes[n].beat + LATENCY;
                    if clear(a) && clear(b) {
                        self.unlink(a, b);
                    }
                }
            }
            _ => {}
        }
    }

    fn alive(&self, node: usize, life: u32) -> bool {
        self.nodes[node].up && self.nodes[node].life == life
    }

    fn linked(&self, a: usize, b: usize) -> bool {
        self.links.contains(&pair(a, b))
    }

    fn peers(&self, of: usize) -> Vec<usize> {
        let all = 0..self.nodes.len();
        all.filter(|peer| self.linked(of, *peer)).collect()
    }

    fn hear(&mut self, at: usize, of: usize) {
        let name = self.nodes[of].name.clone();
        let address = from(&format!("10.0.{}.{}", of / 250, of % 250));
        if let Some(membership) = &mut self.nodes[at].membership {
            membership.heard(self.now, &name, address);
            self.pump(at);
        } else if self.nodes[at].dials && self.nodes[of].up && !self.linked(at, of) {
            self.link(at, of);
        }
    }

    /// A dial or a look-up of a guest reaches its end.
    fn arrive(&mut self, from: usize, to: usize, looking: bool) {
        self.nodes[from].dialling.remove(&to);
        let name = self.nodes[to].name.clone();
        let failed = match (self.nodes[to].up, looking) {
            (false, _) => Some(RefusalKind::NameUnknown),
            (true, true) => None,
            (true, false) => {
                let theirs_wins = self.nodes[to].dialling.contains(&from)
                    && self.nodes[to].name > self.nodes[from].name;
                let up_already = self.linked(from, to);
                (theirs_wins || up_already).then_some(RefusalKind::AlreadyConnected)
            }
        };
        if !looking && failed.is_none() {
            let age = self.now - self.nodes[to].born;
            let booting = self.nodes[to].membership.is_none() && age < BOOT;
            assert!(!booting, "{name} was dialled {age:?} after its birth");
            self.log.push((self.now, from, to, "met by our dial"));
            self.link(from, to);
            return;
        }
        let now = self.now;
        let membership = self.nodes[from].membership.as_mut().unwrap();
        match failed {
            Some(kind) => membership.dial_failed(now, &name, refusal(kind)),
            None => membership.found(now, &name),
        }
        self.pump(from);
    }

    /// Three peers say whom they are connected to: BEAMs to all BEAMs that gossip.
    fn ask_peers(&mut self, of: usize) {
        let peers = self.peers(of);
        for _ in 0..3.min(peers.len()) {
            let by = peers[self.rng.random_range(0..peers.len())];
            let by_name = self.nodes[by].name.clone();
            for node in (0..self.nodes.len()).filter(|node| *node != by) {
                let both_beams = self.nodes[by].membership.is_none()
                    && self.nodes[node].membership.is_none()
                    && self.now >= self.nodes[node].born + BOOT;
                if self.nodes[node].up && (both_beams || self.linked(by, node)) {
                    let name = self.nodes[node].name.clone();
                    let membership = self.nodes[of].membership.as_mut().unwrap();
                    membership.known(self.now, &name, &by_name);
                }
            }
        }
        self.pump(of);
    }

    fn link(&mut self, from: usize, to: usize) {
        self.links.insert(pair(from, to));
        self.tell(from, to, Some(Direction::Outbound));
        self.tell(to, from, Some(Direction::Inbound));
    }

    fn unlink(&mut self, a: usize, b: usize) {
        self.links.remove(&pair(a, b));
        self.tell(a, b, None);
        self.tell(b, a, None);
    }

    fn tell(&mut self, node: usize, peer: usize, up: Option<Direction>) {
        let (now, name) = (self.now, self.nodes[peer].name.clone());
        match (&mut self.nodes[node].membership, up) {
            (Some(membership), Some(direction)) => {
                membership.connected(now, &name, false, direction);
            }
            (Some(membership), None) => {
                membership.disconnected(now, &name, DownReason::ConnectionClosed);
            }
            (None, up) => self.nodes[node].saw.push((now, peer, up.is_some())),
        }
        self.pump(node);
    }

    fn pump(&mut self, of: usize) {
        let now = self.now;
        while let Some(membership) = &mut self.nodes[of].membership
            && let Some(action) = membership.poll(now)
        {
            let (name, looking) = match &action {
                Action::Dial(name) => (name, false),
                Action::Look(name) => (name, true),
            };
            let to = self
                .nodes
                .iter()
                .position(|node| node.name == *name)
                .unwrap();
            self.nodes[of].dialling.insert(to);
            assert!(self.nodes[of].dialling.len() <= 8);
            let life = self.nodes[of].life;
            let towards = self
                .nodes
                .iter()
                .filter(|node| node.dialling.contains(&to))
                .count();
            self.most_dials_to_one = self.most_dials_to_one.max(towards);
            self.after(
                LATENCY,
                What::Arrive {
                    from: of,
                    to,
                    life,
                    looking,
                },
            );
        }
        let node = &mut self.nodes[of];
        let Some(membership) = &mut node.membership else {
            return;
        };
        while let Some(event) = membership.next_event() {
            if let Event::SortsBefore { node } = event {
                assert!(node.as_str().starts_with("zz"), "{node}");
            }
        }
        if let Some(at) = membership.next_wakeup()
            && node.wake.is_none_or(|wake| at < wake || wake <= now)
        {
            assert!(at > now);
            node.wake = Some(at);
            self.after(at - now, What::Wake { of });
        }
    }

    /// What a monitor of nodes at a BEAM must not see of any guest.
    fn check_what_was_seen(&self, of: usize) {
        let saw = &self.nodes[of].saw;
        let guests = self
            .nodes
            .iter()
            .take_while(|node| node.membership.is_some());
        for guest in 0..guests.count() {
            let of_it: Vec<_> = saw.iter().filter(|(_, who, _)| *who == guest).collect();
            for four in of_it.windows(4) {
                assert!(four[3].0 - four[0].0 > seconds(5.0), "node {of}: {four:?}");
            }
            let ups: Vec<_> = of_it.iter().filter(|(_, _, up)| *up).collect();
            for two in ups.windows(2) {
                assert!(two[1].0 - two[0].0 >= seconds(10.0), "node {of}: {two:?}");
            }
        }
    }

    fn settle_down(&mut self) {
        self.crashes = false;
        self.run(self.now + seconds(60.0));
        for of in 0..self.nodes.len() {
            self.check_what_was_seen(of);
            for guest in 0..self.nodes.len() {
                let node = &self.nodes[guest];
                if let Some(membership) = &node.membership
                    && guest != of
                    && self.nodes[of].up
                {
                    let view = || membership.snapshot(self.now);
                    assert!(self.linked(of, guest), "{of} {guest}: {:#?}", view());
                    assert!(membership.is_up(&self.nodes[of].name));
                }
            }
        }
    }
}

fn two_guests_among_many(seed: u64) -> Vec<(Duration, usize, usize, &'static str)> {
    let mut sim = Sim::new(2, 200, seed);
    sim.run(seconds(120.0));
    sim.after(Duration::ZERO, What::Cut);
    sim.run(seconds(300.0));
    sim.restart_guest(1);
    sim.run(seconds(420.0));
    sim.settle_down();
    sim.log
}

#[test]
fn two_guests_among_two_hundred_nodes_that_restart() {
    for seed in 1..=2 {
        let log = two_guests_among_many(seed);
        // One node in four dials nobody.
        let met_by_dial: BTreeSet<usize> = log.iter().map(|(_, _, to, _)| *to).collect();
        assert!(met_by_dial.len() >= 50, "{}", met_by_dial.len());
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    assert_eq!(two_guests_among_many(7), two_guests_among_many(7));
}

#[test]
fn sixty_guests_that_start_at_once_meet_without_a_herd() {
    let mut sim = Sim::new(60, 0, 1);
    sim.settle_down();
    assert_eq!(sim.links.len(), 60 * 59 / 2);
    assert!(sim.most_dials_to_one <= 8, "{}", sim.most_dials_to_one);
}
