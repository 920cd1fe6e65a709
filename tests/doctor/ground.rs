//! The ground: five hosts with a node each, one for the doctor, and the built command.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use interop::{BeamNode, BeamOptions, Bridge, Epmd, Missing, Namespace, Otp};
use serde_json::Value;

pub(crate) const COOKIE: &str = "reg_greenhouse_clique";
pub(crate) const SECRET: &str = "dev_cluster_secret_2025";
/// The nodes stand on the first five.
pub(crate) const HOSTS: &[&str] = &[
    "node0", "node1", "node2", "node3", "node4", "rust0", "spare0",
];
pub(crate) const NODES: usize = 5;
const DOCTOR: usize = 5;
/// Nobody stands there yet.
pub(crate) const SPARE: usize = 6;
const EPMD_PORT: u16 = 4369;
const ADDRESS: &str = "172.20.255.255";
/// In the time that the doctor listens unless told otherwise, 4 nodes of 1,000 have nothing to say.
pub(crate) const PATIENTLY: &[&str] = &["--listen", "6"];
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A cluster of five, each on a host of its own with its own EPMD.
pub(crate) struct Cluster {
    // Dropped before the hosts that they run on.
    pub(crate) nodes: Vec<BeamNode>,
    pub(crate) epmds: Vec<Option<Epmd>>,
    pub(crate) hosts: Vec<Namespace>,
    otp: Otp,
    _bridge: Bridge,
}

/// The doctor's answer.
pub(crate) struct Told {
    pub(crate) status: Option<i32>,
    pub(crate) json: Value,
    pub(crate) took: Duration,
}

impl Cluster {
    pub(crate) fn of(otp: &Otp) -> Result<Cluster, Missing> {
        let (bridge, hosts) = Bridge::new(HOSTS)?;
        let epmds: Result<Vec<_>, _> = hosts[..NODES]
            .iter()
            .map(|host| Epmd::start(EPMD_PORT, Some(host)).map(Some))
            .collect();
        let epmds = epmds?;
        let options = (0..NODES)
            .map(|at| node(otp, &hosts[at], "ex_esdb"))
            .collect();
        let nodes = BeamNode::start_all(options)?;
        let mut cluster = Cluster {
            nodes,
            epmds,
            hosts,
            otp: otp.clone(),
            _bridge: bridge,
        };
        cluster.wait_whole();
        Ok(cluster)
    }

    /// Until each lists all others.
    #[track_caller]
    pub(crate) fn wait_whole(&mut self) {
        let others = (self.nodes.len() - 1).to_string();
        for node in &mut self.nodes {
            node.wait_until("length(Node.list())", &others, LIMIT);
        }
    }

    /// A node on the host `at`, as those of the cluster are.
    pub(crate) fn options(&self, name: &str, at: usize) -> BeamOptions<'_> {
        node(&self.otp, &self.hosts[at], name)
    }

    pub(crate) fn name(at: usize) -> String {
        format!("ex_esdb@{}", HOSTS[at])
    }

    /// The doctor, told of these nodes, with these more words.
    pub(crate) fn doctor(&self, nodes: &[&str], words: &[&str]) -> Output {
        self.doctor_at("/nonexistent".as_ref(), nodes, words)
    }

    fn doctor_at(&self, home: &Path, nodes: &[&str], words: &[&str]) -> Output {
        let mut command = self.hosts[DOCTOR].command(env!("CARGO_BIN_EXE_beamlink"));
        command.arg("doctor").args(words).args(nodes);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("RELEASE_COOKIE", COOKIE)
            .env("EX_ESDB_CLUSTER_SECRET", SECRET)
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", ADDRESS)
            .output()
            .unwrap()
    }

    /// What the doctor tells a user whose home this is of one node.
    #[track_caller]
    pub(crate) fn ask_at_home(&self, home: &Path) -> Told {
        let begin = Instant::now();
        let output = self.doctor_at(home, &[&Cluster::name(0)], &["--json"]);
        Told::of(&output, begin.elapsed())
    }

    /// The same in JSON, about all nodes.
    #[track_caller]
    pub(crate) fn ask(&self, words: &[&str]) -> Told {
        let names: Vec<String> = (0..NODES).map(Cluster::name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.ask_about(&names, words)
    }

    #[track_caller]
    pub(crate) fn ask_about(&self, nodes: &[&str], words: &[&str]) -> Told {
        let begin = Instant::now();
        let output = self.doctor(nodes, &[&["--json"], words].concat());
        Told::of(&output, begin.elapsed())
    }

    /// The doctor's first finding must be this code at this subject.
    #[track_caller]
    pub(crate) fn finds(&self, code: &str, subject: &str) -> Told {
        let told = self.ask(&[]);
        told.is_first(code, subject);
        told
    }

    /// The same where it hangs on who is heard: it listens until each heartbeat is overdue.
    #[track_caller]
    pub(crate) fn hears(&self, code: &str, subject: &str) -> Told {
        let told = self.ask(PATIENTLY);
        told.is_first(code, subject);
        told
    }
}

impl Told {
    #[track_caller]
    fn of(output: &Output, took: Duration) -> Told {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains(SECRET) && !text.contains(COOKIE), "{text}");
        match serde_json::from_str(&text) {
            Ok(json) => Told {
                status: output.status.code(),
                json,
                took,
            },
            Err(error) => panic!("{error}: {output:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn is_first(&self, code: &str, subject: &str) {
        let first = &self.json["findings"][0];
        let shown: Vec<String> = self.findings();
        eprintln!("{code} {:?}: {shown:#?}", self.took);
        assert_eq!(first["code"], code, "{shown:#?}");
        let whom = first["subject"].to_string();
        assert!(
            whom.contains(&format!("\"{subject}\"")),
            "{subject}: {shown:#?}"
        );
        assert_eq!(self.status, Some(1));
        // Ten times what is promised.
        assert!(self.took < Duration::from_secs(150), "{:?}", self.took);
    }

    /// Each finding in short.
    pub(crate) fn findings(&self) -> Vec<String> {
        let all = self.json["findings"].as_array().unwrap().iter();
        let shown = |finding: &Value| {
            format!(
                "{} {}: {}",
                finding["code"], finding["subject"], finding["seen"]
            )
        };
        all.map(shown).collect()
    }
}

fn node<'a>(otp: &Otp, host: &'a Namespace, name: &str) -> BeamOptions<'a> {
    let name = format!("{name}@{}", host.host());
    BeamOptions::new(otp, &name, COOKIE, EPMD_PORT)
        .on(host)
        .net_ticktime(60)
        // A connection that is missing stays missing, and takes no others with it.
        .erl("-kernel prevent_overlapping_partitions false")
        .env("FIXTURE_GOSSIP", "on")
        .env("FIXTURE_KHEPRI", "on")
        .env("FIXTURE_BROADCAST_ONLY", "true")
        .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", ADDRESS)
        .env("EX_ESDB_CLUSTER_SECRET", SECRET)
}

/// Runs the test, or says that it is skipped, and why.
pub(crate) fn on_cluster(name: &str, test: impl FnOnce(Cluster)) {
    match Otp::host().and_then(|otp| Cluster::of(&otp)) {
        Ok(cluster) => test(cluster),
        Err(missing) => interop::skip(name, &missing),
    }
}
