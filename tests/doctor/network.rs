//! Faults between hosts and of EPMD: each is mended again, so that one cluster serves for all, but for the last.

use std::io::{Read, Write};
use std::net::TcpStream;

use interop::{BeamNode, Epmd, Namespace};

use crate::ground::{Cluster, LIMIT, on_cluster};

#[test]
fn each_fault_of_the_network_is_found_first() {
    on_cluster("each_fault_of_the_network_is_found_first", |mut cluster| {
        gossip(&cluster);
        one_of_two_on_a_host(&cluster);
        no_broadcast(&cluster);
        port_dropped(&mut cluster);
        wrong_addresses(&cluster);
        edges(&mut cluster);
        epmd(&mut cluster);
    });
}

/// Adds (`-A`) or deletes (`-D`) a rule of the packet filter of a host.
#[track_caller]
fn filter(host: &Namespace, rule: &str) {
    run(host, "iptables", rule);
}

#[track_caller]
fn run(host: &Namespace, program: &str, words: &str) {
    let output = host
        .command(program)
        .args(words.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {words}: {output:?}");
}

fn gossip(cluster: &Cluster) {
    let deaf = Cluster::name(2);
    let host = &cluster.hosts[2];
    for ways in [&["INPUT"][..], &["OUTPUT"], &["INPUT", "OUTPUT"]] {
        for way in ways {
            filter(host, &format!("-A {way} -p udp --dport 45892 -j DROP"));
        }
        cluster.hears("gossip-blocked", &deaf);
        for way in ways {
            filter(host, &format!("-D {way} -p udp --dport 45892 -j DROP"));
        }
    }
}

/// Who is heard goes by its name: the other node of its host, which is heard, is no excuse.
fn one_of_two_on_a_host(cluster: &Cluster) {
    let long = "ex_esdb_whose_name_makes_its_heartbeats_longer_than_those_of_others";
    let node = BeamNode::start(cluster.options(long, 1)).unwrap();
    let longer = "OUTPUT -p udp --dport 45892 -m length --length 120:65535 -j DROP";
    filter(&cluster.hosts[1], &format!("-A {longer}"));
    cluster.hears("gossip-blocked", node.name());
    filter(&cluster.hosts[1], &format!("-D {longer}"));
    node.stop();
}

/// A host of a network of its own has no broadcast address.
fn no_broadcast(cluster: &Cluster) {
    let host = &cluster.hosts[1];
    let address = host.address();
    for (mask, other) in [(32, 16), (16, 32)] {
        let brd = if mask == 16 {
            " brd 172.20.255.255"
        } else {
            ""
        };
        run(
            host,
            "ip",
            &format!("addr add {address}/{mask}{brd} dev eth0"),
        );
        run(host, "ip", &format!("addr del {address}/{other} dev eth0"));
        run(host, "ip", "route replace default dev eth0");
        if mask == 32 {
            cluster.finds("no-broadcast", &Cluster::name(1));
        }
    }
}

fn port_dropped(cluster: &mut Cluster) {
    let asked = "{:ok, names} = :erl_epmd.names(~c\"localhost\"); {_, port} = hd(names); port";
    let port = cluster.nodes[3].value(asked);
    let rule = format!("INPUT -p tcp --dport {port} --syn -j DROP");
    filter(&cluster.hosts[3], &format!("-A {rule}"));
    cluster.finds("dist-port-dropped", &Cluster::name(3));
    filter(&cluster.hosts[3], &format!("-D {rule}"));
}

fn wrong_addresses(cluster: &Cluster) {
    let (doctor, node1) = (&cluster.hosts[5], &cluster.hosts[1]);
    // Another node's host, and nobody's.
    for wrong in [cluster.hosts[4].address(), "172.20.9.9"] {
        doctor.resolve("node3", Some(wrong)).unwrap();
        cluster.finds("host-resolves-elsewhere", "node3");
    }
    doctor.resolve("node3", None).unwrap();
    node1.resolve("node3", Some("172.20.9.9")).unwrap();
    let told = cluster.finds("host-resolves-elsewhere", &Cluster::name(1));
    assert_eq!(told.json["findings"][0]["evidence"]["name"], "node3");
    node1.resolve("node3", None).unwrap();
}

/// No new connection between the two hosts, and none that stands.
fn part(cluster: &mut Cluster, one: usize, other: usize) {
    for (at, from) in [(one, other), (other, one)] {
        let rule = format!(
            "-A INPUT -p tcp -s {} -j DROP",
            cluster.hosts[from].address()
        );
        filter(&cluster.hosts[at], &rule);
        cluster.nodes[at].value(&format!("Node.disconnect(:{})", Cluster::name(from)));
    }
}

fn edges(cluster: &mut Cluster) {
    part(cluster, 1, 3);
    let told = cluster.finds("missing-edge", &Cluster::name(1));
    assert!(
        told.json["findings"][0]["subject"]
            .to_string()
            .contains("node3")
    );
    for (one, other) in [(1, 4), (2, 3), (2, 4)] {
        part(cluster, one, other);
    }
    let told = cluster.finds("overlapping-partition", &Cluster::name(1));
    let seen = told.json["findings"][0]["seen"].to_string();
    assert!(
        seen.contains("ex_esdb@node0 is connected to all of them"),
        "{seen}"
    );
    for (one, other) in [(0, 3), (0, 4)] {
        part(cluster, one, other);
    }
    cluster.finds("partitioned", &Cluster::name(3));
    for host in &cluster.hosts[..5] {
        filter(host, "-F INPUT");
    }
    cluster.wait_whole();
}

fn epmd(cluster: &mut Cluster) {
    cluster.epmds[2].take().unwrap().kill9();
    cluster.finds("epmd-down", "node2");
    // Before the node has registered again, another has its name.
    cluster.nodes[2].freeze();
    cluster.epmds[2] = Some(Epmd::start(4369, Some(&cluster.hosts[2])).unwrap());
    let _stale = cluster.hosts[2]
        .inside(|| registered("ex_esdb", 9))
        .unwrap();
    cluster.nodes[2].thaw();
    cluster.nodes[2].wait_until("1", "1", LIMIT);
    cluster.finds("epmd-stale-port", &Cluster::name(2));
}

/// A registration of a node at a port where nobody listens (ALIVE2_REQ); it lasts as long as the stream.
fn registered(name: &str, port: u16) -> TcpStream {
    let mut stream = TcpStream::connect("127.0.0.1:4369").unwrap();
    let [high, low] = port.to_be_bytes();
    let mut request = vec![120, high, low, 77, 0, 0, 6, 0, 5, 0, name.len() as u8];
    request.extend(name.as_bytes());
    request.extend([0, 0]);
    let length = (request.len() as u16).to_be_bytes();
    stream.write_all(&[&length[..], &request].concat()).unwrap();
    let mut reply = [0; 2];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[1], 0, "the name is taken");
    stream
}
