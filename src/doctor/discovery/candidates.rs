//! With which of the secrets at hand a datagram was made, and why one cannot be read.

use std::fmt;

use crate::gossip::{Codec, MAX_PACKET, Malformed, Verdict};
use crate::{GossipSecret, NodeName};

/// A secret, and where the user has it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What a person knows it by: `env EX_ESDB_CLUSTER_SECRET`.
    pub label: String,
    /// The secret.
    pub secret: GossipSecret,
}

/// What a heartbeat was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// No secret.
    Plain,
    /// The candidate at this place.
    Secret(usize),
}

/// What a datagram is, in the light of all candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A heartbeat of this node.
    Heartbeat(NodeName, Key),
    /// None that can be read.
    Unreadable(Reason),
}

/// The most likely reason why a datagram cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It looks encrypted, and no candidate fits.
    #[error("encrypted with another secret")]
    OtherSecret,
    /// It looks encrypted, and there is no candidate.
    #[error("encrypted, and no secret was given to read it with")]
    NoSecret,
    /// It begins as a heartbeat of that key does, and then ends too soon.
    #[error("cut off: it begins as a heartbeat does, and ends too soon")]
    Truncated(Key),
    /// No heartbeat at all, or one that no libcluster node takes.
    #[error("{0}")]
    Malformed(Malformed),
}

impl Reason {
    /// A name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::OtherSecret => "other_secret",
            Reason::NoSecret => "no_secret",
            Reason::Truncated(_) => "truncated",
            Reason::Malformed(Malformed::NotGossip { .. } | Malformed::TooLong { .. }) => {
                "not_gossip"
            }
            Reason::Malformed(Malformed::NotAlive) => "not_alive",
            Reason::Malformed(_) => "malformed",
        }
    }
}

/// The secrets at hand, the configured one first, ready to be tried.
pub struct Candidates {
    labels: Vec<Candidate>,
    plain: Codec,
    codecs: Vec<Codec>,
}

impl Candidates {
    /// Takes the secrets in the order in which they are to be tried; none is there twice.
    pub fn new(candidates: impl IntoIterator<Item = Candidate>) -> Candidates {
        let mut labels: Vec<Candidate> = Vec::new();
        for candidate in candidates {
            if labels.iter().all(|known| known.secret != candidate.secret) {
                labels.push(candidate);
            }
        }
        let codecs = labels.iter().map(|one| codec(Some(&one.secret))).collect();
        Candidates {
            labels,
            plain: codec(None),
            codecs,
        }
    }

    /// The secrets, in their order.
    pub fn all(&self) -> &[Candidate] {
        &self.labels
    }

    /// What a person knows a key by: `plain`, or where the secret is from.
    pub fn label(&self, key: Key) -> &str {
        match key {
            Key::Plain => "plain",
            Key::Secret(at) => self.labels.get(at).map_or("?", |one| &one.label),
        }
    }

    /// What `packet` is. It may be cut off at [`MAX_PACKET`] + 1 bytes.
    pub fn read(&self, packet: &[u8]) -> Reading {
        let keyed = (self.codecs.iter().enumerate())
            .find(|(_, codec)| codec.fits(packet))
            .map(|(at, codec)| (Key::Secret(at), codec));
        let (key, codec) = keyed.unwrap_or((Key::Plain, &self.plain));
        let reason = match codec.decode(packet) {
            Verdict::Heartbeat(node) | Verdict::PlainButSecret(node) => {
                return Reading::Heartbeat(node, key);
            }
            Verdict::OwnEcho => return Reading::Heartbeat(nobody(), key),
            Verdict::Malformed(Malformed::Truncated { .. }) => Reason::Truncated(key),
            Verdict::Malformed(Malformed::NotGossip { .. }) if key != Key::Plain => {
                Reason::Truncated(key)
            }
            Verdict::Malformed(fault) => Reason::Malformed(fault),
            Verdict::Undecryptable { .. } => Reason::Truncated(key),
            Verdict::EncryptedButNoSecret { .. } if self.codecs.is_empty() => Reason::NoSecret,
            Verdict::EncryptedButNoSecret { .. } => Reason::OtherSecret,
        };
        Reading::Unreadable(reason)
    }
}

impl fmt::Debug for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.labels).finish()
    }
}

/// How many bytes of a datagram are worth reading.
pub(super) const ENOUGH: usize = MAX_PACKET + 1;

/// A codec wants a name of its own; nobody has this one.
fn nobody() -> NodeName {
    match NodeName::new("nobody@nowhere") {
        Ok(name) => name,
        Err(error) => unreachable!("{error}"),
    }
}

fn codec(secret: Option<&GossipSecret>) -> Codec {
    Codec::new(&nobody(), secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(secrets: &[&str]) -> Candidates {
        Candidates::new(secrets.iter().map(|secret| Candidate {
            label: format!("--secret {}", secret.len()),
            secret: GossipSecret::new(*secret),
        }))
    }

    fn packet(secret: Option<&str>) -> Vec<u8> {
        let secret = secret.map(GossipSecret::new);
        Codec::new(&"a@host".parse().unwrap(), secret.as_ref()).encode([9; 16])
    }

    fn heartbeat(key: Key) -> Reading {
        Reading::Heartbeat("a@host".parse().unwrap(), key)
    }

    #[test]
    fn the_candidate_that_fits_is_found() {
        let two = candidates(&["one", "second"]);
        assert_eq!(two.read(&packet(None)), heartbeat(Key::Plain));
        assert_eq!(two.read(&packet(Some("one"))), heartbeat(Key::Secret(0)));
        assert_eq!(two.read(&packet(Some("second"))), heartbeat(Key::Secret(1)));
        assert_eq!(two.label(Key::Secret(1)), "--secret 6");
        assert_eq!(candidates(&["a", "a"]).all().len(), 1);
    }

    #[test]
    fn what_cannot_be_read_has_a_reason() {
        let reason = |secrets: &[&str], packet: &[u8]| match candidates(secrets).read(packet) {
            Reading::Unreadable(reason) => reason.as_str(),
            reading => panic!("{reading:?}"),
        };
        let third = packet(Some("third"));
        assert_eq!(reason(&["one", "second"], &third), "other_secret");
        assert_eq!(reason(&[], &third), "no_secret");
        assert_eq!(reason(&["third"], &third[..32]), "truncated");
        assert_eq!(reason(&["third"], &third[..40]), "truncated");
        assert_eq!(reason(&["one"], &packet(None)[..30]), "truncated");
        assert_eq!(reason(&["one"], b"GET / HTTP/1.1"), "not_gossip");
        assert_eq!(reason(&[], &[0xff; ENOUGH]), "not_gossip");
        assert_eq!(reason(&[], b"heartbeat::{\"node\":\"a@b\"}"), "malformed");
        let mut nonode = b"heartbeat::\x83t\0\0\0\x01w\x04nodew\x0d".to_vec();
        nonode.extend(b"nonode@nohost");
        assert_eq!(reason(&[], &nonode), "not_alive");
    }
}
