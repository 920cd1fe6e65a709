//! A connection that stands: its facts, its outbox, and the half of its socket that is written to.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::outbox::{Batch, Limits, Outbox, Refused, When};
use super::table::{AttemptId, UpVerdict};
use super::{PeerEvent, Runtime, reader};
use crate::NodeName;
use crate::dist::{Connected, Flags, Framing, Liveness, LivenessClock, TICK};
use crate::term::Term;

/// How often in a row who writes goes on for others.
const TURNS: u32 = 8;

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
    /// When the runtime was started.
    started: Instant,
    down: AtomicBool,
    closing: OnceLock<DownReason>,
    socket: OwnedWriteHalf,
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

    /// Adds complete frames at once: for the node's own answers.
    pub(crate) fn push(&self, frames: &[u8], when: When) -> Result<(), Refused> {
        self.pushed(self.outbox.push(frames, when))
    }

    /// Adds complete frames of a process, if there is room.
    pub(crate) fn push_in_room(&self, frames: &[u8], when: When) -> Result<(), Refused> {
        self.pushed(self.outbox.push_in_room(frames, when))
    }

    pub(crate) fn push_piece(&self, head: &[u8], body: Vec<Bytes>) -> Result<(), Refused> {
        self.pushed(self.outbox.push_piece(head, body).map(|()| None))
    }

    fn pushed(&self, result: Result<Option<Batch>, Refused>) -> Result<(), Refused> {
        match result {
            Ok(Some(batch)) => self.write(batch),
            Ok(None) => {}
            Err(refused) => {
                if refused == Refused::Overflow {
                    self.close(DownReason::OutboxOverflow);
                }
                return Err(refused);
            }
        }
        Ok(())
    }

    /// Ends the connection; the first reason counts. What waits is written as far as the socket takes it at once.
    pub(crate) fn close(&self, reason: DownReason) {
        let _ = self.closing.set(reason);
        if let Some(last) = self.outbox.close() {
            self.write(last);
        }
        // The reader sees an end then. A socket that has ended is none the worse.
        let _ = socket2::SockRef::from(self.socket.as_ref()).shutdown(Shutdown::Read);
    }

    /// Why it ends, once it does.
    pub(crate) fn closing(&self) -> Option<&DownReason> {
        self.closing.get()
    }

    /// From here until [`Connection::gathered`] the reader writes what others add.
    pub(crate) fn gather(&self) {
        self.outbox.gather();
    }

    pub(crate) fn gathered(&self) {
        if let Some(batch) = self.outbox.gathered() {
            self.write(batch);
        }
    }

    /// Writes what the socket takes at once, and leaves the rest to the writer task.
    fn write(&self, batch: Batch) {
        let mut next = Some(batch);
        let mut turns = TURNS;
        while let Some(mut batch) = next {
            let result = self.write_some(&mut batch);
            turns -= 1;
            next = self.outbox.wrote(batch, turns);
            if let Err(error) = result {
                return self.close(DownReason::Closed(error.to_string()));
            }
        }
    }

    /// Writes until all is written, or the socket takes no more.
    fn write_some(&self, batch: &mut Batch) -> io::Result<()> {
        while batch.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = batch.chunks_vectored(&mut slices);
            let written = match &slices[..filled] {
                [one] => self.socket.try_write(one),
                many => self.socket.try_write_vectored(many),
            };
            match written {
                Ok(count) => {
                    batch.advance(count);
                    self.sent.fetch_add(count as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.wrote(self.started.elapsed());
        Ok(())
    }

    /// The writer: what is left to it, and what the socket did not take at once.
    async fn write_all(&self) -> io::Result<()> {
        while let Some(mut batch) = self.outbox.take().await {
            self.write_some(&mut batch)?;
            while batch.has_remaining() {
                self.socket.writable().await?;
                self.write_some(&mut batch)?;
            }
            self.outbox.wrote(batch, 0);
        }
        Ok(())
    }

    /// `count` bytes have come.
    pub(crate) fn received(&self, count: usize) {
        self.received.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// A frame is complete.
    pub(crate) fn heard(&self) {
        let now = millis(self.started.elapsed());
        self.heard.store(now, Ordering::Relaxed);
    }

    /// Whether nothing of it is to be acted upon any more.
    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }

    pub(crate) fn liveness(&self, now: Duration) -> Liveness {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        let written = Duration::from_millis(self.written.load(Ordering::Relaxed));
        self.clock.judge(now, heard, written)
    }

    pub(crate) fn tick(&self, now: Duration) {
        if self.outbox.len() > 0 {
            self.outbox.flush();
        } else if self.push(&TICK, When::Soon).is_ok() {
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
        let (read, write) = stream.into_split();
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
            started: self.0.started,
            closing: OnceLock::new(),
            socket: write,
            info,
        });
        self.peer_up(&connection);
        let writer = connection.clone();
        let writer = tokio::spawn(async move {
            if let Err(error) = writer.write_all().await {
                writer.close(DownReason::Closed(error.to_string()));
            }
        });
        let runtime = self.clone();
        tokio::spawn(async move {
            let reason = reader::read_all(&runtime, &connection, read, rest).await;
            runtime.read_to_the_end(&connection, reason);
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

    /// The reader has come to its end, for this reason unless there was one before.
    fn read_to_the_end(&self, connection: &Arc<Connection>, reason: DownReason) {
        connection.close(reason.clone());
        let reason = connection.closing().cloned().unwrap_or(reason);
        if matches!(reason, DownReason::Protocol(_)) {
            let info = connection.info();
            tracing::warn!(peer = %info.name, address = %info.address, %reason, "connection dropped");
        }
        self.take_down(connection, reason);
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
