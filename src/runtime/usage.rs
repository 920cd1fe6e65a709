//! Owns reads of `/proc/self`: what this operating system process uses, and what a process of the runtime is doing.

use std::fs;
use std::time::Duration;

use super::Runtime;
use super::entry::Link;
use crate::term::{Atom, Pid};

/// What the operating system process uses; zeros where the system does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub resident: u64,
    /// CPU time of all its threads.
    pub cpu: Duration,
}

impl Usage {
    /// What it uses now.
    pub fn now() -> Usage {
        Usage {
            resident: resident().unwrap_or(0),
            cpu: cpu().unwrap_or_default(),
        }
    }
}

/// proc(5): the second field of `statm`, in pages, which have 4 KiB on all machines that we are built for.
fn resident() -> Option<u64> {
    const PAGE: u64 = 4096;
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

/// proc(5): `schedstat` begins with the nanoseconds on a CPU, of one thread each.
fn cpu() -> Option<Duration> {
    let mut total = Duration::ZERO;
    for thread in fs::read_dir("/proc/self/task").ok()?.flatten() {
        // A thread may end while we look.
        if let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) {
            total += Duration::from_nanos(text.split(' ').next()?.parse().ok()?);
        }
    }
    Some(total)
}

/// What is known of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its registered names.
    pub names: Vec<Atom>,
    /// How many messages wait in its mailbox.
    pub waiting: usize,
    /// How many bytes these have, encoded.
    pub waiting_bytes: usize,
    /// To whom it is linked.
    pub links: Vec<Pid>,
    /// The processes that it monitors.
    pub monitors: Vec<Pid>,
    /// Who monitors it.
    pub monitored_by: Vec<Pid>,
    /// Whether exit signals become messages.
    pub trap_exit: bool,
    /// Where its output goes.
    pub group_leader: Option<Pid>,
}

impl Runtime {
    /// What a process of this node is doing; `None` when it does not live.
    pub fn process_info(&self, pid: &Pid) -> Option<ProcessInfo> {
        let entry = self.entry(pid)?;
        // Before the process is locked: who registers a name locks the names first.
        let user = self.whereis(&Atom::from_static("user"));
        let state = entry.alive()?;
        let ties = state.ties();
        let links = ties.links.iter().filter(|(_, link)| **link == Link::Active);
        let monitors = ties.watching.values().filter_map(|item| match item {
            super::Item::Pid(pid) => Some(pid.clone()),
            super::Item::Name(..) => None,
        });
        let leader = ties.group_leader.clone();
        Some(ProcessInfo {
            names: ties.names.clone(),
            waiting: entry.mailbox.len(),
            waiting_bytes: entry.mailbox.bytes(),
            links: links.map(|(pid, _)| pid.clone()).collect(),
            monitors: monitors.collect(),
            monitored_by: ties.watchers.values().map(|(pid, _)| pid.clone()).collect(),
            trap_exit: state.trap_exit,
            group_leader: leader.or(user),
        })
    }

    /// The processes of this node.
    pub fn processes(&self) -> Vec<Pid> {
        self.entries()
            .iter()
            .map(|entry| entry.pid.clone())
            .collect()
    }

    /// Bytes that were received from, and sent to, the peers that are connected now.
    pub fn traffic(&self) -> (u64, u64) {
        let connections = self.connections();
        let each = connections.iter().map(|connection| connection.traffic());
        each.fold((0, 0), |sum, (received, sent)| {
            (sum.0 + received, sum.1 + sent)
        })
    }
}
