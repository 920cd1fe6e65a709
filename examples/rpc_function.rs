//! Functions in Rust that Elixir calls as if they were in one of its modules.
//!
//! `RELEASE_COOKIE=clique cargo run --example rpc_function -- zz_maint_text@$(hostname -s)`, and on a node of the cluster:
//!
//! ```elixir
//! :erpc.call(:"zz_maint_text@myhost", Text, :words, ["to be or not to be"])   # %{"be" => 2, "not" => 1, "or" => 1, "to" => 2}
//! ```
//!
//! What is not exported stays `undef`: no peer can do more here than is written below.

mod shared;

use std::collections::BTreeMap;

use beamlink::otp::Raised;
use beamlink::runtime::Process;
use beamlink::term::Term;

/// An Elixir module is an atom that begins so.
const TEXT: &str = "Elixir.Text";

/// How often each word occurs: a map with binaries as keys.
fn words((text,): (String,)) -> Result<BTreeMap<String, usize>, Raised> {
    let mut counts = BTreeMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    Ok(counts)
}

/// `?` raises an error of Rust as `{:rust_error, message}`; any other reason is raised by its term. The caller gets a
/// stack that names this file and the line of the export.
fn ratio((text, other): (String, String)) -> Result<i64, Raised> {
    let (number, other): (i64, i64) = (text.parse()?, other.parse()?);
    number
        .checked_div(other)
        .ok_or_else(|| Raised::Error(Term::atom("badarith")))
}

/// The addresses of a host. It waits for the network, so it is exported as async; a call that takes longer than its
/// caller wants to wait times out there, and holds nothing up here.
async fn resolve(_: Process, (host, port): (String, u16)) -> Result<Vec<String>, Raised> {
    let addresses = tokio::net::lookup_host((host, port)).await?;
    Ok(addresses.map(|address| address.ip().to_string()).collect())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = shared::builder()?.start().await?;
    println!("{} is up", node.name());
    node.export(TEXT, "words", words);
    node.export(TEXT, "ratio", ratio);
    node.export_async(TEXT, "resolve", resolve);
    println!("exported {:?}", node.functions());
    tokio::signal::ctrl_c().await?;
    node.stop().await;
    Ok(())
}
