//! Why a connection was not made or was lost, from the runtime's words into the membership's.

use super::{DownReason, Refusal, RefusalKind};
use crate::dist::HandshakeError;
use crate::epmd::{AskError, LookupError};
use crate::runtime::{self, DialError, HandshakeFailure};

impl From<&HandshakeFailure> for Refusal {
    fn from(failure: &HandshakeFailure) -> Refusal {
        Refusal {
            kind: RefusalKind::from(&failure.error),
            address: Some(failure.address),
            detail: failure.error.to_string(),
        }
    }
}

impl From<&HandshakeError> for RefusalKind {
    fn from(error: &HandshakeError) -> RefusalKind {
        match error {
            HandshakeError::CookieDiffers | HandshakeError::CookieRefused => RefusalKind::Cookie,
            HandshakeError::FlagsMissing(_) => RefusalKind::Flags,
            HandshakeError::Nok | HandshakeError::Alive => RefusalKind::AlreadyConnected,
            HandshakeError::NotAllowed | HandshakeError::Nameless => RefusalKind::NotAllowed,
            HandshakeError::OwnName => RefusalKind::NameTaken,
            HandshakeError::WrongName { .. }
            | HandshakeError::NotNamed(_)
            | HandshakeError::UnknownStatus(_)
            | HandshakeError::Malformed { .. }
            | HandshakeError::Tls
            | HandshakeError::Garbage(_) => RefusalKind::Garbage,
            HandshakeError::Closed(_) => RefusalKind::Closed,
            HandshakeError::Silent { .. } => RefusalKind::Silent,
        }
    }
}

impl From<&LookupError> for RefusalKind {
    fn from(error: &LookupError) -> RefusalKind {
        match error {
            LookupError::UnknownName { .. } | LookupError::BadName { .. } => {
                RefusalKind::NameUnknown
            }
            LookupError::Ask(AskError::Malformed { .. }) => RefusalKind::Garbage,
            LookupError::Ask(_) => RefusalKind::EpmdUnreachable,
        }
    }
}

impl From<&DialError> for Refusal {
    fn from(error: &DialError) -> Refusal {
        let (kind, address) = match error {
            DialError::NameForm { .. } => (RefusalKind::NameForm, None),
            DialError::NoPort { .. } => (RefusalKind::NameUnknown, None),
            DialError::Unresolvable { .. } => (RefusalKind::Unresolvable, None),
            DialError::Epmd { address, error, .. } => (error.into(), Some(*address)),
            DialError::Connect {
                address, silent, ..
            } => match silent {
                true => (RefusalKind::Silent, Some(*address)),
                false => (RefusalKind::PortClosed, Some(*address)),
            },
            DialError::Handshake(failure) => return failure.into(),
            DialError::AlreadyConnected { .. } => (RefusalKind::AlreadyConnected, None),
        };
        Refusal {
            kind,
            address,
            detail: error.to_string(),
        }
    }
}

impl From<&runtime::DownReason> for DownReason {
    fn from(reason: &runtime::DownReason) -> DownReason {
        match reason {
            runtime::DownReason::Closed(_) => DownReason::ConnectionClosed,
            runtime::DownReason::NetTickTimeout => DownReason::NetTickTimeout,
            runtime::DownReason::Disconnected => DownReason::Disconnect,
            runtime::DownReason::Replaced => DownReason::Replaced,
            runtime::DownReason::Protocol(_) | runtime::DownReason::OutboxOverflow => {
                DownReason::ProtocolError
            }
        }
    }
}
