//! From the start of a process into the `Node.list()` of five Elixir nodes that gossip: ours, and an Elixir node, in turn.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use interop::{BeamNode, BeamOptions, Beamlink, BeamlinkOptions, Otp};

use super::{Measured, Plan};
use crate::failure::Failure;
use crate::lab::{COOKIE, Lab};
use crate::row::{Cells, OURS, Row, Target};

const GROUP: &str = "239.255.0.1";
const MEMBERS: usize = 5;
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    let otp = Otp::host()?;
    let (epmd, gossip) = (lab.epmd.port(), interop::udp().to_string());
    let beam = |name: &str| {
        BeamOptions::new(&otp, name, COOKIE, epmd)
            .env("FIXTURE_GOSSIP", "on")
            .env("EX_ESDB_CLUSTER_PORT", &gossip)
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", GROUP)
            .env("FIXTURE_MULTICAST_IF", "127.0.0.1")
    };
    let members = (0..MEMBERS).map(|number| beam(&format!("ex_esdb{number}@localhost")));
    let mut members = BeamNode::start_all(members.collect())?;
    for member in &mut members {
        member.wait_until("length(Node.list())", &(MEMBERS - 1).to_string(), LIMIT);
    }
    let mut cells = Cells::default();
    for round in 0..plan.rounds {
        let name = format!("zz_maint_start{round}@localhost");
        let options = BeamlinkOptions::new(lab.programs.beamlink()?)
            .env("RELEASE_COOKIE", COOKIE)
            .env("ERL_EPMD_PORT", &epmd.to_string())
            .env("EX_ESDB_CLUSTER_PORT", &gossip)
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", GROUP)
            .args(&["--name", &name, "--multicast-if", "127.0.0.1"]);
        let begin = now();
        let beamlink = Beamlink::start(options);
        cells.add(OURS, listed_at(&mut members, &name)? - begin);
        drop(beamlink);
        let name = format!("elixir_start{round}@localhost");
        let begin = now();
        let elixir = BeamNode::spawn(beam(&name))?;
        cells.add("Elixir", listed_at(&mut members, &name)? - begin);
        drop(elixir);
    }
    let shown = format!("start of the process → in all `Node.list()`s of {MEMBERS} nodes");
    Ok(vec![Row::new(
        "start",
        shown,
        "ms",
        cells,
        vec![Target::at_most(100.0)],
    )]
    .into())
}

/// By the clock of this host, in ms.
fn now() -> f64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_secs_f64() * 1e3
}

/// When the last of `members` had `name` in its list.
fn listed_at(members: &mut [BeamNode], name: &str) -> Result<f64, Failure> {
    let moment = format!(
        "for {{at, :nodeup, :\"{name}\", _}} <- Fixture.Nodes.events(), do: at + System.time_offset(:millisecond)"
    );
    let mut last = 0.0_f64;
    for member in members {
        member.wait_until(&format!(":\"{name}\" in Node.list()"), "true", LIMIT);
        let at = member.value(&format!("hd({moment})"));
        last = last.max(
            at.parse()
                .map_err(|_| Failure(format!("{name} came at {at}")))?,
        );
    }
    Ok(last)
}
