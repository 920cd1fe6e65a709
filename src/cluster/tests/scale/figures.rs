//! What a simulation shows.

use super::*;

/// A guest comes to a node at most once within so long.
const FLAP: Duration = Duration::from_secs(10);

impl Sim {
    /// How many ends of the links that should be there are not.
    fn missing(&self) -> usize {
        let guests = self.nodes.iter().take(self.guests);
        let linked: usize = guests.map(|node| node.links.len()).sum();
        let beams = self.nodes.iter().skip(self.guests);
        let listed: usize = beams.map(|node| node.links.len()).sum();
        let beams = self.nodes.len() - self.guests;
        self.guests * (self.nodes.len() - 1 + beams) - linked - listed
    }

    /// Runs until all know all, and says how long that took.
    pub(super) fn whole(&mut self, limit: f64) -> f64 {
        let begin = self.now;
        while self.missing() > 0 {
            let taken = (self.now - begin).as_secs_f64();
            assert!(
                taken < limit,
                "{} links are missing after {taken} s",
                self.missing()
            );
            self.run(self.now + seconds(0.1));
        }
        for node in self.nodes.iter().take(self.guests) {
            let members = node.membership.iter().map(|it| it.members().count());
            assert_eq!(members.sum::<usize>(), self.nodes.len() - 1);
        }
        (self.now - begin).as_secs_f64()
    }

    /// To no BEAM did one guest come twice within ten seconds.
    fn nobody_flapped(&self) {
        for node in self.nodes.iter().skip(self.guests) {
            let mut last: BTreeMap<usize, Duration> = BTreeMap::new();
            for (at, guest) in &node.met {
                let Some(guest) = guest else { continue };
                if let Some(before) = last.insert(*guest, *at) {
                    let (guest, gap) = (&self.nodes[*guest].name, *at - before);
                    let name = &node.name;
                    assert!(
                        gap >= FLAP,
                        "{guest} came to {name} at {before:?} and again {gap:?} later"
                    );
                }
            }
        }
    }

    pub(super) fn told(&self, what: &str, taken: f64) {
        let guests = || self.nodes.iter().take(self.guests);
        let dials: usize = guests().map(|node| node.dials).sum();
        let at_once = guests().map(|node| node.most_errands).max().unwrap_or(0);
        let burst = guests().map(|node| burst(&node.met)).max().unwrap_or(0);
        assert!(at_once <= MembershipConfig::default().dials, "{at_once}");
        self.nobody_flapped();
        eprintln!(
            "scale: {what} (seed {}): all know all after {taken:.1} s; {:.1} dials a guest so far, at most {at_once} of one guest at once; \
             at most {burst} connections came up at one guest within a second; {} times both sides dialled",
            seed(),
            dials as f64 / self.guests as f64,
            self.simultaneous,
        );
    }
}

/// The most moments within one second.
fn burst(met: &[(Duration, Option<usize>)]) -> usize {
    let mut from = 0;
    let ends = met.iter().enumerate().map(|(at, (moment, _))| {
        while met[from].0 + seconds(1.0) < *moment {
            from += 1;
        }
        at + 1 - from
    });
    ends.max().unwrap_or(0)
}
