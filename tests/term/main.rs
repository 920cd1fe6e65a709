//! The term room against its promises and against a real BEAM.

mod beam;
mod deep;
mod differential;
#[cfg(feature = "eetf")]
mod eetf;
mod roundtrip;
mod strategy;
mod text;
mod typed;
