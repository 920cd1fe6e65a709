//! All nodes that are being looked at in a round.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use futures_util::future::join_all;

use super::asking::{Asking, address, ok};
use super::code::Section;
use super::discovery::{Candidates, Reason, Table, own_addresses};
use super::examined::{Examined, Other};
use super::exesdb::Stores;
use super::facts::{Facts, as_cookie};
use super::flow::Flow;
use super::hearing::{self, Hearing};
use super::reach::{Obstacle, Stage, Way};
use super::round::Doctor;
use super::strategy::{Strategy, Traffic};
use crate::dist::HandshakeError;
use crate::epmd;
use crate::node::Visitor;
use crate::runtime::DialError;
use crate::term::Term;
use crate::{Cookie, NodeName};

/// What was heard last gets to the sockets of the nodes in this time.
const SETTLE: Duration = Duration::from_millis(50);
/// Nobody is waited for longer.
const NODE_LIMIT: Duration = Duration::from_secs(10);
/// With more nodes than this, cookies and addresses are not compared pair by pair.
const MOST_PAIRED: usize = 32;
/// So many nodes are looked at, at most.
const MOST_NODES: usize = 256;

/// A node that is being looked at.
struct Patient {
    examined: Examined,
    visitor: Option<Visitor>,
    /// When its socket was first looked at, and what had gone through it then.
    socket: Option<(Instant, Traffic)>,
}

/// What a task of a round found.
enum Found {
    Patient(Box<Patient>),
    /// Nodes that a host has.
    Names(Vec<NodeName>),
}

/// All who are being looked at.
pub(super) struct Ward<'a> {
    doctor: &'a Doctor,
    running: JoinSet<Found>,
    admitted: BTreeSet<NodeName>,
    asked: BTreeSet<IpAddr>,
    patients: BTreeMap<NodeName, Patient>,
}

