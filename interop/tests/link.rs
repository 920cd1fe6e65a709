//! The wire that can be made bad: what it does is felt by the kernels' own TCP and UDP.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use interop::{BlackHole, Bridge, Impairment, Missing, Namespace, skip};

/// Far more than TCP's retransmissions take after a second of silence.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bound once on a host: a process that another test starts holds a closed socket open for a moment.
const PORT: u16 = 24500;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 1);

fn unless_missing(name: &str, test: impl FnOnce() -> Result<(), Missing>) {
    if let Err(missing) = test() {
        skip(name, &missing);
    }
}

fn two(hosts: &[Namespace]) -> [&Namespace; 2] {
    match hosts {
        [one, other] => [one, other],
        _ => panic!("two hosts"),
    }
}

fn tcp(from: &Namespace, to: &Namespace) -> Result<[TcpStream; 2], Missing> {
    let listener = to.inside(|| TcpListener::bind((to.address(), 0)).expect("listen"))?;
    let port = listener.local_addr().expect("bound").port();
    let client = from.inside(|| TcpStream::connect((to.address(), port)).expect("connect"))?;
    let (server, _) = listener.accept().expect("accept");
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("timeout");
    }
    Ok([client, server])
}

fn udp(host: &Namespace, port: u16) -> Result<UdpSocket, Missing> {
    let socket = host.inside(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).expect("bind"))?;
    let timeout = Some(Duration::from_secs(1));
    socket.set_read_timeout(timeout).expect("timeout");
    Ok(socket)
}

/// Who sent what comes next. The end of a process that another test started may interrupt the wait.
fn receive(socket: &UdpSocket) -> io::Result<SocketAddr> {
    loop {
        match socket.recv_from(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => return received.map(|(_, sender)| sender),
        }
    }
}

/// Bytes in which a lost, doubled or swapped piece shows.
fn data(length: usize) -> Vec<u8> {
    let mut state: u64 = 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Sends `data` and tells how long it took until all of it was read, intact.
fn transfer(streams: &mut [TcpStream; 2], data: &[u8]) -> Duration {
    let [client, server] = streams;
    let begin = Instant::now();
    let mut read = vec![0; data.len()];
    thread::scope(|scope| {
        scope.spawn(|| client.write_all(data).expect("write"));
        server.read_exact(&mut read).expect("read");
    });
    let took = begin.elapsed();
    assert!(read == data, "not what was sent");
    took
}

/// The shortest of some trips of a datagram there and back.
fn round_trip(from: &Namespace, to: &Namespace) -> Result<Duration, Missing> {
    let (here, there) = (udp(from, 0)?, udp(to, 0)?);
    let port = there.local_addr().expect("bound").port();
    let trips = (0..20).map(|_| {
        let begin = Instant::now();
        here.send_to(b"!", (to.address(), port)).expect("send");
        let sender = receive(&there).expect("receive");
        there.send_to(b"!", sender).expect("send back");
        receive(&here).expect("receive back");
        begin.elapsed()
    });
    Ok(trips.min().expect("20 trips"))
}

fn retransmitted(host: &Namespace) -> Result<u64, Missing> {
    let snmp = host.inside(|| fs::read_to_string("/proc/thread-self/net/snmp").expect("snmp"))?;
    let mut lines = snmp.lines().filter(|line| line.starts_with("Tcp:"));
    let [Some(names), Some(values)] = [lines.next(), lines.next()] else {
        panic!("{snmp}")
    };
    let mut both = names.split(' ').zip(values.split(' '));
    let found = both.find(|(name, _)| *name == "RetransSegs");
    Ok(found
        .and_then(|(_, value)| value.parse().ok())
        .expect(&snmp))
}

#[test]
fn a_good_wire_is_hardly_felt() {
    unless_missing("a_good_wire_is_hardly_felt", || {
        let (_bridge, hosts) = Bridge::new(&["node0", "node1"])?;
        let [one, other] = two(&hosts);
        let plain = round_trip(one, other)?;
        let link = one.impair(1)?;
        let relayed = round_trip(one, other)?;
        let data = data(50_000_000);
        let out = transfer(&mut tcp(one, other)?, &data);
        let back = transfer(&mut tcp(other, one)?, &data);
        let rate = |took: Duration| data.len() as f64 / 1e6 / took.as_secs_f64();
        let (out, back) = (rate(out), rate(back));
        eprintln!("{plain:?}, relayed {relayed:?}; {out:.0} MB/s out, {back:.0} MB/s back");
        assert!(relayed < plain + Duration::from_millis(5), "{relayed:?}");
        assert!(out > 5.0 && back > 5.0, "{out} {back}");
        drop(link);
        Ok(())
    });
}

#[test]
fn a_delay_is_felt_both_ways_until_it_is_lifted() {
    unless_missing("a_delay_is_felt_both_ways_until_it_is_lifted", || {
        let (_bridge, hosts) = Bridge::new(&["node0", "node1"])?;
        let [one, other] = two(&hosts);
        let link = one.impair(1)?;
        let slow = Impairment {
            delay: Duration::from_millis(100),
            jitter: Duration::from_millis(10),
            ..Impairment::default()
        };
        link.set(slow);
        assert!(round_trip(one, other)? >= 2 * (slow.delay - slow.jitter));
        link.set_in(Impairment::default());
        let half = round_trip(other, one)?;
        assert!(half >= slow.delay - slow.jitter && half < 2 * (slow.delay - slow.jitter));
        link.set(Impairment::default());
        assert!(round_trip(one, other)? < slow.delay - slow.jitter);
        Ok(())
    });
}

#[test]
fn tcp_mends_what_a_bad_wire_does() {
    unless_missing("tcp_mends_what_a_bad_wire_does", || {
        let (_bridge, hosts) = Bridge::new(&["node0", "node1"])?;
        let [one, other] = two(&hosts);
        let link = one.impair(1)?;
        let data = data(5_000_000);
        let mut streams = tcp(one, other)?;
        transfer(&mut streams, &data);
        let before = retransmitted(one)?;
        let lossy = Impairment {
            loss: 0.02,
            ..Impairment::default()
        };
        link.set(lossy);
        let took = transfer(&mut streams, &data);
        let more = retransmitted(one)? - before;
        eprintln!("5 MB in {took:?}: {before} segments sent again before, {more} since");
        // Of some 3450.
        assert!(more > 20 && more > 2 * before, "{before} {more}");
        link.set(Impairment {
            delay: Duration::from_millis(2),
            jitter: Duration::from_millis(1),
            duplicate: 0.02,
            reorder: 0.02,
            ..lossy
        });
        let took = transfer(&mut streams, &data);
        eprintln!("5 MB in {took:?} through all that can befall");
        Ok(())
    });
}

#[test]
fn a_black_hole_swallows_all_until_it_is_lifted() {
    unless_missing("a_black_hole_swallows_all_until_it_is_lifted", || {
        let (_bridge, hosts) = Bridge::new(&["node0", "node1"])?;
        let [one, other] = two(&hosts);
        let link = one.impair(1)?;
        let mut streams = tcp(one, other)?;
        let data = data(1_000_000);
        transfer(&mut streams, &data);
        link.black_holes(&[BlackHole::Out, BlackHole::In]);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_secs(1));
                link.black_holes(&[]);
            });
            let took = transfer(&mut streams, &data);
            assert!(took >= Duration::from_secs(1), "{took:?}");
        });
        Ok(())
    });
}

