//! Owns the gossip socket and drives the [`Membership`]: tells it what happens, and does what it orders.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::seq::IndexedRandom;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::tally::Tally;
use super::{
    Action, Direction, Event, Membership, MembershipConfig, Overview, Refusal, RefusalKind, Shared,
    SourceView, Word, mesh,
};
use crate::epmd::EpmdState;
use crate::gossip::{Codec, Gossip, GossipSocket, Heard, Received, Schedule, Verdict, VerdictKind};
use crate::runtime::{PeerAddress, PeerEvent, Runtime};
use crate::{GossipSecret, NodeName};

/// How often interfaces are looked at anew.
const REFRESH: Duration = Duration::from_secs(3);

/// What a driver is made of.
pub(crate) struct DriverSettings {
    pub(crate) runtime: Runtime,
    pub(crate) shared: Arc<Shared>,
    pub(crate) words: UnboundedReceiver<Word>,
    pub(crate) config: MembershipConfig,
    pub(crate) gossip: Option<(GossipSocket, Gossip)>,
    pub(crate) epmd_port: u16,
    pub(crate) epmd: watch::Receiver<EpmdState>,
    pub(crate) peers: Vec<(NodeName, Option<u16>)>,
}

/// What came of an order.
enum Outcome {
    Dialled(NodeName, Result<(), Refusal>),
    Looked(NodeName, Result<(), Refusal>),
    Mesh(NodeName, Vec<NodeName>),
}

pub(crate) struct Driver {
    runtime: Runtime,
    shared: Arc<Shared>,
    words: UnboundedReceiver<Word>,
    membership: Membership,
    gossip: Option<Heartbeats>,
    ports: HashMap<NodeName, u16>,
    epmd_port: u16,
    epmd: watch::Receiver<EpmdState>,
    named: Vec<NodeName>,
    started: Instant,
    work: JoinSet<Outcome>,
    /// The dials under way: a peer that connects meanwhile ends ours.
    dials: HashMap<NodeName, AbortHandle>,
    tally: Tally<Nuisance>,
}

/// What strangers can cause, and so is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Nuisance {
    Heartbeat(VerdictKind),
    Connection(RefusalKind),
}

impl Nuisance {
    fn event(self, address: Option<IpAddr>, detail: Option<String>, count: u64) -> Event {
        match self {
            Nuisance::Heartbeat(kind) => Event::HeartbeatRejected {
                address,
                kind,
                detail,
                count,
            },
            Nuisance::Connection(kind) => Event::Stranger {
                address,
                kind,
                detail,
                count,
            },
        }
    }
}

struct Heartbeats {
    socket: GossipSocket,
    codec: Codec,
    schedule: Schedule,
    heard: Heard,
}

