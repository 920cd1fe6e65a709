//! One way: messages to the process `sink` of a peer, and a `sink` here.

use std::time::Duration;

use beamlink::runtime::{MailboxLimit, Process, ProcessHandle, Received, SpawnOptions};
use beamlink::term::{Atom, Term};
use beamlink::{Node, NodeName};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{Answer, now};

/// How long a sink waits for its last message.
const LIMIT: Duration = Duration::from_secs(60);

/// `{tick, Number}`: what is sent where no size is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Tick(u64),
}

/// Sends `count` messages, `{tick, Number}` or binaries of `size` bytes, as a process does; when it began.
pub(crate) async fn send(node: &Node, peer: NodeName, count: u64, size: usize) -> Answer {
    let (done, sent) = oneshot::channel();
    let binary = bytes::Bytes::from(vec![7; size]);
    let begin = now();
    if size == 0 {
        node.spawn(async move |process: Process| {
            let to = ("sink", &peer);
            for number in 0..count {
                let message = Term::tuple([Term::atom("tick"), Term::from(number)]);
                if process.send(to, message).await.is_err() {
                    return;
                }
            }
            let _ = done.send(());
        });
    } else {
        node.spawn(async move |process: Process| {
            for _ in 0..count {
                let message = Term::Binary(binary.clone());
                if process.send(("sink", &peer), message).await.is_err() {
                    return;
                }
            }
            let _ = done.send(());
        });
    }
    sent.await.map_err(|_| "the connection ended")?;
    Ok(vec![begin])
}

/// A process named `sink` that counts what comes.
#[derive(Debug)]
pub(crate) struct Sink {
    counted: oneshot::Receiver<[f64; 3]>,
    process: ProcessHandle,
}

impl Sink {
    /// Starts one for `count` messages.
    pub(crate) fn start(node: &Node, count: u64, size: usize) -> Result<Sink, String> {
        let (done, counted) = oneshot::channel();
        let options = SpawnOptions {
            // Room for all that a sender may be ahead of it: this measures how fast it is, not what happens at the bound.
            mailbox: MailboxLimit {
                bytes: 1 << 30,
                ..MailboxLimit::default()
            },
            ..SpawnOptions::default()
        };
        let process = node
            .runtime()
            .spawn_handle(options, async move |mut process: Process| {
                if let Some(spent) = take(&mut process, count, size).await {
                    let _ = done.send(spent);
                }
            });
        let name = Atom::from_static("sink");
        node.runtime()
            .register(&name, process.pid())
            .map_err(|error| error.to_string())?;
        Ok(Sink { counted, process })
    }

    /// When it had all; nanoseconds between its first and its last message, and what of them this process worked.
    pub(crate) async fn wait(self) -> Answer {
        let counted = tokio::time::timeout(LIMIT, self.counted).await?;
        let counted = counted.map_err(|_| "a message was not what was expected")?;
        // Then its name is free for the next.
        self.process.ended().await;
        Ok(counted.into())
    }
}

async fn take(process: &mut Process, count: u64, size: usize) -> Option<[f64; 3]> {
    let mut begin = None;
    for _ in 0..count {
        let Received::Message(body) = process.receive().await else {
            return None;
        };
        begin.get_or_insert_with(|| (now(), worked()));
        match size {
            0 => {
                let Message::Tick(_) = body.typed().ok()?;
            }
            _ => match body.term().ok()? {
                Term::Binary(binary) if binary.len() == size => {}
                _ => return None,
            },
        }
    }
    let ((begin, before), end) = (begin?, now());
    let worked = worked().saturating_sub(before);
    Some([end, end - begin, worked.as_nanos() as f64])
}

/// Time that this process has spent on cores, in the kernel too.
fn worked() -> Duration {
    getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| {
        let spent = usage.user_time() + usage.system_time();
        Duration::from_micros(spent.num_microseconds().unsigned_abs())
    })
}
