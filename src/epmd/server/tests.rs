use std::sync::mpsc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::task::JoinHandle;

use super::super::{NodeType, RegisterError, lookup, names, register};
use super::*;

const LONG: Duration = Duration::from_secs(10);

/// A server on a free port of loopback, as a task.
fn start(settings: ServerSettings) -> (SocketAddr, JoinHandle<()>) {
    let settings = ServerSettings {
        port: 0,
        addresses: vec![Ipv4Addr::LOCALHOST.into()],
        ..settings
    };
    // The port that is free for IPv4 may be in use for IPv6.
    let mut servers = std::iter::repeat_with(|| EpmdServer::bind(settings.clone()));
    let server = servers.find_map(Result::ok).unwrap();
    let address = (Ipv4Addr::LOCALHOST, server.port()).into();
    (address, tokio::spawn(async { server.run().await }))
}

fn entry(name: &str) -> NodeEntry {
    NodeEntry::new(name, 9100, NodeType::Visible)
}

async fn registered(epmd: SocketAddr) -> Vec<String> {
    let nodes = names(epmd, LONG).await.unwrap();
    nodes.into_iter().map(|(name, _)| name).collect()
}

/// Waits until EPMD knows exactly these names.
async fn until(epmd: SocketAddr, names: &[&str]) {
    let known = async {
        while registered(epmd).await != names {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, known).await.unwrap();
}

/// Sends `bytes` and reads until the server closes.
async fn converse_raw(epmd: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(epmd).await.unwrap();
    let mut reply = Vec::new();
    // The server may have closed before it has all, and resets then.
    let _ = stream.write_all(bytes).await;
    let _ = timeout(LONG, stream.read_to_end(&mut reply)).await.unwrap();
    reply
}

#[tokio::test]
async fn a_node_is_found_while_its_connection_stands() {
    let (epmd, _server) = start(ServerSettings::default());
    let mut wanted = entry("ñandú");
    wanted.extra = vec![0, 1, 2];
    let registration = register(epmd, wanted.clone(), LONG).await.unwrap();
    assert!(registration.creation() > 3);
    assert_eq!(lookup(epmd, "ñandú", LONG).await, Ok(wanted.clone()));
    drop(registration);
    until(epmd, &[]).await;
    assert!(lookup(epmd, "ñandú", LONG).await.is_err());
}

#[tokio::test]
async fn a_name_is_free_for_the_next_as_soon_as_its_owner_is_gone() {
    let (epmd, _server) = start(ServerSettings::default());
    let mut creations = Vec::new();
    for _ in 0..20 {
        let registration = register(epmd, entry("a"), LONG).await.unwrap();
        let name = String::from("a");
        let taken = register(epmd, entry("a"), LONG).await.unwrap_err();
        assert_eq!(taken, RegisterError::NameTaken { name, epmd });
        creations.push(registration.creation());
    }
    for pair in creations.windows(2) {
        assert_eq!(pair[1], pair[0].wrapping_add(1).max(4));
    }
}

/// On a clock that stands still while anything is left to do.
#[tokio::test(start_paused = true)]
async fn a_name_that_comes_free_while_it_is_asked_for_is_granted() {
    let (epmd, _server) = start(ServerSettings::default());
    let first = register(epmd, entry("a"), LONG).await.unwrap();
    let second = tokio::spawn(register(epmd, entry("a"), LONG));
    sleep(Duration::from_millis(50)).await;
    assert!(!second.is_finished());
    drop(first);
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_alive_reply_is_one_segment_and_any_byte_more_unregisters() {
    let (epmd, _server) = start(ServerSettings::default());
    let mut stream = TcpStream::connect(epmd).await.unwrap();
    let request = Request::Alive2(entry("a")).encode().unwrap();
    stream.write_all(&request).await.unwrap();
    let mut reply = [0; 64];
    assert_eq!(stream.read(&mut reply).await.unwrap(), 6);
    until(epmd, &["a"]).await;
    stream.write_all(&[0]).await.unwrap();
    assert_eq!(
        timeout(LONG, stream.read(&mut reply))
            .await
            .unwrap()
            .unwrap(),
        0
    );
    until(epmd, &[]).await;
}

#[tokio::test]
async fn answers_end_with_the_connection() {
    let (epmd, _server) = start(ServerSettings::default());
    let _a = register(epmd, entry("a"), LONG).await.unwrap();
    assert_eq!(converse_raw(epmd, b"\0\x02zb").await, b"w\x01");
    assert_eq!(converse_raw(epmd, b"\0\x02za").await.len(), 15);
    let port = u32::from(epmd.port()).to_be_bytes();
    let names = [&port[..], b"name a at port 9100\n"].concat();
    assert_eq!(converse_raw(epmd, b"\0\x01n").await, names);
    let dump = [&port[..], b"active name     <a> at port 9100, fd = 1\n\0"].concat();
    assert_eq!(converse_raw(epmd, b"\0\x01d").await, dump);
    assert_eq!(converse_raw(epmd, b"\0\x01k").await, b"NO");
    assert_eq!(converse_raw(epmd, b"\0\x02sa").await, b"");
    assert_eq!(converse_raw(epmd, b"\0\x01n\0\x01n").await, b"");
    until(epmd, &["a"]).await;
}

#[tokio::test]
async fn a_request_in_pieces_is_a_request() {
    let (epmd, _server) = start(ServerSettings::default());
    let mut stream = TcpStream::connect(epmd).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in Request::Alive2(entry("a")).encode().unwrap() {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    until(epmd, &["a"]).await;
}

#[tokio::test]
async fn who_registers_nothing_is_not_kept() {
    let (epmd, _server) = start(ServerSettings {
        idle_limit: Duration::from_millis(200),
        ..ServerSettings::default()
    });
    let _a = register(epmd, entry("a"), LONG).await.unwrap();
    assert_eq!(converse_raw(epmd, b"").await, b"");
    assert_eq!(converse_raw(epmd, b"\0\x0ex").await, b"");
    let taken = Request::Alive2(entry("a")).encode().unwrap();
    assert_eq!(converse_raw(epmd, &taken).await, b"v\x01\0\0\0\x63");
    assert_eq!(registered(epmd).await, ["a"]);
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_and_harm_no_others() {
    let (epmd, _server) = start(ServerSettings {
        max_local: 2,
        ..ServerSettings::default()
    });
    let a = register(epmd, entry("a"), LONG).await.unwrap();
    let b = register(epmd, entry("b"), LONG).await.unwrap();
    assert!(register(epmd, entry("c"), LONG).await.is_err());
    drop(b);
    until(epmd, &["a"]).await;
    drop(a);
}

#[tokio::test]
async fn hundreds_of_nodes_are_kept() {
    let (epmd, _server) = start(ServerSettings::default());
    let mut nodes = Vec::new();
    for number in 0..300 {
        let name = format!("node{number}");
        nodes.push(register(epmd, entry(&name), LONG).await.unwrap());
    }
    assert_eq!(registered(epmd).await.len(), 300);
    assert_eq!(registered(epmd).await[0], "node299");
    nodes.truncate(1);
    until(epmd, &["node0"]).await;
}

#[tokio::test]
async fn random_bytes_break_nothing() {
    let (epmd, _server) = start(ServerSettings::default());
    let _a = register(epmd, entry("a"), LONG).await.unwrap();
    let tagged = prop::sample::select(&b"xznkds"[..]);
    let request = (tagged, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(tag, rest)| {
        [&(rest.len() as u16 + 1).to_be_bytes()[..], &[tag], &rest].concat()
    });
    let noise = prop::collection::vec(any::<u8>(), 0..4000);
    let bytes = prop_oneof![request, noise];
    let mut runner = TestRunner::deterministic();
    for _ in 0..300 {
        let bytes = bytes.new_tree(&mut runner).unwrap().current();
        let mut stream = TcpStream::connect(epmd).await.unwrap();
        let _ = stream.write_all(&bytes).await;
        stream.shutdown().await.unwrap();
        let _ = timeout(LONG, stream.read_to_end(&mut Vec::new()))
            .await
            .unwrap();
    }
    assert_eq!(lookup(epmd, "a", LONG).await, Ok(entry("a")));
    until(epmd, &["a"]).await;
}

/// One thread, because the subscriber is that of this thread.
#[tokio::test(flavor = "current_thread")]
async fn garbage_is_reported_with_its_source() {
    let (lines, log) = mpsc::channel();
    let _guard = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Lines(lines.clone()))
            .finish(),
    );
    let (epmd, _server) = start(ServerSettings::default());
    let mut stream = TcpStream::connect(epmd).await.unwrap();
    let source = stream.local_addr().unwrap().to_string();
    stream.write_all(b"\0\x05GET /").await.unwrap();
    assert_eq!(
        timeout(LONG, stream.read(&mut [0])).await.unwrap().unwrap(),
        0
    );
    let text = String::from_utf8(log.try_iter().flatten().collect()).unwrap();
    assert!(text.contains(&source), "{text}");
    assert!(
        text.contains("no EPMD message begins with the byte 0x47 (at byte 0)"),
        "{text}"
    );
}

/// One thread, because the subscriber is that of this thread.
#[tokio::test(flavor = "current_thread")]
async fn a_flood_of_garbage_does_not_flood_the_log() {
    let (lines, log) = mpsc::channel();
    let _guard = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Lines(lines.clone()))
            .finish(),
    );
    let (epmd, _server) = start(ServerSettings::default());
    for _ in 0..100 {
        assert_eq!(converse_raw(epmd, b"\0\x05GET /").await, b"");
    }
    let text = String::from_utf8(log.try_iter().flatten().collect()).unwrap();
    let told = text.matches("EPMD closed a connection").count();
    assert!((1..=20).contains(&told), "{told} complaints");
}

