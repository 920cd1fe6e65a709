//! `beamlink validate` on hosts of their own, with real Elixir nodes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use interop::{BeamNode, BeamOptions, Beamlink, BeamlinkOptions, Bridge, Missing, Namespace, Otp};
use serde_json::{Value, json};

const COOKIE: &str = "reg_greenhouse_clique";
const LIMIT: Duration = Duration::from_secs(50);

struct Ground {
    hosts: Vec<Namespace>,
    otp: Otp,
    // Dropped after the hosts that stand on it.
    _bridge: Bridge,
}

impl Ground {
    fn new(otp: Otp, hosts: &[&str]) -> Result<Ground, Missing> {
        let (bridge, hosts) = Bridge::new(hosts)?;
        Ok(Ground {
            hosts,
            otp,
            _bridge: bridge,
        })
    }

    fn beam(&self, at: usize) -> BeamOptions<'_> {
        let host = &self.hosts[at];
        let name = format!("ex_esdb{at}@{}", host.host());
        BeamOptions::new(&self.otp, &name, COOKIE, 4369).on(host)
    }

    fn validate(&self, words: &[&str]) -> Output {
        let mut command: Command = self.hosts[0].command(env!("CARGO_BIN_EXE_beamlink"));
        command.arg("validate").args(words);
        command.env_remove("HOME").env("RELEASE_COOKIE", COOKIE);
        command.env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255");
        command.output().unwrap()
    }

    /// The status, and what came of each check with what was seen.
    fn checks(&self, words: &[&str]) -> (i32, Vec<(String, String)>) {
        let output = self.validate(&[&["--json"], words].concat());
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["valid"], json!(output.status.success()));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let checks = told["checks"].as_array().unwrap().iter();
        let checks = checks.map(|check| (text(&check["outcome"]), text(&check["seen"])));
        (output.status.code().unwrap(), checks.collect())
    }
}

fn on(name: &str, hosts: &[&str], test: impl FnOnce(Ground)) {
    match Otp::host().and_then(|otp| Ground::new(otp, hosts)) {
        Ok(ground) => test(ground),
        Err(missing) => interop::skip(name, &missing),
    }
}

const PASSED: &str = "passed";
const FAILED: &str = "failed";

/// Answers each question for its health with this status.
fn serve(host: &Namespace, status: &'static AtomicU16) {
    let listener = host
        .inside(|| TcpListener::bind("0.0.0.0:4000").unwrap())
        .unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let status = status.load(Ordering::Relaxed);
            let _ = write!(stream, "HTTP/1.1 {status} Said\r\n\r\nas it is");
        }
    });
}

