//! I/O: reads a cookie file as OTP's `auth.erl` does (`read_cookie/0`, `check_attributes/4`,
//! `check_cookie/2`), and a file that holds the gossip secret.
//!
//! One difference: where OTP makes up a cookie when there is no file, we say so and stop. A node
//! with a cookie of its own can join nobody, and a file left behind would become the cookie of every BEAM
//! that this user starts later.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use beamlink::{Cookie, GossipSecret};
use zeroize::Zeroizing;

/// Why there is no secret to be had from a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretFileError {
    #[error(
        "no cookie: neither {0:?} nor {1:?} is there; copy the cluster's .erlang.cookie there (mode 0400), \
         or give --cookie-file, BEAMLINK_COOKIE or RELEASE_COOKIE"
    )]
    NoCookie(PathBuf, PathBuf),
    #[error(
        "no cookie: HOME is not set, so there is no ~/.erlang.cookie to look for; \
         give --cookie-file, BEAMLINK_COOKIE or RELEASE_COOKIE"
    )]
    NoHome,
    #[error(
        "cookie file {path:?} must be accessible by owner only, its mode is {mode:04o}: chmod 400 {path:?}"
    )]
    NotOwnerOnly { path: PathBuf, mode: u32 },
    #[error("{0:?} is not a regular file")]
    NotRegular(PathBuf),
    #[error("cannot read {path:?}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{path:?} has a byte at offset {offset} that cannot stand in a cookie")]
    Character { path: PathBuf, offset: usize },
    #[error("{0:?} is empty")]
    Empty(PathBuf),
    #[error("{0:?} holds more than the 255 characters that a cookie may have")]
    TooLong(PathBuf),
}

/// The cookie that a BEAM started by this user would take, and the file it came from:
/// `$HOME/.erlang.cookie`, or when there is none `$XDG_CONFIG_HOME/erlang/.erlang.cookie`
/// (`$HOME/.config/erlang/.erlang.cookie`).
pub(super) fn default_cookie(
    home: Option<&Path>,
    xdg_config_home: Option<&Path>,
) -> Result<(Cookie, PathBuf), SecretFileError> {
    let [at_home, at_config] = default_paths(home, xdg_config_home);
    for path in [&at_home, &at_config].into_iter().flatten() {
        match cookie(path, Access::OwnerOnly) {
            Err(SecretFileError::Unreadable { error, .. })
                if error.kind() == io::ErrorKind::NotFound => {}
            Ok((cookie, _)) => return Ok((cookie, path.clone())),
            Err(error) => return Err(error),
        }
    }
    match (at_home, at_config) {
        (Some(home), Some(config)) => Err(SecretFileError::NoCookie(home, config)),
        _ => Err(SecretFileError::NoHome),
    }
}

/// Where OTP looks, in its order.
pub(super) fn default_paths(
    home: Option<&Path>,
    xdg_config_home: Option<&Path>,
) -> [Option<PathBuf>; 2] {
    let at_home = home.map(|home| home.join(".erlang.cookie"));
    let at_config = xdg_config_home
        .map(Path::to_owned)
        .or_else(|| Some(home?.join(".config")))
        .map(|config| config.join("erlang/.erlang.cookie"));
    [at_home, at_config]
}

/// What the file's mode must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// OTP's rule for the files it finds by itself.
    OwnerOnly,
    /// A file named by hand may come from a secret store that sets the mode (docker's 0444).
    Any,
}

/// A file's cookie, and whether others than the owner can open it.
pub(super) fn cookie(path: &Path, access: Access) -> Result<(Cookie, bool), SecretFileError> {
    let (bytes, open) = read(path, access)?;
    let printable = bytes
        .iter()
        .position(|byte| !matches!(byte, b' '..=b'~'))
        .unwrap_or(bytes.len());
    let (cookie, rest) = bytes.split_at(printable);
    if let Some(bad) = rest
        .iter()
        .position(|byte| !matches!(byte, b'\n' | b'\r' | b' '))
    {
        return Err(SecretFileError::Character {
            path: path.into(),
            offset: printable + bad,
        });
    }
    match cookie.len() {
        0 => Err(SecretFileError::Empty(path.into())),
        1..=255 => Ok((Cookie::new(cookie), open)),
        _ => Err(SecretFileError::TooLong(path.into())),
    }
}

/// A file's gossip secret: all its bytes save one line end at the end. And whether others than the
/// owner can open it.
pub(super) fn gossip_secret(path: &Path) -> Result<(GossipSecret, bool), SecretFileError> {
    let (bytes, open) = read(path, Access::Any)?;
    let secret = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    if secret.is_empty() {
        return Err(SecretFileError::Empty(path.into()));
    }
    Ok((GossipSecret::new(secret), open))
}

/// The mode of a file.
pub(super) fn mode(path: &Path) -> io::Result<u32> {
    Ok(std::fs::metadata(path)?.mode() & 0o7777)
}

