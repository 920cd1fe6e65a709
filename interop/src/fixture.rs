//! The mix project `elixir_fixture`, compiled once for each OTP.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::otp::Otp;
use crate::skip::Missing;

/// Where the sources are.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../elixir_fixture")
}

/// The folders of compiled modules, as the OTP sees them.
pub(crate) fn compiled(otp: &Otp) -> Result<Vec<PathBuf>, Missing> {
    let failed = |error: io::Error| Missing(format!("the fixture for {}: {error}", otp.name()));
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    fs::create_dir_all(&target).map_err(failed)?;
    // Several test processes may want it at once.
    let lock = File::create(target.join(format!("fixture-{}.lock", otp.name()))).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let (project, build, seen_build) = match otp.root() {
        None => {
            let build = target.join("fixture-host");
            (sources(), build.clone(), build)
        }
        Some(root) => {
            let inside = Path::new("/beamlink-fixture");
            copy(&sources(), &root.join("beamlink-fixture")).map_err(failed)?;
            (
                inside.to_owned(),
                root.join("beamlink-fixture/_build"),
                inside.join("_build"),
            )
        }
    };
    let mut command: Command = otp.command(None, "sh");
    command.args([
        "-c",
        "cd \"$0\" && MIX_ENV=prod MIX_BUILD_PATH=\"$1\" mix compile --warnings-as-errors",
    ]);
    let output = command
        .arg(&project)
        .arg(&seen_build)
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        return Err(Missing(format!(
            "the fixture does not compile for {}: {said}",
            otp.name()
        )));
    }
    let libraries = fs::read_dir(build.join("lib")).map_err(failed)?;
    let names = libraries.filter_map(|entry| Some(entry.ok()?.file_name()));
    Ok(names
        .map(|name| seen_build.join("lib").join(name).join("ebin"))
        .collect())
}

/// Copies the sources, and nothing that was built of them.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "_build" {
                copy(&entry.path(), &target)?;
            }
        } else if fs::read(&target).ok() != Some(fs::read(entry.path())?) {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
