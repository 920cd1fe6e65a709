//! Why a cluster does not form: what was seen, what it means, what to do.
//!
//! - [`Code`] is the one table of all that can be found, in the order of likelihood that it is the root of the trouble;
//! - a [`Finding`] is one of these, seen at a node or a host, with its evidence.

mod code;
mod finding;

pub use code::{Code, Section, troubleshooting};
pub use finding::{Finding, Severity, Subject, ranked};
