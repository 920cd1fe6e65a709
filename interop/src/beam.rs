//! A real BEAM that runs the fixture.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::child::Running;
use crate::fixture;
use crate::net::Namespace;
use crate::otp::Otp;
use crate::skip::Missing;

/// Longer than any answer takes; a probe that hangs says so itself after ten seconds.
const ASK_LIMIT: Duration = Duration::from_secs(60);
const START_LIMIT: Duration = Duration::from_secs(60);

/// What a node is started with.
#[derive(Debug, Clone)]
pub struct BeamOptions<'a> {
    /// Which OTP.
    pub otp: Otp,
    /// `name@host`.
    pub name: String,
    /// The cookie.
    pub cookie: String,
    /// The port of EPMD. It must be running; in a namespace the node starts one otherwise.
    pub epmd_port: u16,
    /// `net_ticktime` in seconds; the default of OTP (60) when there is none.
    pub net_ticktime: Option<u32>,
    /// More environment, for the fixture's gossip among others.
    pub env: Vec<(String, String)>,
    /// The host that it runs on.
    pub namespace: Option<&'a Namespace>,
    /// More flags for `erl`.
    pub erl: Vec<String>,
}

impl<'a> BeamOptions<'a> {
    /// A node of this host's OTP without gossip.
    pub fn new(otp: &Otp, name: &str, cookie: &str, epmd_port: u16) -> BeamOptions<'a> {
        BeamOptions {
            otp: otp.clone(),
            name: name.to_owned(),
            cookie: cookie.to_owned(),
            epmd_port,
            net_ticktime: None,
            env: vec![("FIXTURE_GOSSIP".to_owned(), "off".to_owned())],
            namespace: None,
            erl: Vec::new(),
        }
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> BeamOptions<'a> {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Places it on a host.
    #[must_use]
    pub fn on(mut self, namespace: &'a Namespace) -> BeamOptions<'a> {
        self.namespace = Some(namespace);
        self
    }

    /// Sets `net_ticktime`, in seconds.
    #[must_use]
    pub fn net_ticktime(mut self, seconds: u32) -> BeamOptions<'a> {
        self.net_ticktime = Some(seconds);
        self
    }

    /// Adds a flag for `erl`.
    #[must_use]
    pub fn erl(mut self, flag: &str) -> BeamOptions<'a> {
        self.erl.push(flag.to_owned());
        self
    }
}

/// Why a node did not answer with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskError {
    /// The expression raised.
    Raised(String),
    /// It did not answer in time, or it has ended; with what it wrote to stderr.
    Silent(String),
}

/// A node that runs; it ends when it is dropped.
#[derive(Debug)]
pub struct BeamNode {
    running: Running,
    name: String,
    asked: u64,
}

/// The fixture's modules for each OTP that was used.
fn modules(otp: &Otp) -> Result<Vec<PathBuf>, Missing> {
    static HOST: OnceLock<Result<Vec<PathBuf>, Missing>> = OnceLock::new();
    match otp.root() {
        None => HOST.get_or_init(|| fixture::compiled(otp)).clone(),
        Some(_) => fixture::compiled(otp),
    }
}

impl BeamNode {
    /// Starts a node and waits until it answers.
    ///
    /// # Errors
    /// When it does not start, with what it wrote.
    pub fn start(options: BeamOptions<'_>) -> Result<BeamNode, Missing> {
        let mut node = BeamNode::spawn(options)?;
        node.ready()?;
        Ok(node)
    }

    /// Starts nodes at once and waits until all answer.
    ///
    /// # Errors
    /// When one does not start.
    pub fn start_all(all: Vec<BeamOptions<'_>>) -> Result<Vec<BeamNode>, Missing> {
        let nodes: Result<Vec<BeamNode>, Missing> = all.into_iter().map(BeamNode::spawn).collect();
        let mut nodes = nodes?;
        nodes.iter_mut().try_for_each(BeamNode::ready)?;
        Ok(nodes)
    }

