//! Priority messages ("Priority Messages" in the Erlang Reference Manual; OTP 28): they come before all that waits in a
//! mailbox, where the receiver has agreed to it beforehand.
//!
//! Measured on OTP 29: a message has priority when it is sent with it and goes by an alias that was made with it; to a pid or a
//! name, or by another alias, it is a message like any other. An exit signal by an alias does not use up a reply alias.

use super::mailbox::Priority;
use super::message::{Body, Item};
use super::outbox::When;
use super::send::control_for_alias;
use super::{AliasMode, Process, Runtime, SendError};
use crate::dist::{Control, Flags, Target};
use crate::term::{Pid, Reference, Term};

impl Process {
    /// As [`Process::alias`]; messages that are sent with priority by it come before all others (`alias([priority])`).
    pub fn priority_alias(&self, mode: AliasMode) -> Reference {
        let reference = self.new_reference();
        self.runtime.alias(&self.entry, &reference, mode, true);
        reference
    }

    /// As [`Process::monitor`]; its [`Received::Down`](super::Received::Down) comes before all other messages
    /// (`monitor(process, Item, [priority])`).
    pub fn priority_monitor(&self, item: Item) -> Reference {
        self.runtime.monitor(&self.entry, item, None, true)
    }

    /// As [`Process::link`]; a [`Received::Exit`](super::Received::Exit) of it comes before all other messages
    /// (`link(Pid, [priority])`).
    pub fn priority_link(&self, other: &Pid) {
        self.link_with(other, true);
    }

    /// Sends `message` by `alias`, before all that waits there if its process wants that
    /// (`erlang:send(Alias, Message, [priority])`). Towards a node that knows no priority it is a message like any other.
    ///
    /// # Errors
    /// As [`Process::send`].
    pub async fn send_priority(&self, alias: &Reference, message: Term) -> Result<(), SendError> {
        match self.runtime.connection_to(&alias.node)? {
            None => self
                .runtime
                .message_by_alias(alias, Body::Term(message), true),
            Some(connection) => {
                let control = control_for_alias(&connection, self.pid(), alias, true);
                connection
                    .signal_with_room(&control, Some(&message), When::Soon)
                    .await?;
            }
        }
        Ok(())
    }

    /// Sends an exit signal by `alias` (`exit(Alias, Reason, [priority])`). Towards a node before OTP 28, which knows none by
    /// alias, it is lost, as between two of them.
    pub fn exit_priority(&self, alias: &Reference, reason: Term) {
        let from = self.pid();
        match self.runtime.connection_to(&alias.node) {
            Ok(None) => self.runtime.exit_by_alias(from, alias, (reason, 1), true),
            Ok(Some(connection)) => {
                if connection.has(Flags::ALTACT_SIG) {
                    let control = Control::AltactSig {
                        from: from.clone(),
                        to: Target::Alias(alias.clone()),
                        exit: true,
                        priority: true,
                    };
                    connection.signal(&control, Some(&reason));
                }
            }
            // As for any signal.
            Err(_) => {}
        }
    }
}

impl Runtime {
    /// Somebody sent an exit signal for a reason of this size by `alias`.
    pub(super) fn exit_by_alias(
        &self,
        from: &Pid,
        alias: &Reference,
        (reason, size): (Term, usize),
        priority: bool,
    ) {
        let found = self.own_number(alias);
        if let Some(alias) = found.and_then(|number| self.0.handles.alias(number)) {
            let priority = Priority::when(priority && alias.priority);
            alias.entry.exit_requested(from, reason, size, priority);
        }
    }
}
