//! A Docker of our own: a daemon in namespaces of its own, which nobody else on this machine sees or is disturbed by.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Uid;

use crate::child::Running;
use crate::skip::Missing;

const START_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(10);

/// Folders and control groups are named after the process that makes them, so that another can tell which are left over.
const PREFIX: &str = "bl-docker-";

/// The daemon is process 1 of its namespace: all that it has started ends with it, and it ends at the latest with the
/// thread that started it. Its bridges and their rules are in a network namespace, its mounts in a mount namespace.
const UNSHARED: [&str; 11] = [
    "--pdeathsig",
    "KILL",
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "sh",
    "-ec",
];
const START: &str = r#"ip link set lo up; exec "$@""#;

/// A running daemon; it ends when it is dropped, and with it all containers.
#[derive(Debug)]
pub struct Docker {
    name: String,
    daemon: Running,
}

impl Docker {
    /// Starts a daemon without images, and waits until it answers.
    ///
    /// # Errors
    /// Without root, or where Docker and docker-compose are not installed.
    pub fn start() -> Result<Docker, Missing> {
        if !Uid::effective().is_root() {
            return Err(Missing("a Docker of our own takes root".to_owned()));
        }
        for (program, argument) in [("dockerd", "--version"), ("docker-compose", "version")] {
            let found = Command::new(program).arg(argument).output();
            found.map_err(|error| Missing(format!("{program}: {error}")))?;
        }
        remove_leftovers();
        let name = format!("{PREFIX}{}", std::process::id());
        let folder = folder(&name);
        fs::create_dir_all(&folder).map_err(|error| Missing(format!("{name}: {error}")))?;
        let place = |inside: &str| folder.join(inside).to_string_lossy().into_owned();
        let mut command = Command::new("setpriv");
        command.args(UNSHARED).args([START, "sh", "dockerd"]);
        command.args(["--data-root", &place("data"), "--exec-root", &place("exec")]);
        command.args(["--pidfile", &place("pid"), "--host", &socket(&name)]);
        // No bridge but those that are made, and control groups where we find them again.
        command.args(["--bridge", "none", "--cgroup-parent", &format!("/{name}")]);
        command.args(["--exec-opt", "native.cgroupdriver=cgroupfs"]);
        command.args(["--log-level", "warn"]);
        let daemon =
            Running::start(command, &[]).map_err(|error| Missing(format!("dockerd: {error}")))?;
        let docker = Docker { name, daemon };
        docker.ready()?;
        Ok(docker)
    }

    fn ready(&self) -> Result<(), Missing> {
        let begin = Instant::now();
        while !self.docker(&["version"]).status.success() {
            if begin.elapsed() > START_LIMIT {
                let said = self.daemon.stderr.all().join("\n");
                return Err(Missing(format!("dockerd does not answer: {said}")));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// A command whose `docker` and `docker-compose` speak to this daemon.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env("DOCKER_HOST", socket(&self.name));
        command
    }

    /// What `docker` with these arguments says and how it ends.
    ///
    /// # Panics
    /// When there is no `docker`.
    #[track_caller]
    pub fn docker(&self, arguments: &[&str]) -> Output {
        match self.command("docker").args(arguments).output() {
            Ok(output) => output,
            Err(error) => panic!("docker: {error}"),
        }
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.daemon.kill();
        // What ran inside ends a moment later.
        let begin = Instant::now();
        while folder(&self.name).exists() && begin.elapsed() < END_LIMIT {
            remove(&self.name);
            thread::sleep(Duration::from_millis(20));
        }
        remove(&self.name);
    }
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(name)
}

fn socket(name: &str) -> String {
    format!("unix://{}", folder(name).join("socket").display())
}

/// Removes what a daemon that has ended leaves. It harms nobody if that fails.
fn remove(name: &str) {
    let _ = fs::remove_dir_all(folder(name));
    for controller in fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
    {
        remove_group(&controller.path().join(name));
    }
    remove_group(&Path::new("/sys/fs/cgroup").join(name));
}

/// A control group can be removed when there is none in it; its files do not count.
fn remove_group(group: &Path) {
    for inside in fs::read_dir(group).into_iter().flatten().flatten() {
        if inside.path().is_dir() {
            remove_group(&inside.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// Removes what processes left that are no more: a killed test drops nothing.
fn remove_leftovers() {
    for entry in fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            remove(&name);
        }
    }
}
