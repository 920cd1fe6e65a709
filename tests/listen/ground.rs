//! The ground: hosts on a bridge, Elixir nodes with gossip, and the built command.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use interop::{BeamOptions, Bridge, Missing, Namespace, Otp};
use serde_json::Value;

pub(crate) const COOKIE: &str = "reg_greenhouse_clique";
pub(crate) const SECRET: &str = "dev_cluster_secret_2025";
pub(crate) const GROUP: &str = "239.255.0.1";
/// Ten times what is expected.
pub(crate) const LIMIT: Duration = Duration::from_secs(50);

pub(crate) struct Ground {
    pub(crate) hosts: Vec<Namespace>,
    otp: Otp,
    // Dropped after the hosts that stand on it.
    _bridge: Bridge,
}

impl Ground {
    pub(crate) fn new(otp: Otp, hosts: &[&str]) -> Result<Ground, Missing> {
        let (bridge, hosts) = Bridge::new(hosts)?;
        Ok(Ground {
            hosts,
            otp,
            _bridge: bridge,
        })
    }

    /// A node `name` on the host `at`, with gossip to `group` if there is one.
    pub(crate) fn beam(
        &self,
        name: &str,
        at: usize,
        group: Option<&str>,
        secret: Option<&str>,
    ) -> BeamOptions<'_> {
        let host = &self.hosts[at];
        let name = format!("{name}@{}", host.host());
        let mut options = BeamOptions::new(&self.otp, &name, COOKIE, 4369).on(host);
        if let Some(group) = group {
            options = options
                .env("FIXTURE_GOSSIP", "on")
                .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", group);
        }
        match secret {
            Some(secret) => options.env("EX_ESDB_CLUSTER_SECRET", secret),
            None => options,
        }
    }

    /// `beamlink` with these words on the host `at`, as ExESDB's variables configure it.
    pub(crate) fn command(&self, at: usize, words: &[&str]) -> Command {
        let mut command = self.hosts[at].command(env!("CARGO_BIN_EXE_beamlink"));
        command
            .args(words)
            .env_remove("HOME")
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", GROUP)
            .env("EX_ESDB_CLUSTER_SECRET", SECRET)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, at: usize, words: &[&str]) -> Output {
        self.command(at, words).output().unwrap()
    }

    pub(crate) fn address(&self, at: usize) -> &str {
        self.hosts[at].address()
    }
}

/// Runs the test, or says that it is skipped, and why.
pub(crate) fn on(name: &str, hosts: &[&str], test: impl FnOnce(Ground)) {
    match Otp::host().and_then(|otp| Ground::new(otp, hosts)) {
        Ok(ground) => test(ground),
        Err(missing) => interop::skip(name, &missing),
    }
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The objects, one a line, that were written.
pub(crate) fn objects(output: &Output) -> Vec<Value> {
    text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
