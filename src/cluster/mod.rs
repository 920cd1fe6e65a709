//! Discovery → connect → membership.
//!
//! [`Membership`] is a pure state machine: it is told what discovery hears and what becomes of
//! connections, and says whom to dial and when. It exists to keep a cluster from being harmed by its
//! guest; every visible connection is a `nodeup` and every loss a `nodedown` at a real node, and four
//! of them within 5 s make an ExESDB node reset its store.
//!
//! # Whom it dials
//! A node is dialled when it has been *seen* for the whole [`grace`](MembershipConfig::grace), 3 s, and has
//! not dialled us by then, and only within a second of the last sign of it: libcluster nodes dial us on our
//! heartbeat, a guest that is there before a node's Swarm has started is taken into its ring, and a
//! node that was seen a while ago may have crashed and be booting again. A sign is one of
//! - *heard*: its heartbeat. One alone, which is easily forged, never makes us dial;
//! - *known*: a connected peer lists it (a guest is not meshed by `global`, so it dials everyone itself);
//! - *found*: its EPMD knows it. Nodes given by hand that are not heard are looked up in this way, and so
//!   are visible nodes that were connected within the last hour, because no BEAM dials again by itself.
//!   Look-ups follow each other by a second while the grace lasts.
//!
//! The one exception: a node given by hand is dialled at once, the first time.
//! A loss, or a dial that finds nobody, ends what was seen, and the grace begins again.
//!
//! # What is guaranteed
//! - It never asks for a connection to be closed: there is no order for it, so no dial-and-drop.
//! - After a loss the next *dial* of that node comes no sooner than [`guard`](MembershipConfig::guard), 10 s,
//!   after it. If its connections keep dying young, the waits grow to a minute.
//! - Inbound connections are the peer's own decision and always taken. What makes libcluster peers dial is
//!   our heartbeat: a driver that keeps silent until [`quiet_until`](Membership::quiet_until) gives them, in
//!   any 10 s, no cause for more than one `nodeup`, nor for more than three events in all.
//!   *Not* guaranteed: what a peer's own code dials; a heartbeat that is on its way in the moment of a loss;
//!   restarts of our own process, which no memory survives (see
//!   [`quiet_start`](MembershipConfig::quiet_start)).
//! - After a failed attempt the next comes 1 s later or more; 30 s where each is an error line in a log (cookie,
//!   flags, name form, not allowed, name taken, no Erlang there), and for strangers who were not where they
//!   said, for as long as they are remembered.
//! - At most 8 dials are under way. Strangers are dialled at most 4 times a second, and share fewer than
//!   half of the 8, as do those that failed before: a node with neither flaw always finds a free one
//!   soon.
//! - At most 1024 nodes are remembered that are neither connected nor given by hand (for a moment more, when
//!   more than that are lost at once: within the guard none of them is forgotten), 64 strangers from one
//!   address (one /64 of IPv6). A forger can crowd out new strangers, and if he forges addresses too, all new
//!   strangers while it lasts; never a node that is connected, known, given by hand, or was connected. Such
//!   strangers still come in when they dial us or when a peer knows them.

mod backoff;
mod candidates;
mod config;
mod driver;
mod event;
mod failure;
mod membership;
mod mesh;
mod overview;
mod pace;
mod record;
mod shared;
mod snapshot;
mod tally;
#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use config::MembershipConfig;
pub use event::{Action, Direction, DownReason, Event, Refusal, RefusalKind};
pub use membership::{Counters, Membership};
pub use overview::{Overview, SourceView};
pub use shared::Events;
pub use snapshot::{NodeState, NodeView};

pub(crate) use driver::{Driver, DriverSettings};
pub(crate) use overview::Word;
pub(crate) use shared::Shared;
