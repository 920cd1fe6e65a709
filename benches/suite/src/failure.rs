//! Why a row could not be measured.

use std::fmt;

/// What went wrong, or what is missing on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub(crate) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure(error.to_string())
    }
}

impl From<interop::Missing> for Failure {
    fn from(interop::Missing(what): interop::Missing) -> Failure {
        Failure(what)
    }
}
