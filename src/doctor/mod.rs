//! Why a cluster does not form: what was seen, what it means, what to do.
//!
//! - [`Code`] is the one table of all that can be found, in the order of likelihood that it is the root of the trouble;
//! - a [`Finding`] is one of these, seen at a node or a host, with its evidence.

mod asking;
mod code;
pub mod discovery;
mod edges;
mod environment;
mod examined;
mod exesdb;
mod facts;
mod finding;
mod flow;
mod hearing;
pub mod host;
mod majority;
mod nodes;
mod proc_net;
mod reach;
mod round;
mod settings;
mod strategy;
pub mod validation;
mod ward;
mod whole;

pub use code::{Code, Section, troubleshooting};
pub use edges::Matrix;
pub use environment::Environment;
pub use examined::{Examined, Other};
pub use exesdb::{Store, Stores};
pub use facts::{Facts, Interface, Limits};
pub use finding::{Finding, Severity, Subject, ranked};
pub use reach::{Obstacle, Reach, Stage};
pub use round::{Doctor, Report};
pub use settings::Checked;
pub use strategy::{Origin, Strategy};
