//! A child process whose output is kept line by line.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How the names of the variables begin that beamlink, the fixture or a BEAM look at.
const CONFIGURES: [&str; 9] = [
    "BEAMLINK_",
    "RELEASE_",
    "EX_ESDB_",
    "FIXTURE_",
    "GOSSIP_PORT",
    "ERL_",
    "ELIXIR_",
    "RUST_LOG",
    "LOG_LEVEL",
];

/// The lines that came so far, and whether more may come.
#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

/// Lines of one output stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines(Arc<(Mutex<State>, Condvar)>);

impl Lines {
    fn read(stream: impl Read + Send + 'static) -> Lines {
        let lines = Lines::default();
        let to = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                to.lock()
                    .lines
                    .push(String::from_utf8_lossy(&line).into_owned());
                to.0.1.notify_all();
            }
            to.lock().ended = true;
            to.0.1.notify_all();
        });
        lines
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().lines.len()
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// The first thing that `wanted` finds in a line from the `from`th on, within `limit`.
    pub(crate) fn wait<T>(
        &self,
        from: usize,
        limit: Duration,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut seen = from;
        let mut state = self.lock();
        loop {
            while let Some(line) = state.lines.get(seen) {
                if let Some(found) = wanted(line) {
                    return Some(found);
                }
                seen += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.ended {
                return None;
            }
            let waited = self.0.1.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A child that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
}

impl Running {
    /// Starts it. Its environment is ours and `env`, without what would configure it by accident.
    pub(crate) fn start(mut command: Command, env: &[(String, String)]) -> io::Result<Running> {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if CONFIGURES.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let lines = |stream: Option<_>| stream.map(Lines::read).unwrap_or_default();
        let stderr = child.stderr.take().map(Lines::read).unwrap_or_default();
        Ok(Running {
            stdin: child.stdin.take(),
            stdout: lines(child.stdout.take()),
            stderr,
            child,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn write_line(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(stdin, "{line}")?;
        stdin.flush()
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        // A process that has ended needs none.
        let _ = Command::new("kill")
            .args(["-s", name, &pid])
            .stderr(Stdio::null())
            .status();
    }

    /// How it ended, within `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if Instant::now() > deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn kill(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The processor time that it has used, its threads together.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        // The name, in parentheses, may hold anything; utime and stime are the 14th and 15th field (proc(5)).
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        // In hundredths of a second, as Linux tells them to all programs.
        Some(Duration::from_millis(ticks * 10))
    }

    pub(crate) fn open_files(&self) -> Option<usize> {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).ok()?;
        Some(folder.count())
    }

    pub(crate) fn limit_files(&self, files: usize) {
        let (pid, limit) = (self.pid().to_string(), format!("--nofile={files}:65536"));
        let _ = Command::new("prlimit")
            .args(["--pid", &pid, &limit])
            .status();
    }

    /// Resident memory in KiB.
    pub(crate) fn rss_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
