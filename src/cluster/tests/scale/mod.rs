//! Large clusters in virtual time: the machines of gossip, handshake, connection table and membership as they are, on
//! a network that loses datagrams and segments and falls apart, among make-believe libcluster nodes that restart and whose
//! connections are those of `net_kernel`.
//!
//! `SCALE=10000` (`scripts/conformance` sets it) for the full size; a test runs a tenth of it or less. A line that begins
//! with `scale:` is what was measured.

mod figures;
mod handshakes;
mod links;
mod net_kernel;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

use super::bench::{from, refusal, seconds};
use crate::GossipSecret;
use crate::cluster::*;
use crate::gossip::{Codec, Schedule, Verdict};
use crate::name::NodeName;
use crate::runtime::{AttemptId, ConnectionTable, DialVerdict, UpVerdict};
use handshakes::{Conn, End};
use net_kernel::NetKernel;

const LATENCY: Duration = Duration::from_millis(1);
/// How long a dial waits for a host that does not answer.
const SETUP_TIME: Duration = Duration::from_secs(7);
/// How often the network loses a datagram.
const LOSS: f64 = 0.05;
/// From the registration with EPMD to the first heartbeat of a BEAM: its applications start in between.
const BOOT: Duration = Duration::from_secs(2);
const ASK_PEERS: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Boot {
        of: usize,
    },
    Beat {
        of: usize,
        life: u32,
    },
    Heard {
        of: usize,
        packet: Vec<u8>,
    },
    Wake {
        of: usize,
    },
    AskPeers {
        of: usize,
        life: u32,
    },
    Looked {
        by: usize,
        life: u32,
        at: usize,
    },
    Dialled {
        by: usize,
        life: u32,
        at: usize,
        id: AttemptId,
    },
    Arrives {
        conn: u64,
        to: End,
        tries: u32,
    },
    TooLate {
        conn: u64,
        end: End,
    },
}

enum Table {
    Ours(ConnectionTable),
    Beam(NetKernel),
}

impl Table {
    fn dial(&mut self, peer: &NodeName) -> Option<AttemptId> {
        match self {
            Table::Ours(table) => match table.dial(peer) {
                DialVerdict::Go(id) => Some(id),
                DialVerdict::AlreadyUp | DialVerdict::UnderWay => None,
            },
            Table::Beam(kernel) => kernel.dial(peer),
        }
    }

    /// Whether a dial may go on.
    fn holds(&self, peer: &NodeName, id: AttemptId) -> bool {
        match self {
            Table::Ours(_) => true,
            Table::Beam(kernel) => kernel.is_pending(peer, id),
        }
    }

    fn ended(&mut self, peer: &NodeName, id: AttemptId) {
        match self {
            Table::Ours(table) => table.ended(peer, id),
            Table::Beam(kernel) => kernel.ended(peer, id),
        }
    }
}

struct Node {
    name: NodeName,
    codec: Codec,
    schedule: Schedule,
    table: Table,
    /// `None`: a BEAM with libcluster.
    membership: Option<Membership>,
    up: bool,
    life: u32,
    born: Duration,
    links: HashMap<usize, (u64, End)>,
    wake: Option<Duration>,
    /// Dials and look-ups of this node now, at the most, and dials of it in all.
    errands: usize,
    most_errands: usize,
    dials: usize,
    /// When its connections came up, and which of them are those of a guest.
    met: Vec<(Duration, Option<usize>)>,
}

struct Sim {
    start: Instant,
    now: Duration,
    rng: SmallRng,
    queue: BinaryHeap<Reverse<(Duration, u64, What)>>,
    numbered: u64,
    nodes: Vec<Node>,
    guests: usize,
    by_name: HashMap<NodeName, usize>,
    conns: BTreeMap<u64, Conn>,
    /// The stream, and the end of it, that an attempt of a node has.
    attempts: HashMap<(usize, AttemptId), (u64, End)>,
    /// Hears for all, as they share the secret.
    ear: Codec,
    /// How often both sides dialled.
    simultaneous: usize,
    /// Nodes from here on and those before it do not reach each other.
    cut: Option<usize>,
}

