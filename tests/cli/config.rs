//! `beamlink config`: where each value is from, and what is wrong with them.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::{beamlink, stderr, stdout};

const STRONG: (&str, &str) = ("RELEASE_COOKIE", "FTYWNOVMJHMXKDRUDLSI");
const NAME: (&str, &str) = ("BEAMLINK_NAME", "zz_maint_x@node0");

/// The status, and the codes of what is found.
fn found(words: &[&str], vars: &[(&str, &str)]) -> (Option<i32>, Vec<String>) {
    let words = [&["config", "--json"], words].concat();
    let output = beamlink(&words, vars);
    let told: Value = serde_json::from_str(stdout(&output)).unwrap();
    let codes = told["findings"].as_array().unwrap().iter();
    let code = |finding: &Value| finding["code"].as_str().unwrap().to_owned();
    (output.status.code(), codes.map(code).collect())
}

#[test]
fn sound_settings_yield_no_finding() {
    let output = beamlink(&["config"], &[STRONG, NAME]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = stdout(&output);
    assert!(
        shown.contains("env RELEASE_COOKIE") && shown.contains("gossip.port"),
        "{shown}"
    );
    assert!(
        !shown.contains(STRONG.1) && !shown.contains("HINT"),
        "{shown}"
    );
    assert!(stderr(&output).is_empty());
}

#[test]
fn each_fault_yields_its_own() {
    let weak = ("EX_ESDB_CLUSTER_SECRET", "dev_cluster_secret_2025");
    assert_eq!(
        found(&[], &[STRONG, NAME, weak]),
        (Some(1), vec!["weak-secret".to_owned()])
    );
    let short = ("RELEASE_COOKIE", "clique");
    assert_eq!(found(&[], &[short, NAME]).1, ["weak-cookie"]);
    let both = &[STRONG, NAME];
    assert_eq!(found(&["--broadcast-only"], both).1, ["group-not-joined"]);
    assert_eq!(
        found(&["--multicast-addr", "198.51.100.255"], both).1,
        ["gossip-address-unicast"]
    );
    assert_eq!(
        found(&["--if-addr", "198.51.100.1"], both).1,
        ["no-such-interface"]
    );
    assert_eq!(
        found(&["--name", "zz@localhost"], both).1,
        ["loopback-name"]
    );
    assert_eq!(
        found(&["--name", "zz@localhost", "--no-gossip"], both).1,
        [""; 0]
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), STRONG.1).unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(
        found(&["--cookie-file", path], &[NAME]).1,
        ["secret-file-mode"]
    );
}

#[test]
fn what_cannot_be_used_is_status_2() {
    let output = beamlink(&["config", "--gossip-port", "0"], &[STRONG]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""));
}
