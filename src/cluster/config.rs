//! The limits of the membership. The defaults are those that EXESDB.md section 2 asks for.

use std::time::Duration;

use super::backoff::Backoff;

/// The limits of [`Membership`](super::Membership). Change some with `..Default::default()`.
///
/// Times may be as long as one likes; zero switches a wait off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipConfig {
    /// For how long a node must have been seen alive before we dial it. libcluster nodes dial us on our
    /// first heartbeat, and one that boots must not be met before its Swarm runs (3 s).
    pub grace: Duration,
    /// Dials that the grace would release together are spread evenly over this time, so that many nodes
    /// that hear one heartbeat do not all dial its sender at once (1 s, and no more than that).
    pub spread: Duration,
    /// A node that was neither heard, nor known to a peer, nor found for so long counts as unseen. Four of
    /// libcluster's longest intervals (20 s).
    pub expiry: Duration,
    /// After the loss of a node, the shortest time to our next dial of it (10 s).
    pub guard: Duration,
    /// A connection that lived for less leaves the backoff of its node where it was (60 s).
    pub stable: Duration,
    /// For how long a visible node that was connected is looked for after its loss, even if nobody
    /// tells of it: no BEAM dials again by itself (1 h).
    pub remember: Duration,
    /// No dial and no heartbeat before this moment. For a driver that knows that its last run under this
    /// name ended a moment ago: a restart is a `nodedown` and a `nodeup` at every real node (0).
    pub quiet_start: Duration,
    /// Waits between attempts where the next may succeed (1 s to 60 s).
    pub retry: Backoff,
    /// Waits between attempts where each costs somebody a line in a log, and for strangers that were not
    /// found (30 s to 10 min).
    pub quiet_retry: Backoff,
    /// Dials and look-ups under way at a time. Half of them at most for nodes that failed before, and
    /// less than half for strangers, so that neither keeps a sound node waiting; below 3 they share (8).
    pub dials: usize,
    /// Nodes remembered that are neither connected nor named by hand (1024).
    pub candidates: usize,
    /// Strangers (heard, but never connected, nor named, nor known to a peer) from one address (64).
    pub per_source: usize,
    /// Strangers are dialled at most once in this time, on average (250 ms).
    pub stranger_every: Duration,
    /// And at most so many together (16). The same for reports of their refusals, at an eighth of the rate.
    pub stranger_burst: u32,
    /// A refusal for the same reason is told again after this time at the earliest (10 min).
    pub repeat_refused: Duration,
}

impl Default for MembershipConfig {
    fn default() -> MembershipConfig {
        let seconds = Duration::from_secs;
        MembershipConfig {
            grace: seconds(3),
            spread: seconds(1),
            expiry: seconds(20),
            guard: seconds(10),
            stable: seconds(60),
            remember: seconds(3600),
            quiet_start: Duration::ZERO,
            retry: Backoff::new(seconds(1), seconds(60)),
            quiet_retry: Backoff::new(seconds(30), seconds(600)),
            dials: 8,
            candidates: 1024,
            per_source: 64,
            stranger_every: Duration::from_millis(250),
            stranger_burst: 16,
            repeat_refused: seconds(600),
        }
    }
}
