//! A record: all that is remembered of one node, and what is to be done about it next.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::{Rng, RngExt};

use super::backoff::Backoff;
use super::candidates::{Seat, Standing};
use super::config::MembershipConfig;
use super::event::{Direction, DownReason, Refusal, RefusalKind};

/// What is to be done about a node when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Dial,
    Look,
    /// It was not seen for too long: from now on it counts as unseen.
    Lapse,
    Forget,
}

/// Which line a node waits in, the preferred one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Sure,
    Again,
    Stranger,
}

/// Signs of life since the node was last known to be gone.
#[derive(Debug)]
struct Seen {
    since: Duration,
    last: Duration,
    /// From when on it may be dialled. Set once, so that later signs do not send it to the end of the line.
    ready: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) since: Duration,
    pub(super) hidden: bool,
    pub(super) direction: Direction,
}

#[derive(Debug)]
pub(super) struct Errand {
    pub(super) line: Line,
    pub(super) since: Duration,
    pub(super) looking: bool,
}

#[derive(Debug)]
pub(super) struct Record {
    /// Given by hand.
    pub(super) named: bool,
    /// Was connected once: it has the cookie.
    proven: bool,
    /// A connected peer lists it.
    vouched: bool,
    /// The last errand found nobody.
    doubted: bool,
    /// Dialled or connected at least once.
    tried: bool,
    /// To be looked for although nobody tells of it, until `keep_until`.
    sought: bool,
    pub(super) told_order: bool,
    pub(super) heard: Option<(Duration, SocketAddr)>,
    pub(super) source: Option<IpAddr>,
    seen: Option<Seen>,
    touched: Duration,
    pub(super) link: Option<Link>,
    pub(super) errand: Option<Errand>,
    backoff: Backoff,
    quiet: bool,
    pub(super) not_before: Duration,
    keep_until: Duration,
    pub(super) refusal: Option<(Duration, Refusal)>,
    pub(super) reported: Option<(RefusalKind, Duration)>,
    /// Where it stands in the lines and among the candidates: kept by the membership.
    pub(super) filed: Option<(Line, Duration)>,
    pub(super) seat: Option<Seat>,
}

impl Record {
    pub(super) fn new(now: Duration, source: Option<IpAddr>, config: &MembershipConfig) -> Record {
        Record {
            named: false,
            proven: false,
            vouched: false,
            doubted: false,
            tried: false,
            sought: false,
            told_order: false,
            heard: None,
            source,
            seen: None,
            touched: now,
            link: None,
            errand: None,
            backoff: config.retry,
            quiet: false,
            not_before: Duration::ZERO,
            keep_until: Duration::ZERO,
            refusal: None,
            reported: None,
            filed: None,
            seat: None,
        }
    }

    pub(super) fn trusted(&self) -> bool {
        self.named || self.proven || self.vouched
    }

    pub(super) fn line(&self) -> Line {
        match self.trusted() {
            false => Line::Stranger,
            true if self.backoff.attempts() > 0 => Line::Again,
            true => Line::Sure,
        }
    }

    /// What comes next and when. Nothing while connected or while an errand is under way.
    pub(super) fn next(&self, config: &MembershipConfig) -> Option<(Duration, Next)> {
        if self.link.is_some() || self.errand.is_some() {
            return None;
        }
        let free = self.not_before.max(config.quiet_start);
        if self.named && !self.tried {
            return Some((free, Next::Dial));
        }
        if let Some(seen) = &self.seen {
            let lapse = seen.last.saturating_add(config.expiry);
            return match seen.ready.map(|ready| ready.max(free)) {
                Some(at) if at <= lapse => Some((at, Next::Dial)),
                _ => Some((lapse, Next::Lapse)),
            };
        }
        if self.named || (self.sought && free <= self.keep_until) {
            return Some((free, Next::Look));
        }
        Some((free.max(self.keep_until), Next::Forget))
    }

    /// Whether a dial that waited in its line has been overtaken by the silence of its node.
    pub(super) fn overdue(&self, now: Duration, config: &MembershipConfig) -> bool {
        let seen = self.seen.as_ref();
        seen.is_some_and(|seen| now > seen.last.saturating_add(config.expiry))
    }

