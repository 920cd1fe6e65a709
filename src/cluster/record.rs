//! A record: all that is remembered of one node, and what is to be done about it next.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::{Rng, RngExt};

use super::backoff::Backoff;
use super::candidates::{Seat, Standing};
use super::config::MembershipConfig;
use super::event::{Direction, DownReason, Refusal, RefusalKind};

/// For how long a sign of life is good for a dial: no BEAM crashes and is back in less.
const MOMENT: Duration = Duration::from_secs(1);

/// What is to be done about a node when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Dial,
    Look,
    /// It was not seen for too long: from now on it counts as unseen.
    Lapse,
    /// Its turn to be dialled has come, and its last sign of life is not of this moment any more.
    StepAside,
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
    /// From when on it may be dialled: its place in the line.
    ready: Option<Duration>,
    /// The place that it missed, because its last sign had grown old.
    turn: Option<Duration>,
    /// By look-ups alone.
    looked: bool,
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
        let free = self.free_at(config);
        if self.named && !self.tried {
            return Some((free, Next::Dial));
        }
        let looked_for = self.named || (self.sought && free <= self.keep_until);
        match &self.seen {
            Some(Seen {
                ready: Some(ready), ..
            }) => Some((*ready, Next::Dial)),
            Some(seen) if looked_for && seen.looked => {
                let grace_ends = seen.since.saturating_add(config.grace);
                let soon = seen.last.saturating_add(MOMENT);
                Some((grace_ends.min(soon).max(free), Next::Look))
            }
            Some(seen) => Some((seen.last.saturating_add(config.expiry), Next::Lapse)),
            None if looked_for => Some((free, Next::Look)),
            None => Some((free.max(self.keep_until), Next::Forget)),
        }
    }

    fn free_at(&self, config: &MembershipConfig) -> Duration {
        self.not_before.max(config.quiet_start)
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

    /// A sign of life. It makes the node ready when it comes after its grace and its backoff, and only for a
    /// moment: a node that was seen a while ago may have crashed since, and be booting again. EPMD knows
    /// a node from the start of its boot, so being `found` counts only after being found shortly before.
    pub(super) fn sight(
        &mut self,
        now: Duration,
        found: bool,
        config: &MembershipConfig,
        rng: &mut impl Rng,
    ) {
        let gap = match found {
            true => config.grace.saturating_add(MOMENT).min(config.expiry),
            false => config.expiry,
        };
        let broken = |seen: &Seen| now > seen.last.saturating_add(gap);
        match &self.seen {
            Some(seen) if found && !seen.looked => return,
            Some(seen) if broken(seen) => self.seen = None,
            _ => {}
        }
        let free = self.free_at(config);
        self.touched = now;
        let seen = self.seen.get_or_insert(Seen {
            since: now,
            last: now,
            ready: None,
            turn: None,
            looked: found,
        });
        seen.last = now;
        seen.looked &= found;
        if seen.ready.is_none() && now >= seen.since.saturating_add(config.grace).max(free) {
            let spread = rng.random_range(Duration::ZERO..=config.spread.min(MOMENT));
            let turn = seen.turn.take();
            seen.ready = turn.or_else(|| now.checked_add(spread));
        }
    }

    /// A connected peer lists it. What waited as a stranger is spread anew: all who ask the same peer hear
    /// of it at the same time.
    pub(super) fn vouch(&mut self, now: Duration, config: &MembershipConfig, rng: &mut impl Rng) {
        if !self.trusted()
            && let Some(seen) = &mut self.seen
        {
            (seen.ready, seen.turn) = (None, None);
        }
        self.sight(now, false, config, rng);
        self.vouched = true;
    }

    /// Whether it is ready, but its last sign of life is not of this moment any more.
    pub(super) fn missed(&self, now: Duration) -> bool {
        let missed = |seen: &Seen| seen.ready.is_some() && now > seen.last.saturating_add(MOMENT);
        self.seen.as_ref().is_some_and(missed)
    }

    /// It missed its turn: with its next sign of life it has it back.
    pub(super) fn step_aside(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.turn = seen.ready.take();
        }
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
        let wait = self.backoff.next_delay(rng);
        // An errand may fail after a link came and went meanwhile: the guard stands.
        self.not_before = self.not_before.max(now.saturating_add(wait));
        self.doubted = kind.nobody_there();
        match &mut self.seen {
            Some(seen) if !self.doubted => (seen.ready, seen.turn) = (None, None),
            seen => *seen = None,
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
