//! What the documents say of figures is what was measured.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const BEGIN: &str = "<!-- bench: ./scripts/bench writes this table -->\n";
const END: &str = "<!-- bench: end -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `None` before the first run.
fn results() -> Option<Value> {
    let text = fs::read_to_string(root().join("benches/results.json")).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// A workload is argued about once for all releases.
fn of_any_release(workload: &str) -> String {
    let mut parts = workload.split("OTP ");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all.push_str("OTP");
        all.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    all
}

#[test]
fn every_missed_target_is_argued() {
    let document = read("docs/PERFORMANCE.md");
    let Some(results) = results() else { return };
    for row in results["rows"].as_array().unwrap() {
        let is_missed = |target: &Value| target["met"] == false;
        if row["targets"].as_array().unwrap().iter().any(is_missed) {
            let workload = of_any_release(row["workload"].as_str().unwrap());
            assert!(
                document.contains(&format!("**{workload}**")),
                "docs/PERFORMANCE.md does not say why **{workload}** is missed: {}",
                row["targets"]
            );
        }
    }
}

#[test]
fn short_tables_are_those_of_the_results() {
    if results().is_none() {
        return;
    }
    let results = read("benches/RESULTS.md");
    let table = results.split_once("## In short\n\n").unwrap().1;
    let table = table.split_once("\n\n").unwrap().0;
    let mut found = 0;
    for path in ["README.md", "docs/PERFORMANCE.md"] {
        let document = read(path);
        if let Some((_, rest)) = document.split_once(BEGIN) {
            let (inner, _) = rest
                .split_once(END)
                .unwrap_or_else(|| panic!("{path}: no end"));
            assert_eq!(
                inner.trim(),
                table,
                "{path}: ./scripts/bench writes this table"
            );
            found += 1;
        }
    }
    assert!(found > 0, "no document has the table");
}

#[test]
fn the_results_have_every_group_and_small_pictures() {
    let Some(results) = results() else { return };
    let rows = results["rows"].as_array().unwrap();
    for group in [
        "terms", "messages", "bulk", "calls", "served", "commands", "memory", "crowd", "gossip",
        "start",
    ] {
        assert!(
            rows.iter().any(|row| row["group"] == group),
            "no row of {group}"
        );
    }
    let plots = results["plots"].as_array().unwrap();
    assert_eq!(plots.len(), 4);
    for plot in plots {
        let path = format!("docs/images/{}.svg", plot["file"].as_str().unwrap());
        let svg = read(&path);
        assert!(svg.len() < 40_000 && svg.starts_with("<svg "), "{path}");
    }
}

#[test]
fn a_workload_is_the_same_for_all_releases() {
    assert_eq!(of_any_release("into OTP 25"), "into OTP");
    assert_eq!(
        of_any_release("`erpc`, p99, OTP 29 x"),
        "`erpc`, p99, OTP x"
    );
}