fn read(path: &Path, access: Access) -> Result<(Zeroizing<Vec<u8>>, bool), SecretFileError> {
    let unreadable = |error| SecretFileError::Unreadable {
        path: path.into(),
        error,
    };
    let attributes = std::fs::metadata(path).map_err(unreadable)?;
    if !attributes.is_file() {
        return Err(SecretFileError::NotRegular(path.into()));
    }
    let mode = attributes.mode() & 0o7777;
    let open = mode & 0o077 != 0;
    if open && access == Access::OwnerOnly {
        return Err(SecretFileError::NotOwnerOnly {
            path: path.into(),
            mode,
        });
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    Ok((Zeroizing::new(bytes), open))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(content: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    fn at_home(content: &[u8], mode: u32) -> Result<Cookie, SecretFileError> {
        cookie(file(content, mode).path(), Access::OwnerOnly).map(|(cookie, _)| cookie)
    }

    /// Each line was tried on OTP 25: `erlang:get_cookie/0` of a node started with that file.
    #[test]
    fn contents_as_otp_reads_them() {
        for (content, expected) in [
            (&b"abc\n"[..], &b"abc"[..]),
            (b"abc", b"abc"),
            (b"abc \n", b"abc "),
            (b" abc", b" abc"),
            (b"a b\n\n\r\n ", b"a b"),
        ] {
            assert_eq!(
                at_home(content, 0o400).unwrap(),
                Cookie::new(expected),
                "{content:?}"
            );
        }
        for (content, bad) in [(&b"abc\ndef\n"[..], 4), (b"a\tb", 1), (b"a\xe9b", 1)] {
            let error = at_home(content, 0o400).unwrap_err();
            assert!(
                matches!(error, SecretFileError::Character { offset, .. } if offset == bad),
                "{error}"
            );
        }
        for content in [&b""[..], b"\n"] {
            assert!(matches!(
                at_home(content, 0o400),
                Err(SecretFileError::Empty(_))
            ));
        }
        assert!(matches!(
            at_home(&[b'a'; 256], 0o400),
            Err(SecretFileError::TooLong(_))
        ));
    }

    #[test]
    fn the_file_that_otp_finds_must_be_the_owners_alone() {
        for mode in [0o400, 0o600, 0o700] {
            assert!(at_home(b"abc", mode).is_ok(), "{mode:o}");
        }
        for mode in [0o440, 0o404, 0o444, 0o601, 0o666] {
            let error = at_home(b"abc", mode).unwrap_err();
            assert!(
                matches!(error, SecretFileError::NotOwnerOnly { .. }),
                "{error}"
            );
            assert!(
                error
                    .to_string()
                    .contains("must be accessible by owner only")
            );
        }
    }

    #[test]
    fn a_file_named_by_hand_may_be_open_which_is_noted() {
        let (cookie, open) = cookie(file(b"abc\n", 0o444).path(), Access::Any).unwrap();
        assert_eq!((cookie, open), (Cookie::new("abc"), true));
    }

    #[test]
    fn a_gossip_secret_loses_one_line_end_only() {
        for (content, expected) in [
            (&b"s\n\n"[..], &b"s\n"[..]),
            (b"s \r\n", b"s "),
            (b"\xff\0", b"\xff\0"),
        ] {
            let (secret, _) = gossip_secret(file(content, 0o400).path()).unwrap();
            assert_eq!(secret, GossipSecret::new(expected));
        }
        assert!(matches!(
            gossip_secret(file(b"\n", 0o400).path()),
            Err(SecretFileError::Empty(_))
        ));
    }

    #[test]
    fn home_comes_first_then_the_configuration_folder() {
        let home = tempfile::tempdir().unwrap();
        let put = |path: PathBuf, cookie: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, cookie).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
            path
        };
        let missing = default_cookie(Some(home.path()), None).unwrap_err();
        assert!(
            matches!(missing, SecretFileError::NoCookie(..)),
            "{missing}"
        );
        assert!(
            std::fs::read_dir(home.path()).unwrap().next().is_none(),
            "none was made up"
        );

        let config = put(home.path().join(".config/erlang/.erlang.cookie"), "config");
        assert_eq!(
            default_cookie(Some(home.path()), None).unwrap(),
            (Cookie::new("config"), config)
        );
        let xdg = put(home.path().join("xdg/erlang/.erlang.cookie"), "xdg");
        let found = default_cookie(Some(home.path()), Some(&home.path().join("xdg"))).unwrap();
        assert_eq!(found, (Cookie::new("xdg"), xdg));
        let at_home = put(home.path().join(".erlang.cookie"), "home");
        assert_eq!(
            default_cookie(Some(home.path()), None).unwrap(),
            (Cookie::new("home"), at_home)
        );
        assert!(matches!(
            default_cookie(None, None),
            Err(SecretFileError::NoHome)
        ));
    }

    #[test]
    fn a_folder_is_not_a_cookie_file() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".erlang.cookie")).unwrap();
        let error = default_cookie(Some(home.path()), None).unwrap_err();
        assert!(matches!(error, SecretFileError::NotRegular(_)), "{error}");
    }
}
