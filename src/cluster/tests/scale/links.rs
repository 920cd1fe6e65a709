//! Connections of a simulation that come and go.

use super::handshakes::End;
use super::*;

impl Sim {
    /// This stream is the connection of a node to its peer now.
    pub(super) fn linked(&mut self, node: usize, peer: usize, link: (u64, End)) {
        let (now, name) = (self.now, self.nodes[peer].name.clone());
        let is_guest = peer < self.guests;
        let it = &mut self.nodes[node];
        it.links.insert(peer, link);
        it.met.push((now, if is_guest { Some(peer) } else { None }));
        let direction = match link.1 {
            End::Dialler => Direction::Outbound,
            End::Acceptor => Direction::Inbound,
        };
        if let Some(membership) = &mut it.membership {
            if direction == Direction::Outbound {
                it.errands -= 1;
            }
            membership.connected(now, &name, false, direction);
        }
        self.pump(node);
    }

    /// The connection of a node to its peer is gone.
    pub(super) fn unlinked(&mut self, node: usize, peer: usize) {
        let (now, name) = (self.now, self.nodes[peer].name.clone());
        let it = &mut self.nodes[node];
        it.links.remove(&peer);
        if let Some(membership) = &mut it.membership {
            membership.disconnected(now, &name, DownReason::ConnectionClosed);
        }
        self.pump(node);
    }

    pub(super) fn errand_ends(&mut self, by: usize, at: usize, failed: Option<RefusalKind>) {
        let (now, name) = (self.now, self.nodes[at].name.clone());
        let node = &mut self.nodes[by];
        let Some(membership) = &mut node.membership else {
            return;
        };
        node.errands -= 1;
        match failed {
            Some(kind) => membership.dial_failed(now, &name, refusal(kind)),
            None => membership.found(now, &name),
        }
        self.pump(by);
    }

    /// The links of a node, in an order that does not depend on a hash.
    fn links_of(&self, node: usize) -> Vec<(usize, (u64, End))> {
        let links = self.nodes[node].links.iter();
        let mut links: Vec<_> = links.map(|(peer, link)| (*peer, *link)).collect();
        links.sort_unstable();
        links
    }

    /// The process ends; it starts again after `pause`.
    pub(super) fn restart(&mut self, of: usize, pause: Duration) {
        let open = self.attempts.iter().filter(|((node, _), _)| *node == of);
        let mut open: Vec<(u64, End)> = open.map(|(_, attempt)| *attempt).collect();
        open.sort_unstable();
        self.nodes[of].up = false;
        self.nodes[of].membership = None;
        self.nodes[of].links.clear();
        for (conn, end) in open {
            self.close(conn, end, RefusalKind::AlreadyConnected);
        }
        self.after(pause, What::Boot { of });
    }

    /// Nothing passes between the first so many nodes and the others any more, and after its `net_ticktime` each end of
    /// a link notices by itself.
    pub(super) fn cut(&mut self, at: usize) {
        self.cut = Some(at);
        for node in 0..self.nodes.len() {
            for (peer, (conn, end)) in self.links_of(node) {
                if !self.reaches(node, peer) {
                    self.close(conn, end, RefusalKind::Silent);
                }
            }
        }
    }
}