    /// Starts a node without waiting for it.
    ///
    /// # Errors
    /// When the fixture does not compile or the program is not there.
    pub fn spawn(options: BeamOptions<'_>) -> Result<BeamNode, Missing> {
        let modules = modules(&options.otp)?;
        let mut command = options.otp.command(options.namespace, "elixir");
        let is_long = options
            .name
            .rsplit('@')
            .next()
            .is_some_and(|host| host.contains(['.', ':']));
        let mut erl = options.erl.join(" ");
        if options.namespace.is_none() {
            // Nobody else is to reach it, and nothing would end the EPMD that it starts.
            erl.push_str(" -kernel inet_dist_use_interface {127,0,0,1} -start_epmd false");
        }
        if let Some(seconds) = options.net_ticktime {
            erl.push_str(&format!(" -kernel net_ticktime {seconds}"));
        }
        command.args([
            "--no-halt",
            if is_long { "--name" } else { "--sname" },
            &options.name,
        ]);
        command.args(["--cookie", &options.cookie, "--erl", &erl]);
        for folder in modules {
            command.arg("-pa").arg(folder);
        }
        command.args(["-e", "Fixture.start()"]);
        let port = options.epmd_port.to_string();
        let set = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut env: Vec<(String, String)> = [
            ("ERL_EPMD_PORT", &*port),
            ("ERL_CRASH_DUMP_SECONDS", "0"),
            ("LC_ALL", "C.UTF-8"),
        ]
        .map(set)
        .into();
        env.extend(options.env);
        let running =
            Running::start(command, &env).map_err(|error| Missing(format!("elixir: {error}")))?;
        Ok(BeamNode {
            running,
            name: options.name,
            asked: 0,
        })
    }

    fn ready(&mut self) -> Result<(), Missing> {
        let is_ready = |line: &str| (line.trim() == "@@ready").then_some(());
        let ready = self.running.stdout.wait(0, START_LIMIT, is_ready);
        ready.ok_or_else(|| Missing(format!("{} did not start: {}", self.name, self.stderr())))
    }

    /// Its full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn os_pid(&self) -> u32 {
        self.running.pid()
    }

    /// Its resident memory in KiB.
    pub fn rss_kib(&self) -> Option<u64> {
        self.running.rss_kib()
    }

    /// What it wrote to stderr.
    pub fn stderr(&self) -> String {
        self.running.stderr.all().join("\n")
    }

    /// Evaluates an Elixir expression of one line and returns its value as `inspect/1` shows it.
    ///
    /// # Errors
    /// When it raises, or does not end within a minute.
    pub fn ask(&mut self, expression: &str) -> Result<String, AskError> {
        self.asked += 1;
        let mark = format!("@@{} ", self.asked);
        let from = self.running.stdout.count();
        let asked = self
            .running
            .write_line(&format!("{} {expression}", self.asked));
        let silent =
            |node: &BeamNode| AskError::Silent(format!("{}: {}", node.name, node.stderr()));
        asked.map_err(|_| silent(self))?;
        let answer = self.running.stdout.wait(from, ASK_LIMIT, |line| {
            line.strip_prefix(&mark).map(str::to_owned)
        });
        let answer = answer.ok_or_else(|| silent(self))?;
        match answer.split_once(' ') {
            Some(("ok", value)) => Ok(value.to_owned()),
            _ => Err(AskError::Raised(answer)),
        }
    }

    /// As [`BeamNode::ask`], for an expression that must have a value.
    ///
    /// # Panics
    /// When it has none.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> String {
        match self.ask(expression) {
            Ok(value) => value,
            Err(error) => panic!("{} was asked {expression}: {error:?}", self.name),
        }
    }

    /// Asks until the value is `expected`, and says how long that took.
    ///
    /// # Panics
    /// When it is something else after `limit`.
    #[track_caller]
    pub fn wait_until(&mut self, expression: &str, expected: &str, limit: Duration) -> Duration {
        let begin = Instant::now();
        loop {
            let value = self.value(expression);
            if value == expected {
                return begin.elapsed();
            }
            if begin.elapsed() > limit {
                let log = self.log();
                let name = &self.name;
                panic!(
                    "{name}: {expression} is {value} after {limit:?}, not {expected}; it logged {log}"
                );
            }
            // Who asks all the time takes from others the processor that they need to become so.
            let pause = begin.elapsed() / 20;
            std::thread::sleep(pause.clamp(Duration::from_millis(10), Duration::from_millis(100)));
        }
    }

    /// What it logged from level warning up.
    pub fn log(&mut self) -> String {
        self.value("Fixture.Log.entries()")
    }

    /// Ends it at once (SIGKILL).
    pub fn kill9(mut self) {
        self.running.kill();
    }

    /// Stops its process (SIGSTOP).
    pub fn freeze(&self) {
        self.running.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.running.signal("CONT");
    }

    /// Ends it in good order.
    pub fn stop(mut self) {
        self.running.close_stdin();
        self.running.wait(Duration::from_secs(10));
    }
}
