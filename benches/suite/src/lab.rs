//! Who takes part: of each OTP release a BEAM on either core, a node of ours on either core, and the other crates.

use std::path::{Path, PathBuf};

use data_encoding::HEXUPPER;
use interop::{BeamNode, BeamOptions, Epmd, Otp};

use crate::cores::{self, FAR, NEAR};
use crate::failure::Failure;
use crate::worker::Worker;

pub(crate) const COOKIE: &str = "suite";
const MODULE: &str = include_str!("bench.ex");

/// Two BEAMs of one release.
pub(crate) struct Beams {
    /// `OTP 25`.
    pub(crate) name: String,
    /// On the far core.
    pub(crate) server: Beam,
    /// On the near core.
    pub(crate) caller: Beam,
}

/// A BEAM with [`MODULE`] in it.
pub(crate) struct Beam {
    node: BeamNode,
    /// Where it takes connections.
    pub(crate) port: u16,
}

impl Beam {
    fn start(core: usize, options: BeamOptions<'_>) -> Result<Beam, Failure> {
        let mut node = cores::on(core, || BeamNode::start(options))?;
        node.value(&format!(
            "Code.compile_string(Base.decode16!(\"{}\")); :ok",
            HEXUPPER.encode(MODULE.as_bytes())
        ));
        let mut beam = Beam { node, port: 0 };
        beam.port = beam.one("Bench.port()")? as u16;
        Ok(beam)
    }

    /// The numbers in the list that `expression` is.
    pub(crate) fn ask(&mut self, expression: &str) -> Result<Vec<f64>, Failure> {
        let said = self
            .node
            .ask(expression)
            .map_err(|error| Failure(format!("{expression}: {error:?}")))?;
        numbers(&said).ok_or_else(|| Failure(format!("{expression} is {said}")))
    }

    pub(crate) fn one(&mut self, expression: &str) -> Result<f64, Failure> {
        let numbers = self.ask(expression)?;
        numbers
            .first()
            .copied()
            .ok_or_else(|| Failure(format!("{expression}: no number")))
    }

    /// Evaluates what has no number for a value.
    pub(crate) fn run(&mut self, expression: &str) -> Result<String, Failure> {
        self.node
            .ask(expression)
            .map_err(|error| Failure(format!("{expression}: {error:?}")))
    }

    pub(crate) fn name(&self) -> &str {
        self.node.name()
    }

    pub(crate) fn os_pid(&self) -> u32 {
        self.node.os_pid()
    }
}

/// `[1, 2.5]`, or one number.
fn numbers(said: &str) -> Option<Vec<f64>> {
    let inner = said.trim_start_matches('[').trim_end_matches(']');
    inner
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().ok())
        .collect()
}

/// Everything that is started once for all rows.
pub(crate) struct Lab {
    pub(crate) epmd: Epmd,
    pub(crate) beams: Vec<Beams>,
    /// A node of ours on the near core, connected to every server.
    pub(crate) ours: Worker,
    /// Another on the far core, with its port, connected to every caller.
    pub(crate) far: Worker,
    pub(crate) programs: Programs,
}

/// The node of ours on the near core, and on the far one.
pub(crate) const OUR_NAMES: [&str; 2] = ["zz_maint_near@localhost", "zz_maint_far@localhost"];

/// Where the built programs are.
pub(crate) struct Programs {
    pub(crate) ours: PathBuf,
    /// `None` when they were not built.
    pub(crate) peers: Option<PathBuf>,
    beamlink: Option<PathBuf>,
    pub(crate) beamlink_static: Option<PathBuf>,
}

impl Programs {
    /// `ours` and `beamlink` beside this program, the others where scripts/bench builds them.
    pub(crate) fn find() -> Result<Programs, Failure> {
        let own = std::env::current_exe()?;
        let folder = own.parent().unwrap_or(Path::new("."));
        let found = |path: PathBuf| path.exists().then_some(path);
        let ours = folder.join("ours");
        if !ours.exists() {
            return Err(Failure(format!(
                "{} is not built: run scripts/bench",
                ours.display()
            )));
        }
        let profile = folder.file_name().unwrap_or_default();
        let target = folder.parent().unwrap_or(Path::new("."));
        Ok(Programs {
            ours,
            beamlink: found(folder.join("beamlink")),
            peers: found(target.join("peers").join(profile).join("peers")),
            beamlink_static: found(
                target
                    .join("x86_64-unknown-linux-gnu")
                    .join(profile)
                    .join("beamlink"),
            ),
        })
    }