struct Lines(mpsc::Sender<Vec<u8>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_port_has_one_epmd() {
    let (epmd, server) = start(ServerSettings::default());
    let again = ServerSettings {
        port: epmd.port(),
        ..ServerSettings::default()
    };
    let refused = EpmdServer::bind(again.clone()).unwrap_err();
    assert!(matches!(refused, ServeError::PortInUse { .. }), "{refused}");
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
    EpmdServer::bind(again).unwrap();
}

#[tokio::test]
async fn an_address_of_another_host_is_an_error() {
    let elsewhere = ServerSettings {
        port: 0,
        addresses: vec![Ipv4Addr::new(192, 0, 2, 1).into()],
        ..ServerSettings::default()
    };
    let error = EpmdServer::bind(elsewhere).unwrap_err();
    assert!(matches!(error, ServeError::Listen { .. }), "{error}");
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}

#[test]
fn this_host_is_loopback_or_the_address_that_was_called() {
    let same = |peer: &str, own: &str| same_host(peer.parse().unwrap(), own.parse().unwrap());
    assert!(same("127.0.0.1", "127.0.0.1"));
    assert!(same("127.3.2.1", "10.0.0.1"));
    assert!(same("::1", "::1"));
    assert!(same("::ffff:127.0.0.1", "::ffff:127.0.0.1"));
    assert!(same("10.0.0.1", "10.0.0.1"));
    assert!(same("fe80::1", "fe80::1"));
    assert!(!same("10.0.0.2", "10.0.0.1"));
    assert!(!same("fe80::2", "fe80::1"));
    assert!(!same("::ffff:10.0.0.2", "10.0.0.1"));
}

#[test]
fn loopback_is_always_served_and_nothing_twice() {
    let served = |addresses: &[&str]| {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let places = places(&addresses);
        let texts = places
            .iter()
            .map(|place| (place.address.to_string(), place.required));
        texts.collect::<Vec<_>>()
    };
    let expect = |places: &[(&str, bool)]| {
        let owned = places
            .iter()
            .map(|(text, required)| (String::from(*text), *required));
        owned.collect::<Vec<_>>()
    };
    assert_eq!(served(&[]), expect(&[("0.0.0.0", true), ("::", false)]));
    let narrow = [("127.0.0.1", true), ("::1", false), ("10.0.0.1", true)];
    assert_eq!(served(&["10.0.0.1"]), expect(&narrow));
    assert_eq!(served(&["127.0.0.1", "::1", "10.0.0.1"]), expect(&narrow));
    let half = [("0.0.0.0", true), ("::1", false)];
    assert_eq!(served(&["10.0.0.1", "0.0.0.0"]), expect(&half));
}
