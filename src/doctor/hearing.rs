//! I/O: what is heard while the nodes are looked at, kept as it came: a secret that is learnt later still reads it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::discovery::{Candidate, Candidates, Datagram, Deaf, Destination, Ears, Reading, Table};
use crate::gossip::Gossip;
use crate::{GossipSecret, NodeName};

/// So many datagrams are kept: a minute of 100 nodes.
const MAX_KEPT: usize = 4096;

/// What came in, and when.
#[derive(Debug, Default)]
struct Kept(Vec<(Instant, Datagram)>);

/// Ears that stay open while the nodes are looked at.
#[derive(Debug)]
pub(super) struct Hearing {
    kept: Arc<Mutex<Kept>>,
    deaf: Vec<Deaf>,
    open: Vec<Destination>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hearing {
    pub(super) fn begin(configured: &Gossip) -> Hearing {
        let mut ears = Ears::open(configured);
        let kept = Arc::new(Mutex::new(Kept::default()));
        let to = Arc::clone(&kept);
        let open = ears.listening().to_vec();
        let deaf = ears.take_deaf();
        let task = tokio::spawn(async move {
            while let Some(datagram) = ears.next().await {
                let mut kept = to.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.0.len() < MAX_KEPT {
                    kept.0.push((Instant::now(), datagram));
                }
            }
        });
        Hearing {
            kept,
            deaf,
            open,
            task,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Addresses that could not be listened on.
    pub(super) fn deaf(&self) -> &[Deaf] {
        &self.deaf
    }

    /// Whether there is anything to hear with.
    pub(super) fn listens(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether what is sent there is heard, if it comes here.
    pub(super) fn listens_to(&self, address: IpAddr, port: u16) -> bool {
        self.open
            .iter()
            .any(|(group, known)| IpAddr::V4(*group) == address && *known == port)
    }

    /// All that came, read with these secrets.
    pub(super) fn table(&self, candidates: &Candidates) -> Table {
        let mut table = Table::default();
        for (at, datagram) in &self.kept().0 {
            table.note(candidates, datagram.from, datagram.to, &datagram.bytes, *at);
        }
        table
    }

    /// The nodes of whom a heartbeat came, after `since` if that is given, which one of these secrets reads.
    pub(super) fn nodes(
        &self,
        candidates: &Candidates,
        since: Option<Instant>,
    ) -> BTreeSet<NodeName> {
        let kept = self.kept();
        let late = kept
            .0
            .iter()
            .filter(|(at, _)| since.is_none_or(|since| *at >= since));
        let node = |(_, datagram): &(Instant, Datagram)| match candidates.read(&datagram.bytes) {
            Reading::Heartbeat(node, _) => Some(node),
            Reading::Unreadable(_) => None,
        };
        late.filter_map(node).collect()
    }
}

/// The configured secret, and those that nodes were found to have.
pub(super) fn candidates<'a>(
    configured: &Gossip,
    found: impl IntoIterator<Item = (&'a NodeName, &'a GossipSecret)>,
) -> Candidates {
    let own = configured.secret.iter().map(|secret| Candidate {
        label: "the configured one".to_owned(),
        secret: secret.clone(),
    });
    let found = found.into_iter().map(|(node, secret)| Candidate {
        label: format!("that of {node}"),
        secret: secret.clone(),
    });
    Candidates::new(own.chain(found))
}
