//! The mix project `elixir_fixture`, compiled once for each OTP and each state of its sources.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

use crate::otp::Otp;
use crate::skip::Missing;

/// What mix.exs looks at: the real libcluster instead of the fixture's own gossip.
const LIBCLUSTER_PATH: &str = "LIBCLUSTER_PATH";
const FIXTURE_HEX: &str = "FIXTURE_HEX";

/// The folders of compiled modules, as the OTP sees them.
pub(crate) fn compiled(otp: &Otp) -> Result<Vec<PathBuf>, Missing> {
    make(otp).map_err(|error| Missing(format!("the fixture for {}: {error}", otp.name())))
}

fn make(otp: &Otp) -> io::Result<Vec<PathBuf>> {
    let sources = sources()?;
    let mut hasher = DefaultHasher::new();
    (&sources, std::env::var_os(FIXTURE_HEX)).hash(&mut hasher);
    // A root is shared by all that test on this machine, with other sources perhaps.
    let name = format!("{:016x}", hasher.finish());
    let (outside, inside) = match otp.root() {
        None => {
            let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/fixture");
            (PathBuf::from(target), PathBuf::from(target))
        }
        Some(root) => (root.join("beamlink"), PathBuf::from("/beamlink")),
    };
    fs::create_dir_all(&outside)?;
    // Several test processes may want it at once.
    let lock = File::create(outside.join(format!("{name}.lock")))?;
    lock.lock()?;
    let (outside, inside) = (outside.join(&name), inside.join(&name));
    let done = outside.join("done");
    if !done.exists() {
        for (path, text) in &sources {
            let path = outside.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&outside))?;
            fs::write(path, text)?;
        }
        mix(otp, &inside)?;
        File::create(done)?;
    }
    let libraries = fs::read_dir(outside.join("build/lib"))?;
    let names = libraries.filter_map(|entry| Some(entry.ok()?.file_name()));
    Ok(names
        .map(|name| inside.join("build/lib").join(name).join("ebin"))
        .collect())
}

/// The files to compile by their place: those of the fixture in `project`, those of libcluster in `libcluster`.
fn sources() -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let fixture = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../elixir_fixture"));
    let mut found = BTreeMap::new();
    read(fixture, Path::new("project"), &mut found)?;
    if let Some(libcluster) = std::env::var_os(LIBCLUSTER_PATH) {
        let lib = Path::new(&libcluster).join("lib");
        read(&lib, Path::new("libcluster/lib"), &mut found)?;
    }
    Ok(found)
}

fn read(from: &Path, to: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if !["_build", "deps", "test"]
                .iter()
                .any(|built| entry.file_name() == *built)
            {
                read(&entry.path(), &place, found)?;
            }
        } else {
            found.insert(place, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// Compiles what lies in `place`, a path as the OTP sees it.
fn mix(otp: &Otp, place: &Path) -> io::Result<()> {
    let foreign = [LIBCLUSTER_PATH, FIXTURE_HEX].map(std::env::var_os);
    // Warnings of libcluster are not ours to mend.
    let script = match foreign.iter().any(Option::is_some) {
        true => "cd \"$0/project\" && mix do deps.get, compile",
        false => "cd \"$0/project\" && mix compile --warnings-as-errors",
    };
    let mut command = otp.command(None, "sh");
    command.args(["-c", script]).arg(place);
    command
        .env("MIX_ENV", "prod")
        .env("MIX_BUILD_PATH", place.join("build"))
        .env("LC_ALL", "C.UTF-8");
    if std::env::var_os(LIBCLUSTER_PATH).is_some() {
        command.env(LIBCLUSTER_PATH, place.join("libcluster"));
    }
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    Err(io::Error::other(format!(
        "it does not compile: {}",
        String::from_utf8_lossy(&said)
    )))
}
