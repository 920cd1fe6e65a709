//! Owns the file by which a node knows that its last life under this name ended a moment ago.
//!
//! A restart is a `nodedown` and a `nodeup` at every real node, and two quick ones reset an ExESDB store (EXESDB.md, 2).
//! Nobody but the file system remembers a process that was killed, so the file's time is renewed every second.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::NodeName;

/// How often the file is renewed: by so much a life may be taken to have ended too early.
pub(super) const RENEWAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct LastLife(PathBuf);

impl LastLife {
    /// The file of `name` in `folder`, which is made when it is not there.
    ///
    /// # Errors
    /// When the folder cannot be had, or belongs to somebody else: what they put there would be followed.
    pub(super) fn new(folder: &Path, name: &NodeName) -> io::Result<LastLife> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
        let found = fs::symlink_metadata(folder)?;
        let own = fs::metadata("/proc/self").map_or(found.uid(), |own| own.uid());
        if !found.is_dir() || found.uid() != own {
            let message = "it is no folder of this user";
            return Err(io::Error::new(ErrorKind::PermissionDenied, message));
        }
        Ok(LastLife(folder.join(file_name(name))))
    }

    /// For how long a node must still wait that wants `pause` between the end of its last life and the begin of this one.
    pub(super) fn wait(&self, pause: Duration) -> Duration {
        let ended = fs::symlink_metadata(&self.0).and_then(|file| file.modified());
        match ended {
            // A clock that was set back says nothing of the time that has passed.
            Ok(ended) => match SystemTime::now().duration_since(ended) {
                Ok(passed) => pause.saturating_sub(passed),
                Err(_) => pause,
            },
            Err(_) => Duration::ZERO,
        }
    }

    /// We are in the cluster now.
    pub(super) fn renew(&self) {
        if let Err(error) = File::create(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "a quick restart will not be known as one");
        }
    }
}

/// A node's name may hold anything but one `@` and a NUL.
fn file_name(name: &NodeName) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._-".contains(&byte);
    let mut text = String::new();
    for byte in name.as_str().bytes() {
        match plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02x}")),
        }
    }
    text + ".alive"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_that_ended_long_ago_or_never_was_asks_for_no_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let life = LastLife::new(&path, &"a/b@host".parse().unwrap()).unwrap();
        assert_eq!(life.wait(Duration::from_secs(10)), Duration::ZERO);
        life.renew();
        let wait = life.wait(Duration::from_secs(10));
        assert!(wait > Duration::from_secs(5), "{wait:?}");
        assert_eq!(life.wait(Duration::ZERO), Duration::ZERO);
        let file = File::options()
            .write(true)
            .open(path.join("a%2fb@host.alive"))
            .unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(11))
            .unwrap();
        assert_eq!(life.wait(Duration::from_secs(10)), Duration::ZERO);
        file.set_modified(SystemTime::now() + Duration::from_secs(100))
            .unwrap();
        assert_eq!(life.wait(Duration::from_secs(10)), Duration::from_secs(10));
    }

    #[test]
    fn a_folder_that_is_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(LastLife::new(&link, &"a@host".parse().unwrap()).is_err());
    }
}
