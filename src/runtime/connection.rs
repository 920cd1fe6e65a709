//! A connection that stands: its facts, its outbox, and the reader and writer tasks that own its socket.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;

use super::outbox::{Limits, Outbox, Refused};
use super::table::{AttemptId, UpVerdict};
use super::{PeerEvent, Runtime};
use crate::NodeName;
use crate::dist::{
    Connected, Flags, Frame, FrameDecoder, FrameLimits, Framing, Liveness, LivenessClock, TICK,
};
use crate::term::Term;

/// Bytes asked of the kernel at once.
const READ_SIZE: usize = 64 * 1024;

/// A peer, as the handshake made it known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its name.
    pub name: NodeName,
    /// Its creation: tells this boot of it from others.
    pub creation: u32,
    /// Whether it is a hidden node, for us or by its own wish.
    pub hidden: bool,
    /// What both sides can do.
    pub flags: Flags,
    /// Where its socket is.
    pub address: SocketAddr,
    /// Whether we dialled it.
    pub dialled: bool,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownReason {
    /// The peer closed it, or the network did.
    #[error("connection_closed: {0}")]
    Closed(String),
    /// The peer completed no frame for 1.25 times `net_ticktime`.
    #[error("net_tick_timeout: the peer was silent for longer than net_ticktime allows")]
    NetTickTimeout,
    /// We ended it.
    #[error("disconnect: we left")]
    Disconnected,
    /// The peer lost its end, connected again and was authenticated.
    #[error("wait_pending: the peer connected anew")]
    Replaced,
    /// The peer sent what the protocol does not allow.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The peer does not read: more than 64 MiB waited for it.
    #[error("outbox overflow: the peer does not read what it asks for")]
    OutboxOverflow,
}

/// A standing connection.
#[derive(Debug)]
pub(crate) struct Connection {
    id: AttemptId,
    info: PeerInfo,
    framing: Framing,
    outbox: Outbox,
    sequence: AtomicU64,
    /// Milliseconds of the runtime's uptime at the last completed frame in, and at the last write.
    heard: AtomicU64,
    written: AtomicU64,
    /// Bytes in and out.
    received: AtomicU64,
    sent: AtomicU64,
    clock: LivenessClock,
    down: AtomicBool,
    closing: OnceLock<DownReason>,
    close: Notify,
}

impl Connection {
    pub(crate) fn info(&self) -> &PeerInfo {
        &self.info
    }

    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    pub(crate) fn has(&self, flags: Flags) -> bool {
        self.info.flags.contains(flags)
    }

    /// Names one fragmented signal among those under way.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until the outbox has room: for processes.
    pub(crate) async fn room(&self) -> Result<(), Refused> {
        self.outbox.room().await
    }

    /// Adds complete frames at once: for the node's own answers, and for processes after [`Self::room`].
    pub(crate) fn push(&self, frames: &[u8]) -> Result<(), Refused> {
        self.pushed(self.outbox.push(frames))
    }

    /// Adds complete frames that need not go out before the next ones do.
    pub(crate) fn push_later(&self, frames: &[u8]) -> Result<(), Refused> {
        self.pushed(self.outbox.push_later(frames))
    }

    pub(crate) fn push_piece(&self, head: &[u8], body: bytes::Bytes) -> Result<(), Refused> {
        self.pushed(self.outbox.push_piece(head, body))
    }

    fn pushed(&self, result: Result<(), Refused>) -> Result<(), Refused> {
        if result == Err(Refused::Overflow) {
            self.close(DownReason::OutboxOverflow);
        }
        result
    }

    /// Ends the connection; the first reason counts.
    pub(crate) fn close(&self, reason: DownReason) {
        let _ = self.closing.set(reason);
        self.outbox.close();
        self.close.notify_one();
    }

    pub(crate) fn liveness(&self, now: Duration) -> Liveness {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        let written = Duration::from_millis(self.written.load(Ordering::Relaxed));
        self.clock.judge(now, heard, written)
    }

    pub(crate) fn tick(&self, now: Duration) {
        if self.outbox.len() > 0 {
            self.outbox.flush();
        } else if self.push(&TICK).is_ok() {
            self.wrote(now);
        }
    }