impl Driver {
    pub(crate) fn new(settings: DriverSettings) -> Driver {
        let own = settings.runtime.name().clone();
        let started = Instant::now();
        let gossip = settings.gossip.map(|(socket, gossip)| Heartbeats {
            socket,
            codec: codec(&own, gossip.secrets()),
            schedule: Schedule::new(started.into_std()),
            heard: Heard::default(),
        });
        Driver {
            membership: Membership::new(settings.config, own, rand::random()),
            runtime: settings.runtime,
            shared: settings.shared,
            words: settings.words,
            gossip,
            named: settings
                .peers
                .iter()
                .map(|(node, _)| node.clone())
                .collect(),
            ports: settings
                .peers
                .into_iter()
                .filter_map(|(node, port)| Some((node, port?)))
                .collect(),
            epmd_port: settings.epmd_port,
            epmd: settings.epmd,
            started,
            work: JoinSet::new(),
            dials: HashMap::new(),
            tally: Tally::new(),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Runs until `ended` is dropped at its other end; then all connections and processes end.
    pub(crate) async fn run(
        mut self,
        mut peers: UnboundedReceiver<PeerEvent>,
        mut ended: watch::Receiver<()>,
    ) {
        tokio::select! {
            _ = ended.changed() => {}
            () = self.drive(&mut peers) => {}
        }
        self.runtime.stop();
    }

    async fn drive(&mut self, peers: &mut UnboundedReceiver<PeerEvent>) {
        for node in std::mem::take(&mut self.named) {
            self.membership.named(self.now(), &node);
        }
        let mut refresh = tokio::time::interval(REFRESH);
        let mut mesh = tokio::time::interval(mesh::INTERVAL);
        loop {
            self.obey();
            let wakeup = self.membership.next_wakeup().map(|at| self.started + at);
            let due = self.heartbeat_due();
            let counted = self.tally.next_due().map(Instant::from_std);
            tokio::select! {
                Some(event) = peers.recv() => self.peer_event(event),
                Some(outcome) = self.work.join_next() => {
                    if let Ok(outcome) = outcome {
                        self.outcome(outcome);
                    }
                }
                received = heard(self.gossip.as_ref()) => self.heard(received),
                () = until(due) => self.heartbeat(),
                () = until(wakeup) => {}
                () = until(counted) => self.tell_counted(),
                _ = refresh.tick() => self.look_at_interfaces(),
                _ = mesh.tick() => self.ask_someone(),
                Some(word) = self.words.recv() => self.told(word),
                Ok(()) = self.epmd.changed() => self.registration(),
            }
        }
    }
}

impl Driver {
    /// Carries out what the membership orders, and tells what it has to tell.
    fn obey(&mut self) {
        while let Some(action) = self.membership.poll(self.now()) {
            let runtime = self.runtime.clone();
            match action {
                Action::Dial(node) => {
                    let address = self.address(&node);
                    let peer = node.clone();
                    let dial = self.work.spawn(async move {
                        let result = runtime.dial(&peer, address).await;
                        Outcome::Dialled(peer, result.map_err(|error| Refusal::from(&error)))
                    });
                    self.dials.insert(node, dial);
                }
                Action::Look(node) => {
                    let address = self.address(&node);
                    self.work.spawn(async move {
                        let result = runtime.look_up(&node, address).await;
                        Outcome::Looked(
                            node,
                            result.map(drop).map_err(|error| Refusal::from(&error)),
                        )
                    });
                }
            }
        }
        while let Some(event) = self.membership.next_event() {
            self.shared.tell(event);
        }
    }

    /// Where `node` is to be looked for.
    fn address(&self, node: &NodeName) -> PeerAddress {
        match self.ports.get(node) {
            Some(port) => PeerAddress::Port(*port),
            None if *self.epmd.borrow() == EpmdState::Off => PeerAddress::Unknown,
            None => PeerAddress::Epmd(self.epmd_port),
        }
    }

    fn peer_event(&mut self, event: PeerEvent) {
        let now = self.now();
        match event {
            PeerEvent::Up(info) => {
                let direction = if info.dialled {
                    Direction::Outbound
                } else {
                    Direction::Inbound
                };
                self.membership
                    .connected(now, &info.name, info.hidden, direction);
                if direction == Direction::Inbound {
                    self.abandon_dial(&info.name);
                }
                if !info.hidden {
                    self.ask(info.name);
                }
            }
            PeerEvent::Down { info, reason } => {
                self.membership
                    .disconnected(now, &info.name, (&reason).into());
            }
            PeerEvent::Refused(failure) => {
                let refusal = Refusal::from(&failure);
                self.shared.count_refused(refusal.kind);
                match &failure.peer {
                    Some(peer) => self.membership.refused(now, peer, refusal),
                    None => {
                        let nuisance = Nuisance::Connection(refusal.kind);
                        self.nuisance(failure.address.ip(), nuisance, || refusal.detail);
                    }
                }
            }
        }
    }

    /// The peer was faster. A dial that goes on could make a connection later, right after the loss of this one.
    fn abandon_dial(&mut self, node: &NodeName) {
        if let Some(dial) = self.dials.remove(node) {
            dial.abort();
            let refusal = Refusal {
                kind: RefusalKind::AlreadyConnected,
                address: None,
                detail: String::new(),
            };
            self.membership.dial_failed(self.now(), node, refusal);
        }
    }

    fn outcome(&mut self, outcome: Outcome) {
        let now = self.now();
        match outcome {
            Outcome::Dialled(node, result) => {
                let awaited = self.dials.remove(&node).is_some();
                // The membership hears of a success by PeerEvent::Up.
                if let (true, Err(refusal)) = (awaited, result) {
                    self.shared.count_refused(refusal.kind);
                    self.membership.dial_failed(now, &node, refusal);
                }
            }
            Outcome::Looked(node, Ok(())) => self.membership.found(now, &node),
            Outcome::Looked(node, Err(refusal)) => self.membership.dial_failed(now, &node, refusal),
            Outcome::Mesh(by, nodes) => {
                for node in nodes {
                    self.membership.known(now, &node, &by);
                }
            }
        }
    }

    /// Never, while nobody can find our port: who hears us dials us, and would be refused.
    fn heartbeat_due(&self) -> Option<Instant> {
        if matches!(*self.epmd.borrow(), EpmdState::Lost(_)) {
            return None;
        }
        let due: Instant = self.gossip.as_ref()?.schedule.due().into();
        Some(due.max(self.started + self.membership.quiet_until()))
    }

    fn heartbeat(&mut self) {
        let Some(gossip) = &mut self.gossip else {
            return;
        };
        // rand's generator for a thread is a secure one (ChaCha, seeded by the system).
        let packets = gossip.codec.encode_all(rand::random);
        let sent = packets
            .iter()
            .try_for_each(|packet| gossip.socket.send(packet));
        self.shared.count_sent(sent.is_ok());
        let now = Instant::now().into_std();
        if let Some(turn) = gossip.schedule.sent(sent, now, rand::random()) {
            tracing::warn!("{turn}");
        }
    }

    fn heard(&mut self, received: io::Result<Received>) {
        let now = self.now();
        let Some(gossip) = &mut self.gossip else {
            return;
        };
        let Received { from, verdict } = match received {
            Ok(received) => received,
            Err(error) => return tracing::debug!(%error, "the gossip socket has an error to tell"),
        };
        gossip
            .heard
            .note(from.ip(), &verdict, Instant::now().into_std());
        self.shared.count_datagrams(*gossip.heard.totals());
        match verdict {
            Verdict::Heartbeat(node) => self.membership.heard(now, &node, from),
            Verdict::OwnEcho => {}
            verdict => {
                let nuisance = Nuisance::Heartbeat(verdict.kind());
                self.nuisance(from.ip(), nuisance, || verdict.to_string());
            }
        }
    }

    /// Tells of what anybody can cause at will: the first at once, the others by their number.
    fn nuisance(&mut self, from: IpAddr, nuisance: Nuisance, detail: impl FnOnce() -> String) {
        if self
            .tally
            .note(Some(from), nuisance, Instant::now().into_std())
        {
            self.shared
                .tell(nuisance.event(Some(from), Some(detail()), 1));
        }
    }

    fn tell_counted(&mut self) {
        for counted in self.tally.due(Instant::now().into_std()) {
            let event = counted.reason.event(counted.source, None, counted.count);
            self.shared.tell(event);
        }
    }

    fn registration(&self) {
        match &*self.epmd.borrow() {
            EpmdState::Lost(error) => {
                tracing::warn!("our name is not registered any more: {error}; trying again")
            }
            state => tracing::info!(?state, "registered again"),
        }
    }

    fn look_at_interfaces(&self) {
        let notices = self
            .gossip
            .iter()
            .flat_map(|gossip| gossip.socket.refresh());
        for notice in notices {
            tracing::info!("{notice}");
        }
    }

    fn told(&mut self, word: Word) {
        match word {
            // Whoever asked may have gone.
            Word::Look(asker) => drop(asker.send(self.overview())),
            Word::Secrets(secrets) => {
                if let Some(gossip) = &mut self.gossip {
                    gossip.codec = codec(self.runtime.name(), secrets.iter());
                }
            }
        }
    }

    fn overview(&self) -> Overview {
        let heard = self.gossip.as_ref().map(|gossip| &gossip.heard);
        let sources = heard.into_iter().flat_map(Heard::sources);
        Overview {
            now: self.now(),
            nodes: self.membership.snapshot(self.now()),
            sources: sources
                .map(|(address, source)| SourceView {
                    address,
                    tally: source.tally,
                    last: source.last.clone(),
                    ago: source.at.elapsed(),
                })
                .collect(),
            unlisted: heard.map_or(0, Heard::unlisted),
            counters: self.membership.counters(),
        }
    }

    /// One peer, by chance: in time each is asked, and what it knows stays fresh.
    fn ask_someone(&mut self) {
        let members: Vec<&NodeName> = self.membership.members().collect();
        if let Some(peer) = members.choose(&mut rand::rng()) {
            let peer = NodeName::clone(peer);
            self.ask(peer);
        }
    }

    fn ask(&mut self, peer: NodeName) {
        let runtime = self.runtime.clone();
        self.work.spawn(async move {
            let nodes = mesh::nodes_of(&runtime, &peer).await;
            Outcome::Mesh(peer, nodes)
        });
    }
}

/// The first secret is our own.
fn codec<'a>(own: &NodeName, mut secrets: impl Iterator<Item = &'a GossipSecret>) -> Codec {
    let codec = Codec::new(own, secrets.next());
    secrets.fold(codec, Codec::also)
}

/// The next datagram; never, where there is no gossip.
async fn heard(gossip: Option<&Heartbeats>) -> io::Result<Received> {
    match gossip {
        Some(gossip) => gossip.socket.next(&gossip.codec).await,
        None => std::future::pending().await,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
