//! The same with a guest and without one, as often as it takes to tell chance from harm.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::ground::{Ground, QUIET};
use super::outcome::{self, Harm, Kind, Outcome};
use super::{Guest, Scenario};
use crate::otp::Otp;
use crate::skip::Missing;

/// Nodes are asked so often while they are slower with a guest: what the machine is busy with besides is not there each time.
const PASSES: usize = 3;
/// So many runs that do not come to their end are no chance.
const STUCK: usize = 2;

/// What came of the same with a guest and without.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// With the guest, in the last run.
    pub with: Outcome,
    /// Without it, in the last run.
    pub without: Outcome,
    /// What was worse with it, and is not excused.
    pub harm: Vec<Harm>,
    /// What was worse and is excused, with the reason.
    pub borne: Vec<(Harm, &'static str)>,
    /// How many pairs of runs there were.
    pub pairs: usize,
}

/// An outcome, or what a run panicked with.
type Ended = Result<Outcome, String>;

fn said(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast::<String>();
    text.map_or_else(|_| "it panicked".to_owned(), |text| *text)
}

impl Scenario {
    fn excuse(&self, harm: &Harm) -> Option<&'static str> {
        let found = self.excuses.iter().find(|(kind, _)| *kind == harm.kind);
        found.map(|(_, reason)| *reason)
    }

    /// Lets it happen with the guest and without one, both at the same time, so that both find the machine equally
    /// loaded. Where something was worse, up to five such pairs of runs tell chance from harm: harm is where the lower
    /// quartile with a guest lies above the upper quartile without, which is given up as soon as it cannot come to that.
    /// What is a guest's doing for certain ([`Kind::Blame`], [`Kind::Flaps`]) is harm where it is seen once.
    ///
    /// # Errors
    /// When this machine cannot: no root, no such OTP.
    pub fn compare(&self, releases: &[Otp], guest: Guest<'_>) -> Result<Comparison, Missing> {
        let mut pairs = Vec::new();
        let mut stuck: [Vec<String>; 2] = Default::default();
        loop {
            match self.pair(releases, guest)? {
                [Ok(with), Ok(without)] => pairs.push((with, without)),
                ended => {
                    for (stuck, ended) in stuck.iter_mut().zip(ended) {
                        stuck.extend(ended.err());
                    }
                }
            }
            if let Some(comparison) = self.judged(&pairs, &stuck) {
                return Ok(comparison);
            }
        }
    }

    /// One run with the guest and one without.
    fn pair(&self, releases: &[Otp], guest: Guest<'_>) -> Result<[Ended; 2], Missing> {
        let (with, without) = thread::scope(|scope| {
            let with = scope.spawn(|| self.play(releases, Some(guest)));
            let without = scope.spawn(|| self.play(releases, None));
            (with.join().map_err(said), without.join().map_err(said))
        });
        let nothing = || Ok(Outcome::default());
        Ok(match (with, without) {
            (Ok(with), Ok(without)) => asked([with?, without?]),
            (with, without) => [
                with.and_then(|_| nothing()),
                without.and_then(|_| nothing()),
            ],
        })
    }

    /// What the runs so far say, once they say it.
    fn judged(&self, pairs: &[(Outcome, Outcome)], stuck: &[Vec<String>; 2]) -> Option<Comparison> {
        let (with, without) = pairs.last().cloned().unwrap_or_default();
        let comparison = |harm: Vec<Harm>| {
            let excuse = |harm: &Harm| self.excuse(harm);
            let borne = harm
                .iter()
                .filter_map(|harm| Some((harm.clone(), excuse(harm)?)));
            Comparison {
                borne: borne.collect(),
                harm: harm
                    .into_iter()
                    .filter(|harm| excuse(harm).is_none())
                    .collect(),
                pairs: pairs.len(),
                with: with.clone(),
                without: without.clone(),
            }
        };
        for (what, all) in ["with a guest", "without a guest"].iter().zip(stuck) {
            if all.len() >= STUCK
                && let Some(last) = all.last()
            {
                return Some(comparison(vec![Harm::stuck(&format!("{what}: {last}"))]));
            }
        }
        if pairs.is_empty() {
            return None;
        }
        let mut worse = outcome::worse(pairs);
        // How often it falls apart is chance; that it does so without a cause is not.
        worse.retain(|harm| !self.chancy || harm.kind != Kind::Losses);
        let mut open = worse.iter().filter(|harm| self.excuse(harm).is_none());
        let certain = open.clone().any(|harm| harm.kind.is_certain());
        if pairs.len() < self.pairs && !certain && open.next().is_some() {
            for harm in &worse {
                eprintln!("{}, after {} runs: {harm}", self.name, pairs.len());
            }
            return None;
        }
        Some(comparison(worse))
    }
}

/// Asks the nodes of both, in turn and while nobody else is measured or starts nodes, and ends both.
fn asked(mut grounds: [Ground<'_>; 2]) -> [Ended; 2] {
    let mut told: [Result<(), String>; 2] = [Ok(()), Ok(())];
    let quiet = QUIET.write();
    for _ in 0..PASSES {
        for (ground, told) in grounds.iter_mut().zip(&mut told) {
            let asks = catch_unwind(AssertUnwindSafe(|| ground.asks()));
            *told = asks.map_err(said);
        }
        let [with, without] = &grounds;
        if told.iter().any(Result::is_err) || !outcome::is_slower(&with.outcome, &without.outcome) {
            break;
        }
    }
    drop(quiet);
    let ends = |(mut ground, told): (Ground<'_>, Result<(), String>)| {
        told?;
        catch_unwind(AssertUnwindSafe(|| ground.collects())).map_err(said)
    };
    let [with, without] = grounds;
    let [with_told, without_told] = told;
    [ends((with, with_told)), ends((without, without_told))]
}
