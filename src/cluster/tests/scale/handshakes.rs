//! Handshakes between the nodes of a simulation, message by message, each on a stream of its own whose segments the
//! network loses and brings again.

use super::net_kernel::Accepted;
use super::*;
use crate::Cookie;
use crate::dist::{
    AcceptProgress, Acceptor, Decision, Flags, HandshakeError, InitiateProgress, Initiator, Local,
};
use crate::runtime::AcceptVerdict;

/// How often the network loses a segment, and after how long the kernel sends it again, for the first time.
const SEGMENT_LOSS: f64 = 0.05;
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// The end that dialled, and the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Dialler,
    Acceptor,
}

impl End {
    fn other(self) -> End {
        match self {
            End::Dialler => End::Acceptor,
            End::Acceptor => End::Dialler,
        }
    }
}

/// A stream: a handshake, and the connection that comes of it.
pub(super) struct Conn {
    nodes: [usize; 2],
    lives: [u32; 2],
    initiator: Option<Box<Initiator>>,
    acceptor: Option<Box<Acceptor>>,
    ids: [Option<AttemptId>; 2],
    open: [bool; 2],
    /// What is on its way to each end, in order; `None` is the end of the stream.
    wires: [VecDeque<Option<Vec<u8>>>; 2],
}

fn local(node: &Node) -> Local {
    Local {
        name: node.name.clone(),
        creation: node.life + 1,
        flags: Flags::OFFERED,
        cookie: Cookie::new("c"),
    }
}

impl Sim {
    pub(super) fn dialled(&mut self, by: usize, at: usize, id: AttemptId) {
        if !self.nodes[by].table.holds(&self.nodes[at].name, id) {
            // Killed while it asked EPMD.
            return;
        }
        self.numbered += 1;
        let number = self.numbered;
        let challenges: [u32; 2] = [self.rng.random(), self.rng.random()];
        let peer = self.nodes[at].name.clone();
        let (initiator, first) = Initiator::new(local(&self.nodes[by]), peer, challenges[0]);
        let acceptor = Acceptor::new(local(&self.nodes[at]), challenges[1]);
        let conn = Conn {
            nodes: [by, at],
            lives: [self.nodes[by].life, self.nodes[at].life],
            initiator: Some(Box::new(initiator)),
            acceptor: Some(Box::new(acceptor)),
            ids: [Some(id), None],
            open: [true, true],
            wires: Default::default(),
        };
        self.conns.insert(number, conn);
        self.attempts.insert((by, id), (number, End::Dialler));
        if !self.nodes[at].up {
            return self.refused(number);
        }
        for end in [End::Dialler, End::Acceptor] {
            self.after(SETUP_TIME, What::TooLate { conn: number, end });
        }
        self.put(number, End::Acceptor, Some(first));
    }

    /// Nobody listens at the port.
    fn refused(&mut self, number: u64) {
        if let Some(conn) = self.conns.get_mut(&number) {
            conn.open[End::Acceptor as usize] = false;
        }
        self.close(number, End::Dialler, RefusalKind::NameUnknown);
    }

    fn put(&mut self, number: u64, to: End, segment: Option<Vec<u8>>) {
        let Some(conn) = self.conns.get_mut(&number) else {
            return;
        };
        let wire = &mut conn.wires[to as usize];
        wire.push_back(segment);
        if wire.len() == 1 {
            let first = What::Arrives {
                conn: number,
                to,
                tries: 0,
            };
            let on_the_way = LATENCY.mul_f64(self.rng.random_range(0.5..5.0));
            self.after(on_the_way, first);
        }
    }