    /// Its place among the candidates, if it needs one.
    pub(super) fn wanted_seat(&self) -> Option<Seat> {
        if self.link.is_some() || self.errand.is_some() || self.named {
            return None;
        }
        let (standing, source) = match (self.trusted(), self.doubted) {
            (true, _) => (Standing::Trusted, None),
            (false, true) => (Standing::Doubted, self.source),
            (false, false) => (Standing::Stranger, self.source),
        };
        Some(Seat {
            standing,
            touched: self.touched,
            source,
        })
    }

    /// A sign of life. A heartbeat can be forged, so one heard node is ready only when it is heard again
    /// after its grace; where a peer or EPMD stands for the node, the grace is enough.
    pub(super) fn sight(
        &mut self,
        now: Duration,
        vouched: bool,
        config: &MembershipConfig,
        rng: &mut impl Rng,
    ) {
        if self.overdue(now, config) {
            self.lapse();
        }
        self.touched = now;
        let seen = self.seen.get_or_insert(Seen {
            since: now,
            last: now,
            ready: None,
        });
        seen.last = now;
        let grace_ends = seen.since.saturating_add(config.grace);
        if seen.ready.is_none() && (vouched || now >= grace_ends) {
            let spread = rng.random_range(Duration::ZERO..=config.spread);
            seen.ready = Some(grace_ends.max(now).saturating_add(spread));
        }
    }

    pub(super) fn vouch(&mut self, now: Duration, config: &MembershipConfig, rng: &mut impl Rng) {
        self.sight(now, true, config, rng);
        self.vouched = true;
    }

    pub(super) fn lapse(&mut self) {
        self.seen = None;
        self.vouched = false;
    }

    pub(super) fn start(&mut self, now: Duration, looking: bool) -> Line {
        let line = self.line();
        self.tried = true;
        self.errand = Some(Errand {
            line,
            since: now,
            looking,
        });
        line
    }

    /// The errand failed: draw the wait until the next.
    pub(super) fn fail(
        &mut self,
        now: Duration,
        kind: RefusalKind,
        config: &MembershipConfig,
        rng: &mut impl Rng,
    ) {
        let quiet = kind.wants_quiet() || (kind.nobody_there() && !self.trusted());
        if quiet != self.quiet {
            self.pace_anew(quiet, config);
        }
        self.not_before = now.saturating_add(self.backoff.next_delay(rng));
        self.doubted = kind.nobody_there();
        if self.doubted {
            self.seen = None;
        }
    }

    /// Keeps the record of a refusal for a while, without a wish to dial.
    pub(super) fn keep(&mut self, until: Duration) {
        self.keep_until = self.keep_until.max(until);
    }

    pub(super) fn come_up(&mut self, link: Link, config: &MembershipConfig) {
        if self.quiet {
            self.pace_anew(false, config);
        }
        self.link = Some(link);
        self.tried = true;
        self.proven = true;
        self.doubted = false;
        self.refusal = None;
        self.reported = None;
        self.lapse();
    }

    /// The link is lost: no dial within the guard, later and later if its links never live long.
    pub(super) fn go_down(
        &mut self,
        now: Duration,
        link: &Link,
        reason: DownReason,
        config: &MembershipConfig,
        rng: &mut impl Rng,
    ) {
        if now.saturating_sub(link.since) >= config.stable {
            self.backoff.reset();
        }
        let spread = rng.random_range(Duration::ZERO..=config.spread);
        let wait = config.guard.saturating_add(spread);
        let wait = wait.max(self.backoff.next_delay(rng));
        self.not_before = now.saturating_add(wait);
        self.touched = now;
        if reason == DownReason::Disconnect {
            self.named = false;
        }
        self.sought = !link.hidden && reason != DownReason::Disconnect;
        self.keep_until = match self.sought {
            true => now.saturating_add(config.remember),
            false => self.not_before,
        };
    }

    fn pace_anew(&mut self, quiet: bool, config: &MembershipConfig) {
        self.quiet = quiet;
        self.backoff = match quiet {
            true => config.quiet_retry,
            false => config.retry,
        };
    }
}
