use proptest::prelude::*;

use super::super::reply::{AliveReply, NamesReply, PortReply};
use super::*;

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_ é漢🦀-]{1,255}"
}

fn entry() -> impl Strategy<Value = NodeEntry> {
    let extra = prop::collection::vec(any::<u8>(), 0..=MAX_EXTRA);
    (
        name(),
        any::<u16>(),
        any::<u8>(),
        any::<u8>(),
        any::<(u16, u16)>(),
        extra,
    )
        .prop_map(
            |(name, port, node_type, protocol, (highest_version, lowest_version), extra)| {
                NodeEntry {
                    name,
                    port,
                    node_type: node_type.into(),
                    protocol,
                    highest_version,
                    lowest_version,
                    extra,
                }
            },
        )
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        entry().prop_map(Request::Alive2),
        name().prop_map(Request::PortPlease2),
        name().prop_map(Request::Stop),
        Just(Request::Names),
        Just(Request::Dump),
        Just(Request::Kill),
    ]
}

fn body(message: &[u8]) -> &[u8] {
    let (header, body) = message.split_first_chunk().unwrap();
    assert_eq!(Request::length(*header), Ok(body.len()));
    body
}

fn fault<T: std::fmt::Debug>(decoded: Result<T, CodecError>) -> (usize, CodecFault) {
    let error = decoded.unwrap_err();
    (error.offset, error.fault)
}

proptest! {
    #[test]
    fn requests_survive_the_wire(request in request()) {
        let message = request.encode().unwrap();
        prop_assert_eq!(Request::decode(body(&message)), Ok(request));
    }

    #[test]
    fn port_replies_survive_the_wire(entry in entry(), result in 1u8..) {
        for reply in [PortReply::Found(entry), PortReply::Unknown(result)] {
            prop_assert_eq!(PortReply::decode(&reply.encode().unwrap()), Ok(reply));
        }
    }

    #[test]
    fn alive_replies_survive_the_wire(result: u8, creation: u32) {
        let wide = AliveReply { result, creation, wide: true };
        let narrow = AliveReply { creation: creation & 0xffff, wide: false, ..wide };
        for reply in [wide, narrow] {
            prop_assert_eq!(AliveReply::decode(&reply.encode()), Ok(reply));
        }
    }

    #[test]
    fn names_replies_survive_the_wire(
        epmd_port: u16,
        nodes in prop::collection::vec((name(), any::<u16>()), 0..20),
    ) {
        let reply = NamesReply { epmd_port, nodes };
        prop_assert_eq!(NamesReply::decode(&reply.encode()), Ok(reply));
    }

    #[test]
    fn a_part_of_a_message_is_truncated_and_nothing_else(entry in entry(), cut: prop::sample::Index) {
        let message = Request::Alive2(entry.clone()).encode().unwrap();
        let cut_at = cut.index(body(&message).len());
        let part = &body(&message)[..cut_at];
        prop_assert_eq!(Request::decode(part), Err(CodecFault::Truncated.at(cut_at)));

        let message = PortReply::Found(entry).encode().unwrap();
        let cut_at = cut.index(message.len());
        let part = &message[..cut_at];
        prop_assert_eq!(PortReply::decode(part), Err(CodecFault::Truncated.at(cut_at)));
    }

    #[test]
    fn any_bytes_are_a_message_or_a_fault_within_them(
        tag in prop::sample::select(&b"xznkdsvywq\0"[..]),
        rest in prop::collection::vec(any::<u8>(), 0..2100),
    ) {
        let bytes = [&[tag][..], &rest].concat();
        let faults = [
            Request::decode(&bytes).err(),
            AliveReply::decode(&bytes).err(),
            PortReply::decode(&bytes).err(),
            NamesReply::decode(&bytes).err(),
        ];
        for error in faults.into_iter().flatten() {
            prop_assert!(error.offset <= bytes.len(), "{}", error);
        }
    }
}

/// What OTP 25 and 29 send and get, as recorded in PROTOCOL.md, A.1.
#[test]
fn messages_look_as_those_of_otp() {
    let alive = Request::Alive2(NodeEntry::new("a", 0x1234, NodeType::Visible));
    let bytes = [
        0, 14, b'x', 0x12, 0x34, b'M', 0, 0, 6, 0, 5, 0, 1, b'a', 0, 0,
    ];
    assert_eq!(alive.encode().unwrap(), bytes);
    assert_eq!(AliveReply::refused(true).encode(), [b'v', 1, 0, 0, 0, 0x63]);
    assert_eq!(AliveReply::refused(false).encode(), [b'y', 1, 0, 0x63]);
    assert_eq!(Request::Names.encode().unwrap(), [0, 1, b'n']);
    assert_eq!(Request::Dump.encode().unwrap(), [0, 1, b'd']);
    assert_eq!(Request::Kill.encode().unwrap(), [0, 1, b'k']);
    let found = PortReply::Found(NodeEntry::new("a", 0x1234, NodeType::Hidden));
    let bytes = [b'w', 0, 0x12, 0x34, b'H', 0, 0, 6, 0, 5, 0, 1, b'a', 0, 0];
    assert_eq!(found.encode().unwrap(), bytes);
    assert_eq!(
        NamesReply::decode(b"\0\0\x11\x11name a at port 9\nname b c at port 65535\n"),
        Ok(NamesReply {
            epmd_port: 4369,
            nodes: vec![("a".into(), 9), ("b c".into(), 65535)],
        })
    );
}

