//! The ground that the tests stand on: hosts on a bridge, an EPMD, Elixir nodes with gossip, and beamlink.

use std::time::Duration;

use interop::{
    BeamNode, BeamOptions, Beamlink, BeamlinkOptions, Bridge, Epmd, Missing, Namespace, Otp,
};

pub(crate) const COOKIE: &str = "reg_greenhouse_clique";
pub(crate) const SECRET: &str = "dev_cluster_secret_2025";
/// Ten times what is expected.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// For what waits for a second heartbeat or a backoff.
pub(crate) const LONG_LIMIT: Duration = Duration::from_secs(40);
pub(crate) const EPMD_PORT: u16 = 4369;
pub(crate) const GUEST: &str = "zz_maint_beamlink";

/// How heartbeats go: libcluster's settings, for both sides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gossip {
    pub(crate) address: &'static str,
    pub(crate) broadcast_only: bool,
    pub(crate) secret: Option<&'static str>,
}

pub(crate) const ENCRYPTED: Gossip = Gossip {
    address: "172.20.255.255",
    broadcast_only: true,
    secret: Some(SECRET),
};

impl Gossip {
    pub(crate) fn of_beam<'a>(self, mut options: BeamOptions<'a>) -> BeamOptions<'a> {
        options = options
            .env("FIXTURE_GOSSIP", "on")
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", self.address)
            .env(
                "FIXTURE_BROADCAST_ONLY",
                if self.broadcast_only { "true" } else { "false" },
            );
        match self.secret {
            Some(secret) => options.env("EX_ESDB_CLUSTER_SECRET", secret),
            None => options,
        }
    }

    pub(crate) fn of_beamlink<'a>(self, mut options: BeamlinkOptions<'a>) -> BeamlinkOptions<'a> {
        options = options.env("EX_ESDB_GOSSIP_MULTICAST_ADDR", self.address);
        if self.broadcast_only {
            options = options.args(&["--broadcast-only"]);
        }
        match self.secret {
            Some(secret) => options.env("EX_ESDB_CLUSTER_SECRET", secret),
            None => options,
        }
    }
}

/// One host with an EPMD.
pub(crate) struct Ground {
    // Dropped before the hosts that it runs on.
    pub(crate) epmd: Option<Epmd>,
    pub(crate) hosts: Vec<Namespace>,
    pub(crate) otp: Otp,
    _bridge: Bridge,
}

impl Ground {
    /// Hosts of these names; the first has a real EPMD.
    pub(crate) fn new(hosts: &[&str]) -> Result<Ground, Missing> {
        let mut ground = Ground::without_epmd(hosts)?;
        ground.epmd = Some(Epmd::start(EPMD_PORT, Some(&ground.hosts[0]))?);
        Ok(ground)
    }

    pub(crate) fn without_epmd(hosts: &[&str]) -> Result<Ground, Missing> {
        let otp = Otp::host()?;
        let (bridge, hosts) = Bridge::new(hosts)?;
        Ok(Ground {
            epmd: None,
            hosts,
            otp,
            _bridge: bridge,
        })
    }

    /// A node `name` on the host `at`.
    pub(crate) fn beam(&self, name: &str, at: usize) -> BeamOptions<'_> {
        let host = &self.hosts[at];
        let name = format!("{name}@{}", host.host());
        BeamOptions::new(&self.otp, &name, COOKIE, EPMD_PORT)
            .on(host)
            .net_ticktime(4)
    }

    /// `count` nodes with gossip on the first host.
    pub(crate) fn cluster(&self, count: usize, gossip: Gossip) -> Vec<BeamNode> {
        let options = (0..count).map(|at| gossip.of_beam(self.beam(&format!("ex_esdb{at}"), 0)));
        let mut nodes = BeamNode::start_all(options.collect()).unwrap();
        for node in &mut nodes {
            let expected = (count - 1).to_string();
            node.wait_until("length(Node.list())", &expected, LONG_LIMIT);
        }
        nodes
    }

    /// beamlink on the host `at`, with the cookie and without gossip.
    pub(crate) fn beamlink(&self, at: usize) -> BeamlinkOptions<'_> {
        let host = &self.hosts[at];
        BeamlinkOptions::new(env!("CARGO_BIN_EXE_beamlink"))
            .on(host)
            .env("HOME", "/nonexistent")
            .env("RELEASE_COOKIE", COOKIE)
            .env("BEAMLINK_NAME", &self.guest(at))
    }

    pub(crate) fn guest(&self, at: usize) -> String {
        format!("{GUEST}@{}", self.hosts[at].host())
    }
}

/// Waits until `node` lists `guest`, and says how long that took.
#[track_caller]
pub(crate) fn lists(node: &mut BeamNode, guest: &str, limit: Duration) -> Duration {
    node.wait_until(
        &format!("{guest:?} |> String.to_atom() |> then(&(&1 in Node.list()))"),
        "true",
        limit,
    )
}

/// Nothing from level warning up was logged.
#[track_caller]
pub(crate) fn logged_nothing(nodes: &mut [BeamNode]) {
    for node in nodes {
        assert_eq!(node.log(), "[]", "{}", node.name());
    }
}

pub(crate) fn is_event(event: &serde_json::Value, kind: &str) -> bool {
    event["event"] == kind
}

/// Starts it and waits until it is ready.
#[track_caller]
pub(crate) fn ready(options: BeamlinkOptions<'_>) -> Beamlink {
    let beamlink = Beamlink::start(options);
    beamlink.wait_event(LIMIT, |event| is_event(event, "ready"));
    beamlink
}

/// Runs the test, or says that it is skipped, and why.
pub(crate) fn on_ground(name: &str, ground: Result<Ground, Missing>, test: impl FnOnce(Ground)) {
    match ground {
        Ok(ground) => test(ground),
        Err(missing) => interop::skip(name, &missing),
    }
}
