//! Owns the half of a connection's socket that is read: takes frames off it and routes them, and never waits for anything
//! else.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{self, Read as _};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{BufMut as _, BytesMut};
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;

use super::Runtime;
use super::connection::{Connection, DownReason};
use super::outbox::others_first;
use crate::dist::{Frame, FrameDecoder, FrameLimits};

/// Bytes asked of the kernel at once.
const READ_SIZE: usize = 64 * 1024;
/// And when it had that many the last time.
const GREATER_READ_SIZE: usize = 256 * 1024;
/// And where the head of a fragment is expected, whose body is then read to where it belongs.
const HEAD_READ_SIZE: usize = 4 * 1024;
/// How long one looks again before one waits: some times what a core takes to wake.
const BUSY_WAIT: Duration = Duration::from_micros(200);
/// After so many bytes the others of this thread have their turn, if not before.
const SHARE: usize = 1024 * 1024;

thread_local! {
    /// A buffer that no connection needs just now: one that has nothing to read has none.
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// Reads until there is a reason not to.
pub(super) async fn read_all(
    runtime: &Runtime,
    connection: &Arc<Connection>,
    mut socket: OwnedReadHalf,
    mut buffer: BytesMut,
) -> DownReason {
    let mut decoder = FrameDecoder::new(connection.framing(), FrameLimits::default());
    let mut size = READ_SIZE;
    let mut share = 0;
    let mut spoken = Spoken::default();
    loop {
        connection.gather();
        let routed = route_all(runtime, connection, &mut decoder, &mut buffer);
        // Those who were woken may have something to say. One of them writes it; if there are more, we do.
        if routed.as_ref().is_ok_and(|routed| routed.woken > 1) || share > SHARE {
            share = 0;
            others_first().await;
        }
        connection.gathered();
        let signals = match routed {
            Ok(routed) => routed.signals,
            Err(error) => return DownReason::Protocol(error),
        };
        if connection.closing().is_some() {
            return DownReason::Disconnected;
        }
        let expected = match decoder.expects_fragments() {
            true => HEAD_READ_SIZE,
            false => size,
        };
        let read = match decoder.missing() {
            Some((bytes, missing)) => {
                bytes.reserve(missing.min(GREATER_READ_SIZE));
                socket.read_buf(&mut bytes.limit(missing)).await
            }
            None => {
                let soon = match signals {
                    0 => None,
                    _ => busy_wait(runtime, connection, &mut spoken, &socket, &mut buffer).await,
                };
                match soon {
                    Some(read) => read,
                    None => read(&mut socket, &mut buffer, expected).await,
                }
            }
        };
        match read {
            Ok(0) => return DownReason::Closed("the peer closed it".to_owned()),
            Ok(length) => {
                if decoder.missing().is_some()
                    && let Err(error) = decoder.arrived(length)
                {
                    return DownReason::Protocol(error.to_string());
                }
                connection.received(length);
                share += length;
                size = match length < size {
                    true => READ_SIZE,
                    false => GREATER_READ_SIZE,
                };
            }
            Err(error) => return DownReason::Closed(error.to_string()),
        }
    }
}

/// When somebody here last said something to the peer.
#[derive(Default)]
struct Spoken {
    /// How many bytes we had sent.
    sent: u64,
    at: Option<Instant>,
}

impl Spoken {
    /// Whether that was lately, as of now.
    fn is_fresh(&mut self, connection: &Connection) -> bool {
        let (_, sent) = connection.traffic();
        if self.sent != sent {
            self.sent = sent;
            self.at = Some(Instant::now());
        }
        self.at.is_some_and(|at| at.elapsed() < BUSY_WAIT)
    }
}

/// Looks for more without going to sleep, for a while after somebody spoke to the peer: what comes of that is often there in
/// less time than a core takes to fall asleep and to wake. The schedulers of a BEAM do the same (`erl +sbwt`). All others
/// of this thread have their turn before each look, and one connection at a time does so.
async fn busy_wait(
    runtime: &Runtime,
    connection: &Connection,
    spoken: &mut Spoken,
    socket: &OwnedReadHalf,
    buffer: &mut BytesMut,
) -> Option<io::Result<usize>> {
    let _only = OnlyOne::of(&runtime.0.busy)?;
    // Not `yield_now`: no other thread can take what waits there, and who was woken may compute for long.
    others_first().await;
    while spoken.is_fresh(connection) {
        match glance(socket, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return Some(done),
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Holds a flag that one at a time may hold.
struct OnlyOne<'a>(&'a AtomicBool);

impl<'a> OnlyOne<'a> {
    fn of(flag: &'a AtomicBool) -> Option<OnlyOne<'a>> {
        (!flag.swap(true, Ordering::Acquire)).then_some(OnlyOne(flag))
    }
}

impl Drop for OnlyOne<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Reads what is there, whether the runtime has heard of it or not.
fn glance(socket: &OwnedReadHalf, buffer: &mut BytesMut) -> io::Result<usize> {
    let mut bytes = [0; 2048];
    let length = (&*SockRef::from(socket.as_ref())).read(&mut bytes)?;
    buffer.extend_from_slice(&bytes[..length]);
    Ok(length)
}

/// Reads up to `size` bytes. The buffer is there only while there is something in it.
async fn read(socket: &mut OwnedReadHalf, buffer: &mut BytesMut, size: usize) -> io::Result<usize> {
    poll_fn(|context| {
        if buffer.is_empty() {
            let spare = SPARE.take();
            if spare.capacity() > buffer.capacity() {
                *buffer = spare;
            }
        }
        buffer.reserve(size);
        let read = pin!(socket.read_buf(&mut (&mut *buffer).limit(size))).poll(context);
        if read.is_pending() && buffer.is_empty() {
            let spare = std::mem::take(buffer);
            if spare.capacity() <= READ_SIZE {
                SPARE.set(spare);
            }
        }
        read
    })
    .await
}

/// What frames did.
#[derive(Default)]
struct Routed {
    signals: usize,
    /// How many of them may have woken somebody.
    woken: usize,
}

/// Routes every complete frame in `buffer`.
fn route_all(
    runtime: &Runtime,
    connection: &Arc<Connection>,
    decoder: &mut FrameDecoder,
    buffer: &mut BytesMut,
) -> Result<Routed, String> {
    let mut completed = false;
    let mut routed = Routed::default();
    while let Some(frame) = decoder.next(buffer).map_err(|error| error.to_string())? {
        completed = true;
        if connection.is_down() {
            break;
        }
        if let Frame::Signal(control, payload) = frame {
            routed.signals += 1;
            routed.woken += usize::from(payload.is_some());
            runtime.route(connection, control, payload);
        }
    }
    if completed {
        connection.heard();
    }
    Ok(routed)
}
