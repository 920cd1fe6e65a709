//! Tests that cannot run here say so, loudly.

use std::fmt;

/// What a test needs and this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says that the test `name` is skipped for want of `missing`.
///
/// # Panics
/// When `CI` is set: there everything must run.
pub fn skip(name: &str, missing: &Missing) {
    eprintln!("SKIPPED {name}: {missing}");
    assert!(
        std::env::var_os("CI").is_none(),
        "nothing may be skipped in CI: {name}: {missing}"
    );
}
