//! The doctor's look at its own host.

use std::net::{TcpListener, UdpSocket};

use beamlink::Cookie;
use beamlink::doctor::host::{CookieSource, Epmd, Facts, Question, look};
use beamlink::gossip::Gossip;
use interop::{BeamNode, Namespace};

use crate::ground::{GROUP, SECRET, on};

fn gossip(address: &str) -> Gossip {
    Gossip::default().multicast_addr(address.parse().unwrap())
}

/// What is found on `host`, looked at from there.
fn look_at(host: &Namespace, gossip: &Gossip, cookies: &[CookieSource]) -> (Facts, Vec<String>) {
    let question = Question {
        gossip: Some(gossip),
        name: None,
        cookies,
        epmd_port: 4369,
    };
    let looked = host.inside(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(look(&question))
    });
    let (facts, findings) = looked.unwrap();
    let codes = findings.iter().map(|finding| finding.code.to_string());
    (facts, codes.collect())
}

fn codes(host: &Namespace, gossip: &Gossip) -> Vec<String> {
    look_at(host, gossip, &[]).1
}

fn run(host: &Namespace, program: &str, words: &str) {
    let status = host.command(program).args(words.split(' ')).status();
    assert!(status.unwrap().success(), "{program} {words}");
}

#[test]
fn a_healthy_host_yields_no_finding_and_each_fault_its_own() {
    on("a_healthy_host", &["n0", "n1"], |ground| {
        let [n0, n1] = &ground.hosts[..] else {
            unreachable!()
        };
        let beam = ground.beam("good", 0, Some(GROUP), Some(SECRET));
        let mut beams = BeamNode::start_all(vec![beam]).unwrap();

        let cookie = CookieSource {
            place: "/home/x/.erlang.cookie".to_owned(),
            cookie: Some(Cookie::new("c")),
            mode: Some(0o400),
        };
        let (facts, found) = look_at(n0, &gossip(GROUP), std::slice::from_ref(&cookie));
        assert_eq!(found, [""; 0], "{facts:?}");
        let became = facts.gossip.as_ref().unwrap();
        assert_eq!(became.route, Ok(n0.address().parse().unwrap()));
        assert_eq!(became.echo, Some(true));
        assert!(
            became.port_holders[0].starts_with("beam.smp (pid "),
            "{became:?}"
        );
        let group = ("eth0".to_owned(), GROUP.parse().unwrap());
        assert!(facts.memberships.contains(&group), "{facts:?}");
        let Epmd::Running { nodes, holders } = &facts.epmd else {
            panic!("{facts:?}")
        };
        assert_eq!(nodes[0].0, "good");
        assert!(holders[0].starts_with("epmd (pid "), "{holders:?}");
        for address in ["255.255.255.255", "172.20.255.255", "233.252.1.32"] {
            assert_eq!(codes(n0, &gossip(address)), [""; 0], "{address}");
        }
        assert_eq!(beams[0].log(), "[]");

        let open = CookieSource {
            mode: Some(0o644),
            ..cookie
        };
        let (_, found) = look_at(n0, &gossip(GROUP), &[open]);
        assert_eq!(found, ["cookie-file-mode"]);
        assert_eq!(
            codes(n0, &gossip("172.21.255.255")),
            ["gossip-address-unicast"]
        );
        assert_eq!(
            codes(n0, &gossip(GROUP).if_addr(n0.address().parse().unwrap())),
            ["deaf-if-addr"]
        );

        // A packet filter on the host itself, in and out.
        for (chain, addresses) in [
            ("INPUT", [GROUP, "172.20.255.255"]),
            ("OUTPUT", [GROUP, "255.255.255.255"]),
        ] {
            let rule = format!("{chain} -p udp --dport 45892 -j DROP");
            run(n1, "iptables", &format!("-A {rule}"));
            for address in addresses {
                assert_eq!(
                    codes(n1, &gossip(address)),
                    ["own-echo-lost"],
                    "{chain} {address}"
                );
            }
            run(n1, "iptables", &format!("-D {rule}"));
        }
        assert_eq!(codes(n1, &gossip(GROUP)), [""; 0]);

        let selfish = n1
            .inside(|| UdpSocket::bind("0.0.0.0:45892").unwrap())
            .unwrap();
        assert_eq!(codes(n1, &gossip(GROUP)), ["gossip-port-taken"]);
        drop(selfish);

        let alien = n1
            .inside(|| TcpListener::bind("0.0.0.0:4369").unwrap())
            .unwrap();
        let closes = std::thread::spawn(move || drop(alien.accept()));
        assert_eq!(codes(n1, &gossip(GROUP)), ["epmd-alien"]);
        closes.join().unwrap();

        run(n1, "ip", "route del default");
        assert_eq!(codes(n1, &gossip(GROUP)), ["gossip-no-route"]);
        assert_eq!(codes(n1, &gossip("172.20.255.255")), [""; 0]);
    });
}
