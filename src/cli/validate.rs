//! `beamlink validate`: whether a cluster is as it should be, for scripts and CI.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use beamlink::doctor::validation::{
    Check, Outcome, gossip_check, leader_check, lists_check, members, members_check,
};
use beamlink::doctor::{Examined, Section};
use serde_json::json;

use super::exit::Exit;
use super::http_get::{self, HttpGetError};
use super::settings::{DoctorFlags, Examine, Surroundings};
use super::visit::{Failure, aligned, tell};

/// Between two looks of `--wait`.
const PAUSE: Duration = Duration::from_secs(1);
/// A health endpoint that takes longer is not healthy.
const HEALTH_LIMIT: Duration = Duration::from_secs(3);
/// Where the guide of ExESDB looks for one.
const HEALTH: &str = "4000/health";

/// Check that a cluster is complete: for scripts and CI
///
/// Five checks, in this order: the expected number of members, and nobody known who cannot be reached; all in each other's
/// lists; the gossip port open on each; a health endpoint, where there is one, that answers with a status of success; one
/// leader of each store. Guests such as beamlink are no members. Without NODE it looks for whoever is heard or is known to
/// the EPMD of this host, which takes five seconds. It looks as a hidden node that leaves no trace.
///
/// Exit status: 0 all is as it should be, 1 it is not, 2 usage.
#[derive(clap::Args)]
pub(crate) struct ValidateArgs {
    /// A node to begin with: name@host, name@host=port (without EPMD), or the name of a node on this host
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    /// How many members there must be
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    expect: u32,
    /// Each member must have a health endpoint at http://<its address>:PORT/PATH [default: 4000/health, where there is one]
    #[arg(long, value_name = "PORT/PATH")]
    health: Option<String>,
    /// Look again each second, for so many seconds at most, until all is as it should be
    #[arg(long, value_name = "SECS")]
    wait: Option<u32>,
    #[command(flatten)]
    flags: DoctorFlags,
}

pub(crate) fn run(args: &ValidateArgs) -> Exit {
    let settings = Examine::resolve(&args.nodes, &args.flags, &Surroundings::of_this_process());
    let mut settings = match settings {
        Ok(settings) => settings,
        Err(error) => return tell(Err(Failure::usage(error)), false),
    };
    let health = match endpoint(args.health.as_deref().unwrap_or(HEALTH)) {
        Some((port, path)) => Health {
            port,
            path,
            required: args.health.is_some(),
        },
        None => {
            let message = "--health takes PORT/PATH such as 4000/health";
            return tell(Err(Failure::usage(message)), settings.json);
        }
    };
    for warning in &settings.warnings {
        eprintln!("beamlink: warning: {warning}");
    }
    settings.doctor.sections = vec![Section::Nodes, Section::ExEsdb];
    if settings.doctor.nodes.is_empty() {
        settings.doctor.sections.push(Section::Discovery);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return tell(Err(Failure::usage(error)), settings.json),
    };
    let until = Instant::now() + Duration::from_secs(args.wait.unwrap_or(0).into());
    let checks = runtime.block_on(async {
        loop {
            let checks = look(&settings, args.expect, &health).await;
            if is_valid(&checks) || Instant::now() >= until {
                return checks;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    // A look-up that the resolver does not answer must not hold up the end.
    runtime.shutdown_background();
    let text = match settings.json {
        true => format!(
            "{}\n",
            json!({"valid": is_valid(&checks), "checks": checks})
        ),
        false => shown(&checks),
    };
    // A reader that has seen enough (`| head`) is no fault.
    let _ = std::io::stdout().write_all(text.as_bytes());
    match is_valid(&checks) {
        true => Exit::Done,
        false => Exit::Findings,
    }
}

async fn look(settings: &Examine, expect: u32, health: &Health) -> Vec<Check> {
    let report = settings.doctor.round().await;
    let members = members(&report.nodes);
    vec![
        members_check(&report.nodes, usize::try_from(expect).unwrap_or(usize::MAX)),
        lists_check(&members),
        gossip_check(&members, settings.doctor.gossip.port),
        health.check(&members).await,
        leader_check(&members),
    ]
}

fn is_valid(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.outcome != Outcome::Failed)
}

fn shown(checks: &[Check]) -> String {
    let line = |check: &Check| {
        let outcome = match check.outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "FAILED",
            Outcome::Absent => "-",
        };
        vec![
            check.name.to_owned(),
            outcome.to_owned(),
            check.seen.clone(),
        ]
    };
    let lines: Vec<Vec<String>> = checks.iter().map(line).collect();
    let failed = checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed);
    let verdict = match failed.count() {
        0 => "valid".to_owned(),
        failed => format!("NOT VALID: {failed} of {} checks failed", checks.len()),
    };
    format!("{}{verdict}\n", aligned(&lines))
}

/// `4000/health` → 4000, `/health`
fn endpoint(text: &str) -> Option<(u16, String)> {
    let (port, path) = text.split_once('/').unwrap_or((text, ""));
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some((port, format!("/{path}")))
}

/// Where health endpoints are to be.
struct Health {
    port: u16,
    path: String,
    /// Whether each member must have one.
    required: bool,
}

impl Health {
    async fn check(&self, members: &[&Examined]) -> Check {
        let mut asked = tokio::task::JoinSet::new();
        for node in members {
            let Some(address) = node.reach.address else {
                continue;
            };
            let (name, url) = (node.node.to_string(), self.url(address));
            asked.spawn_blocking(move || (name, http_get::get(&url, HEALTH_LIMIT)));
        }
        let mut answers = asked.join_all().await;
        answers.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (mut healthy, mut faults) = (0, Vec::new());
        for (node, answer) in &answers {
            match answer {
                Ok(answer) if (200..300).contains(&answer.status) => healthy += 1,
                Ok(answer) => {
                    let said = answer.body.lines().next().unwrap_or_default();
                    let said: String = said.chars().take(60).collect();
                    faults.push(format!("{node} answers {}: {said}", answer.status));
                }
                // Something else may have the port of no endpoint that anybody asked for.
                Err(HttpGetError::NotHttp { .. } | HttpGetError::Connect { .. })
                    if !self.required => {}
                Err(error) => faults.push(format!("{node}: {error}")),
            }
        }
        if healthy == 0 && faults.is_empty() {
            let seen = format!("no node has an endpoint at port {}", self.port);
            return Check::absent("health", seen);
        }
        let passed = format!(
            "{healthy} of {} at :{}{}",
            members.len(),
            self.port,
            self.path
        );
        Check::new("health", &faults, passed)
    }

    fn url(&self, address: IpAddr) -> String {
        format!(
            "http://{}{}",
            SocketAddr::new(address, self.port),
            self.path
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        assert_eq!(endpoint("4000/health"), Some((4000, "/health".to_owned())));
        assert_eq!(endpoint("8080"), Some((8080, "/".to_owned())));
        assert_eq!(endpoint("80/a/b?c"), Some((80, "/a/b?c".to_owned())));
        for bad in ["", "health", "0/x", "70000/x"] {
            assert_eq!(endpoint(bad), None, "{bad}");
        }
    }
}
