use proptest::prelude::*;

use super::*;

fn local(name: &str, cookie: &str) -> Local {
    Local {
        name: name.parse().unwrap(),
        creation: 7,
        flags: Flags::OFFERED,
        cookie: Cookie::new(cookie),
    }
}

/// Both machines against each other. What each side comes to, the initiator's first.
fn shake(
    one: Local,
    other: Local,
    decision: Decision,
    dead: bool,
) -> (
    Result<Connected, HandshakeError>,
    Result<Connected, HandshakeError>,
) {
    let dialled = other.name.clone();
    let mut acceptor = Acceptor::new(other, 0xffff_fffe);
    let (mut initiator, first) = Initiator::new(one, dialled, 3);
    let mut to_acceptor = vec![first];
    let accepted = loop {
        let Some(message) = to_acceptor.pop() else {
            break Err(HandshakeError::Closed(acceptor.stage()));
        };
        let mut replies = match acceptor.receive(&message) {
            Ok(AcceptProgress::Decide(_)) => match acceptor.decide(decision) {
                Ok(replies) => replies,
                Err(error) => {
                    let farewell = Acceptor::farewell(&error).unwrap();
                    return (
                        initiator.receive(&farewell).map(|_| unreachable!()),
                        Err(error),
                    );
                }
            },
            Ok(AcceptProgress::Send(reply)) => vec![reply],
            Ok(AcceptProgress::Done(ack, connected)) => {
                let done = initiator.receive(&ack);
                let ours = done.map(|progress| match progress {
                    InitiateProgress::Done(connected) => connected,
                    other => panic!("{other:?}"),
                });
                return (ours, Ok(connected));
            }
            Err(error) => break Err(error),
        };
        for reply in replies.drain(..) {
            match initiator.receive(&reply) {
                Ok(InitiateProgress::Wait) => {}
                Ok(InitiateProgress::Send(message)) => to_acceptor.push(message),
                Ok(InitiateProgress::Alive) => to_acceptor.push(initiator.alive(dead)),
                Ok(InitiateProgress::Done(_)) => panic!("done before the ack"),
                Err(error) => return (Err(error), Err(HandshakeError::Closed(acceptor.stage()))),
            }
        }
    };
    (Err(initiator.closed()), accepted)
}

#[test]
fn both_sides_come_to_the_same_connection() {
    let (ours, theirs) = shake(local("a@x", "c"), local("b@x", "c"), Decision::Ok, false);
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    assert_eq!(ours.peer.as_str(), "b@x");
    assert_eq!(theirs.peer.as_str(), "a@x");
    assert_eq!((ours.flags, ours.creation), (theirs.flags, theirs.creation));
    assert!(!ours.hidden());
}

#[test]
fn a_hidden_side_makes_a_hidden_connection() {
    let mut hidden = local("a@x", "c");
    hidden.flags = Flags::OFFERED_HIDDEN;
    let (ours, theirs) = shake(hidden, local("b@x", "c"), Decision::Ok, false);
    assert!(ours.unwrap().hidden() && theirs.unwrap().hidden());
}

#[test]
fn a_wrong_cookie_is_noticed_by_the_acceptor_and_understood_by_the_initiator() {
    let (ours, theirs) = shake(
        local("a@x", "one"),
        local("b@x", "two"),
        Decision::Ok,
        false,
    );
    assert_eq!(ours, Err(HandshakeError::CookieRefused));
    assert_eq!(theirs, Err(HandshakeError::CookieDiffers));
    assert!(!HandshakeError::CookieDiffers.to_string().contains("one"));
}

#[test]
fn who_must_give_way_gives_way() {
    let shaken = |decision, dead| shake(local("a@x", "c"), local("b@x", "c"), decision, dead);
    let (ours, theirs) = shaken(Decision::Nok, false);
    assert_eq!(
        (ours, theirs),
        (Err(HandshakeError::Nok), Err(HandshakeError::Nok))
    );
    assert!(shaken(Decision::OkSimultaneous, false).0.is_ok());
    assert!(shaken(Decision::Alive, true).1.is_ok());
    assert_eq!(shaken(Decision::Alive, false).1, Err(HandshakeError::Alive));
}

