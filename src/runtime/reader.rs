//! Owns the half of a connection's socket that is read: takes frames off it and routes them, and never waits for anything
//! else.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
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
    loop {
        connection.gather();
        let routed = route_all(runtime, connection, &mut decoder, &mut buffer);
        // Those who were woken may have something to say. One of them writes it; if there are more, we do.
        if routed.as_ref().is_ok_and(|woken| *woken > 1) || share > SHARE {
            share = 0;
            others_first().await;
        }
        connection.gathered();
        if let Err(error) = routed {
            return DownReason::Protocol(error);
        }
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
            None => read(&mut socket, &mut buffer, expected).await,
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

/// Routes every complete frame in `buffer`, and returns how many of them may have woken somebody.
fn route_all(
    runtime: &Runtime,
    connection: &Arc<Connection>,
    decoder: &mut FrameDecoder,
    buffer: &mut BytesMut,
) -> Result<usize, String> {
    let mut completed = false;
    let mut woken = 0;
    while let Some(frame) = decoder.next(buffer).map_err(|error| error.to_string())? {
        completed = true;
        if connection.is_down() {
            break;
        }
        if let Frame::Signal(control, payload) = frame {
            woken += usize::from(payload.is_some());
            runtime.route(connection, control, payload);
        }
    }
    if completed {
        connection.heard();
    }
    Ok(woken)
}
