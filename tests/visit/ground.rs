//! The ground: an EPMD, a BEAM with the fixture, and the built command.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use interop::{BeamNode, BeamOptions, Epmd, Missing, Otp};

pub(crate) const COOKIE: &str = "visit";
pub(crate) const PEER: &str = "app@localhost";

pub(crate) struct Ground {
    pub(crate) beam: BeamNode,
    pub(crate) epmd: Epmd,
}

impl Ground {
    pub(crate) fn of(otp: &Otp, name: &str) -> Result<Ground, Missing> {
        Ground::with_ticktime(otp, name, 60)
    }

    fn with_ticktime(otp: &Otp, name: &str, seconds: u32) -> Result<Ground, Missing> {
        let epmd = Epmd::start(interop::tcp(), None)?;
        let options = BeamOptions::new(otp, name, COOKIE, epmd.port());
        let beam = BeamNode::start(options.net_ticktime(seconds))?;
        Ok(Ground { beam, epmd })
    }

    /// Runs `test` with a node that gives up within four seconds who does not tick.
    pub(crate) fn ticking(name: &str, test: impl FnOnce(&mut Ground)) {
        match Otp::host().and_then(|otp| Ground::with_ticktime(&otp, PEER, 4)) {
            Ok(mut ground) => test(&mut ground),
            Err(missing) => interop::skip(name, &missing),
        }
    }

    /// `beamlink` with these words, and `stdin`, as a user of this host with the cookie starts it.
    pub(crate) fn command(&self, words: &[&str], stdin: &str) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_beamlink"))
            .args(words)
            .env_clear()
            .env("ERL_EPMD_PORT", self.epmd.port().to_string())
            .env("RELEASE_COOKIE", COOKIE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads none may have ended.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        Said::of(&child.wait_with_output().unwrap())
    }

    /// The command must end with status 0 and write nothing but `stdout`.
    #[track_caller]
    pub(crate) fn expect(&self, words: &[&str], stdout: &str) {
        let expected = Said {
            status: Some(0),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        };
        assert_eq!(self.command(words, ""), expected, "{words:?}");
    }

    /// The command must end with `status`, write nothing to stdout, and all of `parts` to stderr.
    #[track_caller]
    pub(crate) fn expect_failure(&self, words: &[&str], status: i32, parts: &[&str]) {
        let said = self.command(words, "");
        assert_eq!((said.status, &*said.stdout), (Some(status), ""), "{said:?}");
        for part in parts {
            assert!(
                said.stderr.contains(part),
                "{words:?}: {part:?} is not in {said:?}"
            );
        }
    }
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    fn of(output: &Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Said {
            status: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// Runs `test` with each OTP that is here; says loudly what is not.
pub(crate) fn with_each(name: &str, mut test: impl FnMut(&mut Ground)) {
    for otp in [Otp::host(), Otp::of("trixie"), Otp::of("sid")] {
        match otp.and_then(|otp| Ground::of(&otp, PEER)) {
            Ok(mut ground) => test(&mut ground),
            Err(missing) => interop::skip(name, &missing),
        }
    }
}
