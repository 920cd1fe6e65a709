//! The side that dials.

use super::error::{HandshakeError, Stage};
use super::message::{Reader, challenge_reply, send_name, send_status};
use super::{Connected, Local, digest, digest_is_right};
use crate::NodeName;
use crate::dist::Flags;

/// What the initiator has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum InitiateProgress {
    /// Wait for the next message.
    Wait,
    /// Send this, and wait for the next message.
    Send(Vec<u8>),
    /// The acceptor has a connection to us: tell [`Initiator::alive`] whether we know it to be dead.
    Alive,
    /// The connection stands.
    Done(Connected),
}

/// A handshake that we began.
#[derive(Debug)]
pub struct Initiator {
    local: Local,
    peer: NodeName,
    challenge: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Status,
    /// The acceptor said `alive`, and we have to answer.
    Asked,
    Challenge,
    Ack {
        creation: u32,
        flags: Flags,
    },
}

impl Initiator {
    /// Begins a handshake with `peer`; the second value is the first message. `challenge` must come from a secure source.
    pub fn new(local: Local, peer: NodeName, challenge: u32) -> (Initiator, Vec<u8>) {
        let first = send_name(local.name.as_str(), local.flags, local.creation);
        let initiator = Initiator {
            local,
            peer,
            challenge,
            state: State::Status,
        };
        (initiator, first)
    }

    /// What is waited for.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Status | State::Asked => Stage::Status,
            State::Challenge => Stage::Challenge,
            State::Ack { .. } => Stage::ChallengeAck,
        }
    }

    /// Takes the next message of the acceptor.
    ///
    /// # Errors
    /// The handshake has failed, and the socket must be closed.
    pub fn receive(&mut self, message: &[u8]) -> Result<InitiateProgress, HandshakeError> {
        let mut reader = Reader::new(message, self.stage());
        match self.state {
            State::Status | State::Asked => self.status(&reader.status()?),
            State::Challenge => {
                let named = reader.challenge()?;
                if named.name != self.peer.as_str() {
                    let wanted = self.peer.clone();
                    let got = named.name;
                    return Err(HandshakeError::WrongName { wanted, got });
                }
                let missing = named.flags.expanded().missing(Flags::MANDATORY);
                if missing != Flags::default() {
                    return Err(HandshakeError::FlagsMissing(missing));
                }
                self.state = State::Ack {
                    creation: named.creation,
                    flags: named.flags,
                };
                let digest = digest(&self.local.cookie, named.challenge);
                Ok(InitiateProgress::Send(challenge_reply(
                    self.challenge,
                    digest,
                )))
            }
            State::Ack { creation, flags } => {
                let given = reader.ack()?;
                if !digest_is_right(&self.local.cookie, self.challenge, &given) {
                    return Err(HandshakeError::CookieDiffers);
                }
                let connected = Connected::new(&self.local, self.peer.clone(), creation, flags);
                Ok(InitiateProgress::Done(connected))
            }
        }
    }

    fn status(&mut self, status: &str) -> Result<InitiateProgress, HandshakeError> {
        match status {
            "ok" | "ok_simultaneous" => {
                self.state = State::Challenge;
                Ok(InitiateProgress::Wait)
            }
            "alive" => {
                self.state = State::Asked;
                Ok(InitiateProgress::Alive)
            }
            "nok" => Err(HandshakeError::Nok),
            "not_allowed" => Err(HandshakeError::NotAllowed),
            other => Err(HandshakeError::UnknownStatus(other.to_owned())),
        }
    }

    /// Answers `alive`: the connection that the acceptor believes in is `dead` or not. The message must be sent in
    /// both cases; when it is not dead, the handshake is over after it.
    pub fn alive(&mut self, dead: bool) -> Vec<u8> {
        self.state = State::Challenge;
        send_status(if dead { "true" } else { "false" })
    }

    /// What it means that the acceptor closed the connection now.
    pub fn closed(&self) -> HandshakeError {
        match self.stage() {
            // A BEAM says nothing more to a wrong digest.
            Stage::ChallengeAck => HandshakeError::CookieRefused,
            stage => HandshakeError::Closed(stage),
        }
    }
}
