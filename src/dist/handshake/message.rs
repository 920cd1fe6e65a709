//! The messages, read and written.

use super::error::{HandshakeError, Stage};
use crate::dist::Flags;

/// `N`: name, flags and creation; with a challenge when the acceptor sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) flags: Flags,
    pub(super) challenge: u32,
    pub(super) creation: u32,
    pub(super) name: String,
}

/// What the acceptor says to a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// `named:`: the initiator gets this name and creation. `at` is where the name stands.
    Named {
        name: String,
        creation: u32,
        at: usize,
    },
    /// Anything else.
    Word(String),
}

pub(super) fn send_name(name: &str, flags: Flags, creation: u32) -> Vec<u8> {
    let mut message = vec![b'N'];
    message.extend(flags.0.to_be_bytes());
    message.extend(creation.to_be_bytes());
    put_name(name, &mut message);
    message
}

pub(super) fn send_challenge(name: &str, flags: Flags, challenge: u32, creation: u32) -> Vec<u8> {
    let mut message = vec![b'N'];
    message.extend(flags.0.to_be_bytes());
    message.extend(challenge.to_be_bytes());
    message.extend(creation.to_be_bytes());
    put_name(name, &mut message);
    message
}

fn put_name(name: &str, message: &mut Vec<u8>) {
    // A node name has at most 255 characters.
    message.extend((name.len() as u16).to_be_bytes());
    message.extend(name.as_bytes());
}

pub(super) fn send_status(status: &str) -> Vec<u8> {
    [b"s", status.as_bytes()].concat()
}

pub(super) fn challenge_reply(challenge: u32, digest: [u8; 16]) -> Vec<u8> {
    [&b"r"[..], &challenge.to_be_bytes(), &digest].concat()
}

pub(super) fn challenge_ack(digest: [u8; 16]) -> Vec<u8> {
    [&b"a"[..], &digest].concat()
}

/// Reads one message from its begin; errors say where it went wrong.
pub(super) struct Reader<'a> {
    message: &'a [u8],
    stage: Stage,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8], stage: Stage) -> Reader<'a> {
        Reader {
            message,
            stage,
            at: 0,
        }
    }

    fn malformed(&self) -> HandshakeError {
        HandshakeError::Malformed {
            stage: self.stage,
            offset: self.at,
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], HandshakeError> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        let array = rest.first_chunk().ok_or_else(|| self.malformed())?;
        self.at += N;
        Ok(*array)
    }

    fn tag(&mut self, tag: u8) -> Result<(), HandshakeError> {
        match self.message.first() {
            Some(found) if *found == tag => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.malformed()),
        }
    }

    /// What an initiator is told.
    pub(super) fn initiator_status(&mut self) -> Result<Status, HandshakeError> {
        const NAMED: &[u8] = b"snamed:";
        if !self.message.starts_with(NAMED) {
            return self.status().map(Status::Word);
        }
        self.at = NAMED.len();
        let at = self.at + 2;
        let name = self.text()?;
        let creation = u32::from_be_bytes(self.array()?);
        Ok(Status::Named { name, creation, at })
    }

    /// The text behind the tag `s`, as long as a status is.
    pub(super) fn status(&mut self) -> Result<String, HandshakeError> {
        const LONGEST: usize = 64;
        self.tag(b's')?;
        let text = self.message.get(self.at..).unwrap_or_default();
        Ok(String::from_utf8_lossy(&text[..text.len().min(LONGEST)]).into_owned())
    }

    pub(super) fn name(&mut self) -> Result<Named, HandshakeError> {
        self.tag(b'N')?;
        self.named(false)
    }

    pub(super) fn challenge(&mut self) -> Result<Named, HandshakeError> {
        self.tag(b'N')?;
        self.named(true)
    }

    fn named(&mut self, challenged: bool) -> Result<Named, HandshakeError> {
        let flags = Flags(u64::from_be_bytes(self.array()?));
        let challenge = match challenged {
            true => u32::from_be_bytes(self.array()?),
            false => 0,
        };
        let creation = u32::from_be_bytes(self.array()?);
        // What stands behind the name is for later versions.
        let name = self.text()?;
        Ok(Named {
            flags,
            challenge,
            creation,
            name,
        })
    }

    /// A text behind its length.
    fn text(&mut self) -> Result<String, HandshakeError> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        let text = self.message.get(self.at..self.at + length);
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        let text = text.ok_or_else(|| self.malformed())?.to_owned();
        self.at += length;
        Ok(text)
    }

    pub(super) fn reply(&mut self) -> Result<(u32, [u8; 16]), HandshakeError> {
        self.tag(b'r')?;
        Ok((u32::from_be_bytes(self.array()?), self.array()?))
    }

    pub(super) fn ack(&mut self) -> Result<[u8; 16], HandshakeError> {
        self.tag(b'a')?;
        self.array()
    }
}
