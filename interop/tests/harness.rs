//! The harness itself: what the other tests stand on holds.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use interop::{
    BeamNode, BeamOptions, Beamlink, BeamlinkOptions, Bridge, Epmd, Missing, Namespace, Otp, skip,
    tcp,
};

/// Gossip speaks every 5 s at the latest.
const MESH: Duration = Duration::from_secs(40);
const EPMD_PORT: u16 = 24421;

fn unless_missing(name: &str, test: impl FnOnce() -> Result<(), Missing>) {
    if let Err(missing) = test() {
        skip(name, &missing);
    }
}

fn starts_and_answers(otp: &Otp) -> Result<(), Missing> {
    let epmd = Epmd::start(tcp(), None)?;
    let begin = Instant::now();
    let options = |name| BeamOptions::new(otp, name, "interop", epmd.port());
    let mut nodes =
        BeamNode::start_all(vec![options("a@127.0.0.1"), options("b@127.0.0.1")]).unwrap();
    let [one, other] = &mut nodes[..] else {
        panic!("two nodes")
    };
    let release = one.value("System.otp_release()");
    eprintln!("{}: OTP {release}, {:?}", otp.name(), begin.elapsed());
    let reachable =
        "for p <- Port.list(), {:ok, {ip, _}} <- [:inet.sockname(p)], uniq: true, do: ip";
    assert_eq!(one.value(reachable), "[{127, 0, 0, 1}]");
    assert_eq!(one.value("Node.connect(:\"b@127.0.0.1\")"), "true");
    other.wait_until("Node.list()", "[:\"a@127.0.0.1\"]", MESH);
    let times = one.value("Fixture.Probe.all(3)");
    assert!(!times.contains("hang"), "{times}");
    assert_eq!(one.log() + &other.log(), "[][]");
    Ok(())
}

#[test]
fn every_release_starts_and_answers() {
    for otp in [Otp::host(), Otp::of("trixie"), Otp::of("sid")] {
        unless_missing("every_release_starts_and_answers", || {
            starts_and_answers(&otp?)
        });
    }
}

fn gossiping<'a>(otp: &Otp, host: &'a Namespace, address: &str) -> BeamOptions<'a> {
    let name = format!("ex_esdb@{}", host.host());
    BeamOptions::new(otp, &name, "interop", EPMD_PORT)
        .env("FIXTURE_GOSSIP", "on")
        .env("EX_ESDB_CLUSTER_SECRET", "dev_cluster_secret_2025")
        .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", address)
        .on(host)
}

/// With `LIBCLUSTER_PATH` set these are three nodes of the real libcluster.
fn three_hosts_mesh(address: &str) -> Result<(), Missing> {
    let otp = Otp::host()?;
    let (_bridge, hosts) = Bridge::new(&["node0", "node1", "node2"])?;
    let epmds: Result<Vec<Epmd>, Missing> = hosts
        .iter()
        .map(|host| Epmd::start(EPMD_PORT, Some(host)))
        .collect();
    let _epmds = epmds?;
    let options = hosts.iter().map(|host| gossiping(&otp, host, address));
    let mut nodes = BeamNode::start_all(options.collect()).unwrap();
    let real = std::env::var_os("LIBCLUSTER_PATH").is_some();
    for node in &mut nodes {
        let loaded = node.value("Code.ensure_loaded?(Cluster.Strategy.Gossip)");
        assert_eq!(loaded, real.to_string());
        node.wait_until("length(Node.list())", "2", MESH);
        assert_eq!(node.log(), "[]");
    }
    Ok(())
}

#[test]
fn three_hosts_mesh_by_broadcast() {
    // As ExESDB's .env.cluster has it: a broadcast address, and broadcast_only left at false.
    unless_missing("three_hosts_mesh_by_broadcast", || {
        three_hosts_mesh("172.20.255.255")
    });
}

#[test]
fn three_hosts_mesh_by_multicast() {
    unless_missing("three_hosts_mesh_by_multicast", || {
        three_hosts_mesh("239.255.0.1")
    });
}

