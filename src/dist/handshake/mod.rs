//! The handshake, version 6, as state machines that are consumed into [`Connected`]
//! ("Distribution Handshake" in the Erlang Distribution Protocol; `lib/kernel/src/dist_util.erl`).
//!
//! Messages are without their two bytes of length. Whoever owns the socket sends what a machine says, gives it each
//! message that comes, and limits the time of each [`Stage`].

mod acceptor;
mod error;
mod initiator;
mod message;
#[cfg(test)]
mod tests;

pub use acceptor::{AcceptProgress, Acceptor, Decision, Hello};
pub use error::{HandshakeError, Stage};
pub use initiator::{InitiateProgress, Initiator};

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::Flags;
use crate::{Cookie, NodeName};

/// This node, as it presents itself.
#[derive(Debug, Clone)]
pub struct Local {
    /// Its full name.
    pub name: NodeName,
    /// Tells this boot of it from others; the same as in its pids.
    pub creation: u32,
    /// What it can do.
    pub flags: Flags,
    /// What both sides must know.
    pub cookie: Cookie,
}

/// Both sides have proven that they know the cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// The peer's full name.
    pub peer: NodeName,
    /// The peer's creation.
    pub creation: u32,
    /// What both sides can do.
    pub flags: Flags,
}

impl Connected {
    fn new(own: Flags, peer: NodeName, creation: u32, flags: Flags) -> Connected {
        Connected {
            peer,
            creation,
            flags: own.expanded() & flags.expanded(),
        }
    }

    /// Whether one side is a hidden node: it then stands in no `Node.list()`.
    pub fn hidden(&self) -> bool {
        !self.flags.contains(Flags::PUBLISHED)
    }
}

/// MD5 of the cookie and the other side's challenge in decimal.
fn digest(cookie: &Cookie, challenge: u32) -> [u8; 16] {
    let mut md5 = Md5::new();
    md5.update(cookie.expose());
    md5.update(challenge.to_string());
    md5.finalize().into()
}

fn digest_is_right(cookie: &Cookie, challenge: u32, given: &[u8; 16]) -> bool {
    digest(cookie, challenge).ct_eq(given).into()
}
