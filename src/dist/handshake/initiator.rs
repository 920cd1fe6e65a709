//! The side that dials.

use super::error::{HandshakeError, Stage};
use super::message::{Reader, Status, challenge_reply, send_name, send_status};
use super::{Connected, Local, digest, digest_is_right};
use crate::dist::Flags;
use crate::{Cookie, NodeName};

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
    identity: Identity,
    flags: Flags,
    cookie: Cookie,
    peer: NodeName,
    challenge: u32,
    state: State,
    goes_first: bool,
}

/// Under which name we go.
#[derive(Debug)]
enum Identity {
    /// This one, with its creation.
    Named(NodeName, u32),
    /// The one that the acceptor will give us, on this host.
    Nameless(String),
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
            identity: Identity::Named(local.name, local.creation),
            flags: local.flags,
            cookie: local.cookie,
            peer,
            challenge,
            state: State::Status,
            goes_first: false,
        };
        (initiator, first)
    }

    /// The same for a node without a name, which asks `peer` to give it one on `host` (NAME_ME, as `erl_call -R` and
    /// `erl -sname undefined` do): it burns no atom there, because the peer gives the same names again and again.
    pub fn nameless(
        host: &str,
        flags: Flags,
        cookie: Cookie,
        peer: NodeName,
        challenge: u32,
    ) -> (Initiator, Vec<u8>) {
        let flags = flags | Flags::NAME_ME;
        let first = send_name(host, flags, 0);
        let initiator = Initiator {
            identity: Identity::Nameless(host.to_owned()),
            flags,
            cookie,
            peer,
            challenge,
            state: State::Status,
            goes_first: false,
        };
        (initiator, first)
    }

    /// Our name and creation: those that the acceptor gave us, once it has.
    pub fn name(&self) -> Option<(&NodeName, u32)> {
        match &self.identity {
            Identity::Named(name, creation) => Some((name, *creation)),
            Identity::Nameless(_) => None,
        }
    }

    /// Whether the acceptor said `ok_simultaneous`: it was dialling us, and has given that up.
    pub fn goes_first(&self) -> bool {
        self.goes_first
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
            State::Status | State::Asked => self.status(reader.initiator_status()?),
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
                let digest = digest(&self.cookie, named.challenge);
                Ok(InitiateProgress::Send(challenge_reply(
                    self.challenge,
                    digest,
                )))
            }
            State::Ack { creation, flags } => {
                let given = reader.ack()?;
                if !digest_is_right(&self.cookie, self.challenge, &given) {
                    return Err(HandshakeError::CookieDiffers);
                }
                let connected = Connected::new(self.flags, self.peer.clone(), creation, flags);
                Ok(InitiateProgress::Done(connected))
            }
        }
    }

    fn status(&mut self, status: Status) -> Result<InitiateProgress, HandshakeError> {
        let status = match (status, &self.identity) {
            (Status::Named { name, creation, at }, Identity::Nameless(host)) => {
                let name = NodeName::new(&name).ok().filter(|name| name.host() == host);
                let stage = Stage::Status;
                let name = name.ok_or(HandshakeError::Malformed { stage, offset: at })?;
                self.identity = Identity::Named(name, creation);
                self.state = State::Challenge;
                return Ok(InitiateProgress::Wait);
            }
            (Status::Named { name, .. }, Identity::Named(..)) => {
                return Err(HandshakeError::UnknownStatus(format!("named:{name}")));
            }
            (Status::Word(word), Identity::Nameless(_)) if word != "not_allowed" => {
                return Err(HandshakeError::NotNamed(word));
            }
            (Status::Word(word), _) => word,
        };
        match status.as_str() {
            "ok" | "ok_simultaneous" => {
                self.goes_first = status == "ok_simultaneous";
                self.state = State::Challenge;
                Ok(InitiateProgress::Wait)
            }
            "alive" => {
                self.state = State::Asked;
                Ok(InitiateProgress::Alive)
            }
            "nok" => Err(HandshakeError::Nok),
            "not_allowed" => Err(HandshakeError::NotAllowed),
            _ => Err(HandshakeError::UnknownStatus(status)),
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
