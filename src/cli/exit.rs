//! The statuses a command ends with.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked to do, or was told to leave.
    Done,
    /// The node could not start: a port, an address or a name cannot be had.
    NotStarted,
    /// The doctor found faults.
    Findings,
    /// The command line, the environment or a file holds something that cannot be used.
    Usage,
    /// The peer's host has no address.
    Unresolved,
    /// No EPMD answers there.
    EpmdDown,
    /// EPMD knows no such node.
    NameUnknown,
    /// The node does not take us: its port is closed, it says no, or it went away. Or another node has our name.
    Refused,
    /// The cookies differ.
    Cookie,
    /// The node cannot do what we need, or does not want what we can.
    Flags,
    /// `--timeout` passed, or the node was silent for too long.
    Timeout,
    /// The node was reached, and what was asked of it failed there.
    Remote,
}

impl Exit {
    /// The status of the process.
    pub(crate) fn status(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::NotStarted | Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Unresolved => 10,
            Exit::EpmdDown => 11,
            Exit::NameUnknown => 12,
            Exit::Refused => 13,
            Exit::Cookie => 14,
            Exit::Flags => 15,
            Exit::Timeout => 16,
            Exit::Remote => 17,
        }
    }

    /// The same for programs.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::NotStarted => "not_started",
            Exit::Findings => "findings",
            Exit::Usage => "usage",
            Exit::Unresolved => "host_not_resolved",
            Exit::EpmdDown => "epmd_down",
            Exit::NameUnknown => "name_unknown",
            Exit::Refused => "refused",
            Exit::Cookie => "cookie_mismatch",
            Exit::Flags => "flags_rejected",
            Exit::Timeout => "timeout",
            Exit::Remote => "remote_failed",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.status())
    }
}
