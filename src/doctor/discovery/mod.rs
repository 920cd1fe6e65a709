//! Discovery: who is heard, what cannot be read, and why.
//!
//! [`Ears`] hear, [`Candidates`] read, and a [`Table`] keeps account; [`Listening`] is the three together. [`Reach`] says
//! whether a node that is heard can be dialled.

mod candidates;
mod ears;
mod findings;
mod listening;
mod reach;
mod table;

pub use candidates::{Candidate, Candidates, Key, Reading, Reason};
pub use ears::{Datagram, Deaf, Ears, KNOWN_GROUPS, interface_towards, own_addresses};
pub use findings::findings;
pub use listening::Listening;
pub use reach::{PortState, Reach, Registered, Resolves};
pub use table::{Destination, HeardNode, News, Table, Times, Unreadable};