#[test]
fn a_cluster_that_is_complete_then_sick_then_short_of_a_node() {
    on(
        "a_cluster_that_is_complete",
        &["n0", "n1", "n2"],
        |ground| {
            let gossips = |at| {
                ground
                    .beam(at)
                    .env("FIXTURE_GOSSIP", "on")
                    .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255")
            };
            let mut nodes = BeamNode::start_all((0..3).map(gossips).collect()).unwrap();
            for node in &mut nodes {
                node.wait_until("length(Node.list())", "2", LIMIT);
            }
            let seed = ["ex_esdb0@n0"];
            let with_seed = |words: &[&'static str]| [words, &seed[..]].concat();

            let output = ground.validate(&with_seed(&["--expect", "3"]));
            let shown = String::from_utf8(output.stdout).unwrap();
            let expected = "\
            members  ok  3 of 3: ex_esdb0@n0 ex_esdb1@n1 ex_esdb2@n2\n\
            lists    ok  each lists all others\n\
            gossip   ok  UDP 45892 is open on 3 of 3\n\
            health   -   no node has an endpoint at port 4000\n\
            leader   -   no node runs a store\n\
            valid\n";
            assert_eq!((output.status.code(), &*shown), (Some(0), expected));

            let (status, checks) = ground.checks(&with_seed(&["--expect", "4"]));
            assert_eq!((status, &*checks[0].0), (1, FAILED));
            assert!(checks[0].1.starts_with("4 expected, 3 found"), "{checks:?}");
            let other_port = with_seed(&["--expect", "3", "--gossip-port", "45893"]);
            let (status, checks) = ground.checks(&other_port);
            assert_eq!((status, &*checks[2].0), (1, FAILED));
            assert!(
                checks[2]
                    .1
                    .contains("ex_esdb1@n1 has port 45892 open, not 45893"),
                "{checks:?}"
            );

            static STATUS: AtomicU16 = AtomicU16::new(200);
            serve(&ground.hosts[1], &STATUS);
            let (status, checks) = ground.checks(&with_seed(&["--expect", "3"]));
            assert_eq!((status, &*checks[3].1), (0, "1 of 3 at :4000/health"));
            let required = with_seed(&["--expect", "3", "--health", "4000/health"]);
            let (status, checks) = ground.checks(&required);
            assert_eq!((status, &*checks[3].0), (1, FAILED), "{checks:?}");
            STATUS.store(503, Ordering::Relaxed);
            let (status, checks) = ground.checks(&with_seed(&["--expect", "3"]));
            assert_eq!(
                (status, &*checks[3].1),
                (1, "ex_esdb1@n1 answers 503: as it is")
            );
            STATUS.store(200, Ordering::Relaxed);

            // Nobody was named: it finds them by their heartbeats.
            let (status, checks) = ground.checks(&["--expect", "3"]);
            assert_eq!((status, &*checks[0].0), (0, PASSED), "{checks:?}");
            for node in &mut nodes {
                assert_eq!(node.log(), "[]");
                assert_eq!(node.value("length(Node.list(:connected))"), "2");
            }

            nodes.remove(2).kill9();
            nodes[0].wait_until("Node.list()", "[:ex_esdb1@n1]", LIMIT);
            let (status, checks) = ground.checks(&with_seed(&["--expect", "3", "--wait", "2"]));
            assert_eq!((status, &*checks[0].0), (1, FAILED));
            let found = "3 expected, 2 found: ex_esdb0@n0 ex_esdb1@n1";
            assert!(checks[0].1.starts_with(found), "{checks:?}");
            assert_eq!(checks[1].0, PASSED);
        },
    );
}

#[test]
fn an_edge_that_is_cut_is_named() {
    on("an_edge_that_is_cut", &["n0", "n1", "n2"], |ground| {
        // Without gossip nobody mends it, and without connect_all nobody else does.
        let apart = |at| ground.beam(at).erl("-connect_all false");
        let mut nodes = BeamNode::start_all((0..3).map(apart).collect()).unwrap();
        for (from, to) in [(0, "ex_esdb1@n1"), (0, "ex_esdb2@n2")] {
            let connect = format!("Node.connect(:{to})");
            assert_eq!(nodes[from].value(&connect), "true");
        }
        let (status, checks) = ground.checks(&["--expect", "3", "ex_esdb0@n0"]);
        assert_eq!((status, &*checks[0].0), (1, PASSED), "{checks:?}");
        let cut = "ex_esdb1@n1 does not list ex_esdb2@n2; ex_esdb2@n2 does not list ex_esdb1@n1";
        assert_eq!(checks[1], (FAILED.to_owned(), cut.to_owned()));
        assert!(
            checks[2].1.contains("ex_esdb0@n0 does not gossip"),
            "{checks:?}"
        );
        assert_eq!(
            nodes[1].value("Node.list()"),
            "[:ex_esdb0@n0]",
            "it mended nothing"
        );
    });
}

/// What is at hand beside the members and is none: a citizen that gossips, and a hidden BEAM such as a remote shell.
#[test]
fn guests_are_no_members() {
    on("guests_are_no_members", &["n0", "n1"], guests);
}

#[test]
fn the_same_with_other_releases_of_otp() {
    for suite in ["trixie", "sid"] {
        match Otp::of(suite).and_then(|otp| Ground::new(otp, &["n0", "n1"])) {
            Ok(ground) => guests(ground),
            Err(missing) => interop::skip("the_same_with_other_releases_of_otp", &missing),
        }
    }
}

fn guests(ground: Ground) {
    let gossips = |at| {
        ground
            .beam(at)
            .env("FIXTURE_GOSSIP", "on")
            .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255")
    };
    let mut nodes = BeamNode::start_all(vec![gossips(0), gossips(1)]).unwrap();
    let mut shell = ground.beam(1).erl("-hidden");
    shell.name = "shell@n1".to_owned();
    let _shell = BeamNode::start(shell).unwrap();
    let options = BeamlinkOptions::new(env!("CARGO_BIN_EXE_beamlink"))
        .on(&ground.hosts[0])
        .env("HOME", "/nonexistent")
        .env("RELEASE_COOKIE", COOKIE)
        .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", "172.20.255.255")
        .args(&["--broadcast-only", "--name", "zz_maint_guest@n0"]);
    let guest = Beamlink::start(options);
    for node in &mut nodes {
        node.wait_until("length(Node.list())", "2", LIMIT);
    }
    for seed in [&["ex_esdb0@n0", "shell@n1"][..], &[]] {
        let (status, checks) = ground.checks(&[&["--expect", "2"], seed].concat());
        assert_eq!(status, 0, "{checks:?}");
        assert_eq!(checks[0].1, "2 of 2: ex_esdb0@n0 ex_esdb1@n1");
        assert_eq!(checks[2].1, "UDP 45892 is open on 2 of 2");
    }
    guest.terminate();
}
