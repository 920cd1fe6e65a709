//! Membership: who is connected, who should be, and when to dial them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::candidates::{Candidates, Room, Standing};
use super::config::MembershipConfig;
use super::event::{Action, Direction, DownReason, Event, Refusal, RefusalKind};
use super::pace::Pace;
use super::record::{Line, Link, Next, Record};
use super::snapshot::NodeView;
use crate::name::NodeName;

/// The state machine between discovery and the connection table: it decides whom to dial and when, and
/// tells who came and went. See the [module](super) for what it guarantees.
///
/// It never asks the clock: `now` is the time since the driver's start and never goes back. After every
/// input the driver calls [`poll`](Membership::poll) and [`next_event`](Membership::next_event) until both
/// return `None`, and it calls them again at [`next_wakeup`](Membership::next_wakeup). Every input and
/// every returned action takes O(log n).
///
/// ```
/// use std::time::Duration;
/// use beamlink::cluster::{Action, Direction, Event, Membership, MembershipConfig};
///
/// let (own, peer) = ("zz_maint_beamlink@rust0".parse()?, "ex_esdb@node0".parse()?);
/// let mut membership = Membership::new(MembershipConfig::default(), own, 42);
/// membership.named(Duration::ZERO, &peer);
/// assert_eq!(membership.poll(Duration::ZERO), Some(Action::Dial(peer.clone())));
///
/// membership.connected(Duration::from_millis(3), &peer, false, Direction::Outbound);
/// assert!(matches!(membership.next_event(), Some(Event::Up { node, .. }) if node == peer));
/// # Ok::<(), beamlink::NodeNameError>(())
/// ```
#[derive(Debug)]
pub struct Membership {
    config: MembershipConfig,
    own: NodeName,
    rng: SmallRng,
    records: BTreeMap<NodeName, Record>,
    /// For each [`Line`], the nodes and when something is to be done about them.
    due: [BTreeSet<(Duration, NodeName)>; 3],
    /// For each [`Line`], the errands under way.
    errands: [usize; 3],
    candidates: Candidates,
    stranger_dials: Pace,
    stranger_reports: Pace,
    quiet_until: Duration,
    events: VecDeque<Event>,
    counters: Counters,
}

/// What was left undone to stay within the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// New names that found no place among the candidates.
    pub turned_away: u64,
    /// Candidates that lost their place to others.
    pub evicted: u64,
    /// Refusals of strangers that were not told as events.
    pub unreported: u64,
}

impl Membership {
    /// A membership of nobody. `seed` feeds the jitter: random for a node, fixed for a test.
    pub fn new(config: MembershipConfig, own: NodeName, seed: u64) -> Membership {
        Membership {
            own,
            rng: SmallRng::seed_from_u64(seed),
            records: BTreeMap::new(),
            due: Default::default(),
            errands: [0; 3],
            candidates: Candidates::new(config.candidates, config.per_source, config.guard),
            stranger_dials: Pace::new(config.stranger_every, config.stranger_burst),
            stranger_reports: Pace::new(
                config.stranger_every.saturating_mul(8),
                config.stranger_burst,
            ),
            quiet_until: config.quiet_start,
            events: VecDeque::new(),
            counters: Counters::default(),
            config,
        }
    }

    /// A valid heartbeat of `node` came from `from`.
    pub fn heard(&mut self, now: Duration, node: &NodeName, from: SocketAddr) {
        if *node == self.own || !self.admit(now, node, Standing::Stranger, Some(from.ip())) {
            return;
        }
        let Some(record) = self.records.get_mut(node) else {
            return;
        };
        record.heard = Some((now, from));
        if record.link.is_none() {
            record.source.get_or_insert(from.ip());
            record.sight(now, false, &self.config, &mut self.rng);
            self.settle(node);
        }
    }

    /// `node` was given by hand: it is dialled at once, and looked for as long as we run.
    pub fn named(&mut self, now: Duration, node: &NodeName) {
        if *node == self.own {
            return;
        }
        let record = self.records.entry(node.clone());
        let record = record.or_insert_with(|| Record::new(now, None, &self.config));
        record.named = true;
        self.settle(node);
    }

    /// The connected peer `by` lists `node` among its visible nodes (`erlang:nodes/0`). It is dialled when
    /// that is told again after its grace, so peers are to be asked every few seconds, and at least once in
    /// half an [`expiry`](MembershipConfig::expiry). What a peer says that is not connected (any more) is
    /// ignored.
    pub fn known(&mut self, now: Duration, node: &NodeName, by: &NodeName) {
        let told_by_peer = self.is_up(by);
        if *node == self.own || !told_by_peer || !self.admit(now, node, Standing::Trusted, None) {
            return;
        }
        if let Some(record) = self.records.get_mut(node)
            && record.link.is_none()
        {
            record.vouch(now, &self.config, &mut self.rng);
            self.settle(node);
        }
    }

