//! Handshakes between the nodes of a simulation, message by message.

use super::*;
use crate::Cookie;
use crate::dist::{
    AcceptProgress, Acceptor, Decision, Flags, HandshakeError, InitiateProgress, Initiator, Local,
};
use crate::runtime::AcceptVerdict;

/// A handshake under way.
pub(super) struct Conn {
    ends: [usize; 2],
    lives: [u32; 2],
    initiator: Initiator,
    acceptor: Acceptor,
    dial: AttemptId,
    accept: Option<AttemptId>,
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
        self.numbered += 1;
        let conn = self.numbered;
        let challenges: [u32; 2] = [self.rng.random(), self.rng.random()];
        let peer = self.nodes[at].name.clone();
        let (initiator, first) = Initiator::new(local(&self.nodes[by]), peer, challenges[0]);
        let acceptor = Acceptor::new(local(&self.nodes[at]), challenges[1]);
        self.conns.insert(
            conn,
            Conn {
                ends: [by, at],
                lives: [self.nodes[by].life, self.nodes[at].life],
                initiator,
                acceptor,
                dial: id,
                accept: None,
            },
        );
        if !self.nodes[at].up {
            self.ends(conn, RefusalKind::NameUnknown);
        } else {
            self.send(conn, true, first);
        }
    }

    fn send(&mut self, conn: u64, to_acceptor: bool, bytes: Vec<u8>) {
        let [by, at] = self.conns[&conn].ends;
        match self.reaches(by, at) {
            true => self.after(
                LATENCY,
                What::Message {
                    conn,
                    to_acceptor,
                    bytes,
                },
            ),
            false => self.after(SETUP_TIME, What::Hangs { conn }),
        }
    }

    pub(super) fn message(&mut self, number: u64, to_acceptor: bool, bytes: &[u8]) {
        let Some(conn) = self.conns.get(&number) else {
            return;
        };
        let ([by, at], lives) = (conn.ends, conn.lives);
        if !self.alive(by, lives[0]) || !self.alive(at, lives[1]) {
            return self.ends(number, RefusalKind::NameUnknown);
        }
        match to_acceptor {
            true => self.at_acceptor(number, by, at, bytes),
            false => self.at_initiator(number, by, at, bytes),
        }
    }

    fn at_acceptor(&mut self, number: u64, by: usize, at: usize, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(&number) else {
            return;
        };
        match conn.acceptor.receive(bytes) {
            Ok(AcceptProgress::Decide(hello)) => {
                let verdict = self.nodes[at].table.accept(&hello.name);
                let (decision, id) = match verdict {
                    AcceptVerdict::Ok(id) => (Decision::Ok, Some(id)),
                    AcceptVerdict::OkSimultaneous(id) => (Decision::OkSimultaneous, Some(id)),
                    AcceptVerdict::Alive(id) => (Decision::Alive, Some(id)),
                    AcceptVerdict::Nok => (Decision::Nok, None),
                };
                conn.accept = id;
                match conn.acceptor.decide(decision) {
                    Ok(replies) => {
                        for reply in replies {
                            self.send(number, false, reply);
                        }
                    }
                    Err(error) => self.farewell(number, &error),
                }
                if decision == Decision::OkSimultaneous && at >= self.guests {
                    self.gives_up(at, by);
                }
            }
            Ok(AcceptProgress::Send(reply)) => self.send(number, false, reply),
            Ok(AcceptProgress::Done(ack, _)) => {
                self.send(number, false, ack);
                let id = conn_accept(&self.conns, number);
                self.up(at, by, id, Direction::Inbound);
            }
            Err(error) => self.farewell(number, &error),
        }
    }

    /// A BEAM ends its own attempt when it answers `ok_simultaneous`.
    fn gives_up(&mut self, beam: usize, peer: usize) {
        let own = self
            .conns
            .iter()
            .find(|(_, conn)| conn.ends == [beam, peer]);
        let own = own.map(|(number, _)| *number);
        if let Some(number) = own {
            self.ends(number, RefusalKind::AlreadyConnected);
        }
    }

    fn farewell(&mut self, number: u64, error: &HandshakeError) {
        match Acceptor::farewell(error) {
            Some(bytes) => self.send(number, false, bytes),
            None => self.ends(number, RefusalKind::AlreadyConnected),
        }
    }

    fn at_initiator(&mut self, number: u64, by: usize, at: usize, bytes: &[u8]) {
        let Some(conn) = self.conns.get_mut(&number) else {
            return;
        };
        match conn.initiator.receive(bytes) {
            Ok(InitiateProgress::Wait) => {}
            Ok(InitiateProgress::Send(reply)) => self.send(number, true, reply),
            Ok(InitiateProgress::Alive) => {
                let dead = !self.nodes[by].links.contains_key(&at);
                let reply = conn.initiator.alive(dead);
                match dead {
                    true => self.send(number, true, reply),
                    false => self.ends(number, RefusalKind::AlreadyConnected),
                }
            }
            Ok(InitiateProgress::Done(_)) => {
                let id = conn.dial;
                self.conns.remove(&number);
                if !self.up(by, at, id, Direction::Outbound) {
                    self.errand_ends(by, at, Some(RefusalKind::AlreadyConnected));
                }
            }
            Err(_) => self.ends(number, RefusalKind::AlreadyConnected),
        }
    }

    /// A handshake comes to nothing.
    pub(super) fn ends(&mut self, number: u64, kind: RefusalKind) {
        let Some(conn) = self.conns.remove(&number) else {
            return;
        };
        let ([by, at], [dialler, acceptor]) = (conn.ends, conn.lives);
        let names = [self.nodes[by].name.clone(), self.nodes[at].name.clone()];
        if let Some(id) = conn.accept
            && self.alive(at, acceptor)
        {
            self.nodes[at].table.ended(&names[0], id);
            if self.nodes[at].links.get(&by) == Some(&id) {
                self.down(at, by);
            }
        }
        if self.alive(by, dialler) {
            self.nodes[by].table.ended(&names[1], conn.dial);
            self.errand_ends(by, at, Some(kind));
        }
    }
}

fn conn_accept(conns: &BTreeMap<u64, Conn>, number: u64) -> AttemptId {
    let accept = conns.get(&number).and_then(|conn| conn.accept);
    accept.unwrap_or(AttemptId(0))
}
