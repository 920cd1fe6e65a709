//! Owns the socket of a handshake: carries the messages of [`crate::dist`]'s state machines, each stage with
//! a time limit, and makes a connection of what comes out.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::NodeName;
use crate::dist::HandshakeError;

/// The longest message: a name of 255 characters in UTF-8, with room for what later versions may append.
const LONGEST_MESSAGE: usize = 2048;
/// Bytes that the kernel takes from us ahead of what it may send: two fragments.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;

/// Why a handshake came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} at {address}: {error}", peer.as_ref().map_or("a stranger", NodeName::as_str))]
pub struct HandshakeFailure {
    /// Where the other side's socket was.
    pub address: SocketAddr,
    /// The other side's name, as far as it is known.
    pub peer: Option<NodeName>,
    /// What went wrong.
    pub error: HandshakeError,
}

/// A socket that carries handshake messages, each behind its length in two bytes.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
    limit: Duration,
}

/// Why no message came or went.
#[derive(Debug)]
pub(super) enum WireError {
    Closed,
    Silent,
    /// What came is no handshake: its first bytes.
    Garbage(Vec<u8>),
}

impl Wire {
    pub(super) fn new(stream: TcpStream, limit: Duration) -> Wire {
        Wire {
            // Without it each reply of ours waits for the peer's delayed ACK (PROTOCOL.md, B.1).
            stream: swift(stream),
            buffer: BytesMut::with_capacity(LONGEST_MESSAGE),
            limit,
        }
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), WireError> {
        let length = u16::try_from(message.len()).map_err(|_| WireError::Closed)?;
        let framed = [&length.to_be_bytes(), message].concat();
        match timeout(self.limit, self.stream.write_all(&framed)).await {
            Err(_) => Err(WireError::Silent),
            Ok(Err(_)) => Err(WireError::Closed),
            Ok(Ok(())) => Ok(()),
        }
    }

    pub(super) async fn receive(&mut self) -> Result<Bytes, WireError> {
        timeout(self.limit, self.next_message())
            .await
            .unwrap_or(Err(WireError::Silent))
    }

    async fn next_message(&mut self) -> Result<Bytes, WireError> {
        loop {
            if let Some(head) = self.buffer.first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*head));
                if length > LONGEST_MESSAGE {
                    return Err(WireError::Garbage(self.first_bytes()));
                }
                if self.buffer.len() >= 2 + length {
                    self.buffer.advance(2);
                    return Ok(self.buffer.split_to(length).freeze());
                }
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Err(WireError::Closed),
                Ok(_) => {}
            }
        }
    }

    fn first_bytes(&self) -> Vec<u8> {
        self.buffer.iter().take(16).copied().collect()
    }

    /// How long each message may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Where our end of the socket is.
    pub(super) fn local_ip(&self) -> Option<IpAddr> {
        Some(self.stream.local_addr().ok()?.ip().to_canonical())
    }

    /// Whether no byte came behind the last message.
    pub(super) fn has_heard_nothing(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The socket and what came behind the last message.
    pub(super) fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.buffer)
    }
}

fn swift(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    // What the kernel holds beyond what is on its way can no longer be overtaken by small signals: 4 MiB unless set.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "TCP_NOTSENT_LOWAT cannot be set");
    }
    stream
}
