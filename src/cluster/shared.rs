//! What the driver of a cluster shares with the users of a node: who is up, and what happens.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};

use super::{Direction, Event, Overview, RefusalKind, Word};
use crate::gossip::Tally;
use crate::{GossipSecret, NodeName};

/// Events that a slow user may fall behind.
const KEPT: usize = 1024;

/// The members and the stream of events.
#[derive(Debug)]
pub(crate) struct Shared {
    members: Mutex<Members>,
    /// How many visible nodes are up.
    count: watch::Sender<usize>,
    datagrams: Mutex<Tally>,
    /// Connections that were not made, by the kind of refusal.
    refused: [AtomicU64; RefusalKind::ALL.len()],
    /// Heartbeats that went out, and that did not.
    sent: [AtomicU64; 2],
    driver: UnboundedSender<Word>,
}

#[derive(Debug)]
struct Members {
    up: BTreeSet<(NodeName, bool)>,
    events: broadcast::Sender<Event>,
    /// What happened before anybody asked is kept for the first who does: a refusal is told only once.
    unheard: Option<broadcast::Receiver<Event>>,
}

impl Shared {
    /// And what is said to the driver through it.
    pub(crate) fn new() -> (Arc<Shared>, UnboundedReceiver<Word>) {
        let (events, unheard) = broadcast::channel(KEPT);
        let members = Members {
            up: BTreeSet::new(),
            events,
            unheard: Some(unheard),
        };
        let (driver, words) = unbounded_channel();
        let shared = Shared {
            members: Mutex::new(members),
            count: watch::Sender::new(0),
            datagrams: Mutex::default(),
            refused: Default::default(),
            sent: Default::default(),
            driver,
        };
        (Arc::new(shared), words)
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many datagrams of each kind came to the gossip port.
    pub(crate) fn datagrams(&self) -> Tally {
        *self
            .datagrams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_datagrams(&self, tally: Tally) {
        *self
            .datagrams
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = tally;
    }

    /// What the driver knows now; `None` once it has ended.
    pub(crate) async fn overview(&self) -> Option<Overview> {
        let (sender, answer) = oneshot::channel();
        self.driver.send(Word::Look(sender)).ok()?;
        answer.await.ok()
    }

    /// Changes the secrets of heartbeats, the own one first.
    pub(crate) fn set_secrets(&self, secrets: Vec<GossipSecret>) {
        // A driver that has ended needs none.
        let _ = self.driver.send(Word::Secrets(secrets));
    }

    pub(crate) fn count_refused(&self, kind: RefusalKind) {
        self.refused[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections were not made for this reason.
    pub(crate) fn refused(&self, kind: RefusalKind) -> u64 {
        self.refused[kind as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn count_sent(&self, went_out: bool) {
        self.sent[usize::from(!went_out)].fetch_add(1, Ordering::Relaxed);
    }

    /// How many heartbeats went out, and how many did not.
    pub(crate) fn sent(&self) -> [u64; 2] {
        self.sent
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed))
    }

    /// The visible nodes that are up, in the order of their names.
    pub(crate) fn nodes(&self) -> Vec<NodeName> {
        let members = self.lock();
        let visible = members.up.iter().filter(|(_, hidden)| !hidden);
        visible.map(|(node, _)| node.clone()).collect()
    }

    /// How many visible nodes are up, as it changes.
    pub(crate) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// Tells everybody of `event`.
    pub(crate) fn tell(&self, event: Event) {
        let mut members = self.lock();
        match &event {
            Event::Up { node, hidden, .. } => {
                members.up.insert((node.clone(), *hidden));
            }
            Event::Down { node, hidden, .. } => {
                members.up.remove(&(node.clone(), *hidden));
            }
            _ => {}
        }
        let visible = members.up.iter().filter(|(_, hidden)| !hidden).count();
        self.count.send_replace(visible);
        // There may be nobody who listens.
        let _ = members.events.send(event);
    }

    /// For the first who asks, all from the start on; for later ones a stream that begins with the nodes that are up.
    pub(crate) fn events(&self) -> Events {
        let mut members = self.lock();
        if let Some(rest) = members.unheard.take() {
            let first = Vec::new().into_iter();
            return Events { first, rest };
        }
        let up = members.up.iter().map(|(node, hidden)| Event::Up {
            node: node.clone(),
            hidden: *hidden,
            direction: Direction::Inbound,
        });
        Events {
            first: up.collect::<Vec<_>>().into_iter(),
            rest: members.events.subscribe(),
        }
    }
}

/// What happens in the cluster, one [`Event`] after the other.
#[derive(Debug)]
pub struct Events {
    first: std::vec::IntoIter<Event>,
    rest: broadcast::Receiver<Event>,
}

impl Events {
    /// The next event; `None` once the node has stopped. Who falls more than 1,024 events behind hears of the
    /// gap by [`Event::Missed`].
    pub async fn recv(&mut self) -> Option<Event> {
        if let Some(event) = self.first.next() {
            return Some(event);
        }
        match self.rest.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(count)) => Some(Event::Missed { count }),
            Err(RecvError::Closed) => None,
        }
    }
}
