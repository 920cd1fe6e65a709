//! Gossip sockets on real networks: the loopback interface, and two hosts on a cable, made of network namespaces (which
//! takes root: skipped otherwise, with a line that says so).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use beamlink::gossip::{
    Codec, Gossip, GossipError, GossipSocket, Notice, Received, SendError, Verdict,
};
use beamlink::{GossipSecret, NodeName};
use nix::sched::{CloneFlags, setns, unshare};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 1);
const SUBNET: Ipv4Addr = Ipv4Addr::new(172, 20, 255, 255);
const LEFT: Ipv4Addr = Ipv4Addr::new(172, 20, 0, 2);
const RIGHT: Ipv4Addr = Ipv4Addr::new(172, 20, 0, 3);

/// A network namespace, in which the calling thread is while it sets things up.
struct Host(File);

impl Host {
    fn new() -> io::Result<Host> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let host = Host(File::open("/proc/thread-self/ns/net")?);
        host.ip("link set lo up");
        Ok(host)
    }

    fn enter(&self) {
        setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
    }

    fn ip(&self, command: &str) {
        self.enter();
        let status = Command::new("ip").args(command.split(' ')).status();
        assert!(status.unwrap().success(), "ip {command}");
    }

    /// Puts the two ends of a new cable into both hosts.
    fn plug(&self, other: &Host) {
        let namespace = format!("/proc/{}/fd/{}", std::process::id(), other.0.as_raw_fd());
        self.ip(&format!(
            "link add cable type veth peer name cable netns {namespace}"
        ));
        for (host, address) in [(self, LEFT), (other, RIGHT)] {
            host.ip(&format!("addr add {address}/16 brd {SUBNET} dev cable"));
            host.ip("link set cable up");
            host.ip("route add default dev cable");
        }
        self.wait_until_heard_by(other);
        other.wait_until_heard_by(self);
    }

    /// Linux drops what is sent in the first moments after a link came up.
    fn wait_until_heard_by(&self, other: &Host) {
        other.enter();
        let ear = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 9)).unwrap();
        ear.set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        self.enter();
        let mouth = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        mouth.set_broadcast(true).unwrap();
        let heard = (0..500).any(|_| {
            mouth.send_to(b"hello", (SUBNET, 9)).unwrap();
            ear.recv(&mut [0; 5]).is_ok()
        });
        assert!(heard, "the cable carries nothing");
    }

    fn member(&self, name: &str, settings: &Gossip) -> Member {
        self.enter();
        Member::open(name, settings)
    }
}

/// Runs `test` with two hosts, on a thread of its own that may change its namespace.
fn on_two_hosts(name: &'static str, test: impl AsyncFnOnce(Host, Host) + Send + 'static) {
    let body = move || match (Host::new(), Host::new()) {
        (Ok(left), Ok(right)) => block_on(test(left, right)),
        (Err(error), _) | (_, Err(error)) => skipped(name, &format!("no namespaces: {error}")),
    };
    if let Err(panic) = thread::spawn(body).join() {
        std::panic::resume_unwind(panic);
    }
}

