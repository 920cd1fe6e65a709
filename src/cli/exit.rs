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
    /// The peer's host has no address.
    Unresolved = 10,
    /// No EPMD answers there.
    EpmdDown = 11,
    /// EPMD knows no such node.
    NameUnknown = 12,
    /// The node does not take us: its port is closed, it says no, or it went away. Or another node has our name.
    Refused = 13,
    /// The cookies differ.
    Cookie = 14,
    /// The node cannot do what we need, or does not want what we can.
    Flags = 15,
    /// `--timeout` passed, or the node was silent for too long.
    Timeout = 16,
    /// The node was reached, and what was asked of it failed there.
    Remote = 17,
}

impl Exit {
    /// The same for programs.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::NotStarted => "not_started",
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
        ExitCode::from(exit as u8)
    }
}
