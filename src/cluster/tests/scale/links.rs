//! Connections of a simulation that come and go.

use super::*;

impl Sim {
    /// Whether this attempt is the connection now.
    pub(super) fn up(
        &mut self,
        node: usize,
        peer: usize,
        id: AttemptId,
        direction: Direction,
    ) -> bool {
        let (now, name) = (self.now, self.nodes[peer].name.clone());
        let it = &mut self.nodes[node];
        match it.table.up(&name, id) {
            UpVerdict::Lost => return false,
            UpVerdict::Up | UpVerdict::Replaced(_) => {}
        }
        it.links.insert(peer, id);
        it.met.push(now);
        if direction == Direction::Outbound && it.membership.is_some() {
            it.errands -= 1;
        }
        if let Some(membership) = &mut it.membership {
            membership.connected(now, &name, false, direction);
        }
        self.pump(node);
        true
    }

    pub(super) fn down(&mut self, node: usize, peer: usize) {
        let (now, name) = (self.now, self.nodes[peer].name.clone());
        let it = &mut self.nodes[node];
        let Some(id) = it.links.remove(&peer) else {
            return;
        };
        it.table.ended(&name, id);
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

    /// The process ends; it starts again after `pause`.
    pub(super) fn restart(&mut self, of: usize, pause: Duration) {
        let mut peers: Vec<usize> = self.nodes[of].links.keys().copied().collect();
        peers.sort_unstable();
        self.nodes[of].up = false;
        self.nodes[of].membership = None;
        for peer in peers {
            self.down(of, peer);
            self.down(peer, of);
        }
        self.after(pause, What::Boot { of });
    }

    /// Nothing passes between the first so many nodes and the others any more, and all notice.
    pub(super) fn cut(&mut self, at: usize) {
        self.cut = Some(at);
        for node in 0..self.nodes.len() {
            let links = self.nodes[node].links.keys().copied();
            let mut lost: Vec<usize> = links.filter(|peer| !self.reaches(node, *peer)).collect();
            lost.sort_unstable();
            for peer in lost {
                self.down(node, peer);
            }
        }
    }
}
