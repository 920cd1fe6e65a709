//! What `scripts/demo` shows: three Elixir nodes that find each other by libcluster's Gossip, and a Rust node in the
//! `Node.list()` of each. Everything happens on loopback and ends with the demo.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use interop::{BeamNode, BeamOptions, Beamlink, BeamlinkOptions, Epmd, Missing, Otp};

const COOKIE: &str = "demo_cookie";
const SECRET: &str = "demo_secret";
const GROUP: &str = "239.255.0.1";
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let Some(binary) = std::env::args().nth(1) else {
        eprintln!("demo: give the path of beamlink");
        return ExitCode::from(2);
    };
    let shown = match Otp::host() {
        Ok(otp) => among_elixir(&binary, &otp),
        Err(missing) => {
            println!("No Elixir here ({missing}): a cluster of beamlink nodes alone.\n");
            alone(&binary)
        }
    };
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(missing) => {
            eprintln!("demo: {missing}");
            ExitCode::FAILURE
        }
    }
}

fn beamlink<'a>(binary: &str, name: &str, epmd_port: u16, gossip_port: u16) -> BeamlinkOptions<'a> {
    BeamlinkOptions::new(binary)
        .env("RELEASE_COOKIE", COOKIE)
        .env("ERL_EPMD_PORT", &epmd_port.to_string())
        .env("EX_ESDB_CLUSTER_SECRET", SECRET)
        .env("EX_ESDB_CLUSTER_PORT", &gossip_port.to_string())
        .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", GROUP)
        .args(&["--name", name, "--multicast-if", "127.0.0.1"])
}

fn among_elixir(binary: &str, otp: &Otp) -> Result<(), Missing> {
    let (epmd_port, gossip_port) = (interop::tcp(), interop::udp());
    let _epmd = Epmd::start(epmd_port, None)?;
    println!("Three Elixir nodes, found by libcluster's Gossip (encrypted):");
    let options = (0..3).map(|number| {
        BeamOptions::new(
            otp,
            &format!("ex_esdb{number}@localhost"),
            COOKIE,
            epmd_port,
        )
        .env("FIXTURE_GOSSIP", "on")
        .env("EX_ESDB_CLUSTER_SECRET", SECRET)
        .env("EX_ESDB_CLUSTER_PORT", &gossip_port.to_string())
        .env("EX_ESDB_GOSSIP_MULTICAST_ADDR", GROUP)
        .env("FIXTURE_MULTICAST_IF", "127.0.0.1")
    });
    let mut nodes = BeamNode::start_all(options.collect())?;
    for node in &mut nodes {
        node.wait_until("length(Node.list())", "2", LIMIT);
    }
    show(&mut nodes);
    let begin = Instant::now();
    let guest = Beamlink::start(beamlink(
        binary,
        "zz_maint_beamlink@localhost",
        epmd_port,
        gossip_port,
    ));
    for node in &mut nodes {
        node.wait_until(
            ":\"zz_maint_beamlink@localhost\" in Node.list()",
            "true",
            LIMIT,
        );
    }
    let took = begin.elapsed().as_millis();
    println!("\nbeamlink join: in every Node.list() {took} ms after its start:");
    show(&mut nodes);
    let memory = guest.rss_kib().unwrap_or_default();
    println!(
        "\n  the Rust node answers :net_adm.ping/1 with {}",
        nodes[0].value(":net_adm.ping(:zz_maint_beamlink@localhost)")
    );
    println!("  and takes {:.1} MiB of memory", memory as f64 / 1024.0);
    guest.terminate();
    for node in &mut nodes {
        node.wait_until("length(Node.list())", "2", LIMIT);
    }
    println!("\nbeamlink left; nobody logged a warning:");
    for node in &mut nodes {
        println!("  {:<20} {}", node.name().to_owned(), node.log());
    }
    Ok(())
}

fn show(nodes: &mut [BeamNode]) {
    for node in nodes {
        let list = node.value("Enum.sort(Node.list())");
        println!("  {:<20} {list}", node.name());
    }
}

fn alone(binary: &str) -> Result<(), Missing> {
    let (epmd_port, gossip_port) = (interop::tcp(), interop::udp());
    let names = [
        "zz_maint_a@localhost",
        "zz_maint_b@localhost",
        "zz_maint_c@localhost",
    ];
    let nodes = names.map(|name| {
        // The first one serves as EPMD for the others, so it must be there before them.
        let node = Beamlink::start(beamlink(binary, name, epmd_port, gossip_port));
        node.wait_event(LIMIT, |event| event["event"] == "ready");
        (name, node)
    });
    for (name, node) in &nodes {
        for (other, _) in nodes.iter().filter(|(other, _)| other != name) {
            node.wait_event(LIMIT, |event| {
                event["event"] == "nodeup" && event["node"] == *other
            });
        }
        println!("  {name:<20} is connected with both others");
    }
    Ok(())
}
