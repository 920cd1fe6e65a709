//! A real EPMD on a port of its own.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::child::Running;
use crate::net::{Namespace, within};
use crate::skip::Missing;

/// A running EPMD; it ends when it is dropped.
#[derive(Debug)]
pub struct Epmd {
    running: Running,
    port: u16,
}

impl Epmd {
    /// Starts one on `port`, in `namespace` if there is one, and waits until it answers.
    ///
    /// # Errors
    /// When there is no `epmd` on this machine, or it does not answer.
    pub fn start(port: u16, namespace: Option<&Namespace>) -> Result<Epmd, Missing> {
        let mut command = within(namespace, "epmd");
        command.args(["-port", &port.to_string()]);
        let running = Running::start(command).map_err(|error| Missing(format!("epmd: {error}")))?;
        let epmd = Epmd { running, port };
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if names(port, namespace).is_some() {
                return Ok(epmd);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Missing("epmd: it does not answer".to_owned()))
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once (SIGKILL).
    pub fn kill9(mut self) {
        self.running.kill();
    }
}

/// What `epmd -names` prints, if it answers.
fn names(port: u16, namespace: Option<&Namespace>) -> Option<String> {
    let mut command: Command = within(namespace, "epmd");
    let output = command
        .args(["-port", &port.to_string(), "-names"])
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
