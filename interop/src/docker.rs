//! A Docker of our own: a daemon in namespaces of its own, which nobody else on this machine sees or is disturbed by.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Uid;

use crate::child::Running;
use crate::skip::Missing;

const START_LIMIT: Duration = Duration::from_secs(60);
/// Folders and control groups are named after the process that makes them, so that another can tell which are left over.
const PREFIX: &str = "bl-docker-";

/// The daemon is process 1 of its namespace: whatever it has started ends with it, and it ends with the thread that
/// started it. Its networks and their rules are in a network namespace, its mounts in a mount namespace.
const START: &str = r#"ip link set lo up
mount -t sysfs sysfs /sys && mount --rbind "$0" /sys/fs/cgroup || exit 1
exec dockerd "$@""#;

/// A running daemon; it ends when it is dropped, with all containers.
#[derive(Debug)]
pub struct Docker {
    folder: PathBuf,
    daemon: Running,
}