/// Writes past the test harness, which hides what passing tests print.
fn skipped(name: &str, reason: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED {name}: {reason}");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

/// A socket with its node's codec.
struct Member {
    node: NodeName,
    codec: Codec,
    socket: GossipSocket,
}

impl Member {
    fn open(name: &str, settings: &Gossip) -> Member {
        let node: NodeName = name.parse().unwrap();
        Member {
            codec: Codec::new(&node, settings.secret.as_ref()),
            socket: GossipSocket::open(settings).unwrap(),
            node,
        }
    }

    fn send(&self) -> Result<(), SendError> {
        self.socket.send(&self.codec.encode([7; 16]))
    }

    async fn next(&self) -> Received {
        let next = self.socket.next(&self.codec);
        let limit = Duration::from_secs(10);
        tokio::time::timeout(limit, next)
            .await
            .unwrap_or_else(|_| panic!("{} heard nothing", self.node))
            .unwrap()
    }

    fn notices(&self, host: &Host) -> Vec<Notice> {
        host.enter();
        self.socket.refresh()
    }

    /// Whether nothing waits: all that is sent on this machine has arrived when `send` returns.
    async fn hears_nothing(&self) -> bool {
        let next = self.socket.next(&self.codec);
        let soon = Duration::from_millis(100);
        tokio::time::timeout(soon, next).await.is_err()
    }

    /// Sends one heartbeat, which comes back here as an echo and arrives there once.
    async fn reaches(&self, other: &Member) -> IpAddr {
        self.send().unwrap();
        assert_eq!(self.next().await.verdict, Verdict::OwnEcho);
        let received = other.next().await;
        assert_eq!(received.verdict, Verdict::Heartbeat(self.node.clone()));
        received.from.ip()
    }
}

fn settings(to: Ipv4Addr) -> Gossip {
    Gossip::default()
        .multicast_addr(to)
        .secret(GossipSecret::new("dev_cluster_secret_2025"))
}

#[test]
fn members_share_the_port_of_one_host() {
    block_on(async {
        for (to, only) in [
            (GROUP, false),
            ([127, 255, 255, 255].into(), false),
            ([127, 255, 255, 255].into(), true),
        ] {
            let local = settings(to).port(0).broadcast_only(only);
            let local = local.multicast_if(Ipv4Addr::LOCALHOST);
            let one = Member::open("one@host", &local);
            let two = Member::open("two@host", &local.port(one.socket.port()));
            assert_eq!(one.reaches(&two).await, Ipv4Addr::LOCALHOST);
            assert_eq!(two.reaches(&one).await, Ipv4Addr::LOCALHOST);
        }
    });
}

#[test]
fn heartbeats_that_come_fast_are_all_heard() {
    block_on(async {
        let local = settings([127, 255, 255, 255].into()).port(0);
        let one = Member::open("one@host", &local);
        let two = Member::open("two@host", &local.port(one.socket.port()));
        let send = async {
            for _ in 0..400 {
                one.send().unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let hear = async {
            for _ in 0..400 {
                let verdict = two.next().await.verdict;
                assert_eq!(verdict, Verdict::Heartbeat(one.node.clone()));
            }
        };
        tokio::join!(send, hear);
        assert!(two.hears_nothing().await);
    });
}

/// Opens the port with libcluster's options, takes one heartbeat and answers with one of its own.
const BEAM: &str = r#"
    Group = {239, 255, 0, 1}, Lo = {127, 0, 0, 1}, Key = crypto:hash(sha256, <<"dev_cluster_secret_2025">>),
    {ok, S} = gen_udp:open(PORT, [binary, {active, false}, {ip, {0, 0, 0, 0}}, {reuseaddr, true}, {broadcast, true},
        {multicast_if, Lo}, {multicast_ttl, 1}, {multicast_loop, true}, {add_membership, {Group, Lo}}]),
    io:format("ready~n"),
    {ok, {_, _, <<Iv:16/binary, Theirs/binary>>}} = gen_udp:recv(S, 0, 30000),
    Padded = crypto:crypto_one_time(aes_256_cbc, Key, Iv, Theirs, false),
    <<"heartbeat::", Term/binary>> = binary:part(Padded, 0, byte_size(Padded) - binary:last(Padded)),
    io:format("~p~n", [binary_to_term(Term)]),
    Plain = <<"heartbeat::", (term_to_binary(#{node => 'beam@host'}))/binary>>,
    Ours = crypto:crypto_one_time(aes_256_cbc, Key, Iv, Plain, [{encrypt, true}, {padding, pkcs_padding}]),
    ok = gen_udp:send(S, Group, PORT, [Iv, Ours]),
    halt(0).
"#;

#[test]
fn a_beam_shares_the_port_hears_and_is_heard() {
    block_on(async {
        let local = settings(GROUP).port(0).multicast_if(Ipv4Addr::LOCALHOST);
        let one = Member::open("one@host", &local);
        let script = BEAM.replace("PORT", &one.socket.port().to_string());
        let erl = Command::new("erl")
            .args(["-noinput", "-eval", &script])
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut erl) = erl else {
            return skipped("a_beam_shares_the_port_hears_and_is_heard", "no erl");
        };
        let mut lines = BufReader::new(erl.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        one.send().unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "#{node => one@host}");
        assert_eq!(one.next().await.verdict, Verdict::OwnEcho);
        let beam = Verdict::Heartbeat("beam@host".parse().unwrap());
        assert_eq!(one.next().await.verdict, beam);
        assert!(erl.wait().unwrap().success());
    });
}

#[test]
fn a_port_that_is_not_shared_and_an_address_of_another_host_are_said_so() {
    block_on(async {
        let selfish = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = selfish.local_addr().unwrap().port();
        let error = GossipSocket::open(&Gossip::default().port(port)).unwrap_err();
        assert!(
            matches!(error, GossipError::PortTaken(taken) if taken == port),
            "{error}"
        );
        let elsewhere = Ipv4Addr::new(192, 0, 2, 254);
        let error = GossipSocket::open(&Gossip::default().port(0).if_addr(elsewhere)).unwrap_err();
        assert!(
            matches!(error, GossipError::NoSuchAddress(address) if address == elsewhere),
            "{error}"
        );
    });
}

#[test]
fn hosts_hear_each_other_by_group_and_by_broadcast() {
    on_two_hosts(
        "hosts_hear_each_other_by_group_and_by_broadcast",
        async |left, right| {
            left.plug(&right);
            let broadcasts = [Ipv4Addr::BROADCAST, SUBNET];
            let ways = [settings(GROUP), settings(Gossip::default().multicast_addr)]
                .into_iter()
                .chain(broadcasts.map(settings))
                .chain(broadcasts.map(|to| settings(to).broadcast_only(true)));
            for way in ways {
                let a = left.member("a@left", &way);
                let b = right.member("b@right", &way);
                assert_eq!(a.reaches(&b).await, LEFT, "{way:?}");
                assert_eq!(b.reaches(&a).await, RIGHT, "{way:?}");
            }
        },
    );
}

#[test]
fn one_address_to_bind_to_does_not_make_deaf() {
    on_two_hosts(
        "one_address_to_bind_to_does_not_make_deaf",
        async |left, right| {
            left.plug(&right);
            for host in [&left, &right] {
                host.ip("route del default");
            }
            for to in [GROUP, Ipv4Addr::BROADCAST, SUBNET] {
                let a = left.member("a@left", &settings(to).if_addr(LEFT));
                let b = right.member("b@right", &settings(to).if_addr(RIGHT));
                left.enter();
                assert!(
                    a.socket
                        .refresh()
                        .contains(&Notice::BoundToOneAddress(LEFT))
                );
                assert_eq!(a.reaches(&b).await, LEFT, "{to}");
                assert_eq!(b.reaches(&a).await, RIGHT, "{to}");
                assert!(
                    a.hears_nothing().await && b.hears_nothing().await,
                    "each datagram once"
                );
            }
        },
    );
}

#[test]
fn multicast_if_confines_the_group_to_one_interface() {
    on_two_hosts(
        "multicast_if_confines_the_group_to_one_interface",
        async |left, right| {
            left.plug(&right);
            left.ip("route del default");
            let a = left.member("a@left", &settings(GROUP).multicast_if(LEFT));
            let b = right.member("b@right", &settings(GROUP).multicast_if(RIGHT));
            assert_eq!(b.notices(&right), [Notice::Joined(RIGHT)]);
            assert_eq!(a.reaches(&b).await, LEFT);
        },
    );
}

#[test]
fn a_network_that_comes_late_and_goes_is_followed() {
    on_two_hosts(
        "a_network_that_comes_late_and_goes_is_followed",
        async |left, right| {
            let a = left.member("a@left", &settings(GROUP));
            let b = right.member("b@right", &settings(GROUP).multicast_if(RIGHT));
            let no_route = SendError::NoRoute("239.255.0.1:45892".parse().unwrap());
            assert_eq!(a.send(), Err(no_route.clone()));
            assert_eq!(a.notices(&left), [Notice::Joined(Ipv4Addr::LOCALHOST)]);
            assert_eq!(b.notices(&right), [Notice::NoSuchInterface(RIGHT)]);
            for _ in 0..3 {
                left.plug(&right);
                right.ip("route del default");
                assert_eq!(a.notices(&left), [Notice::Joined(LEFT)]);
                assert_eq!(b.notices(&right), [Notice::Joined(RIGHT)]);
                assert_eq!(a.notices(&left), []);
                assert_eq!(b.notices(&right), []);
                assert_eq!(a.reaches(&b).await, LEFT);
                assert_eq!(b.reaches(&a).await, RIGHT);
                left.ip("link del cable");
                assert_eq!(a.notices(&left), [Notice::Left(LEFT)]);
                let gone = [Notice::Left(RIGHT), Notice::NoSuchInterface(RIGHT)];
                assert_eq!(b.notices(&right), gone);
                assert_eq!(b.notices(&right), []);
                assert_eq!(a.send(), Err(no_route.clone()));
            }
        },
    );
}

#[test]
fn an_address_that_is_no_group_is_told_of_once() {
    on_two_hosts(
        "an_address_that_is_no_group_is_told_of_once",
        async |left, right| {
            let subnet = left.member("a@left", &settings(SUBNET));
            let limited = left.member("b@left", &settings(Ipv4Addr::BROADCAST));
            let quiet = left.member(
                "c@left",
                &settings(Ipv4Addr::BROADCAST).broadcast_only(true),
            );
            let unjoined = left.member("d@left", &settings(GROUP).broadcast_only(true));
            assert_eq!(subnet.notices(&left), [Notice::UnicastAddress(SUBNET)]);
            let broadcast = Notice::BroadcastAddress(Ipv4Addr::BROADCAST);
            assert_eq!(limited.notices(&left), [broadcast]);
            assert_eq!(quiet.notices(&left), []);
            assert_eq!(unjoined.notices(&left), [Notice::GroupNotJoined(GROUP)]);
            left.plug(&right);
            assert_eq!(subnet.notices(&left), [Notice::BroadcastAddress(SUBNET)]);
            for member in [&subnet, &limited, &quiet, &unjoined] {
                assert_eq!(member.notices(&left), []);
            }
        },
    );
}
