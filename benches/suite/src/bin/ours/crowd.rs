//! Many simulated peers of one node, over loopback: each has a connection, ticks, and reads what comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use beamlink::NodeName;
use beamlink::dist::{Flags, TICK};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{Answer, gossip, handshake, number};

/// Handshakes under way at once.
const AT_ONCE: usize = 16;

/// What all of them share.
#[derive(Debug, Default)]
struct Seen {
    open: AtomicU64,
    /// The longest time, in microseconds, in which one of them heard nothing.
    silence: AtomicU64,
}

/// `ours crowd PEER PORT COOKIE TICK_MILLIS visible|hidden`.
pub(crate) fn serve(settings: &[&str]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let [peer, port, cookie, tick, sight] = settings else {
        return Err("crowd PEER PORT COOKIE TICK_MILLIS visible|hidden".into());
    };
    let flags = match *sight {
        "hidden" => Flags::OFFERED_HIDDEN,
        _ => Flags::OFFERED_HIDDEN | Flags::PUBLISHED,
    };
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut crowd = Crowd {
        peer: peer.parse()?,
        port: number(port)?,
        cookie: (*cookie).to_owned(),
        tick: Duration::from_millis(number(tick)?),
        flags,
        names: Vec::new(),
        seen: Arc::new(Seen::default()),
    };
    crate::answer(|words| match words {
        ["join", count] => tokio.block_on(crowd.join(number(count)?)),
        ["open"] => Ok(vec![crowd.seen.open.load(Ordering::Relaxed) as f64]),
        // In milliseconds, since it was last asked for.
        ["silence"] => Ok(vec![
            crowd.seen.silence.swap(0, Ordering::Relaxed) as f64 / 1e3,
        ]),
        ["gossip", port, rate, millis] => {
            let time = Duration::from_millis(number(millis)?);
            gossip::send(&crowd.names, number(port)?, number(rate)?, time)
        }
        _ => Err(format!("no request: {words:?}").into()),
    })
}

struct Crowd {
    peer: NodeName,
    port: u16,
    cookie: String,
    tick: Duration,
    flags: Flags,
    names: Vec<NodeName>,
    seen: Arc<Seen>,
}

impl Crowd {
    /// Connects until there are `count`.
    async fn join(&mut self, count: usize) -> Answer {
        let mut dials = JoinSet::new();
        for number in self.names.len()..count {
            let name: NodeName = format!("crowd{number}@localhost").parse()?;
            self.names.push(name.clone());
            let (peer, cookie) = (self.peer.clone(), self.cookie.clone());
            let (port, flags) = (self.port, self.flags);
            dials.spawn(async move { handshake::dial(&name, &cookie, flags, &peer, port).await });
            if dials.len() >= AT_ONCE {
                self.joined(&mut dials).await?;
            }
        }
        while !dials.is_empty() {
            self.joined(&mut dials).await?;
        }
        Ok(vec![self.seen.open.load(Ordering::Relaxed) as f64])
    }

    async fn joined(
        &self,
        dials: &mut JoinSet<std::io::Result<(TcpStream, beamlink::dist::Connected)>>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(dialled) = dials.join_next().await {
            let (stream, _) = dialled??;
            self.seen.open.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(live(stream, self.tick, self.seen.clone()));
        }
        Ok(())
    }
}

/// Ticks and reads until the node ends the connection.
async fn live(mut stream: TcpStream, tick: Duration, seen: Arc<Seen>) {
    let mut timer = tokio::time::interval(tick);
    let mut buffer = [0; 512];
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(_) => {
                    let silence = heard.elapsed().as_micros() as u64;
                    seen.silence.fetch_max(silence, Ordering::Relaxed);
                    heard = Instant::now();
                }
            },
            _ = timer.tick() => {
                if stream.write_all(&TICK).await.is_err() {
                    break;
                }
            }
        }
    }
    seen.open.fetch_sub(1, Ordering::Relaxed);
}
