//! Where OTP looks for a cookie, in its order, and what is there.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::Cookie;
use crate::doctor::code::Code;
use crate::doctor::finding::{Finding, Subject};

/// A place where a node started here may have its cookie from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CookieSource {
    /// The variable, or the path of the file.
    pub place: String,
    /// The cookie there, as a fingerprint; `None` where it cannot be read.
    #[serde(serialize_with = "fingerprint")]
    pub cookie: Option<Cookie>,
    /// The mode of the file.
    pub mode: Option<u32>,
}

fn fingerprint<S: Serializer>(cookie: &Option<Cookie>, serializer: S) -> Result<S::Ok, S::Error> {
    match cookie {
        Some(cookie) => serializer.serialize_str(&cookie.to_string()),
        None => serializer.serialize_none(),
    }
}

impl CookieSource {
    fn is_open(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o077 != 0)
    }
}

impl fmt::Display for CookieSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cookie {
            Some(cookie) => write!(f, "{}: {cookie}", self.place)?,
            None => write!(f, "{}: cannot be read", self.place)?,
        }
        match self.mode {
            Some(mode) => write!(f, ", mode {mode:04o}"),
            None => Ok(()),
        }
    }
}

/// A file that OTP refuses. Of several it reads the first only.
pub(super) fn findings(sources: &[CookieSource], host: &Subject) -> Option<Finding> {
    let file = sources.iter().find(|source| source.mode.is_some())?;
    if !file.is_open() {
        return None;
    }
    let mode = file.mode.unwrap_or_default();
    let seen = format!("the mode of {} is {mode:04o}", file.place);
    let finding = Finding::new(Code::CookieFileMode, host.clone(), seen);
    let finding = finding.remedy(format!("chmod 400 {}", file.place));
    Some(finding.evidence("mode", format!("{mode:04o}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(place: &str, mode: Option<u32>) -> CookieSource {
        CookieSource {
            place: place.to_owned(),
            cookie: Some(Cookie::new("monster")),
            mode,
        }
    }

    #[test]
    fn only_the_file_that_otp_would_read_counts() {
        let host = Subject::Host("h".to_owned());
        let env = source("env RELEASE_COOKIE", None);
        let [sound, open] = [0o400, 0o644].map(|mode| source("/root/.erlang.cookie", Some(mode)));
        assert_eq!(
            findings(&[env.clone(), sound.clone(), open.clone()], &host),
            None
        );
        let finding = findings(&[env, open, sound], &host).unwrap();
        assert_eq!(finding.code, Code::CookieFileMode);
        assert!(finding.seen.contains("0644") && finding.remedy.contains("chmod 400 /root"));
    }

    #[test]
    fn the_cookie_is_not_told() {
        let source = source("f", Some(0o400));
        let told = format!(
            "{source} {source:?} {}",
            serde_json::to_string(&source).unwrap()
        );
        assert!(
            told.contains("sha256:") && !told.contains("monster"),
            "{told}"
        );
    }
}