    /// The first segment on a wire arrives, and those behind it, or it is lost and comes again.
    pub(super) fn arrives(&mut self, number: u64, to: End, tries: u32) {
        let Some(conn) = self.conns.get_mut(&number) else {
            return;
        };
        let [by, at] = conn.nodes;
        let (node, life) = (conn.nodes[to as usize], conn.lives[to as usize]);
        if !self.alive(node, life) {
            return self.close(number, to, RefusalKind::NameUnknown);
        }
        if !self.reaches(by, at) || self.rng.random_bool(SEGMENT_LOSS) {
            let again = What::Arrives {
                conn: number,
                to,
                tries: tries + 1,
            };
            return self.after(RETRANSMISSION * 2_u32.pow(tries.min(8)), again);
        }
        let Some(conn) = self.conns.get_mut(&number) else {
            return;
        };
        for segment in std::mem::take(&mut conn.wires[to as usize]) {
            let is_open = |conn: &Conn| conn.open[to as usize];
            if !self.conns.get(&number).is_some_and(is_open) {
                break;
            }
            match (segment, to) {
                (None, _) => self.close(number, to, RefusalKind::AlreadyConnected),
                (Some(bytes), End::Acceptor) => self.at_acceptor(number, &bytes),
                (Some(bytes), End::Dialler) => self.at_dialler(number, &bytes),
            }
        }
    }

    fn at_acceptor(&mut self, number: u64, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(&number) else {
            return;
        };
        let at = conn.nodes[End::Acceptor as usize];
        let Some(acceptor) = &mut conn.acceptor else {
            return;
        };
        match acceptor.receive(bytes) {
            Ok(AcceptProgress::Decide(hello)) => {
                let mut killed = None;
                let verdict = match &mut self.nodes[at].table {
                    Table::Ours(table) => Some(table.accept(&hello.name)),
                    Table::Beam(kernel) => match kernel.accept(&hello.name) {
                        Accepted::Ok(id) => Some(AcceptVerdict::Ok(id)),
                        Accepted::Instead(id, other) => {
                            killed = Some(other);
                            Some(AcceptVerdict::OkSimultaneous(id))
                        }
                        Accepted::Nok => Some(AcceptVerdict::Nok),
                        Accepted::UpPending(id) => Some(AcceptVerdict::Alive(id)),
                        Accepted::AlreadyPending => None,
                    },
                };
                let (decision, id) = match verdict {
                    Some(AcceptVerdict::Ok(id)) => (Decision::Ok, Some(id)),
                    Some(AcceptVerdict::OkSimultaneous(id)) => (Decision::OkSimultaneous, Some(id)),
                    Some(AcceptVerdict::Alive(id)) => (Decision::Alive, Some(id)),
                    Some(AcceptVerdict::Nok) => (Decision::Nok, None),
                    None => {
                        return self.close(number, End::Acceptor, RefusalKind::AlreadyConnected);
                    }
                };
                let simultaneous = matches!(decision, Decision::OkSimultaneous | Decision::Nok);
                self.simultaneous += usize::from(simultaneous);
                conn.ids[End::Acceptor as usize] = id;
                if let Some(id) = id {
                    self.attempts.insert((at, id), (number, End::Acceptor));
                }
                let replies = acceptor.decide(decision);
                if let Some(other) = killed {
                    // `net_kernel` ends the process that owns the other attempt.
                    if let Some((other, end)) = self.attempts.get(&(at, other)).copied() {
                        self.close(other, end, RefusalKind::AlreadyConnected);
                    }
                }
                match replies {
                    Ok(replies) => {
                        for reply in replies {
                            self.put(number, End::Dialler, Some(reply));
                        }
                    }
                    Err(error) => self.farewell(number, &error),
                }
            }
            Ok(AcceptProgress::Send(reply)) => self.put(number, End::Dialler, Some(reply)),
            Ok(AcceptProgress::Done(ack, _)) => {
                conn.acceptor = None;
                self.put(number, End::Dialler, Some(ack));
                self.up(number, End::Acceptor);
            }
            Err(error) => self.farewell(number, &error),
        }
    }

    fn farewell(&mut self, number: u64, error: &HandshakeError) {
        if let Some(bytes) = Acceptor::farewell(error) {
            self.put(number, End::Dialler, Some(bytes));
        }
        self.close(number, End::Acceptor, RefusalKind::AlreadyConnected);
    }

