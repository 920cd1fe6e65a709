//! `ei`, the C library of Erlang's own distribution: a program of it that calls `erlang:node/0` again and again.

use std::fs;
use std::process::{Command, Stdio};

use crate::cores;
use crate::failure::Failure;
use crate::lab::COOKIE;

const SOURCE: &str = include_str!("ei.c");

/// The built program.
pub(crate) struct Ei {
    folder: tempfile::TempDir,
    epmd: u16,
}

impl Ei {
    /// Compiles it against what erlang-dev brings.
    pub(crate) fn compile(epmd: u16) -> Result<Ei, Failure> {
        let libraries = fs::read_dir("/usr/lib/erlang/lib")?;
        let interface = libraries
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.join("lib/libei.a").exists())
            .ok_or_else(|| Failure("no erlang-dev".to_owned()))?;
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("ei.c");
        fs::write(&source, SOURCE)?;
        let mut compiler = Command::new("cc");
        compiler
            .arg("-O2")
            .arg(&source)
            .arg("-o")
            .arg(folder.path().join("ei"));
        compiler.arg("-I").arg(interface.join("include"));
        compiler.arg(interface.join("lib/libei.a")).arg("-lpthread");
        match compiler.status()? {
            status if status.success() => Ok(Ei { folder, epmd }),
            _ => Err(Failure("cc does not compile it".to_owned())),
        }
    }

    /// p50 and p99 in µs.
    pub(crate) fn rpcs(&self, server: &str, calls: usize) -> Result<Vec<f64>, Failure> {
        let mut command = Command::new(self.folder.path().join("ei"));
        command.args([server, &calls.to_string(), COOKIE]);
        command
            .env("ERL_EPMD_PORT", self.epmd.to_string())
            .stdout(Stdio::piped());
        let child = cores::on(cores::NEAR, || command.spawn())?;
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Option<Vec<f64>> = said
            .split_whitespace()
            .map(|word| word.parse().ok())
            .collect();
        match numbers {
            Some(numbers) if output.status.success() => Ok(numbers),
            _ => Err(Failure(format!("ei: {}: {said}", output.status))),
        }
    }
}