    /// Bytes received and sent.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.received), read(&self.sent))
    }

    /// Bytes that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// How long ago the last frame was complete.
    pub(crate) fn silent(&self, now: Duration) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        now.saturating_sub(heard)
    }

    fn wrote(&self, now: Duration) {
        self.written.store(millis(now), Ordering::Relaxed);
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Runtime {
    /// Makes an authenticated socket the connection to its peer, unless another attempt has won.
    /// `rest` are bytes that came behind the handshake.
    pub(super) fn connected(
        &self,
        id: AttemptId,
        connected: Connected,
        stream: TcpStream,
        rest: BytesMut,
        address: SocketAddr,
        dialled: bool,
    ) -> bool {
        let info = PeerInfo {
            hidden: connected.hidden(),
            name: connected.peer,
            creation: connected.creation,
            flags: connected.flags,
            address,
            dialled,
        };
        let verdict = self.table().up(&info.name, id);
        match verdict {
            UpVerdict::Lost => return false,
            UpVerdict::Up => {}
            UpVerdict::Replaced(old) => {
                if let Some(connection) = self.connection(info.name.atom())
                    && connection.id == old
                {
                    connection.close(DownReason::Replaced);
                    self.take_down(&connection, DownReason::Replaced);
                }
            }
        }
        let now = millis(self.uptime());
        let connection = Arc::new(Connection {
            id,
            framing: Framing::of(info.flags),
            outbox: Outbox::new(Limits::default()),
            sequence: AtomicU64::new(1),
            heard: AtomicU64::new(now),
            written: AtomicU64::new(now),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            clock: LivenessClock::new(self.settings().net_ticktime),
            down: AtomicBool::new(false),
            closing: OnceLock::new(),
            close: Notify::new(),
            info,
        });
        self.peer_up(&connection);
        let (read, write) = stream.into_split();
        let writer = tokio::spawn(write_all(self.clone(), connection.clone(), write));
        let runtime = self.clone();
        tokio::spawn(async move {
            read_all(&runtime, &connection, read, rest).await;
            // It may be stuck in a write that the peer will never take.
            writer.abort();
        });
        true
    }

    fn peer_up(&self, connection: &Arc<Connection>) {
        let node = connection.info.name.atom().clone();
        let mut peers = self
            .0
            .peers
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        peers.insert(node, connection.clone());
        drop(peers);
        for entry in self.entries() {
            entry.node_up(connection.info.name.atom(), connection.info.hidden);
        }
        self.tell(PeerEvent::Up(connection.info.clone()));
    }

    /// Forgets the connection and all links and monitors over it. This comes before any other connection to
    /// the same peer, because an EXIT to a pid of its earlier life makes a BEAM drop the new link (PROTOCOL.md, C.4).
    fn take_down(&self, connection: &Arc<Connection>, reason: DownReason) {
        if connection.down.swap(true, Ordering::AcqRel) {
            return;
        }
        let node = connection.info.name.atom();
        let mut peers = self
            .0
            .peers
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if peers
            .get(node)
            .is_some_and(|known| known.id == connection.id)
        {
            peers.remove(node);
        }
        drop(peers);
        for entry in self.entries() {
            self.node_lost(&entry, node, connection.info.hidden);
        }
        self.end_calls_of(node);
        self.table().ended(&connection.info.name, connection.id);
        let info = connection.info.clone();
        self.tell(PeerEvent::Down { info, reason });
    }

    /// Ends the connection to `peer`; false when there is none.
    pub fn disconnect(&self, peer: &NodeName) -> bool {
        let Some(connection) = self.connection(peer.atom()) else {
            return false;
        };
        connection.close(DownReason::Disconnected);
        self.take_down(&connection, DownReason::Disconnected);
        true
    }

    /// Ends all connections at once, and all processes with `shutdown`.
    pub fn stop(&self) {
        for connection in self.connections() {
            connection.close(DownReason::Disconnected);
            self.take_down(&connection, DownReason::Disconnected);
        }
        for entry in self.entries() {
            entry.must_end(Term::atom("shutdown"));
        }
        if let Some(caller) = self.0.caller.get() {
            self.forget(&caller.pid);
        }
    }
}

/// The writer: one vectored write for all that waits.
async fn write_all(runtime: Runtime, connection: Arc<Connection>, mut socket: OwnedWriteHalf) {
    while let Some(mut batch) = connection.outbox.take().await {
        let length = batch.remaining() as u64;
        if let Err(error) = socket.write_all_buf(&mut batch).await {
            connection.close(DownReason::Closed(error.to_string()));
            return;
        }
        connection.wrote(runtime.uptime());
        connection.sent.fetch_add(length, Ordering::Relaxed);
        connection.outbox.recycle(batch);
    }
}

/// The reader: it never waits for anything but the socket.
async fn read_all(
    runtime: &Runtime,
    connection: &Arc<Connection>,
    mut socket: OwnedReadHalf,
    mut buffer: BytesMut,
) {
    let mut decoder = FrameDecoder::new(connection.framing, FrameLimits::default());
    let reason = loop {
        if let Err(error) = route_all(runtime, connection, &mut decoder, &mut buffer) {
            break DownReason::Protocol(error);
        }
        buffer.reserve(READ_SIZE);
        tokio::select! {
            biased;
            () = connection.close.notified() => break DownReason::Disconnected,
            read = socket.read_buf(&mut buffer) => match read {
                Ok(0) => break DownReason::Closed("the peer closed it".to_owned()),
                Ok(length) => {
                    connection.received.fetch_add(length as u64, Ordering::Relaxed);
                }
                Err(error) => break DownReason::Closed(error.to_string()),
            },
        }
    };
    connection.close(reason);
    let reason = connection
        .closing
        .get()
        .cloned()
        .unwrap_or(DownReason::Disconnected);
    if matches!(reason, DownReason::Protocol(_)) {
        tracing::warn!(peer = %connection.info.name, address = %connection.info.address, %reason, "connection dropped");
    }
    runtime.take_down(connection, reason);
}

/// Routes every complete frame in `buffer`.
fn route_all(
    runtime: &Runtime,
    connection: &Arc<Connection>,
    decoder: &mut FrameDecoder,
    buffer: &mut BytesMut,
) -> Result<(), String> {
    let mut completed = false;
    while let Some(frame) = decoder.next(buffer).map_err(|error| error.to_string())? {
        completed = true;
        if connection.down.load(Ordering::Acquire) {
            return Ok(());
        }
        if let Frame::Signal(control, payload) = frame {
            runtime.route(connection, control, payload);
        }
    }
    if completed {
        connection
            .heard
            .store(millis(runtime.uptime()), Ordering::Relaxed);
    }
    Ok(())
}