    fn at_dialler(&mut self, number: u64, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(&number) else {
            return;
        };
        let ([by, at], Some(id)) = (conn.nodes, conn.ids[0]) else {
            return;
        };
        let Some(initiator) = &mut conn.initiator else {
            return;
        };
        match initiator.receive(bytes) {
            Ok(InitiateProgress::Wait) => {}
            Ok(InitiateProgress::Send(reply)) => self.put(number, End::Acceptor, Some(reply)),
            Ok(InitiateProgress::Alive) => {
                let peer = &self.nodes[at].name;
                let dead = match &self.nodes[by].table {
                    Table::Ours(table) => !table.is_up(peer),
                    Table::Beam(kernel) => kernel.is_pending(peer, id),
                };
                let reply = initiator.alive(dead);
                self.put(number, End::Acceptor, Some(reply));
                if !dead {
                    self.close(number, End::Dialler, RefusalKind::AlreadyConnected);
                }
            }
            Ok(InitiateProgress::Done(_)) => {
                let peer = self.nodes[at].name.clone();
                if initiator.goes_first()
                    && let Table::Ours(table) = &mut self.nodes[by].table
                {
                    table.goes_first(&peer, id);
                }
                conn.initiator = None;
                self.up(number, End::Dialler);
            }
            // It waits for the other's attempt, which ends it (`dist_util:recv_status/1`).
            Err(HandshakeError::Nok) if by >= self.guests => {}
            Err(_) => self.close(number, End::Dialler, RefusalKind::AlreadyConnected),
        }
    }

    /// Whether this was authenticated in time.
    pub(super) fn too_late(&mut self, number: u64, end: End) {
        let is_late = |conn: &Conn| match end {
            End::Dialler => conn.initiator.is_some(),
            End::Acceptor => conn.acceptor.is_some(),
        };
        if self.conns.get(&number).is_some_and(is_late) {
            self.close(number, end, RefusalKind::Silent);
        }
    }

    /// An end was authenticated: it is the connection now, or another is.
    fn up(&mut self, number: u64, end: End) {
        let Some(conn) = self.conns.get(&number) else {
            return;
        };
        let (node, peer) = (conn.nodes[end as usize], conn.nodes[end.other() as usize]);
        let Some(id) = conn.ids[end as usize] else {
            return;
        };
        let name = self.nodes[peer].name.clone();
        let (old, stands) = match &mut self.nodes[node].table {
            Table::Ours(table) => match table.up(&name, id) {
                UpVerdict::Up => (None, true),
                UpVerdict::Replaced(old) => (Some(old), true),
                UpVerdict::Lost => (None, false),
            },
            Table::Beam(kernel) => kernel.up(&name, id),
        };
        if !stands {
            return self.close(number, end, RefusalKind::AlreadyConnected);
        }
        if old.is_some()
            && let Some(link) = self.nodes[node].links.get(&peer).copied()
        {
            let (old, old_end) = link;
            self.close(old, old_end, RefusalKind::AlreadyConnected);
        }
        self.linked(node, peer, (number, end));
    }

    /// An end closes, for whatever reason: the other hears of it behind all that is on its way.
    pub(super) fn close(&mut self, number: u64, end: End, kind: RefusalKind) {
        let Some(conn) = self.conns.get_mut(&number) else {
            return;
        };
        if !std::mem::replace(&mut conn.open[end as usize], false) {
            return;
        }
        let (node, peer) = (conn.nodes[end as usize], conn.nodes[end.other() as usize]);
        let (life, id) = (conn.lives[end as usize], conn.ids[end as usize]);
        let unfinished = end == End::Dialler && conn.initiator.is_some();
        let lost = end == End::Dialler && !unfinished;
        let other_is_open = conn.open[end.other() as usize];
        if let Some(id) = id
            && self.attempts.get(&(node, id)) == Some(&(number, end))
        {
            self.attempts.remove(&(node, id));
        }
        match other_is_open {
            true => self.put(number, end.other(), None),
            false => drop(self.conns.remove(&number)),
        }
        if !self.alive(node, life) {
            return;
        }
        let name = self.nodes[peer].name.clone();
        if let Some(id) = id {
            self.nodes[node].table.ended(&name, id);
        }
        let was_link = self.nodes[node].links.get(&peer) == Some(&(number, end));
        if was_link {
            self.unlinked(node, peer);
        }
        if unfinished || (lost && !was_link) {
            self.errand_ends(node, peer, Some(kind));
        }
    }
}
