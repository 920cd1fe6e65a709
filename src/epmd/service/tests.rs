use proptest::prelude::*;

use super::super::codec::{CodecFault, NodeEntry, NodeType};
use super::*;

const HERE: Asker = Asker {
    local: true,
    connection: 1,
};
const ELSEWHERE: Asker = Asker {
    local: false,
    connection: 2,
};

fn ask(registry: &mut Registry, request: Request, asker: Asker) -> Answer {
    answer(registry, &request.encode().unwrap()[2..], asker, 4369, 1000)
}

fn alive(name: &str, highest_version: u16) -> Request {
    Request::Alive2(NodeEntry {
        highest_version,
        ..NodeEntry::new(name, 9100, NodeType::Visible)
    })
}

#[test]
fn only_this_host_changes_anything() {
    let mut registry = Registry::default();
    let stop = Request::Stop("a".into());
    for (request, what) in [
        (alive("a", 6), "ALIVE2"),
        (Request::Dump, "DUMP"),
        (Request::Kill, "KILL"),
        (stop.clone(), "STOP"),
    ] {
        let refused = ask(&mut registry, request, ELSEWHERE);
        assert_eq!(refused, Answer::Refuse(Refusal::OffHost(what)));
    }
    assert!(registry.lookup("a").is_none());
    assert!(matches!(
        ask(&mut registry, alive("a", 6), HERE),
        Answer::Registered { .. }
    ));
    for asker in [HERE, ELSEWHERE] {
        let found = Request::PortPlease2("a".into());
        assert!(matches!(ask(&mut registry, found, asker), Answer::Reply(reply) if reply[1] == 0));
        let names = b"\0\0\x11\x11name a at port 9100\n".to_vec();
        assert_eq!(
            ask(&mut registry, Request::Names, asker),
            Answer::Reply(names)
        );
    }
    assert_eq!(
        ask(&mut registry, Request::Kill, HERE),
        Answer::Reply(b"NO".to_vec())
    );
    let refused = Answer::Refuse(Refusal::Stop("a".into()));
    assert_eq!(ask(&mut registry, stop, HERE), refused);
    assert!(registry.lookup("a").is_some());
}

#[test]
fn a_kill_ends_nothing_even_when_nobody_is_registered() {
    let killed = ask(&mut Registry::default(), Request::Kill, HERE);
    assert_eq!(killed, Answer::Reply(b"NO".to_vec()));
}

#[test]
fn a_creation_is_as_wide_as_its_node_can_read() {
    let mut registry = Registry::default();
    let reply = |answer| match answer {
        Answer::Registered { reply, .. } | Answer::Taken { reply, .. } => reply,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reply(ask(&mut registry, alive("a", 6), HERE)),
        [b'v', 0, 0, 0, 3, 0xe9]
    );
    assert_eq!(
        reply(ask(&mut registry, alive("a", 6), HERE)),
        [b'v', 1, 0, 0, 0, 99]
    );
    assert_eq!(
        reply(ask(&mut registry, alive("b", 5), HERE)),
        [b'y', 0, 0, 3]
    );
    assert_eq!(
        reply(ask(&mut registry, alive("b", 5), HERE)),
        [b'y', 1, 0, 99]
    );
}

#[test]
fn an_unknown_name_has_no_port() {
    let unknown = ask(
        &mut Registry::default(),
        Request::PortPlease2("x".into()),
        HERE,
    );
    assert_eq!(unknown, Answer::Reply(vec![b'w', 1]));
}

#[test]
fn garbage_is_refused_with_its_place() {
    let refused = answer(&mut Registry::default(), b"GET / HTTP/1.1", HERE, 4369, 0);
    let malformed = CodecFault::Tag(b'G').at(0);
    assert_eq!(refused, Answer::Refuse(Refusal::Malformed(malformed)));
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(
        requests in prop::collection::vec(
            (prop::sample::select(&b"xznkds\0"[..]), prop::collection::vec(any::<u8>(), 0..40), any::<bool>()),
            1..20,
        )
    ) {
        let mut registry = Registry::default();
        for (connection, (tag, rest, local)) in (1..).zip(requests) {
            let body = [&[tag][..], &rest].concat();
            let asker = Asker { local, connection };
            let answer = answer(&mut registry, &body, asker, 4369, 7);
            if let Answer::Registered { name, .. } = answer {
                prop_assert!(local);
                prop_assert!(registry.lookup(&name).is_some());
            }
        }
    }
}
