use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::super::NodeType;
use super::*;

const LONG: Duration = Duration::from_secs(10);

/// An EPMD that reads one request, writes `reply` in the given pieces, and then keeps the connection or not.
async fn fake(pieces: &[&[u8]], keep_open: bool) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut header = [0; 2];
        stream.read_exact(&mut header).await.unwrap();
        let mut body = vec![0; u16::from_be_bytes(header).into()];
        stream.read_exact(&mut body).await.unwrap();
        for piece in pieces {
            stream.write_all(&piece).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        if keep_open {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            assert!(rest.is_empty(), "the client wrote more than its request");
        }
        body
    });
    (address, task)
}

fn entry() -> NodeEntry {
    NodeEntry::new("a", 0x1234, NodeType::Visible)
}

const FOUND: &[u8] = b"w\0\x12\x34M\0\0\x06\0\x05\0\x01a\0\0";

#[tokio::test]
async fn a_found_node_is_returned_whole_even_in_single_bytes_and_without_an_end() {
    let pieces: Vec<&[u8]> = FOUND.chunks(1).collect();
    let (epmd, fake) = fake(&pieces, true).await;
    assert_eq!(lookup(epmd, "a", LONG).await, Ok(entry()));
    assert_eq!(fake.await.unwrap(), b"za");
}

#[tokio::test]
async fn each_way_to_fail_has_its_name_and_address() {
    let unused = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    unused
        .bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into())
        .unwrap();
    let epmd = unused.local_addr().unwrap().as_socket().unwrap();
    let kind = ErrorKind::ConnectionRefused;
    let dead = AskError::Unreachable { epmd, kind };
    assert_eq!(lookup(epmd, "a", LONG).await, Err(dead.clone().into()));
    assert_eq!(names(epmd, LONG).await, Err(dead.clone()));
    assert_eq!(
        register(epmd, entry(), LONG).await.unwrap_err(),
        dead.clone().into()
    );
    assert!(dead.to_string().contains(&epmd.to_string()), "{dead}");

    let (epmd, task) = fake(&[], true).await;
    let limit = Duration::from_millis(50);
    assert_eq!(
        lookup(epmd, "a", limit).await,
        Err(AskError::Silent { epmd, limit }.into())
    );
    task.await.unwrap();

    let (epmd, _) = fake(&[], false).await;
    assert_eq!(
        lookup(epmd, "a", LONG).await,
        Err(AskError::Closed { epmd }.into())
    );

    let (epmd, _) = fake(&[b"w\x01"], false).await;
    let name = String::from("a");
    assert_eq!(
        lookup(epmd, "a", LONG).await,
        Err(LookupError::UnknownName { name, epmd })
    );

    let (epmd, _) = fake(&[b"HTTP/1.1 400 Bad Request"], false).await;
    let error = CodecFault::Tag(b'H').at(0);
    assert_eq!(
        lookup(epmd, "a", LONG).await,
        Err(AskError::Malformed { epmd, error }.into())
    );

    let (epmd, _) = fake(&[&FOUND[..9]], false).await;
    let error = CodecFault::Truncated.at(9);
    assert_eq!(
        lookup(epmd, "a", LONG).await,
        Err(AskError::Malformed { epmd, error }.into())
    );

    let (epmd, _) = fake(&[b"v\x01\0\0\0\x63"], true).await;
    let name = String::from("a");
    let taken = RegisterError::NameTaken { name, epmd };
    assert_eq!(register(epmd, entry(), LONG).await.unwrap_err(), taken);

    let nobody = lookup(epmd, "", LONG).await.unwrap_err();
    assert!(matches!(nobody, LookupError::BadName { .. }), "{nobody}");
}

#[tokio::test]
async fn names_are_all_that_comes_before_the_end() {
    let (epmd, _) = fake(
        &[b"\0\0\x11\x11name a a", b"t port 7\nname b at port 8\n"],
        false,
    )
    .await;
    let both = vec![("a".into(), 7), ("b".into(), 8)];
    assert_eq!(names(epmd, LONG).await, Ok(both));
}

#[tokio::test]
async fn an_endless_reply_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let epmd = listener.local_addr().unwrap();
    let flood = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = 0;
        while stream.write_all(&[b'n'; 4096]).await.is_ok() {
            sent += 4096;
        }
        sent
    });
    let error = names(epmd, LONG).await.unwrap_err();
    let AskError::Malformed { error, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(error.fault, CodecFault::Length(_)), "{error}");
    assert!(flood.await.unwrap() < 64 * MAX_NAMES_REPLY);
}

#[tokio::test]
async fn a_registration_lasts_until_either_side_ends_it() {
    let (epmd, fake_task) = fake(&[b"v\0\xde\xad\xbe\xef"], true).await;
    let registration = register(epmd, entry(), LONG).await.unwrap();
    assert_eq!(
        (registration.creation(), registration.epmd()),
        (0xdead_beef, epmd)
    );
    assert!(!fake_task.is_finished());
    drop(registration);
    assert_eq!(
        fake_task.await.unwrap(),
        b"x\x12\x34M\0\0\x06\0\x05\0\x01a\0\0"
    );

    let (epmd, _) = fake(&[b"y\0\0\x03"], false).await;
    let mut registration = register(epmd, entry(), LONG).await.unwrap();
    assert_eq!(registration.creation(), 3);
    timeout(LONG, registration.lost()).await.unwrap();
}
