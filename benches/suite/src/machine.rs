//! On what it was measured.

use std::fs;
use std::process::Command;

use serde::Serialize;

use crate::lab::Lab;

/// The machine, and the versions of all that took part.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rust: String,
    pub(crate) commit: String,
    pub(crate) otp: Vec<String>,
    /// Of other processes at the start of the run: above 0.3 the figures are those of a busy machine.
    pub(crate) load: f64,
}

impl Machine {
    pub(crate) fn seen(lab: &Lab, load: f64) -> Machine {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Machine {
            cpu: model.map_or_else(
                || "unknown".to_owned(),
                |(_, model)| model.trim().to_owned(),
            ),
            cores: info
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            kernel: said("uname", &["-r"]),
            rust: said("rustc", &["--version"]),
            commit: said("git", &["describe", "--always", "--dirty"]),
            otp: lab.releases(),
            load,
        }
    }

    pub(crate) fn lines(&self) -> String {
        format!(
            "{} ({} cores), Linux {}, {}, beamlink {}, {}; erl_dist 0.8 with TCP_NODELAY, edp_node 0.16, eetf 0.12, erltf 0.16. Load at the start: {:.2}.",
            self.cpu,
            self.cores,
            self.kernel,
            self.rust,
            self.commit,
            self.otp.join(", "),
            self.load
        )
    }
}

/// The load average of the last minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(f64::NAN)
}

fn said(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => String::new(),
    }
}