impl Sim {
    fn new(guests: usize, beams: usize, seed: u64) -> Sim {
        let start = Instant::now();
        let secret = GossipSecret::new("s");
        let mut sim = Sim {
            start,
            now: Duration::ZERO,
            rng: SmallRng::seed_from_u64(seed),
            queue: BinaryHeap::new(),
            numbered: 0,
            nodes: Vec::new(),
            guests,
            by_name: HashMap::new(),
            conns: BTreeMap::new(),
            attempts: HashMap::new(),
            simultaneous: 0,
            ear: Codec::new(&NodeName::new("ear@ear").unwrap(), Some(&secret)),
            cut: None,
        };
        for n in 0..guests + beams {
            let name = match (n < guests, n % 4) {
                // The lower name gives way when both dial.
                (true, 3) => format!("aa_maint_{n}@rust{n}"),
                (true, _) => format!("zz_maint_{n}@rust{n}"),
                (false, _) => format!("ex_esdb@node{n}"),
            };
            let name = NodeName::new(&name).unwrap();
            sim.by_name.insert(name.clone(), n);
            sim.nodes.push(Node {
                codec: Codec::new(&name, Some(&secret)),
                schedule: Schedule::new(start),
                table: table(n < guests, &name),
                name,
                membership: None,
                up: false,
                life: 0,
                born: Duration::ZERO,
                links: HashMap::new(),
                wake: None,
                errands: 0,
                most_errands: 0,
                dials: 0,
                met: Vec::new(),
            });
            sim.after(Duration::ZERO, What::Boot { of: n });
        }
        sim
    }

    fn after(&mut self, wait: Duration, what: What) {
        self.numbered += 1;
        self.queue
            .push(Reverse((self.now + wait, self.numbered, what)));
    }

    fn run(&mut self, until: Duration) {
        while let Some(Reverse((at, _, _))) = self.queue.peek()
            && *at <= until
            && let Some(Reverse((at, _, what))) = self.queue.pop()
        {
            self.now = at;
            self.step(what);
        }
        self.now = until;
    }

    fn step(&mut self, what: What) {
        match what {
            What::Boot { of } => self.boot(of),
            What::Beat { of, life } if self.alive(of, life) => self.beat(of, life),
            What::Heard { of, packet } => self.heard(of, &packet),
            What::Wake { of } => self.pump(of),
            What::AskPeers { of, life } if self.alive(of, life) => {
                self.after(ASK_PEERS, What::AskPeers { of, life });
                self.ask_peers(of);
            }
            What::Looked { by, life, at } if self.alive(by, life) => {
                let failed = (!self.nodes[at].up).then_some(RefusalKind::NameUnknown);
                self.errand_ends(by, at, failed);
            }
            What::Dialled { by, life, at, id } if self.alive(by, life) => self.dialled(by, at, id),
            What::Arrives { conn, to, tries } => self.arrives(conn, to, tries),
            What::TooLate { conn, end } => self.too_late(conn, end),
            _ => {}
        }
    }

    fn alive(&self, node: usize, life: u32) -> bool {
        self.nodes[node].up && self.nodes[node].life == life
    }

    fn reaches(&self, a: usize, b: usize) -> bool {
        self.cut.is_none_or(|cut| (a < cut) == (b < cut))
    }

    fn boot(&mut self, of: usize) {
        let quiet = match self.nodes[of].life {
            0 => Duration::ZERO,
            _ => seconds(10.0),
        };
        let seed = self.rng.random();
        let (now, guest) = (self.now, of < self.guests);
        let node = &mut self.nodes[of];
        (node.up, node.born, node.wake, node.errands) = (true, now, None, 0);
        node.life += 1;
        node.table = table(guest, &node.name);
        let life = node.life;
        if guest {
            let config = MembershipConfig {
                quiet_start: now + quiet,
                ..MembershipConfig::default()
            };
            node.membership = Some(Membership::new(config, node.name.clone(), seed));
            self.after(Duration::ZERO, What::Beat { of, life });
            self.after(ASK_PEERS, What::AskPeers { of, life });
        } else {
            self.after(BOOT, What::Beat { of, life });
        }
    }

    fn beat(&mut self, of: usize, life: u32) {
        let random = self.rng.next_u64();
        let (instant, now) = (self.start + self.now, self.now);
        let node = &mut self.nodes[of];
        let quiet = node.membership.as_ref().map(Membership::quiet_until);
        assert_eq!(node.schedule.sent(Ok(()), instant, random), None);
        let next = node.schedule.due() - instant;
        self.after(next, What::Beat { of, life });
        if quiet.is_none_or(|until| now >= until) {
            let packet = self.nodes[of].codec.encode([random as u8; 16]);
            self.after(LATENCY, What::Heard { of, packet });
        }
    }

    fn heard(&mut self, of: usize, packet: &[u8]) {
        let Verdict::Heartbeat(name) = self.ear.decode(packet) else {
            panic!("no heartbeat: {packet:?}");
        };
        // BEAMs find each other without being watched.
        let listeners = match of < self.guests {
            true => self.nodes.len(),
            false => self.guests,
        };
        let address = from(&format!("10.{}.{}.{}", of >> 16, (of >> 8) & 255, of & 255));
        for at in (0..listeners).filter(|at| *at != of) {
            if !self.nodes[at].up || !self.reaches(at, of) || self.rng.random_bool(LOSS) {
                continue;
            }
            let now = self.now;
            let node = &mut self.nodes[at];
            if let Some(membership) = &mut node.membership {
                membership.heard(now, &name, address);
                self.pump(at);
            } else if now >= node.born + BOOT
                && let Some(id) = node.table.dial(&name)
            {
                self.dial(at, of, id);
            }
        }
    }

