//! OTP releases to test against: this host's, and those in roots made by `scripts/otp-root`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::net::{Namespace, within};
use crate::skip::Missing;

/// Enters a root: the host names of the namespace, and what the BEAM reads of the kernel, seen from inside; all in a
/// mount namespace of its own, which ends with it. A fresh root has no /etc/hosts to mount over.
const ENTER: &str = r#"[ -e "$0/etc/hosts" ] || : >"$0/etc/hosts"
mount --bind /etc/hosts "$0/etc/hosts" && mount --bind /proc "$0/proc" && mount --bind /dev "$0/dev" &&
    exec chroot "$0" "$@""#;

/// An installed OTP with Elixir.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otp {
    /// `None`: this host's own.
    root: Option<PathBuf>,
    name: String,
}

impl Otp {
    /// This host's own OTP (25 on Debian bookworm).
    ///
    /// # Errors
    /// When there is no Elixir.
    pub fn host() -> Result<Otp, Missing> {
        let version = Command::new("elixir").arg("--version").output();
        match version {
            Ok(output) if output.status.success() => Ok(Otp {
                root: None,
                name: "host".to_owned(),
            }),
            _ => Err(Missing("no elixir on this host".to_owned())),
        }
    }

    /// The OTP of another Debian release: `trixie` (27) or `sid` (29), as `scripts/otp-root` made it.
    ///
    /// # Errors
    /// When it was not made.
    pub fn of(suite: &str) -> Result<Otp, Missing> {
        let cache = std::env::var_os("BEAMLINK_OTP_CACHE");
        let cache = cache.map_or_else(|| PathBuf::from("/var/cache/beamlink-otp"), PathBuf::from);
        let root = cache.join(suite);
        match root.join("usr/bin/elixir").exists() {
            true => Ok(Otp {
                root: Some(root),
                name: suite.to_owned(),
            }),
            false => Err(Missing(format!(
                "no OTP of {suite}: run scripts/otp-root {suite}"
            ))),
        }
    }

    /// All that are here.
    pub fn all() -> Vec<Otp> {
        let others = ["trixie", "sid"].map(Otp::of);
        [Otp::host()].into_iter().chain(others).flatten().collect()
    }

    /// Its version, as `25.2.3`; empty where the installation does not say it.
    pub fn version(&self) -> String {
        let root = self.root.as_deref().unwrap_or(Path::new("/"));
        let releases = std::fs::read_dir(root.join("usr/lib/erlang/releases"));
        let files = releases.into_iter().flatten().flatten();
        let versions = files
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("OTP_VERSION")).ok());
        versions.max().unwrap_or_default().trim().to_owned()
    }

    /// `host`, `trixie` or `sid`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// A command of this OTP, on the host `namespace` if there is one.
    pub(crate) fn command(&self, namespace: Option<&Namespace>, program: &str) -> Command {
        let Some(root) = &self.root else {
            return within(namespace, program);
        };
        let mut command = match namespace {
            Some(namespace) => namespace.command("sh"),
            None => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh"]);
                command
            }
        };
        command.args(["-c", ENTER]).arg(root).arg(program);
        command
    }
}