    /// A handshake with `node` has ended well. Inbound ones are taken at any time: they are the peer's
    /// own decision. An inbound one does not end our own dial of the same node, which the driver still
    /// has to answer (with [`RefusalKind::AlreadyConnected`]) after it has cancelled it.
    pub fn connected(
        &mut self,
        now: Duration,
        node: &NodeName,
        hidden: bool,
        direction: Direction,
    ) {
        if *node == self.own {
            return;
        }
        if direction == Direction::Outbound {
            self.end_errand(node);
        }
        if !self.is_up(node) {
            let link = Link {
                since: now,
                hidden,
                direction,
            };
            self.bring_up(node, link);
        }
        self.settle(node);
    }

    /// The connection to `node` is gone.
    pub fn disconnected(&mut self, now: Duration, node: &NodeName, reason: DownReason) {
        let Some(record) = self.records.get_mut(node) else {
            return;
        };
        let Some(link) = record.link.take() else {
            return;
        };
        record.go_down(now, &link, reason, &self.config, &mut self.rng);
        let lived = now.saturating_sub(link.since);
        if !link.hidden && lived < self.config.guard {
            let until = now.saturating_add(self.config.guard);
            self.quiet_until = self.quiet_until.max(until);
        }
        self.events.push_back(Event::Down {
            node: node.clone(),
            hidden: link.hidden,
            reason,
        });
        self.settle(node);
        self.trim(now);
    }

    /// The errand (dial or look-up) for `node` has failed.
    pub fn dial_failed(&mut self, now: Duration, node: &NodeName, refusal: Refusal) {
        if !self.end_errand(node) {
            return;
        }
        if let Some(record) = self.records.get_mut(node)
            && record.link.is_none()
        {
            record.fail(now, refusal.kind, &self.config, &mut self.rng);
            self.report(now, node, refusal);
        }
        self.settle(node);
        self.trim(now);
    }

    /// The look-up for `node` has found it registered. It is dialled when look-ups have found it for its
    /// whole grace.
    pub fn found(&mut self, now: Duration, node: &NodeName) {
        if !self.end_errand(node) {
            return;
        }
        if let Some(record) = self.records.get_mut(node)
            && record.link.is_none()
        {
            record.sight(now, true, &self.config, &mut self.rng);
        }
        self.settle(node);
        self.trim(now);
    }

    /// Somebody who called himself `node` dialled us and was refused. It is told, and changes nothing
    /// else: the name is not proven.
    pub fn refused(&mut self, now: Duration, node: &NodeName, refusal: Refusal) {
        let source = refusal.address.map(|address| address.ip());
        if !self.admit(now, node, Standing::Stranger, source) {
            self.counters.unreported += 1;
            return;
        }
        if let Some(record) = self.records.get_mut(node) {
            record.keep(now.saturating_add(self.config.repeat_refused));
            self.report(now, node, refusal);
            self.settle(node);
        }
    }

    /// The next order that is due at `now`. Call it until it returns `None`.
    pub fn poll(&mut self, now: Duration) -> Option<Action> {
        for line in [Line::Sure, Line::Again, Line::Stranger] {
            while let Some((node, next)) = self.due_now(now, line) {
                match next {
                    Next::Lapse | Next::StepAside => {
                        if let Some(record) = self.records.get_mut(&node) {
                            match next {
                                Next::Lapse => record.lapse(),
                                _ => record.step_aside(),
                            }
                        }
                        self.settle(&node);
                    }
                    Next::Forget => self.forget(&node),
                    Next::Dial | Next::Look => {
                        let free = self.has_slot(line)
                            && (line != Line::Stranger || self.stranger_dials.take(now));
                        if !free {
                            break;
                        }
                        let looking = next == Next::Look;
                        self.start_errand(now, &node, looking);
                        return Some(match looking {
                            true => Action::Look(node),
                            false => Action::Dial(node),
                        });
                    }
                }
            }
        }
        None
    }

    /// The next event. Call it until it returns `None`.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`poll`](Membership::poll) is to be called again if nothing happens before. `None`: only
    /// after the next input.
    pub fn next_wakeup(&self) -> Option<Duration> {
        let wakeup = |line: Line| {
            let (at, node) = self.due[line as usize].first()?;
            let (_, next) = self.records.get(node)?.next(&self.config)?;
            match next {
                Next::Lapse | Next::Forget | Next::StepAside => Some(*at),
                Next::Dial | Next::Look if !self.has_slot(line) => None,
                _ if line == Line::Stranger => Some(self.stranger_dials.ready_at().max(*at)),
                _ => Some(*at),
            }
        };
        [Line::Sure, Line::Again, Line::Stranger]
            .into_iter()
            .filter_map(wakeup)
            .min()
    }

    /// Until when no heartbeat should be sent. A libcluster node dials whoever it hears, so a heartbeat
    /// soon after a connection that was lost soon would be the second half of a flap.
    pub fn quiet_until(&self) -> Duration {
        self.quiet_until
    }

    /// Whether `node` is connected, hidden or not.
    pub fn is_up(&self, node: &NodeName) -> bool {
        let record = self.records.get(node);
        record.is_some_and(|record| record.link.is_some())
    }

    /// The visible nodes that are connected, sorted: what `Node.list()` would say.
    pub fn members(&self) -> impl Iterator<Item = &NodeName> {
        let visible = |record: &Record| record.link.as_ref().is_some_and(|link| !link.hidden);
        let members = self.records.iter();
        members.filter_map(move |(node, record)| visible(record).then_some(node))
    }