    fn dial(&mut self, by: usize, at: usize, id: AttemptId) {
        let life = self.nodes[by].life;
        self.nodes[by].dials += 1;
        // EPMD, then the connection.
        self.after(LATENCY * 4, What::Dialled { by, life, at, id });
    }

    /// Three peers say whom they list: BEAMs all BEAMs that gossip.
    fn ask_peers(&mut self, of: usize) {
        let peers: Vec<usize> = self.nodes[of].links.keys().copied().collect();
        let mut peers = peers;
        peers.sort_unstable();
        for _ in 0..3.min(peers.len()) {
            let by = peers[self.rng.random_range(0..peers.len())];
            let by_name = self.nodes[by].name.clone();
            for node in 0..self.nodes.len() {
                let beams = by >= self.guests
                    && node >= self.guests
                    && self.now >= self.nodes[node].born + BOOT
                    && self.reaches(by, node);
                let listed = beams || self.nodes[by].links.contains_key(&node);
                if node != by && self.nodes[node].up && listed {
                    let (now, name) = (self.now, self.nodes[node].name.clone());
                    if let Some(membership) = &mut self.nodes[of].membership {
                        membership.known(now, &name, &by_name);
                    }
                }
            }
        }
        self.pump(of);
    }

    fn pump(&mut self, of: usize) {
        let now = self.now;
        while let Some(membership) = &mut self.nodes[of].membership
            && let Some(action) = membership.poll(now)
        {
            let node = &mut self.nodes[of];
            node.errands += 1;
            node.most_errands = node.most_errands.max(node.errands);
            let (Action::Dial(name) | Action::Look(name)) = &action;
            let (at, life) = (self.by_name[name], node.life);
            match &action {
                Action::Look(_) => self.after(LATENCY * 2, What::Looked { by: of, life, at }),
                Action::Dial(_) => match node.table.dial(name) {
                    Some(id) => self.dial(of, at, id),
                    None => self.errand_ends(of, at, Some(RefusalKind::AlreadyConnected)),
                },
            }
        }
        let node = &mut self.nodes[of];
        let Some(membership) = &mut node.membership else {
            return;
        };
        while membership.next_event().is_some() {}
        if let Some(at) = membership.next_wakeup()
            && node.wake.is_none_or(|wake| at < wake || wake <= now)
        {
            let at = at.max(now + Duration::from_nanos(1));
            node.wake = Some(at);
            self.after(at - now, What::Wake { of });
        }
    }
}

fn table(is_guest: bool, name: &NodeName) -> Table {
    match is_guest {
        true => Table::Ours(ConnectionTable::new(name.clone())),
        false => Table::Beam(NetKernel::new(name.clone())),
    }
}

fn scale() -> usize {
    let scale = std::env::var("SCALE");
    scale.map_or(400, |scale| scale.parse().unwrap_or(400))
}

fn seed() -> u64 {
    let seed = std::env::var("SEED");
    seed.map_or(1, |seed| seed.parse().unwrap_or(1))
}

#[test]
fn guests_among_many_beams_through_a_partition_and_restarts() {
    let (guests, all) = (4, scale());
    let mut sim = Sim::new(guests, all - guests, seed());
    let taken = sim.whole(120.0);
    sim.told(
        &format!("{guests} guests among {all} nodes start at once, 5 % of the heartbeats lost"),
        taken,
    );
    sim.run(sim.now + seconds(30.0));
    sim.cut(2);
    sim.run(sim.now + seconds(30.0));
    sim.cut = None;
    let taken = sim.whole(240.0);
    sim.told("two of the guests were cut off for 30 s", taken);
    sim.run(sim.now + seconds(30.0));
    for beam in (guests..all).step_by(10) {
        sim.restart(beam, seconds(5.0));
    }
    sim.restart(0, seconds(1.0));
    sim.run(sim.now + seconds(5.0));
    let taken = sim.whole(240.0);
    sim.told("a tenth of the nodes and a guest were restarted", taken);
}

#[test]
fn many_guests_that_start_at_once_meet_without_a_herd() {
    let guests = scale() / 10;
    let mut sim = Sim::new(guests, 0, seed());
    let taken = sim.whole(240.0);
    sim.told(
        &format!("{guests} guests and nobody else start at once"),
        taken,
    );
}
