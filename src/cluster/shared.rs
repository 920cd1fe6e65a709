//! What the driver of a cluster shares with the users of a node: who is up, and what happens.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

use super::{Direction, Event};
use crate::NodeName;
use crate::gossip::Tally;

/// Events that a slow user may fall behind.
const KEPT: usize = 1024;

/// The members and the stream of events.
#[derive(Debug)]
pub(crate) struct Shared {
    members: Mutex<Members>,
    /// How many visible nodes are up.
    count: watch::Sender<usize>,
    datagrams: Mutex<Tally>,
}

#[derive(Debug)]
struct Members {
    up: BTreeSet<(NodeName, bool)>,
    events: broadcast::Sender<Event>,
    /// What happened before anybody asked is kept for the first who does: a refusal is told only once.
    unheard: Option<broadcast::Receiver<Event>>,
}

impl Shared {
    pub(crate) fn new() -> Arc<Shared> {
        let (events, unheard) = broadcast::channel(KEPT);
        let members = Members {
            up: BTreeSet::new(),
            events,
            unheard: Some(unheard),
        };
        Arc::new(Shared {
            members: Mutex::new(members),
            count: watch::Sender::new(0),
            datagrams: Mutex::default(),
        })
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
