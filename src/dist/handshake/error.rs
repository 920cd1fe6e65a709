//! Why a handshake fails, in words that say what to do.

use std::fmt;
use std::time::Duration;

use crate::NodeName;
use crate::dist::Flags;

/// The message that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `send_name`, from the initiator.
    Name,
    /// `send_status`, from the acceptor.
    Status,
    /// The initiator's answer to the status `alive`.
    AliveReply,
    /// `send_challenge`, from the acceptor.
    Challenge,
    /// `send_challenge_reply`, from the initiator.
    ChallengeReply,
    /// `send_challenge_ack`, from the acceptor.
    ChallengeAck,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Name => "its name",
            Stage::Status => "its status",
            Stage::AliveReply => "its answer to 'alive'",
            Stage::Challenge => "its challenge",
            Stage::ChallengeReply => "its challenge reply",
            Stage::ChallengeAck => "its challenge ack",
        })
    }
}

/// Why a handshake came to nothing. The other side, `it`, and its address are known to who reports this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// We noticed that the cookies differ.
    #[error(
        "cookie mismatch: its digest is not that of our cookie; compare RELEASE_COOKIE on both sides"
    )]
    CookieDiffers,
    /// It closed the connection over our digest, as a BEAM does when the cookies differ.
    #[error("cookie mismatch: it refused our digest; compare RELEASE_COOKIE on both sides")]
    CookieRefused,
    /// It cannot do what we need.
    #[error("flags rejected: it lacks {0}; OTP 25 or later is needed")]
    FlagsMissing(Flags),
    /// It connects to us itself, and its attempt goes before ours.
    #[error("nok: it is connecting to us itself")]
    Nok,
    /// It has a list of allowed nodes, or lacks a flag of ours.
    #[error(
        "not_allowed: it refuses our name (net_kernel:allow/1) or our flags; its log says which"
    )]
    NotAllowed,
    /// It has a connection to a node of our name, which is not ours, or which we know to be sound.
    #[error(
        "alive: it is connected to a node of our name already; is another node running under it?"
    )]
    Alive,
    /// It has our own name.
    #[error("name taken: it calls itself by our own name")]
    OwnName,
    /// Another node answered than the one that was dialled.
    #[error(
        "wrong node: {got} answered for {wanted}; its EPMD has a stale port, or its host name a wrong address"
    )]
    WrongName {
        /// Who was dialled.
        wanted: NodeName,
        /// Who answered.
        got: String,
    },
    /// It answered with a status that no release sends.
    #[error("unknown status {0:?}")]
    UnknownStatus(String),
    /// It asked us for a name, which we give to nobody.
    #[error("it has no name (NAME_ME), and we give none")]
    Nameless,
    /// We asked it for a name, and it gave none.
    #[error("it gives no names to nodes without one (NAME_ME): it said {0:?}")]
    NotNamed(String),
    /// A message is not what the protocol asks for.
    #[error("malformed at byte {offset} of {stage}")]
    Malformed {
        /// Which message.
        stage: Stage,
        /// Where in it.
        offset: usize,
    },
    /// What answers speaks TLS.
    #[error("not an Erlang node: it sent TLS; it takes part in distribution over TLS only")]
    Tls,
    /// What answers is no Erlang node.
    #[error("not an Erlang node: it sent {0:?}")]
    Garbage(String),
    /// It closed the connection.
    #[error("closed while we waited for {0}")]
    Closed(Stage),
    /// It said nothing in time.
    #[error(
        "silent for {limit:?} while we waited for {stage}: the node hangs, or something else has its port"
    )]
    Silent {
        /// What was waited for.
        stage: Stage,
        /// For how long.
        limit: Duration,
    },
}

impl HandshakeError {
    /// What came instead of a handshake message.
    pub fn garbage(first_bytes: &[u8]) -> HandshakeError {
        // A TLS record: handshake (22) or alert (21), version 3.x.
        match first_bytes {
            [21 | 22, 3, ..] => HandshakeError::Tls,
            bytes => HandshakeError::Garbage(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}