#[test]
fn faults_say_where_they_are() {
    let alive = |name: &[u8], extra_len: u16| {
        let mut body = b"x\x12\x34M\0\0\x06\0\x05".to_vec();
        body.extend((name.len() as u16).to_be_bytes());
        body.extend(name);
        body.extend(extra_len.to_be_bytes());
        body
    };
    use CodecFault::*;
    assert_eq!(fault(Request::decode(b"")), (0, Truncated));
    assert_eq!(fault(Request::decode(b"GET /")), (0, Tag(b'G')));
    assert_eq!(fault(Request::decode(&alive(b"", 0))), (11, NameEmpty));
    assert_eq!(
        fault(Request::decode(&alive(b"a\xe9", 0))),
        (11, NameEncoding)
    );
    assert_eq!(
        fault(Request::decode(&alive(b"a\0b", 0))),
        (11, NameCharacter)
    );
    assert_eq!(
        fault(Request::decode(&alive(b"a\nname b", 0))),
        (11, NameCharacter)
    );
    assert_eq!(
        fault(Request::decode(&alive(&[b'a'; 256], 0))),
        (11, NameLength(256))
    );
    assert_eq!(
        fault(Request::decode(&alive(&[b'a'; 2000], 0))),
        (11, NameLength(2000))
    );
    assert_eq!(
        fault(Request::decode(&alive(b"a", 1021))),
        (12, ExtraLength(1021))
    );
    assert_eq!(fault(Request::decode(&alive(b"a", 9))), (14, Truncated));
    assert_eq!(fault(Request::decode(b"z")), (1, NameEmpty));
    assert_eq!(
        Request::decode(b"za\0"),
        Ok(Request::PortPlease2("a".into()))
    );
    assert_eq!(fault(Request::decode(b"za\0\0")), (1, NameCharacter));
    assert_eq!(fault(Request::length([0, 0])), (0, Length(0)));
    assert_eq!(fault(Request::length(*b"GE")), (0, Length(0x4745)));
    assert_eq!(
        Request::length((MAX_REQUEST as u16).to_be_bytes()),
        Ok(MAX_REQUEST)
    );
    assert_eq!(fault(AliveReply::decode(b"HTTP/1")), (0, Tag(b'H')));
    assert_eq!(fault(PortReply::decode(b"v\0")), (0, Tag(b'v')));
    let names = b"\0\0\x11\x11name a at port 9\nname b at prt 9\n";
    assert_eq!(fault(NamesReply::decode(names)), (21, Line));
    assert_eq!(fault(NamesReply::decode(&names[..20])), (20, Truncated));
    assert_eq!(fault(NamesReply::decode(b"\0\x01\0\0")), (0, Line));
}

#[test]
fn what_no_epmd_takes_is_not_sent() {
    let mut entry = NodeEntry::new("a", 1, NodeType::Visible);
    entry.extra = vec![0; MAX_EXTRA + 1];
    assert_eq!(
        fault(Request::Alive2(entry.clone()).encode()),
        (12, CodecFault::ExtraLength(1021))
    );
    entry.extra.pop();
    entry.name = "🦀".repeat(MAX_NAME);
    let longest = Request::Alive2(entry.clone()).encode().unwrap();
    assert_eq!(longest.len(), 2 + MAX_REQUEST);
    entry.name.push('a');
    assert_eq!(
        fault(Request::Alive2(entry).encode()),
        (11, CodecFault::NameLength(256))
    );
    let lookup = Request::PortPlease2("a\n".into());
    assert_eq!(fault(lookup.encode()), (1, CodecFault::NameCharacter));
}

#[test]
fn an_odd_neighbour_hides_no_other() {
    let reply = NamesReply::decode(b"\0\0\x11\x11name \xe9 at port 1\nname b at port 2\n").unwrap();
    assert_eq!(reply.nodes, [("\u{fffd}".into(), 1), ("b".into(), 2)]);
}
