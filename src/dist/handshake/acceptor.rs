//! The side that is dialled.

use super::error::{HandshakeError, Stage};
use super::message::{Reader, challenge_ack, send_challenge, send_status};
use super::{Connected, Local, digest, digest_is_right};
use crate::NodeName;
use crate::dist::Flags;

/// Who dials, by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Its full name.
    pub name: NodeName,
    /// Its creation.
    pub creation: u32,
    /// What it offers.
    pub flags: Flags,
}

/// What the connection table says to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// `ok`
    Ok,
    /// `ok_simultaneous`: we dial it too, and its name is greater.
    OkSimultaneous,
    /// `nok`: we dial it too, and our name is greater. The handshake ends here.
    Nok,
    /// `alive`: there is a connection; it must say whether that is dead.
    Alive,
}

/// What the acceptor has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum AcceptProgress {
    /// Ask the connection table, and tell [`Acceptor::decide`].
    Decide(Hello),
    /// Send this, and wait for the next message.
    Send(Vec<u8>),
    /// Send this, and the connection stands.
    Done(Vec<u8>, Connected),
}

/// A handshake that a peer began.
#[derive(Debug)]
pub struct Acceptor {
    local: Local,
    challenge: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Name,
    Deciding(Hello),
    AliveReply(Hello),
    Reply(Hello),
}

impl Acceptor {
    /// Waits for a peer's name. `challenge` must come from a secure source.
    pub fn new(local: Local, challenge: u32) -> Acceptor {
        Acceptor {
            local,
            challenge,
            state: State::Name,
        }
    }

    /// What is waited for.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Name | State::Deciding(_) => Stage::Name,
            State::AliveReply(_) => Stage::AliveReply,
            State::Reply(_) => Stage::ChallengeReply,
        }
    }

    /// Who dials, once that is known.
    pub fn peer(&self) -> Option<&NodeName> {
        match &self.state {
            State::Name => None,
            State::Deciding(hello) | State::AliveReply(hello) | State::Reply(hello) => {
                Some(&hello.name)
            }
        }
    }

    /// Takes the next message of the initiator.
    ///
    /// # Errors
    /// The handshake has failed. Send what [`Acceptor::farewell`] says, if anything, and close the socket.
    pub fn receive(&mut self, message: &[u8]) -> Result<AcceptProgress, HandshakeError> {
        let mut reader = Reader::new(message, self.stage());
        match &self.state {
            State::Name | State::Deciding(_) => {
                let named = reader.name()?;
                if named.flags.contains(Flags::NAME_ME) {
                    return Err(HandshakeError::Nameless);
                }
                let malformed = |_| HandshakeError::Malformed {
                    stage: Stage::Name,
                    offset: 15,
                };
                let hello = Hello {
                    name: NodeName::new(&named.name).map_err(malformed)?,
                    creation: named.creation,
                    flags: named.flags,
                };
                self.state = State::Deciding(hello.clone());
                if hello.name == self.local.name {
                    return Err(HandshakeError::OwnName);
                }
                let missing = hello.flags.expanded().missing(Flags::MANDATORY);
                if missing != Flags::default() {
                    return Err(HandshakeError::FlagsMissing(missing));
                }
                Ok(AcceptProgress::Decide(hello))
            }
            State::AliveReply(hello) => {
                if reader.status()? != "true" {
                    return Err(HandshakeError::Alive);
                }
                self.state = State::Reply(hello.clone());
                Ok(AcceptProgress::Send(self.send_challenge()))
            }
            State::Reply(hello) => {
                let (challenge, given) = reader.reply()?;
                if !digest_is_right(&self.local.cookie, self.challenge, &given) {
                    return Err(HandshakeError::CookieDiffers);
                }
                let connected = Connected::new(
                    self.local.flags,
                    hello.name.clone(),
                    hello.creation,
                    hello.flags,
                );
                let ack = challenge_ack(digest(&self.local.cookie, challenge));
                Ok(AcceptProgress::Done(ack, connected))
            }
        }
    }

    /// Goes on as decided; the messages are to be sent in their order.
    ///
    /// # Errors
    /// After [`Decision::Nok`] the handshake is over; [`Acceptor::farewell`] is to be sent.
    pub fn decide(&mut self, decision: Decision) -> Result<Vec<Vec<u8>>, HandshakeError> {
        let State::Deciding(hello) = &self.state else {
            return Err(HandshakeError::Closed(self.stage()));
        };
        let status = match decision {
            Decision::Nok => return Err(HandshakeError::Nok),
            Decision::Alive => {
                self.state = State::AliveReply(hello.clone());
                return Ok(vec![send_status("alive")]);
            }
            Decision::Ok => "ok",
            Decision::OkSimultaneous => "ok_simultaneous",
        };
        self.state = State::Reply(hello.clone());
        Ok(vec![send_status(status), self.send_challenge()])
    }

    fn send_challenge(&self) -> Vec<u8> {
        let local = &self.local;
        send_challenge(
            local.name.as_str(),
            local.flags,
            self.challenge,
            local.creation,
        )
    }

    /// The status that goes out after `error`, before the socket is closed. To a wrong digest a BEAM says nothing.
    pub fn farewell(error: &HandshakeError) -> Option<Vec<u8>> {
        match error {
            HandshakeError::Nok => Some(send_status("nok")),
            HandshakeError::FlagsMissing(_) | HandshakeError::OwnName => {
                Some(send_status("not_allowed"))
            }
            _ => None,
        }
    }
}
