//! The committed corpus of the fuzzers, through the same checks.

use std::fs;
use std::path::Path;

#[path = "../fuzz/checks.rs"]
mod checks;

fn run(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        println!("{}", file.display());
        check(&fs::read(file).unwrap());
    }
}

#[test]
fn terms() {
    run("term_decode", checks::term_decode);
}

#[test]
fn texts() {
    run("term_text", checks::term_text);
}

#[test]
fn typed_values() {
    run("typed", checks::typed);
    run("term_decode", checks::typed);
}

#[test]
fn gossip_packets() {
    run("gossip_packet", checks::gossip_packet);
}

#[test]
fn distribution_frames() {
    run("dist_frame", checks::dist_frame);
}
