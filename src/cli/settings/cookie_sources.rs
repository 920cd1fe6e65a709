//! I/O: the places where a BEAM that this user starts may have its cookie from.

use std::path::Path;

use beamlink::Cookie;
use beamlink::doctor::host::CookieSource;

use super::cookie_file::{self, Access};
use super::source::Surroundings;

/// In OTP's order: what a release hands over as `-setcookie`, then the two files. Those that are not there are left out.
pub(crate) fn cookie_sources(surroundings: &Surroundings) -> Vec<CookieSource> {
    let variable = |name: &str| {
        let value = surroundings.var(name)?;
        Some(CookieSource {
            place: format!("env {name}"),
            cookie: value.to_str().map(Cookie::new),
            mode: None,
        })
    };
    let folder = |name| surroundings.var(name).map(Path::new);
    let paths = cookie_file::default_paths(folder("HOME"), folder("XDG_CONFIG_HOME"));
    let file = |path: &Path| {
        let mode = cookie_file::mode(path).ok()?;
        let read = cookie_file::cookie(path, Access::Any);
        Some(CookieSource {
            place: path.display().to_string(),
            cookie: read.ok().map(|(cookie, _)| cookie),
            mode: Some(mode),
        })
    };
    let files = paths.iter().flatten().filter_map(|path| file(path));
    variable("RELEASE_COOKIE")
        .into_iter()
        .chain(files)
        .collect()
}
