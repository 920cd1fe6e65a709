//! Owns sockets: asks an EPMD where a node is, who is there, and to be registered.
//!
//! Why not the client of `erl_dist` 0.8: it has no time limit and knows no address, so its one `Io(error)` tells
//! neither a dead EPMD from a silent one nor which was asked; a taken and an unknown name are bare codes; it reads
//! NAMES to the end whatever the size, and loses all names when one is not UTF-8 (tried against OTP's epmd,
//! 2026-11-23: it works, as fast as ours, and leaves the registration's socket to the caller); and it would bring
//! `futures` IO with an adapter over tokio, a second `eetf` and a second MD5 into every build.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::codec::{CodecError, CodecFault, NodeEntry, Request};
use super::reply::{AliveReply, NamesReply, PortReply};

/// A sensible limit for each question: a live EPMD answers within a millisecond, and a BEAM that connects gives
/// up as a whole after 7 s.
pub const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The longest NAMES reply that is read: some 30,000 nodes.
const MAX_NAMES_REPLY: usize = 1 << 20;

/// The longest PORT2_RESP or ALIVE2_RESP that is read; none that decodes is longer.
const MAX_REPLY: usize = 4096;

/// Why an EPMD gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// There is no way to it. With [`ErrorKind::ConnectionRefused`]: no EPMD runs there, and no BEAM has
    /// started on that host since it ended.
    #[error("EPMD at {epmd} cannot be reached: {kind}; is one running there?")]
    Unreachable {
        /// The address asked.
        epmd: SocketAddr,
        /// What the kernel said.
        kind: ErrorKind,
    },
    /// No answer in time: a firewall, a stopped process, or something else on that port.
    #[error("EPMD at {epmd} did not answer within {limit:?}")]
    Silent {
        /// The address asked.
        epmd: SocketAddr,
        /// How long we waited.
        limit: Duration,
    },
    /// It closed the connection instead of an answer, as EPMD does with requests that it does not allow.
    #[error("EPMD at {epmd} closed the connection without an answer")]
    Closed {
        /// The address asked.
        epmd: SocketAddr,
    },
    /// What answered is no EPMD.
    #[error("what answers at {epmd} is no EPMD: {error}")]
    Malformed {
        /// The address asked.
        epmd: SocketAddr,
        /// What is wrong with its answer, and at which byte.
        error: CodecError,
    },
}

/// Why a node's port could not be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// EPMD gave no answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// EPMD knows no such node: it is down, not distributed, or registered at another EPMD.
    #[error("EPMD at {epmd} knows no node {name:?}")]
    UnknownName {
        /// The name asked for.
        name: String,
        /// The address asked.
        epmd: SocketAddr,
    },
    /// No node can have this name; EPMD was not asked.
    #[error("no node can have the name {name:?}: {error}")]
    BadName {
        /// The name asked for.
        name: String,
        /// What is wrong with it.
        error: CodecError,
    },
}

/// Why a node was not registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// EPMD gave no answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// A live node on this host has the name.
    #[error(
        "EPMD at {epmd} has another node with the name {name:?}: stop it, or take another name"
    )]
    NameTaken {
        /// The name that is taken.
        name: String,
        /// The address asked.
        epmd: SocketAddr,
    },
    /// No EPMD takes such an entry; it was not asked.
    #[error("no EPMD registers the node {name:?}: {error}")]
    BadEntry {
        /// The name of the entry.
        name: String,
        /// What is wrong with it.
        error: CodecError,
    },
}

/// A registered name. It is ours until this is dropped or the EPMD ends.
#[derive(Debug)]
pub struct Registration {
    creation: u32,
    epmd: SocketAddr,
    stream: TcpStream,
}

impl Registration {
    /// The creation that EPMD gave this life of the node.
    pub fn creation(&self) -> u32 {
        self.creation
    }

    /// The EPMD that holds the name.
    pub fn epmd(&self) -> SocketAddr {
        self.epmd
    }

    /// Waits until EPMD ends the registration, which it does by its own end.
    pub async fn lost(&mut self) {
        let mut ignored = [0; 16];
        while matches!(self.stream.read(&mut ignored).await, Ok(1..)) {}
    }
}

