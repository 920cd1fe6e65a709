//! Why a command did not do what it was asked to, and with which status it ends.

use std::time::Duration;

use beamlink::dist::HandshakeError;
use beamlink::epmd::{AskError, LookupError};
use beamlink::otp::erpc::RpcError;
use beamlink::otp::eval::EvalError;
use beamlink::otp::gen_server::CallError;
use beamlink::runtime::{DialError, SendError};

use crate::cli::exit::Exit;

/// A status, and one message for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl ToString) -> Failure {
        let message = message.to_string();
        Failure { exit, message }
    }

    pub(crate) fn usage(message: impl ToString) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    pub(crate) fn remote(message: impl ToString) -> Failure {
        Failure::new(Exit::Remote, message)
    }

    /// `--timeout` has passed.
    pub(crate) fn timeout(limit: Duration) -> Failure {
        let message = format!(
            "timeout: not done within {limit:?}; what was begun may go on at the node (give it longer by --timeout)"
        );
        Failure::new(Exit::Timeout, message)
    }
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Failure {
        let exit = match &error {
            DialError::NameForm { .. } | DialError::NoPort { .. } => Exit::Usage,
            DialError::Unresolvable { .. } => Exit::Unresolved,
            DialError::Epmd { error, .. } => match error {
                LookupError::Ask(_) => Exit::EpmdDown,
                LookupError::UnknownName { .. } | LookupError::BadName { .. } => Exit::NameUnknown,
            },
            DialError::Connect { silent: true, .. } => Exit::Timeout,
            DialError::Connect { .. } | DialError::AlreadyConnected { .. } => Exit::Refused,
            DialError::Handshake(failure) => match failure.error {
                HandshakeError::CookieDiffers | HandshakeError::CookieRefused => Exit::Cookie,
                HandshakeError::FlagsMissing(_) => Exit::Flags,
                HandshakeError::Silent { .. } => Exit::Timeout,
                _ => Exit::Refused,
            },
        };
        Failure::new(exit, error)
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Failure {
        Failure::new(Exit::EpmdDown, error)
    }
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Failure {
        let exit = match &error {
            RpcError::Timeout(_) => Exit::Timeout,
            RpcError::NoConnection(_) => Exit::Refused,
            RpcError::Arguments(_) => Exit::Usage,
            _ => Exit::Remote,
        };
        Failure::new(exit, error)
    }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Failure {
        match error {
            EvalError::Syntax(message) => Failure::remote(message),
            EvalError::Rpc(error) => error.into(),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        let exit = match &error {
            CallError::Timeout(_) => Exit::Timeout,
            CallError::NodeDown(_) => Exit::Refused,
            CallError::Request(_) => Exit::Usage,
            CallError::NoProcess(_) | CallError::Exit(_) | CallError::Answer(_) => Exit::Remote,
        };
        Failure::new(exit, error)
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Failure {
        let exit = match &error {
            SendError::NotConnected(_) => Exit::Refused,
            SendError::Encode(_) => Exit::Usage,
        };
        Failure::new(exit, error)
    }
}