#[test]
fn missing_flags_are_named_by_both_sides() {
    let mut old = local("a@x", "c");
    old.flags = Flags(old.flags.0 & !(Flags::MAP_TAG | Flags::MANDATORY_25_DIGEST).0);
    let (_, theirs) = shake(old.clone(), local("b@x", "c"), Decision::Ok, false);
    assert_eq!(theirs, Err(HandshakeError::FlagsMissing(Flags::MAP_TAG)));
    let (ours, _) = shake(local("b@x", "c"), old, Decision::Ok, false);
    assert!(ours.unwrap_err().to_string().contains("MAP_TAG"));
}

#[test]
fn a_node_that_is_not_who_was_dialled_is_no_connection() {
    let (mut initiator, _) = Initiator::new(local("a@x", "c"), "b@x".parse().unwrap(), 1);
    initiator.receive(b"sok").unwrap();
    let challenge = message::send_challenge("c@x", Flags::OFFERED, 1, 1);
    let error = initiator.receive(&challenge).unwrap_err();
    assert!(matches!(error, HandshakeError::WrongName { .. }), "{error}");
    let own = message::send_name("a@x", Flags::OFFERED, 1);
    let mut acceptor = Acceptor::new(local("a@x", "c"), 1);
    assert_eq!(acceptor.receive(&own), Err(HandshakeError::OwnName));
}

#[test]
fn the_digest_is_that_of_otp() {
    // erl: erlang:md5(["monster", integer_to_list(4294967295)]).
    let expected = [
        157, 255, 217, 10, 72, 196, 106, 130, 119, 66, 155, 253, 239, 192, 46, 190,
    ];
    assert_eq!(digest(&Cookie::new("monster"), u32::MAX), expected);
}

fn nameless(host: &str) -> Initiator {
    let cookie = Cookie::new("c");
    let peer = "b@x".parse().unwrap();
    let (initiator, first) = Initiator::nameless(host, Flags::OFFERED_HIDDEN, cookie, peer, 1);
    let mut reader = message::Reader::new(&first, Stage::Name);
    let named = reader.name().unwrap();
    assert_eq!((named.name.as_str(), named.creation), (host, 0));
    assert!(named.flags.contains(Flags::NAME_ME) && !named.flags.contains(Flags::PUBLISHED));
    initiator
}

fn named(name: &str, creation: u32) -> Vec<u8> {
    let length = (name.len() as u16).to_be_bytes();
    let creation = creation.to_be_bytes();
    [b"snamed:", &length[..], name.as_bytes(), &creation].concat()
}

#[test]
fn a_nameless_node_gets_name_and_creation_of_the_acceptor() {
    let mut initiator = nameless("x");
    assert_eq!(initiator.name(), None);
    // What OTP 25 sent; a later version may append to it.
    let status = [named("2QTCNR3V2PLTS@x", 1_795_440_000), vec![1]].concat();
    assert_eq!(initiator.receive(&status), Ok(InitiateProgress::Wait));
    let name: NodeName = "2QTCNR3V2PLTS@x".parse().unwrap();
    assert_eq!(initiator.name(), Some((&name, 1_795_440_000)));
    let challenge = message::send_challenge("b@x", Flags::OFFERED | Flags::NAME_ME, 1, 1);
    let InitiateProgress::Send(_) = initiator.receive(&challenge).unwrap() else {
        panic!("the reply to the challenge");
    };
    let ack = message::challenge_ack(digest(&Cookie::new("c"), 1));
    let InitiateProgress::Done(connected) = initiator.receive(&ack).unwrap() else {
        panic!("it is done");
    };
    assert!(connected.hidden());
}