/// Asks the EPMD at `epmd` for the node whose name has `name` before the `@` (PORT_PLEASE2).
///
/// ```no_run
/// # async fn example() -> Result<(), beamlink::epmd::LookupError> {
/// use beamlink::epmd::{TIME_LIMIT, lookup};
/// let entry = lookup(([127, 0, 0, 1], 4369).into(), "ex_esdb", TIME_LIMIT).await?;
/// println!("listens on port {}", entry.port);
/// # Ok(())
/// # }
/// ```
pub async fn lookup(
    epmd: SocketAddr,
    name: &str,
    limit: Duration,
) -> Result<NodeEntry, LookupError> {
    let request = Request::PortPlease2(name.into()).encode();
    let request = request.map_err(|error| LookupError::BadName {
        name: name.into(),
        error,
    })?;
    let reply = |bytes: &[u8], ended| unless_partial(PortReply::decode(bytes), ended);
    match ask(epmd, &request, limit, MAX_REPLY, reply).await? {
        (PortReply::Found(entry), _) => Ok(entry),
        (PortReply::Unknown(_), _) => Err(LookupError::UnknownName {
            name: name.into(),
            epmd,
        }),
    }
}

/// Asks the EPMD at `epmd` for all its nodes: names and ports, in its order (NAMES).
pub async fn names(epmd: SocketAddr, limit: Duration) -> Result<Vec<(String, u16)>, AskError> {
    const REQUEST: [u8; 3] = [0, 1, b'n'];
    let reply = |bytes: &[u8], ended: bool| ended.then(|| NamesReply::decode(bytes));
    let (reply, _) = ask(epmd, &REQUEST, limit, MAX_NAMES_REPLY, reply).await?;
    Ok(reply.nodes)
}

/// Registers a node with the EPMD at `epmd`, which must be on this host (ALIVE2).
pub async fn register(
    epmd: SocketAddr,
    entry: NodeEntry,
    limit: Duration,
) -> Result<Registration, RegisterError> {
    let name = entry.name.clone();
    let request = match Request::Alive2(entry).encode() {
        Ok(request) => request,
        Err(error) => return Err(RegisterError::BadEntry { name, error }),
    };
    let reply = |bytes: &[u8], ended| unless_partial(AliveReply::decode(bytes), ended);
    let (reply, stream) = ask(epmd, &request, limit, MAX_REPLY, reply).await?;
    match reply.result {
        0 => Ok(Registration {
            creation: reply.creation,
            epmd,
            stream,
        }),
        _ => Err(RegisterError::NameTaken { name, epmd }),
    }
}

/// Sends one request and reads until `reply` makes something of the bytes so far; it is told whether they are
/// all that will come.
async fn ask<T>(
    epmd: SocketAddr,
    request: &[u8],
    limit: Duration,
    max: usize,
    reply: impl Fn(&[u8], bool) -> Option<Result<T, CodecError>>,
) -> Result<(T, TcpStream), AskError> {
    let malformed = |error| AskError::Malformed { epmd, error };
    let exchange = async {
        let mut stream = connect(epmd)
            .await
            .map_err(|kind| AskError::Unreachable { epmd, kind })?;
        let mut bytes = Vec::with_capacity(256);
        // A failed write is not the last word: an EPMD that refuses may have closed already.
        let mut ended = stream.write_all(request).await.is_err();
        loop {
            ended |= !matches!(stream.read_buf(&mut bytes).await, Ok(1..));
            if ended && bytes.is_empty() {
                return Err(AskError::Closed { epmd });
            }
            if let Some(reply) = reply(&bytes, ended) {
                return Ok((reply.map_err(malformed)?, stream));
            }
            if bytes.len() > max {
                return Err(malformed(CodecFault::Length(bytes.len()).at(0)));
            }
        }
    };
    match timeout(limit, exchange).await {
        Ok(outcome) => outcome,
        Err(_) => Err(AskError::Silent { epmd, limit }),
    }
}

async fn connect(epmd: SocketAddr) -> Result<TcpStream, ErrorKind> {
    let stream = TcpStream::connect(epmd)
        .await
        .map_err(|error| error.kind())?;
    // On a free port out of the ephemeral range, Linux may connect us to ourselves.
    if stream.local_addr().is_ok_and(|own| own == epmd) {
        return Err(ErrorKind::ConnectionRefused);
    }
    stream.set_nodelay(true).map_err(|error| error.kind())?;
    Ok(stream)
}

fn unless_partial<T>(decoded: Result<T, CodecError>, ended: bool) -> Option<Result<T, CodecError>> {
    match &decoded {
        Err(error) if error.fault == CodecFault::Truncated && !ended => None,
        _ => Some(decoded),
    }
}

#[cfg(test)]
mod tests;