impl<'a> Ward<'a> {
    pub(super) fn new(doctor: &'a Doctor) -> Ward<'a> {
        Ward {
            doctor,
            running: JoinSet::new(),
            admitted: BTreeSet::new(),
            asked: BTreeSet::new(),
            patients: BTreeMap::new(),
        }
    }

    /// Begins to look at a node, unless that is done or under way.
    pub(super) fn admit(&mut self, node: NodeName, port: Option<u16>) {
        if self.admitted.len() >= MOST_NODES || !self.admitted.insert(node.clone()) {
            return;
        }
        let cookie = self.doctor.cookie.clone();
        let epmd_port = self.doctor.epmd_port;
        let stores = self.doctor.wants(Section::ExEsdb);
        self.running.spawn(async move {
            let way = Way {
                node: &node,
                port,
                epmd_port,
                cookie: &cookie,
            };
            Found::Patient(Box::new(examine(way, stores).await))
        });
    }

    /// Begins to ask the EPMD of a host for its nodes.
    pub(super) fn ask_host(&mut self, epmd: SocketAddr) {
        if self.asked.len() < MOST_NODES && self.asked.insert(epmd.ip()) {
            let cookie = self.doctor.cookie.clone();
            self.running
                .spawn(async move { Found::Names(names_at(epmd, &cookie).await) });
        }
    }

    /// Until all are looked at, those too whom they list.
    pub(super) async fn run(&mut self) {
        while let Some(found) = self.running.join_next().await {
            self.take(found.ok());
        }
    }

    fn take(&mut self, found: Option<Found>) {
        match found {
            Some(Found::Names(names)) => {
                for name in names {
                    self.admit(name, None);
                }
            }
            Some(Found::Patient(patient)) => {
                if self.doctor.asks_nodes() {
                    for node in patient.examined.listed().unwrap_or_default().to_vec() {
                        self.admit(node, None);
                    }
                }
                let node = patient.examined.node.clone();
                self.patients.insert(node, *patient);
            }
            None => {}
        }
    }

    /// The same, with those who are heard meanwhile. Who is found early is compared before the end.
    pub(super) async fn run_while_hearing(&mut self, hearing: &Hearing, begun: Instant) {
        let mut look = tokio::time::interval(Duration::from_millis(100));
        let mut compared = 0;
        loop {
            tokio::select! {
                found = self.running.join_next(), if !self.running.is_empty() => {
                    self.take(found.and_then(Result::ok));
                }
                _ = look.tick() => {}
            }
            if self.doctor.asks_nodes() {
                self.admit_heard(&hearing.table(&self.candidates()));
            }
            if !self.running.is_empty() {
                continue;
            }
            if compared != self.patients.len() {
                compared = self.patients.len();
                self.compare().await;
            } else if begun.elapsed() >= self.doctor.listen || !hearing.listens() {
                return;
            }
        }
    }

    fn admit_heard(&mut self, table: &Table) {
        for heard in table.nodes() {
            self.admit(heard.node.clone(), None);
        }
        let sealed = |reason| matches!(reason, Reason::OtherSecret | Reason::NoSecret);
        for row in table.unreadable().iter().filter(|row| sealed(row.reason)) {
            self.ask_host((row.source, self.doctor.epmd_port).into());
        }
    }

    /// The secrets that are known by now.
    pub(super) fn candidates(&self) -> Candidates {
        let found = self.patients.iter().filter_map(|(node, patient)| {
            let strategy = patient.examined.facts.as_ref()?.gossip.as_ref()?;
            Some((node, strategy.secret.as_ref()?))
        });
        hearing::candidates(&self.doctor.gossip, found)
    }

    /// Asks each node for what it has for the others.
    pub(super) async fn compare(&mut self) {
        if !self.doctor.wants(Section::Whole) || self.patients.len() > MOST_PAIRED {
            return;
        }
        let names: Vec<NodeName> = self.patients.keys().cloned().collect();
        let views = self.patients.values().filter_map(|patient| {
            let visitor = patient.visitor.as_ref()?;
            let facts = patient.examined.facts.as_ref()?;
            facts.is_beam().then(|| others(Asking(visitor), &names))
        });
        let views = join_all(views).await;
        for (node, others) in views {
            if let Some(patient) = self.patients.get_mut(&node) {
                patient.examined.others = others;
            }
        }
    }

    /// Looks at the sockets again.
    pub(super) async fn flows(&self, hearing: &Hearing) -> Vec<Flow> {
        tokio::time::sleep(SETTLE).await;
        let looks = self.patients.values().filter_map(|patient| {
            let (since, before) = patient.socket?;
            let strategy = patient.examined.facts.as_ref()?.gossip.as_ref()?;
            let socket = strategy.socket.as_ref()?;
            let asking = Asking(patient.visitor.as_ref()?);
            if !hearing.listens_to(strategy.multicast_addr, strategy.port) {
                return None;
            }
            Some(async move {
                let after = asking.traffic(socket).await?;
                let traffic = Traffic {
                    received: after.received - before.received,
                    sent: after.sent - before.sent,
                };
                Some((patient, strategy, since, traffic))
            })
        });
        let looks: Vec<_> = join_all(looks).await.into_iter().flatten().collect();
        // What they sent just now is to be heard, too.
        tokio::time::sleep(SETTLE).await;
        let here = own_addresses().unwrap_or_default();
        let candidates = self.candidates();
        let at_all = hearing.nodes(&candidates, None);
        let alike = |one: &Strategy, other: &Strategy| {
            (one.multicast_addr, one.port) == (other.multicast_addr, other.port)
        };
        let flow =
            |(patient, strategy, since, traffic): &(&Patient, &Strategy, Instant, Traffic)| {
                let node = &patient.examined.node;
                let heard = hearing.nodes(&candidates, Some(*since));
                let is_other = |other: &Patient, theirs: &Strategy| {
                    let name = &other.examined.node;
                    name != node && alike(strategy, theirs) && heard.contains(name)
                };
                let others = looks
                    .iter()
                    .filter(|(other, theirs, _, _)| is_other(other, theirs));
                let own = patient.examined.own_addresses();
                Flow {
                    node: node.clone(),
                    traffic: *traffic,
                    heard: at_all.contains(node),
                    others_heard: others.count(),
                    is_here: own.iter().any(|ip| !ip.is_loopback() && here.contains(ip)),
                    bound: Some(strategy.if_addr).filter(|ip| !ip.is_unspecified()),
                }
            };
        looks.iter().map(flow).collect()
    }

    pub(super) fn examined(self) -> Vec<Examined> {
        let patients = self.patients.into_values();
        patients.map(|patient| patient.examined).collect()
    }
}

async fn examine(way: Way<'_>, stores: bool) -> Patient {
    let (reach, visitor) = way.walk().await;
    let mut patient = Patient {
        examined: Examined {
            node: way.node.clone(),
            reach,
            facts: None,
            stores: None,
            others: Vec::new(),
        },
        visitor: None,
        socket: None,
    };
    let Some(visitor) = visitor else {
        return patient;
    };
    let asked = Instant::now();
    let answers = tokio::time::timeout(NODE_LIMIT, answers(Asking(&visitor), stores)).await;
    match answers {
        Ok(Some((facts, stores, socket))) => {
            patient
                .examined
                .reach
                .passed
                .push((Stage::Rpc, asked.elapsed()));
            patient.examined.facts = Some(facts);
            patient.examined.stores = stores;
            patient.socket = socket;
        }
        _ => patient.examined.reach.stopped = Some((Stage::Rpc, Obstacle::Silent)),
    }
    patient.visitor = Some(visitor);
    patient
}

type Answers = (Facts, Option<Stores>, Option<(Instant, Traffic)>);

async fn answers(asking: Asking<'_>, stores: bool) -> Option<Answers> {
    let facts = Facts::ask(asking).await.ok()?;
    let stores = async {
        match stores {
            true => Stores::ask(asking, &facts).await,
            false => None,
        }
    };
    let socket = async {
        let socket = facts.gossip.as_ref()?.socket.as_ref()?;
        let traffic = asking.traffic(socket).await?;
        Some((Instant::now(), traffic))
    };
    let (stores, socket) = tokio::join!(stores, socket);
    Some((facts, stores, socket))
}

/// What a node has for each of the others.
async fn others(asking: Asking<'_>, names: &[NodeName]) -> (NodeName, Vec<Other>) {
    let own = asking.0.peer().clone();
    let looks = names.iter().filter(|name| **name != own).map(|name| async {
        let host = name.host().trim_matches(['[', ']']);
        let arguments = vec![Term::charlist(host), Term::atom("inet")];
        let node = Term::Atom(name.atom().clone());
        let (resolved, cookie) = tokio::join!(
            asking.get("inet", "getaddr", arguments),
            asking.get("erlang", "get_cookie", vec![node]),
        );
        Other {
            node: name.clone(),
            address: resolved.and_then(ok).as_ref().and_then(address),
            cookie: cookie.as_ref().and_then(as_cookie),
        }
    });
    let others = join_all(looks).await;
    (own, others)
}

/// The nodes that an EPMD knows. It knows no hosts; the nodes themselves say their full names.
async fn names_at(epmd: SocketAddr, cookie: &Cookie) -> Vec<NodeName> {
    const LIMIT: Duration = Duration::from_secs(2);
    let registered = epmd::names(epmd, LIMIT).await.unwrap_or_default();
    let full = registered.iter().map(|(name, port)| async move {
        let guess = NodeName::new(&format!("{name}@{}", epmd.ip())).ok()?;
        let address = SocketAddr::new(epmd.ip(), *port);
        let stream = tokio::time::timeout(LIMIT, tokio::net::TcpStream::connect(address));
        let stream = stream.await.ok()?.ok()?;
        let visit = Visitor::to(&guess, cookie.clone()).setup_time(LIMIT);
        match visit.over(stream, address).await {
            Ok(_) => Some(guess),
            Err(DialError::Handshake(failure)) => match failure.error {
                HandshakeError::WrongName { got, .. } => NodeName::new(&got).ok(),
                _ => None,
            },
            Err(_) => None,
        }
    });
    join_all(full).await.into_iter().flatten().collect()
}
