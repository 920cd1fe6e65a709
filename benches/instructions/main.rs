//! Counts the instructions of the hot paths, so that a regression shows without any clock.
//! `cargo bench --bench instructions`; with `-- --write` the counts become those that are expected.
//!
//! Each workload runs under `valgrind --tool=callgrind` so many times and then a multiple of that; the difference is
//! what one time costs, whatever starting up does. What the C library chooses by the CPU is switched off. More than
//! [`TOLERANCE`] beyond `expected.txt` fails.

#[path = "../shared/messages.rs"]
mod messages;
#[path = "../shared/typed.rs"]
mod typed;
mod workloads;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Of what is expected.
const TOLERANCE: f64 = 0.03;
/// How often a workload runs at first, and then beside.
const TIMES: u32 = 50;
const MORE: u32 = 200;
/// glibc takes another `memcpy` on another CPU; these are the ones of any x86-64.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load,-Prefer_No_VZEROUPPER,-SSSE3,-SSE4_1,-SSE4_2";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, "--workload", name, times] =
        &words.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        let all = workloads::all();
        let (_, run) = all.iter().find(|(known, _)| known == name).unwrap();
        run(times.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        interop::skip(
            "the count of instructions",
            &interop::Missing("no valgrind".to_owned()),
        );
        return ExitCode::SUCCESS;
    }
    let expected = expected();
    let mut counts = String::new();
    let mut failed = false;
    println!("| workload | instructions | expected | |\n|---|---:|---:|---:|");
    for (name, _) in workloads::all() {
        let count = (count(name, TIMES + MORE) - count(name, TIMES)) / u64::from(MORE);
        let _ = writeln!(counts, "{count} {name}");
        match expected.get(name) {
            Some(expected) => {
                let change = count as f64 / *expected as f64 - 1.0;
                let is_worse = change > TOLERANCE;
                failed |= is_worse;
                let verdict = if is_worse { " REGRESSION" } else { "" };
                println!(
                    "| {name} | {count} | {expected} | {:+.1} %{verdict} |",
                    change * 100.0
                );
            }
            None => println!("| {name} | {count} | | |"),
        }
    }
    if words.iter().any(|word| word == "--write") {
        std::fs::write(file(), counts).unwrap();
        return ExitCode::SUCCESS;
    }
    match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/expected.txt")
}

/// Lines of a count and a name.
fn expected() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(file()).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(count, name)| (name.to_owned(), count.parse().unwrap()))
        .collect()
}

/// Instructions of a run of a workload.
fn count(name: &str, times: u32) -> u64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(std::env::current_exe().unwrap());
    valgrind.args(["--workload", name, &times.to_string()]);
    valgrind.env("GLIBC_TUNABLES", TUNABLES);
    let output = valgrind.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    let line = said.lines().find(|line| line.contains("Collected :"));
    let count = line.and_then(|line| line.split_whitespace().last());
    count
        .and_then(|count| count.parse().ok())
        .unwrap_or_else(|| panic!("{said}"))
}
