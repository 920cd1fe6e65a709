//! Seats for connections: when all are taken, the one that has made no progress for longest is given up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

/// The seats of one server.
#[derive(Debug, Clone)]
pub(super) struct Seats(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    size: usize,
    /// Counts every progress of any connection: who has the lowest number waits for longest.
    clock: AtomicU64,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by: HashMap<u64, (Arc<AtomicU64>, AbortHandle)>,
}

/// A connection's seat, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    id: u64,
    progress: Arc<AtomicU64>,
}

impl Seats {
    pub(super) fn new(size: usize) -> Seats {
        Seats(Arc::new(Inner {
            size: size.max(1),
            clock: AtomicU64::new(0),
            taken: Mutex::default(),
        }))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> u64 {
        self.0.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// Seats the connection that `start` begins; another one ends for it when there is no free seat.
    pub(super) fn take(&self, start: impl FnOnce(Seat) -> AbortHandle) {
        let mut taken = self.taken();
        if taken.by.len() >= self.0.size {
            let waiting = taken.by.iter();
            let longest = waiting.min_by_key(|(_, (progress, _))| progress.load(Ordering::Relaxed));
            if let Some(id) = longest.map(|(id, _)| *id)
                && let Some((_, connection)) = taken.by.remove(&id)
            {
                connection.abort();
            }
        }
        let id = taken.next;
        taken.next += 1;
        let progress = Arc::new(AtomicU64::new(self.moment()));
        let seat = Seat {
            seats: self.clone(),
            id,
            progress: progress.clone(),
        };
        let connection = start(seat);
        taken.by.insert(id, (progress, connection));
    }
}

impl Seat {
    /// A request came, or a part of an answer was taken.
    pub(super) fn progress(&self) {
        self.progress.store(self.seats.moment(), Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().by.remove(&self.id);
    }
}
