//! What beamlink is measured beside: the crates eetf, erltf, erl_dist and edp_node. `peers terms`, `peers erl_dist NAME
//! PEER PORT COOKIE` and `peers edp_node NAME PEER COOKIE` print `ready`, read one request a line and answer it with
//! numbers, or with `error` and why.

mod edp;
mod erl_dist_peer;
mod terms;

use std::io::{BufRead as _, Write as _};

type Error = Box<dyn std::error::Error + Send + Sync>;
/// What a request comes to.
type Answer = Result<Vec<f64>, Error>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let served = match words.as_slice() {
        ["terms"] => answer(terms::time),
        ["erl_dist", name, peer, port, cookie] => erl_dist_peer::serve(name, peer, port, cookie),
        ["edp_node", name, peer, cookie] => edp::serve(name, peer, cookie),
        _ => Err("peers terms|erl_dist|edp_node".into()),
    };
    if let Err(error) = served {
        eprintln!("peers: {error}");
        std::process::exit(1);
    }
}

fn answer(mut work: impl FnMut(&[&str]) -> Answer) -> Result<(), Error> {
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let said = match work(&words) {
            Ok(numbers) => numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => format!("error {error}"),
        };
        println!("{said}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// Nanoseconds by the clock of this host: comparable with those of other processes.
fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos() as f64
}

/// The 50th and the 99th of a hundred.
fn percentiles(mut all: Vec<f64>) -> Vec<f64> {
    all.sort_by(f64::total_cmp);
    let at = |share: usize| all.get(all.len() * share / 100).copied().unwrap_or(f64::NAN);
    vec![at(50), at(99)]
}
