//! The suite itself: that a row can be measured and written, and that a wrong name is told.

use std::process::{Command, Output};

use interop::Otp;
use serde_json::Value;

fn suite(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_suite"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn one_row_is_measured_and_written() {
    if let Err(missing) = Otp::host() {
        return interop::skip("the suite", &missing);
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let ran = suite(&[
        "--quick",
        "--only",
        "served",
        "--releases",
        "1",
        "--out",
        out,
    ]);
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let table = std::fs::read_to_string(folder.path().join("benches/RESULTS.md")).unwrap();
    assert_eq!(format!("{table}\n"), String::from_utf8_lossy(&ran.stdout));
    assert!(
        table.contains("## Calls from a BEAM") && !table.contains("## Terms"),
        "{table}"
    );
    let json = std::fs::read(folder.path().join("benches/results.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let row = &json["rows"][0];
    assert_eq!(row["group"], "served");
    assert_eq!(row["cells"][0]["contender"], "beamlink");
    for cell in row["cells"].as_array().unwrap() {
        assert!(cell["median"].as_f64().unwrap() > 0.0, "{json:#}");
    }
}

#[test]
fn a_group_that_is_none_is_told_with_those_that_are() {
    let ran = suite(&["--only", "nothing"]);
    assert!(!ran.status.success());
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        said.contains("\"nothing\"") && said.contains("terms, messages"),
        "{said}"
    );
}
