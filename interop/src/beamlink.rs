//! The built `beamlink`, as a user starts it.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;

use crate::child::Running;
use crate::net::{Namespace, within};

/// What it is started with: `beamlink join --json`, and this.
#[derive(Debug, Clone)]
pub struct BeamlinkOptions<'a> {
    /// The built command.
    pub binary: PathBuf,
    /// Arguments after `join --json`.
    pub args: Vec<String>,
    /// Environment.
    pub env: Vec<(String, String)>,
    /// The host that it runs on.
    pub namespace: Option<&'a Namespace>,
}

impl<'a> BeamlinkOptions<'a> {
    /// The command at `binary`.
    pub fn new(binary: impl AsRef<Path>) -> BeamlinkOptions<'a> {
        BeamlinkOptions {
            binary: binary.as_ref().to_owned(),
            args: Vec::new(),
            // Tests start the same name again and again, and do not wait for what is not theirs.
            env: vec![("BEAMLINK_STATE_DIR".to_owned(), "none".to_owned())],
            namespace: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> BeamlinkOptions<'a> {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> BeamlinkOptions<'a> {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Places it on a host.
    #[must_use]
    pub fn on(mut self, namespace: &'a Namespace) -> BeamlinkOptions<'a> {
        self.namespace = Some(namespace);
        self
    }
}

/// A `beamlink join` that runs; it ends when it is dropped.
#[derive(Debug)]
pub struct Beamlink {
    running: Running,
}

impl Beamlink {
    /// Starts it.
    ///
    /// # Panics
    /// When there is no such command.
    #[track_caller]
    pub fn start(options: BeamlinkOptions<'_>) -> Beamlink {
        let mut command = within(options.namespace, &options.binary.to_string_lossy());
        command.args(["join", "--json"]).args(options.args);
        match Running::start(command, &options.env) {
            Ok(running) => Beamlink { running },
            Err(error) => panic!("{}: {error}", options.binary.display()),
        }
    }

    /// The events that it has told.
    pub fn events(&self) -> Vec<Value> {
        let lines = self.running.stdout.all();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The first event that `wanted` says yes to, of all that it tells within `limit`.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn wait_event(&self, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_event_after(0, limit, wanted)
    }

    /// The same, without looking at its first `after` events.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn wait_event_after(
        &self,
        after: usize,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let found = self.running.stdout.wait(after, limit, |line| {
            serde_json::from_str(line)
                .ok()
                .filter(|event| wanted(event))
        });
        match found {
            Some(event) => event,
            None => panic!(
                "no such event within {limit:?}: {:?}\n{}",
                self.events(),
                self.stderr()
            ),
        }
    }

    /// The first line on stderr that `wanted` says yes to, within `limit`. What an event on stdout tells may come a
    /// moment later on stderr.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn wait_stderr(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let found = self
            .running
            .stderr
            .wait(0, limit, |line| wanted(line).then(|| line.to_owned()));
        match found {
            Some(line) => line,
            None => panic!("no such line within {limit:?}:\n{}", self.stderr()),
        }
    }

    /// What it wrote to stderr.
    pub fn stderr(&self) -> String {
        self.running.stderr.all().join("\n")
    }

    /// Stops its process (SIGSTOP).
    pub fn freeze(&self) {
        self.running.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.running.signal("CONT");
    }

    /// Its process id.
    pub fn os_pid(&self) -> u32 {
        self.running.pid()
    }

    /// Its resident memory in KiB.
    pub fn rss_kib(&self) -> Option<u64> {
        self.running.rss_kib()
    }

    /// The processor time that it has used.
    pub fn cpu(&self) -> Option<Duration> {
        self.running.cpu()
    }

    /// How many files it has open.
    pub fn open_files(&self) -> Option<usize> {
        self.running.open_files()
    }

    /// From now on it may have so many files open and no more; those that it has stay.
    pub fn limit_files(&self, files: usize) {
        self.running.limit_files(files);
    }

    /// Asks it to leave (SIGTERM) and says how it ended, `None` when it did not within ten seconds.
    pub fn terminate(mut self) -> Option<ExitStatus> {
        self.running.signal("TERM");
        self.running.wait(Duration::from_secs(10))
    }

    /// How it ended by itself within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.running.wait(limit)
    }

    /// Ends it at once (SIGKILL).
    pub fn kill9(mut self) {
        self.running.kill();
    }
}
