//! A contender of other crates: one that does not start, or gives up half-way, is left out from then on.

use crate::failure::Failure;
use crate::worker::Worker;

/// It takes part for as long as it can.
#[derive(Debug)]
pub(crate) struct Other {
    name: String,
    worker: Option<Worker>,
}

impl Other {
    /// `what` is said where it does not take part.
    pub(crate) fn new(what: &str, started: Result<Worker, Failure>) -> Other {
        let name = what.to_owned();
        match started {
            Ok(worker) => Other {
                name,
                worker: Some(worker),
            },
            Err(failure) => {
                eprintln!("SKIPPED {name}: {failure}");
                Other { name, worker: None }
            }
        }
    }

    /// What it comes to, if it still takes part.
    pub(crate) fn measure<T>(
        &mut self,
        work: impl FnOnce(&mut Worker) -> Result<T, Failure>,
    ) -> Option<T> {
        match work(self.worker.as_mut()?) {
            Ok(measured) => Some(measured),
            Err(failure) => {
                eprintln!("SKIPPED {} from here on: {failure}", self.name);
                self.worker = None;
                None
            }
        }
    }
}
