//! Encrypted heartbeats checked on one core. What a node does with them is in [`super::crowd`].

use super::{Measured, Plan};
use crate::failure::Failure;
use crate::lab::Lab;
use crate::row::{Cells, OURS, Row, Target};

const PACKETS: usize = 2_000_000;

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    let mut cells = Cells::default();
    for _ in 0..plan.rounds {
        cells.add(
            OURS,
            lab.ours.one(&format!("gossip {}", plan.of(PACKETS)))? / 1e6,
        );
    }
    let row = Row::new(
        "gossip",
        "encrypted heartbeats checked",
        "million/s",
        cells,
        vec![Target::at_least(1.0)],
    );
    Ok(vec![row].into())
}