#[test]
fn a_black_hole_may_swallow_one_way() {
    unless_missing("a_black_hole_may_swallow_one_way", || {
        let (_bridge, hosts) = Bridge::new(&["node0", "node1"])?;
        let [one, other] = two(&hosts);
        let link = one.impair(1)?;
        // The hosts ask for each other before there are holes.
        round_trip(one, other)?;
        let (here, there) = (udp(one, PORT)?, udp(other, PORT)?);
        let out = || hears(&there, &here, other.address());
        let back = || hears(&here, &there, one.address());
        link.black_holes(&[BlackHole::Out]);
        assert!(!out() && back());
        link.black_holes(&[BlackHole::In]);
        assert!(out() && !back());
        link.black_holes(&[]);
        assert!(out() && back());
        Ok(())
    });
}

/// Whether a datagram that `here` sends to `address` arrives.
fn hears(there: &UdpSocket, here: &UdpSocket, address: &str) -> bool {
    here.send_to(b"!", (address, PORT)).expect("send");
    receive(there).is_ok()
}

#[test]
fn a_black_hole_between_two_hosts_is_for_them_and_one_way() {
    unless_missing(
        "a_black_hole_between_two_hosts_is_for_them_and_one_way",
        || {
            let (_bridge, hosts) = Bridge::new(&["node0", "node1", "node2"])?;
            let link = hosts[0].impair(1)?;
            let sockets = hosts.iter().map(|host| {
                let socket = udp(host, PORT)?;
                let address: Ipv4Addr = host.address().parse().expect("an address");
                socket.join_multicast_v4(&GROUP, &address).expect("join");
                socket.set_multicast_loop_v4(false).expect("no loop");
                Ok(socket)
            });
            let sockets: Vec<UdpSocket> = sockets.collect::<Result<_, Missing>>()?;
            let hears = |there: usize, here: usize| {
                hears(&sockets[there], &sockets[here], hosts[there].address())
            };
            // Neighbours ask for each other before there are holes.
            for (there, here) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2)] {
                assert!(hears(there, here), "{there} {here}");
            }
            link.black_holes(&[BlackHole::From(&hosts[1])]);
            assert!(!hears(0, 1) && hears(1, 0) && hears(0, 2) && hears(2, 0));
            sockets[1].send_to(b"!", (GROUP, PORT)).expect("send");
            assert!(receive(&sockets[0]).is_err() && receive(&sockets[2]).is_ok());
            link.black_holes(&[BlackHole::To(&hosts[1])]);
            assert!(hears(0, 1) && !hears(1, 0) && hears(0, 2) && hears(2, 0) && hears(1, 2));
            Ok(())
        },
    );
}

#[test]
fn connections_outlive_that_the_wire_comes_and_goes() {
    unless_missing("connections_outlive_that_the_wire_comes_and_goes", || {
        let (_bridge, hosts) = Bridge::new(&["node0", "node1"])?;
        let [one, other] = two(&hosts);
        let mut streams = tcp(one, other)?;
        let data = data(1_000_000);
        for _ in 0..2 {
            let link = one.impair(1)?;
            transfer(&mut streams, &data);
            link.black_holes(&[BlackHole::Out, BlackHole::In]);
            drop(link);
            transfer(&mut streams, &data);
        }
        Ok(())
    });
}
