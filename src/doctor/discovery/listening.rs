//! I/O: ears, secrets and the account together.

use std::time::{Duration, Instant};

use super::candidates::Candidates;
use super::ears::{Deaf, Ears};
use super::table::{Destination, News, Table};
use crate::gossip::Gossip;

/// Somebody who listens to all that is said, and says nothing.
///
/// ```no_run
/// use std::time::Duration;
/// use beamlink::doctor::discovery::{Candidates, Listening};
/// use beamlink::gossip::Gossip;
///
/// # async fn example() {
/// let mut listening = Listening::begin(&Gossip::default(), Candidates::new([]));
/// listening.listen(Duration::from_secs(6), |_| false).await;
/// for heard in listening.table().nodes() {
///     println!("{} from {}", heard.node, heard.source);
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Listening {
    ears: Ears,
    candidates: Candidates,
    table: Table,
}

impl Listening {
    /// Opens the ears for all that nodes are known to send to, and for what is configured.
    ///
    /// # Panics
    /// Outside a Tokio runtime with I/O and time.
    pub fn begin(configured: &Gossip, candidates: Candidates) -> Listening {
        Listening {
            ears: Ears::open(configured),
            candidates,
            table: Table::default(),
        }
    }

    /// Waits for the next datagram that brings news. `None` when no ear is open. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<News> {
        loop {
            let datagram = self.ears.next().await?;
            let news = self.table.note(
                &self.candidates,
                datagram.from,
                datagram.to,
                &datagram.bytes,
                Instant::now(),
            );
            if news.is_some() {
                return news;
            }
        }
    }

    /// Listens for `time`, or until `enough` is said of what is heard. libcluster's heartbeats come every 5 s at least.
    pub async fn listen(&mut self, time: Duration, enough: impl Fn(&Table) -> bool) {
        let all = async {
            while !enough(&self.table) {
                if self.next().await.is_none() {
                    // Who hears nothing has to wait none the less: for what others find meanwhile.
                    std::future::pending::<()>().await;
                }
            }
        };
        let _ = tokio::time::timeout(time, all).await;
    }

    /// The account.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The secrets.
    pub fn candidates(&self) -> &Candidates {
        &self.candidates
    }

    /// What is listened for.
    pub fn listening(&self) -> &[Destination] {
        self.ears.listening()
    }

    /// What cannot be listened for.
    pub fn deaf(&self) -> &[Deaf] {
        self.ears.deaf()
    }
}
