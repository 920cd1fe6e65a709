//! Any other program that a test starts: an example.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use crate::child::Running;
use crate::net::{Namespace, within};

/// A running program; it ends when it is dropped.
#[derive(Debug)]
pub struct Program {
    running: Running,
}

impl Program {
    /// Starts it on `host` if there is one, with these arguments, and this environment besides ours.
    ///
    /// # Panics
    /// When there is no such program.
    #[track_caller]
    pub fn start(
        program: &Path,
        host: Option<&Namespace>,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Program {
        let mut command = within(host, &program.to_string_lossy());
        command.args(args);
        let env: Vec<(String, String)> = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        match Running::start(command, &env) {
            Ok(running) => Program { running },
            Err(error) => panic!("{}: {error}", program.display()),
        }
    }

    /// The first line on stdout that `wanted` says yes to, within `limit`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn wait_line(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let found = self
            .running
            .stdout
            .wait(0, limit, |line| wanted(line).then(|| line.to_owned()));
        match found {
            Some(line) => line,
            None => panic!("no such line within {limit:?}: {}", self.output()),
        }
    }

    /// What it wrote, stdout first.
    pub fn output(&self) -> String {
        let lines = [self.running.stdout.all(), self.running.stderr.all()];
        lines.concat().join("\n")
    }

    /// Asks it to end (SIGINT, as by Ctrl-C) and says how it did, `None` when it did not within `limit`.
    pub fn interrupt(mut self, limit: Duration) -> Option<ExitStatus> {
        self.running.signal("INT");
        self.running.wait(limit)
    }
}
