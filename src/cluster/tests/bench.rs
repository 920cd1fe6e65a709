//! A membership on a bench: virtual time, and all that it ordered and told.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cluster::*;
use crate::name::NodeName;

pub(super) fn node(name: &str) -> NodeName {
    NodeName::new(&format!("{name}@h")).unwrap()
}

pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub(super) fn from(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 45892)
}

pub(super) fn refusal(kind: RefusalKind) -> Refusal {
    Refusal {
        kind,
        address: None,
        detail: String::new(),
    }
}

pub(super) struct Bench {
    pub(super) membership: Membership,
    pub(super) now: Duration,
    pub(super) actions: Vec<(Duration, Action)>,
    pub(super) events: Vec<(Duration, Event)>,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with(MembershipConfig::default())
    }

    pub(super) fn with(config: MembershipConfig) -> Bench {
        Bench {
            membership: Membership::new(config, node("own"), 42),
            now: Duration::ZERO,
            actions: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Runs until `to`, wake-up by wake-up; `answer` is given each order.
    pub(super) fn run(&mut self, to: Duration, mut answer: impl FnMut(&mut Bench, &Action)) {
        loop {
            while let Some(action) = self.membership.poll(self.now) {
                self.actions.push((self.now, action.clone()));
                answer(self, &action);
            }
            while let Some(event) = self.membership.next_event() {
                self.events.push((self.now, event));
            }
            match self.membership.next_wakeup() {
                Some(at) if at <= to => {
                    assert!(at > self.now, "a wake-up at {at:?} for nothing");
                    self.now = at;
                }
                _ => break,
            }
        }
        self.now = to;
    }

    pub(super) fn hear(&mut self, node: &NodeName, address: &str) {
        self.membership.heard(self.now, node, from(address));
    }

    pub(super) fn name(&mut self, node: &NodeName) {
        self.membership.named(self.now, node);
    }

    pub(super) fn accept(&mut self, node: &NodeName) {
        self.membership
            .connected(self.now, node, false, Direction::Inbound);
        self.drain();
    }

    pub(super) fn lose(&mut self, node: &NodeName, reason: DownReason) {
        self.membership.disconnected(self.now, node, reason);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(event) = self.membership.next_event() {
            self.events.push((self.now, event));
        }
    }

    pub(super) fn members(&self) -> Vec<&str> {
        self.membership.members().map(NodeName::as_str).collect()
    }

    pub(super) fn snapshot(&self) -> Vec<NodeView> {
        self.membership.snapshot(self.now)
    }
}
