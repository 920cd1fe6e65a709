//! What the suite pins to a core and measures: `ours node`, a node of ours; `ours raw`, bytes without one; `ours crowd`,
//! many simulated peers. Each prints `ready`, reads one request a line on stdin and answers it in one line on stdout:
//! numbers, or `error` and why. It ends with its stdin.

mod calls;
mod crowd;
mod gossip;
mod handshake;
mod messages;
mod node;
mod raw;
#[path = "../../../../shared/typed.rs"]
mod shared;
mod terms;
mod typed;

use std::io::{BufRead as _, Write as _};

/// What a request comes to.
type Answer = Result<Vec<f64>, Box<dyn std::error::Error + Send + Sync>>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let served = match words.as_slice() {
        ["node", settings @ ..] => node::serve(settings),
        ["raw"] => raw::serve(),
        ["crowd", settings @ ..] => crowd::serve(settings),
        _ => Err("ours node|raw|crowd".into()),
    };
    if let Err(error) = served {
        eprintln!("ours: {error}");
        std::process::exit(1);
    }
}

/// Answers requests until stdin ends.
fn answer(
    mut work: impl FnMut(&[&str]) -> Answer,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let said = match work(&words) {
            Ok(numbers) => numbers
                .iter()
                .map(f64::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("error {error}"),
        };
        println!("{said}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// A word of a request as a number.
fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

/// Nanoseconds by the clock of this host: comparable with those of other processes.
fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos() as f64
}

/// The 50th and the 99th of a hundred.
fn percentiles(mut all: Vec<f64>) -> [f64; 2] {
    all.sort_by(f64::total_cmp);
    let at = |share: usize| {
        all.get(all.len() * share / 100)
            .copied()
            .unwrap_or(f64::NAN)
    };
    [at(50), at(99)]
}
