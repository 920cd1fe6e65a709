//! What an EPMD does with a request: who may ask for what, and what happens to the connection. Pure.

use super::codec::{CodecError, Request};
use super::registry::Registry;
use super::reply::{AliveReply, PortReply};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// Whether the request comes from this host; only then may it change anything.
    pub local: bool,
    /// A number that no other open connection has.
    pub connection: u64,
}

/// What to do with the connection that brought a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Write these bytes and close: BEAMs wait for the end of the connection, up to 7 s.
    Reply(Vec<u8>),
    /// Write these bytes in one segment and keep the connection: when it ends, or brings one byte more,
    /// the name must be unregistered.
    Registered {
        /// The bytes to write.
        reply: Vec<u8>,
        /// The name that now belongs to the connection.
        name: String,
    },
    /// The name has another owner: write these bytes, and keep the connection no longer than one without a request.
    Taken {
        /// The bytes to write.
        reply: Vec<u8>,
        /// The name that was asked for.
        name: String,
    },
    /// Close without a word, as epmd does.
    Refuse(Refusal),
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is none.
    #[error("sent what is no EPMD request: {0}")]
    Malformed(#[from] CodecError),
    /// It is reserved to this host.
    #[error("asked for {0} from another host, which only this host may")]
    OffHost(&'static str),
    /// STOP is for an epmd that was started with `-relaxed_command_check`; we have no such mode.
    #[error("asked to stop the node {0:?}, which this EPMD does for nobody")]
    Stop(String),
}

/// Answers one request (`body`: without its two bytes of length) of an EPMD that listens on `epmd_port`.
/// `seed` is chance: where the creation of a name never seen before begins.
///
/// KILL is always answered `NO`, as epmd does while a node lives: whoever serves is a node itself, and does not end
/// because someone tidies up.
pub fn answer(
    registry: &mut Registry,
    body: &[u8],
    asker: Asker,
    epmd_port: u16,
    seed: u32,
) -> Answer {
    let request = match Request::decode(body) {
        Ok(request) => request,
        Err(error) => return Answer::Refuse(error.into()),
    };
    let host_only = match request {
        Request::PortPlease2(_) | Request::Names => None,
        Request::Alive2(_) => Some("ALIVE2"),
        Request::Dump => Some("DUMP"),
        Request::Kill => Some("KILL"),
        Request::Stop(_) => Some("STOP"),
    };
    if let (Some(what), false) = (host_only, asker.local) {
        return Answer::Refuse(Refusal::OffHost(what));
    }
    match request {
        Request::Alive2(entry) => {
            let (name, wide) = (entry.name.clone(), entry.highest_version >= 6);
            match registry.register(entry, asker.connection, seed) {
                Ok(creation) => Answer::Registered {
                    reply: AliveReply {
                        result: 0,
                        creation,
                        wide,
                    }
                    .encode(),
                    name,
                },
                Err(_) => Answer::Taken {
                    reply: AliveReply::refused(wide).encode(),
                    name,
                },
            }
        }
        Request::PortPlease2(name) => {
            let found = registry.lookup(&name).cloned();
            match found
                .map_or(PortReply::Unknown(1), PortReply::Found)
                .encode()
            {
                Ok(reply) => Answer::Reply(reply),
                Err(error) => Answer::Refuse(error.into()),
            }
        }
        Request::Names => Answer::Reply(registry.names(epmd_port).encode()),
        Request::Dump => Answer::Reply(registry.dump(epmd_port)),
        Request::Kill => Answer::Reply(b"NO".to_vec()),
        Request::Stop(name) => Answer::Refuse(Refusal::Stop(name)),
    }
}

#[cfg(test)]
mod tests;
