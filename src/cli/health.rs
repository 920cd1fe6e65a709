//! `beamlink health`: a health check for containers, which need no shell and no curl for it.

use std::net::SocketAddr;
use std::time::Duration;

use super::exit::Exit;
use super::http_get;
use super::settings::http_address;

/// Ask a node's HTTP server whether all is well: status 0 when it answers 200, else 1
#[derive(clap::Args)]
pub(crate) struct HealthArgs {
    /// Where to ask [default: /health at the address of BEAMLINK_HTTP, else http://127.0.0.1:4000/health]
    url: Option<String>,
    /// How long the answer may take, in seconds
    #[arg(long, value_name = "SECS", default_value = "3")]
    timeout: f64,
    /// Say nothing
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn run(args: &HealthArgs) -> Exit {
    let url = args.url.clone().unwrap_or_else(|| own("/health"));
    let limit = Duration::try_from_secs_f64(args.timeout).unwrap_or(Duration::from_secs(3));
    match http_get::get(&url, limit) {
        Ok(answer) => {
            if !args.quiet {
                println!("{}", answer.body.trim_end());
            }
            match answer.status {
                200 => Exit::Done,
                _ => Exit::NotStarted,
            }
        }
        Err(error) => {
            if !args.quiet {
                eprintln!("beamlink: {error}");
            }
            Exit::NotStarted
        }
    }
}

/// `path` on the server of the node that this environment describes.
pub(super) fn own(path: &str) -> String {
    let given = std::env::var("BEAMLINK_HTTP").ok();
    let address = given.as_deref().and_then(http_address);
    let mut address = address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 4000)));
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => [127, 0, 0, 1].into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}{path}")
}