    /// All that is known of all nodes, sorted by name.
    pub fn snapshot(&self, now: Duration) -> Vec<NodeView> {
        let records = self.records.iter();
        records
            .map(|(node, record)| NodeView::new(now, node, record))
            .collect()
    }

    /// What was left undone to stay within the limits.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Makes sure that there is a record of `node`, if there is room for it.
    fn admit(
        &mut self,
        now: Duration,
        node: &NodeName,
        standing: Standing,
        source: Option<IpAddr>,
    ) -> bool {
        if self.records.contains_key(node) {
            return true;
        }
        match self.candidates.room(standing, source, now) {
            Room::Free => {}
            Room::InsteadOf(other) => {
                self.counters.evicted += 1;
                self.forget(&other);
            }
            Room::Full => {
                self.counters.turned_away += 1;
                return false;
            }
        }
        let record = Record::new(now, source, &self.config);
        self.records.insert(node.clone(), record);
        true
    }

    fn bring_up(&mut self, node: &NodeName, link: Link) {
        let (hidden, direction) = (link.hidden, link.direction);
        let record = self.records.entry(node.clone());
        let record = record.or_insert_with(|| Record::new(link.since, None, &self.config));
        record.come_up(link, &self.config);
        self.events.push_back(Event::Up {
            node: node.clone(),
            hidden,
            direction,
        });
        if !hidden && self.own < *node && !std::mem::replace(&mut record.told_order, true) {
            let node = node.clone();
            self.events.push_back(Event::SortsBefore { node });
        }
    }

    fn report(&mut self, now: Duration, node: &NodeName, refusal: Refusal) {
        let Some(record) = self.records.get_mut(node) else {
            return;
        };
        let kind = refusal.kind;
        if kind == RefusalKind::AlreadyConnected {
            return;
        }
        record.refusal = Some((now, refusal.clone()));
        let silent_for = self.config.repeat_refused;
        if let Some((told, at)) = record.reported
            && told == kind
            && now < at.saturating_add(silent_for)
        {
            return;
        }
        if !record.trusted() && !self.stranger_reports.take(now) {
            self.counters.unreported += 1;
            return;
        }
        record.reported = Some((kind, now));
        self.events.push_back(Event::Refused {
            node: node.clone(),
            refusal,
        });
    }

    /// The first of a line whose time has come, and what is to be done about it.
    fn due_now(&self, now: Duration, line: Line) -> Option<(NodeName, Next)> {
        let (at, node) = self.due[line as usize].first()?;
        let record = self.records.get(node).filter(|_| *at <= now)?;
        let (_, next) = record.next(&self.config)?;
        let next = match next {
            Next::Dial if record.missed(now) => Next::StepAside,
            next => next,
        };
        Some((node.clone(), next))
    }

    fn has_slot(&self, line: Line) -> bool {
        let dials = self.config.dials.max(1);
        let share = match line {
            Line::Sure => dials,
            Line::Again => (dials / 2).max(1),
            Line::Stranger => (dials / 2).saturating_sub(1).max(1),
        };
        self.errands[line as usize] < share && self.errands.iter().sum::<usize>() < dials
    }

    fn start_errand(&mut self, now: Duration, node: &NodeName, looking: bool) {
        if let Some(record) = self.records.get_mut(node) {
            let line = record.start(now, looking);
            self.errands[line as usize] += 1;
            self.settle(node);
        }
    }

    /// Whether there was one.
    fn end_errand(&mut self, node: &NodeName) -> bool {
        let record = self.records.get_mut(node);
        let errand = record.and_then(|record| record.errand.take());
        if let Some(errand) = &errand {
            self.errands[errand.line as usize] -= 1;
        }
        errand.is_some()
    }

    /// Brings a node's places in the lines and among the candidates in line with its record.
    fn settle(&mut self, node: &NodeName) {
        let Some(record) = self.records.get_mut(node) else {
            return;
        };
        let next = record.next(&self.config);
        let filed = next.map(|(at, _)| (record.line(), at));
        if filed != record.filed {
            if let Some((line, at)) = record.filed {
                self.due[line as usize].remove(&(at, node.clone()));
            }
            if let Some((line, at)) = filed {
                self.due[line as usize].insert((at, node.clone()));
            }
            record.filed = filed;
        }
        let seat = record.wanted_seat();
        self.candidates
            .reseat(node, record.seat.as_ref(), seat.as_ref());
        record.seat = seat;
    }

    fn forget(&mut self, node: &NodeName) {
        let Some(record) = self.records.remove(node) else {
            return;
        };
        if let Some((line, at)) = record.filed {
            self.due[line as usize].remove(&(at, node.clone()));
        }
        self.candidates.reseat(node, record.seat.as_ref(), None);
    }

    /// Forgets what a lost link or an ended errand brought back beyond the limit.
    fn trim(&mut self, now: Duration) {
        while let Some(node) = self.candidates.surplus(now) {
            self.counters.evicted += 1;
            self.forget(&node);
        }
    }
}