#[test]
fn a_name_on_another_host_or_none_is_no_name() {
    let refused = |status: &[u8]| nameless("x").receive(status).unwrap_err();
    for status in [named("a@y", 7), named("x", 7), named("@x", 7)] {
        let malformed = HandshakeError::Malformed {
            stage: Stage::Status,
            offset: 9,
        };
        assert_eq!(refused(&status), malformed);
    }
    let whole = named("a@x", 7);
    for end in 7..whole.len() {
        let cut = refused(&whole[..end]);
        assert!(
            matches!(cut, HandshakeError::Malformed { .. }),
            "{end}: {cut}"
        );
    }
    for word in ["ok", "ok_simultaneous", "nok", "alive"] {
        let error = HandshakeError::NotNamed(word.to_owned());
        assert_eq!(refused(&message::send_status(word)), error);
    }
    assert_eq!(refused(b"snot_allowed"), HandshakeError::NotAllowed);
}

#[test]
fn we_give_no_names() {
    let mut acceptor = Acceptor::new(local("b@x", "c"), 1);
    let first = message::send_name("x", Flags::OFFERED_HIDDEN | Flags::NAME_ME, 0);
    let error = acceptor.receive(&first).unwrap_err();
    assert_eq!(error, HandshakeError::Nameless);
    assert_eq!(Acceptor::farewell(&error), None);
}

#[test]
fn who_has_a_name_takes_no_other() {
    let (mut initiator, _) = Initiator::new(local("a@x", "c"), "b@x".parse().unwrap(), 1);
    let error = initiator.receive(&named("c@x", 7)).unwrap_err();
    assert_eq!(error, HandshakeError::UnknownStatus("named:c@x".to_owned()));
    let own: NodeName = "a@x".parse().unwrap();
    assert_eq!(initiator.name(), Some((&own, 7)));
}

proptest! {
    #[test]
    fn they_agree_whatever_the_names_and_cookies(
        one in "[a-z]{1,8}@[a-z]{1,8}", other in "[A-Z]{1,8}@[a-z]{1,8}",
        cookie in "[ -~]{1,40}", other_cookie in "[ -~]{1,40}",
    ) {
        let (ours, theirs) = shake(local(&one, &cookie), local(&other, &other_cookie), Decision::Ok, false);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
        prop_assert_eq!(ours.is_ok(), cookie == other_cookie);
    }

    #[test]
    fn strange_messages_are_errors(message: Vec<u8>, stage in 0..3usize) {
        let (mut initiator, _) = Initiator::new(local("a@x", "c"), "b@x".parse().unwrap(), 1);
        let challenge = message::send_challenge("b@x", Flags::OFFERED, 1, 1);
        for message in [&b"sok"[..], &challenge].iter().take(stage) {
            initiator.receive(message).unwrap();
        }
        let done = matches!(initiator.receive(&message), Ok(InitiateProgress::Done(_)));
        prop_assert!(!done);
        let named = [b"snamed:", &message[..]].concat();
        for status in [&message, &named] {
            let done = matches!(nameless("x").receive(status), Ok(InitiateProgress::Done(_)));
            prop_assert!(!done);
        }
        let mut acceptor = Acceptor::new(local("a@x", "c"), 1);
        let done = matches!(acceptor.receive(&message), Ok(AcceptProgress::Done(..)));
        prop_assert!(!done);
    }

    #[test]
    fn a_message_that_is_cut_off_is_an_error(at in 0usize..100) {
        let challenge = message::send_challenge("b@x", Flags::OFFERED, 1, 1);
        let at = at % challenge.len();
        let (mut initiator, _) = Initiator::new(local("a@x", "c"), "b@x".parse().unwrap(), 1);
        initiator.receive(b"sok").unwrap();
        let cut = initiator.receive(&challenge[..at]);
        let malformed = matches!(cut, Err(HandshakeError::Malformed { stage: Stage::Challenge, .. }));
        prop_assert!(malformed);
    }
}