    /// The command.
    pub(crate) fn beamlink(&self) -> Result<&Path, Failure> {
        let missing = || Failure("the command beamlink is not built: run scripts/bench".to_owned());
        self.beamlink.as_deref().ok_or_else(missing)
    }

    /// A node of ours.
    pub(crate) fn node(
        &self,
        core: usize,
        name: &str,
        epmd: u16,
        ticktime: u32,
        gossip: u16,
    ) -> Result<Worker, Failure> {
        let [epmd, ticktime, gossip] = [epmd.to_string(), ticktime.to_string(), gossip.to_string()];
        Worker::start(
            core,
            &self.ours,
            &["node", name, COOKIE, &epmd, &ticktime, &gossip],
        )
    }
}

impl Lab {
    /// Starts all, `releases` of OTP at most, and an EPMD at `port`.
    pub(crate) fn start(releases: usize, port: Option<u16>) -> Result<Lab, Failure> {
        let epmd = Epmd::start(port.unwrap_or_else(interop::tcp), None)?;
        let programs = Programs::find()?;
        let mut ours = programs.node(NEAR, OUR_NAMES[0], epmd.port(), 60, 0)?;
        let mut far = programs.node(FAR, OUR_NAMES[1], epmd.port(), 60, 0)?;
        ours.ask(&format!("connect {}", OUR_NAMES[1]))?;
        let mut beams = Vec::new();
        for otp in Otp::all().iter().take(releases) {
            let started = Beams::start(otp, epmd.port())?;
            ours.ask(&format!("connect {}", started.server.name()))?;
            far.ask(&format!("connect {}", started.caller.name()))?;
            beams.push(started);
        }
        if beams.is_empty() {
            return Err(Failure("no elixir on this machine".to_owned()));
        }
        Ok(Lab {
            epmd,
            beams,
            ours,
            far,
            programs,
        })
    }

    /// The releases that take part.
    pub(crate) fn releases(&self) -> Vec<String> {
        self.beams.iter().map(|beams| beams.name.clone()).collect()
    }

    /// erl_dist, connected to a server; `which` tells its connections apart.
    pub(crate) fn erl_dist(
        &self,
        which: &str,
        server: &str,
        port: &str,
    ) -> Result<Worker, Failure> {
        self.peer(&[
            "erl_dist",
            &format!("erl_dist_{which}@localhost"),
            server,
            port,
            COOKIE,
        ])
    }

    /// edp_node, connected to a server.
    pub(crate) fn edp_node(&self, which: &str, server: &str) -> Result<Worker, Failure> {
        match self.epmd.port() {
            4369 => self.peer(&[
                "edp_node",
                &format!("edp_{which}@localhost"),
                server,
                COOKIE,
            ]),
            _ => Err(Failure(
                "it asks the EPMD at 4369, and ours is another".to_owned(),
            )),
        }
    }

    /// The other crates' program, in one of its modes.
    pub(crate) fn peer(&self, arguments: &[&str]) -> Result<Worker, Failure> {
        match &self.programs.peers {
            Some(program) => Worker::start(NEAR, program, arguments),
            None => Err(Failure("benches/peers is not built".to_owned())),
        }
    }
}

impl Beams {
    fn start(otp: &Otp, epmd: u16) -> Result<Beams, Failure> {
        let options = |role: &str| {
            let name = format!("{role}_{}@localhost", otp.name());
            // Hidden, so that those of several releases stay apart.
            BeamOptions::new(otp, &name, COOKIE, epmd).erl("-hidden")
        };
        let server = Beam::start(FAR, options("server"))?;
        let mut caller = Beam::start(NEAR, options("caller"))?;
        caller.run(&format!("true = Node.connect(:\"{}\")", server.name()))?;
        let name = caller.run(":erlang.system_info(:otp_release)")?;
        let name = format!("OTP {}", name.trim_matches(['~', 'c', '"', '\'']));
        Ok(Beams {
            name,
            server,
            caller,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn numbers_are_read_as_inspect_shows_them() {
        assert_eq!(numbers("[1, 2.5]"), Some(vec![1.0, 2.5]));
        assert_eq!(numbers("7"), Some(vec![7.0]));
        assert_eq!(numbers("[]"), Some(Vec::new()));
        assert_eq!(numbers(":ok"), None);
    }
}