/// What libcluster 3.5.0 does with each of these packets was seen by giving them to its own module.
#[test]
fn the_fixture_takes_the_packets_that_libcluster_takes() {
    unless_missing(
        "the_fixture_takes_the_packets_that_libcluster_takes",
        || {
            let epmd = Epmd::start(tcp(), None)?;
            let options = BeamOptions::new(&Otp::host()?, "a@127.0.0.1", "interop", epmd.port());
            let mut node = BeamNode::start(options).unwrap();
            let took = |node: &mut BeamNode, packet: &str| {
                let before = node.value("length(Fixture.Log.entries())");
                node.value(&format!(
                "key = :crypto.hash(:sha256, \"s\"); iv = <<0::128>>; \
                 plain = \"heartbeat::\" <> :erlang.term_to_binary(%{{node: :\"nobody@127.0.0.1\"}}); \
                 left = 16 - rem(byte_size(plain), 16); \
                 seal = fn padded -> iv <> :crypto.crypto_one_time(:aes_256_cbc, key, iv, padded, true) end; \
                 good = seal.(plain <> :binary.copy(<<left>>, left)); \
                 Fixture.Gossip.handle_info({{:udp, nil, nil, nil, {packet}}}, %{{key: key}}); \
                 {{good, left}} && :ok"
            ));
                node.value("length(Fixture.Log.entries())") != before
            };
            for packet in [
                "good",
                "good <> \"1234567\"",
                "seal.(plain <> :binary.copy(<<0>>, left))",
            ] {
                assert!(took(&mut node, packet), "{packet}");
            }
            for packet in [
                "plain",
                "binary_part(good, 0, 16)",
                "binary_part(good, 0, 23)",
                "good <> <<0::128>>",
                "seal.(plain <> :binary.copy(<<17>>, left))",
                "seal.(:binary.copy(<<16>>, 16))",
            ] {
                assert!(!took(&mut node, packet), "{packet}");
            }
            Ok(())
        },
    );
}

fn reaches(from: &Namespace, to: &Namespace) -> bool {
    let script = format!("exec 3<>/dev/tcp/{}/{EPMD_PORT}", to.host());
    let status = from
        .command("timeout")
        .args(["2", "bash", "-c", &script])
        .status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_pulled_cable_is_felt_until_it_is_back() {
    unless_missing("a_pulled_cable_is_felt_until_it_is_back", || {
        let (_bridge, hosts) = Bridge::new(&["node0", "node1"])?;
        let [one, other] = &hosts[..] else {
            panic!("two hosts")
        };
        let _epmd = Epmd::start(EPMD_PORT, Some(other))?;
        assert!(reaches(one, other));
        one.link_down()?;
        assert!(!reaches(one, other));
        one.link_up()?;
        assert!(reaches(one, other));
        Ok(())
    });
}

#[test]
fn nothing_is_left_of_a_bridge() {
    unless_missing("nothing_is_left_of_a_bridge", || {
        let (bridge, hosts) = Bridge::new(&["node0"])?;
        let named = hosts[0].command("ip").args(["netns", "identify"]).output();
        let name = named.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let name = name.expect("ip netns identify");
        // A daemon, as the EPMD that a BEAM starts is one: no child of ours.
        let script = "(setsid sleep 600 >/dev/null 2>&1 & echo $!)";
        let sleeping = hosts[0].command("sh").args(["-c", script]).output();
        let pid = sleeping.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let daemon = Path::new("/proc").join(pid.expect("sh")).join("cwd");
        assert!(daemon.exists());
        drop(bridge);
        let listed = Command::new("ip").args(["netns", "list"]).output();
        let listed = listed.expect("ip netns list").stdout;
        assert!(!name.is_empty() && !String::from_utf8_lossy(&listed).contains(&name));
        assert!(!Path::new("/etc/netns").join(&name).exists());
        let end = Instant::now() + Duration::from_secs(10);
        while daemon.exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!daemon.exists());
        Ok(())
    });
}

#[test]
fn what_a_command_says_on_stderr_is_waited_for() {
    // A shell that is told to run the script `join`.
    let command = Beamlink::start(BeamlinkOptions::new("/bin/sh"));
    let line = command.wait_stderr(Duration::from_secs(10), |line| line.contains("join"));
    assert!(!line.is_empty());
    assert_eq!(command.stderr(), line);
}
