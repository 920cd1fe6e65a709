//! beamlink among real BEAM nodes. Every judgement is the BEAM's: nodes are asked over their own stdin and stdout.

mod citizen;
mod exesdb;
mod ground;
mod join;
mod pg;
mod refusals;
mod returns;
mod terms;
