//! The workloads, each a group of rows.

mod bulk;
mod calls;
mod commands;
mod crowd;
mod gossip;
mod growth;
mod memory;
mod messages;
mod served;
mod start;
mod terms;

use crate::failure::Failure;
use crate::lab::Lab;
use crate::plot::Plot;
use crate::row::Row;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Of the full numbers of messages and calls.
    pub(crate) share: f64,
}

impl Plan {
    pub(crate) const FULL: Plan = Plan {
        rounds: 5,
        share: 1.0,
    };
    /// To see that all works, while others use the machine.
    pub(crate) const QUICK: Plan = Plan {
        rounds: 1,
        share: 0.02,
    };

    /// So many, or the share of them.
    pub(crate) fn of(self, full: usize) -> usize {
        ((full as f64 * self.share) as usize).max(64)
    }

    /// A length of time, in milliseconds.
    pub(crate) fn millis(self, full: u64) -> u64 {
        ((full as f64 * self.share) as u64).max(300)
    }
}

/// What a group comes to.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) rows: Vec<Row>,
    pub(crate) plots: Vec<Plot>,
}

impl From<Vec<Row>> for Measured {
    fn from(rows: Vec<Row>) -> Measured {
        Measured {
            rows,
            plots: Vec::new(),
        }
    }
}

/// A group of rows, by the name that `--only` takes.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) measure: fn(&mut Lab, Plan) -> Result<Measured, Failure>,
}

/// All, in the order of the table.
pub(crate) const GROUPS: &[Group] = &[
    Group {
        name: "terms",
        title: "Terms",
        measure: terms::measure,
    },
    Group {
        name: "messages",
        title: "One-way messages",
        measure: messages::measure,
    },
    Group {
        name: "bulk",
        title: "Binaries of 1 MiB",
        measure: bulk::measure,
    },
    Group {
        name: "calls",
        title: "Calls to a BEAM",
        measure: calls::measure,
    },
    Group {
        name: "served",
        title: "Calls from a BEAM",
        measure: served::measure,
    },
    Group {
        name: "commands",
        title: "Commands, as processes",
        measure: commands::measure,
    },
    Group {
        name: "memory",
        title: "Memory",
        measure: memory::measure,
    },
    Group {
        name: "crowd",
        title: "A thousand peers",
        measure: crowd::measure,
    },
    Group {
        name: "gossip",
        title: "Gossip",
        measure: gossip::measure,
    },
    Group {
        name: "start",
        title: "Start",
        measure: start::measure,
    },
    Group {
        name: "growth",
        title: "How the cost grows",
        measure: growth::measure,
    },
];
