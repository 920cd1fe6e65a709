//! A process that is asked in lines, and answers in numbers: `ours` and `peers`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::cores;
use crate::failure::Failure;

/// Longer than any answer takes.
const LIMIT: Duration = Duration::from_secs(90);

/// It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    name: String,
    child: Child,
    to: ChildStdin,
    from: Receiver<String>,
}

impl Worker {
    /// Starts `program` on `core` and waits until it is ready.
    pub(crate) fn start(
        core: usize,
        program: &Path,
        arguments: &[&str],
    ) -> Result<Worker, Failure> {
        let name = format!("{} {}", program.display(), arguments.join(" "));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = cores::on(core, || command.spawn())
            .map_err(|error| Failure(format!("{name}: {error}")))?;
        let (Some(to), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure(format!("{name}: no pipes")));
        };
        let (lines, from) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let worker = Worker {
            name,
            child,
            to,
            from,
        };
        match worker.line()? {
            ready if ready == "ready" => Ok(worker),
            other => Err(Failure(format!("{}: {other}", worker.name))),
        }
    }

    fn line(&self) -> Result<String, Failure> {
        self.from.recv_timeout(LIMIT).map_err(|error| {
            let what = match error {
                RecvTimeoutError::Timeout => "no answer",
                RecvTimeoutError::Disconnected => "it has ended",
            };
            Failure(format!("{}: {what}", self.name))
        })
    }

    /// Asks without waiting for the answer.
    pub(crate) fn begin(&mut self, request: &str) -> Result<(), Failure> {
        let asked = writeln!(self.to, "{request}").and_then(|()| self.to.flush());
        asked.map_err(|error| Failure(format!("{}: {request}: {error}", self.name)))
    }

    /// The answer to what was asked.
    pub(crate) fn end(&mut self) -> Result<Vec<f64>, Failure> {
        let line = self.line()?;
        let numbers: Option<Vec<f64>> = line
            .split_whitespace()
            .map(|word| word.parse().ok())
            .collect();
        numbers.ok_or_else(|| Failure(format!("{}: {line}", self.name)))
    }

    pub(crate) fn ask(&mut self, request: &str) -> Result<Vec<f64>, Failure> {
        self.begin(request)?;
        self.end()
            .map_err(|Failure(what)| Failure(format!("{what} ({request})")))
    }

    /// The first number of the answer.
    pub(crate) fn one(&mut self, request: &str) -> Result<f64, Failure> {
        let answer = self.ask(request)?;
        answer
            .first()
            .copied()
            .ok_or_else(|| Failure(format!("{}: {request}: no number", self.name)))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops its process, so that its peers hear nothing more.
    pub(crate) fn freeze(&self) {
        let pid = self.pid().to_string();
        let _ = Command::new("kill").args(["-STOP", &pid]).status();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory in KiB.
pub(crate) fn rss_kib(pid: u32) -> Result<f64, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Failure(format!("no VmRSS of {pid}")))
}

/// Nanoseconds that all threads of a process have spent on cores.
pub(crate) fn cpu_nanos(pid: u32) -> Result<f64, Failure> {
    let mut sum = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let Ok(spent) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        let first = spent.split_whitespace().next();
        sum += first
            .and_then(|word| word.parse::<f64>().ok())
            .unwrap_or(0.0);
    }
    Ok(sum)
}

/// The share of a core that a process takes during `time`.
pub(crate) fn cpu_share(pid: u32, time: Duration) -> Result<f64, Failure> {
    let (before, begin) = (cpu_nanos(pid)?, std::time::Instant::now());
    std::thread::sleep(time);
    let spent = cpu_nanos(pid)? - before;
    Ok(spent / begin.elapsed().as_nanos() as f64)
}
