//! What a real node is started with.

use super::{COOKIE, SECRET};

/// A real node of a scenario.
#[derive(Debug, Clone)]
pub struct Peer {
    /// What stands before the `@`.
    pub name: String,
    /// The host in its name.
    pub host: String,
    /// The host that it runs on: another one for an impostor.
    pub on: String,
    /// `net_ticktime` in seconds.
    pub ticktime: u32,
    /// Its cookie.
    pub cookie: String,
    /// The secret of its heartbeats, where the scenario has one.
    pub secret: String,
    /// More flags for `erl`.
    pub erl: Vec<String>,
    /// Started with `-hidden`.
    pub hidden: bool,
    /// It is no member of the cluster: nobody lists it, and what it loses or logs is nobody's harm.
    pub stranger: bool,
}

/// What is different when a node starts next.
#[derive(Debug, Clone)]
pub enum Change {
    /// Its cookie.
    Cookie(&'static str),
    /// The secret of its heartbeats.
    Secret(&'static str),
    /// As the others are.
    AsBefore,
}

impl Peer {
    /// `name` on a host.
    pub fn new(name: &str, host: &str) -> Peer {
        Peer {
            name: name.to_owned(),
            host: host.to_owned(),
            on: host.to_owned(),
            ticktime: 4,
            cookie: COOKIE.to_owned(),
            secret: SECRET.to_owned(),
            erl: Vec::new(),
            hidden: false,
            stranger: false,
        }
    }

    /// `ex_esdb@node0` and so on.
    pub fn numbered(number: usize) -> Peer {
        Peer::new("ex_esdb", &format!("node{number}"))
    }

    /// A node that is no member of the cluster, number so.
    pub fn stranger(number: usize) -> Peer {
        Peer {
            stranger: true,
            ..Peer::new("stranger", &format!("far{number}"))
        }
    }

    /// A stranger that calls itself as the guest does, on a host of its own.
    pub fn impostor() -> Peer {
        let (name, host) = super::GUESTS[0];
        Peer {
            on: "far0".to_owned(),
            stranger: true,
            ..Peer::new(name, host)
        }
    }

    /// Sets `net_ticktime`, in seconds.
    #[must_use]
    pub fn ticktime(mut self, seconds: u32) -> Peer {
        self.ticktime = seconds;
        self
    }

    /// Sets the cookie.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Peer {
        cookie.clone_into(&mut self.cookie);
        self
    }

    /// Sets the secret of its heartbeats.
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Peer {
        secret.clone_into(&mut self.secret);
        self
    }

    /// Adds a flag for `erl`.
    #[must_use]
    pub fn erl(mut self, flag: &str) -> Peer {
        self.erl.push(flag.to_owned());
        self
    }

    /// Starts it with `-hidden`.
    #[must_use]
    pub fn hidden(mut self) -> Peer {
        self.hidden = true;
        self.erl("-hidden")
    }

    pub(super) fn change(&mut self, change: &Change) {
        match change {
            Change::Cookie(cookie) => (*cookie).clone_into(&mut self.cookie),
            Change::Secret(secret) => (*secret).clone_into(&mut self.secret),
            Change::AsBefore => {
                COOKIE.clone_into(&mut self.cookie);
                SECRET.clone_into(&mut self.secret);
            }
        }
    }
}
