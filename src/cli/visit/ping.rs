//! `beamlink ping`: whether a node answers, and how fast.

use std::io::Write;
use std::time::{Duration, Instant};

use beamlink::node::Visitor;
use beamlink::otp::gen_server;
use beamlink::runtime::Item;
use beamlink::term::Term;
use serde_json::json;

use super::{AT_ONCE, Answer, Command, Failure, Target};
use crate::cli::settings::Visit;

/// Between two pings.
const PAUSE: Duration = Duration::from_secs(1);

/// Ask whether a node is there, as :net_adm.ping/1 does
///
/// The time is that of one question to net_kernel, without the connection set-up.
#[derive(clap::Args)]
pub(crate) struct PingArgs {
    #[command(flatten)]
    target: Target,
    /// Ask so many times, a second apart
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

impl Command for PingArgs {
    fn target(&self) -> &Target {
        &self.target
    }

    async fn run(&self, visitor: &Visitor, settings: &Visit) -> Result<Answer, Failure> {
        let peer = visitor.peer();
        let mut times = Vec::new();
        let mut last = String::new();
        for at in 0..self.count {
            if at > 0 {
                show(&mut last, settings.json);
                tokio::time::sleep(PAUSE).await;
            }
            let millis = ping(visitor).await?.as_secs_f64() * 1000.0;
            last = format!("pong from {peer} in {millis:.1} ms");
            times.push((millis * 1000.0).round() / 1000.0);
        }
        Ok(Answer::new(
            last,
            json!({"node": peer.as_str(), "ms": times}),
        ))
    }
}

/// The last one is told by who tells the answer.
fn show(line: &mut String, json: bool) {
    if !json {
        line.push('\n');
        // Nobody reads it any more: the last one meets the same.
        let _ = std::io::stdout().write_all(line.as_bytes());
    }
}

async fn ping(visitor: &Visitor) -> Result<Duration, Failure> {
    let peer = visitor.peer();
    let own = Term::Atom(visitor.name().atom().clone());
    let question = Term::tuple([Term::atom("is_auth"), own]);
    let begin = Instant::now();
    let server = Item::from(("net_kernel", peer));
    let answer = gen_server::call(visitor.runtime(), server, &question, AT_ONCE).await?;
    let time = begin.elapsed();
    match answer.term() {
        Ok(answer) if answer.as_atom() == Some("yes") => Ok(time),
        other => Err(Failure::remote(format!("{peer}: pang: {other:?}"))),
    }
}
