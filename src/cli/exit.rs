//! The statuses a command ends with.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It did what it was asked to do, or was told to leave.
    Done = 0,
    /// The node could not start: a port, an address or a name cannot be had.
    NotStarted = 1,
    /// The command line, the environment or a file holds something that cannot be used.
    Usage = 2,
    /// There is no EPMD to register with.
    EpmdDown = 11,
    /// Another node has the name.
    Refused = 13,
    /// `--timeout` passed.
    Timeout = 16,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
