//! Random values and random terms.

use beamlink::term::{Term, deserialize, from_term, serialize, to_term};
use bytes::{Bytes, BytesMut};
use proptest::collection::{btree_map, hash_map, vec};
use proptest::prelude::*;

use super::types::{All, Message, Point, Untagged, User};
use super::{bytes, there_and_back};
use crate::strategy::{any_term, atom_value, identifier};

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_map(|value| if value.is_finite() { value } else { 0.5 })
}

prop_compose! {
    fn point()(x in any::<i64>(), y in finite()) -> Point {
        Point { x, y }
    }
}

pub(super) fn message() -> BoxedStrategy<Message> {
    let leaf = prop_oneof![
        Just(Message::Ping),
        Just(Message::None()),
        ".{0,5}".prop_map(Message::Get),
        (any::<u8>(), point()).prop_map(|(byte, point)| Message::PutBoth(byte, point)),
        (any::<i32>(), prop::option::of(atom_value())).prop_map(|(x, to)| Message::MoveTo {
            x,
            // Some(nil) is None, as documented.
            to: to.filter(|atom| atom.as_str() != "nil"),
        }),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|message| Message::Nested(Box::new(message))),
            vec(inner, 0..4).prop_map(Message::Many),
        ]
    })
    .boxed()
}

pub(super) fn user() -> BoxedStrategy<User> {
    let user = (".{0,8}", any::<Option<u8>>()).prop_map(|(name, age)| User {
        name,
        age,
        boss: None,
    });
    user.prop_recursive(3, 3, 1, |inner| {
        (".{0,8}", any::<Option<u8>>(), inner).prop_map(|(name, age, boss)| User {
            name,
            age,
            boss: Some(Box::new(boss)),
        })
    })
    .boxed()
}

pub(super) fn all() -> BoxedStrategy<All> {
    let numbers = (
        any::<(bool, i8, u64, i128, u128)>(),
        vec(any::<u8>(), 0..40),
        any::<bool>(),
        finite(),
    );
    let texts = (
        any::<char>(),
        ".{0,8}",
        vec(any::<u8>(), 0..8),
        vec(any::<u8>(), 0..8),
        any::<(i32, String, [u16; 3])>(),
    );
    let maps = (
        hash_map(".{0,4}", vec(any::<Option<i32>>(), 0..3), 0..4),
        btree_map(any::<(i32, bool)>(), ".{0,4}", 0..20),
        btree_map(".{0,4}", any::<i32>(), 0..4),
        hash_map(atom_value(), any::<i32>(), 0..4),
        vec((".{0,4}", any::<i32>()), 0..4),
    );
    let rest = (
        ".{0,8}",
        ".{0,8}",
        prop_oneof![Just(Ok(())), message().prop_map(Err)],
        vec(message(), 0..3),
        atom_value(),
        any_term(),
        identifier().prop_filter_map("a pid", |id| id.as_pid().cloned()),
        identifier().prop_filter_map("a reference", |id| id.as_reference().cloned()),
    );
    (numbers, texts, maps, rest)
        .prop_map(|(numbers, texts, maps, rest)| {
            let ((yes, small, large, wide, widest), magnitude, negative, float) = numbers;
            let (letter, text, some, more, (one, other, array)) = texts;
            let (map, by_number, by_name, by_atom, options) = maps;
            let (letters, name, outcome, messages, atom, term, pid, reference) = rest;
            let sign = if negative {
                num_bigint::Sign::Minus
            } else {
                num_bigint::Sign::Plus
            };
            All {
                unit: (),
                yes,
                small,
                large,
                wide,
                widest,
                big: num_bigint::BigInt::from_bytes_le(sign, &magnitude),
                float,
                letter,
                text,
                numbers: some.clone(),
                vec: some,
                bytes: more.into(),
                pair: (one, other),
                array,
                map,
                by_number,
                by_name,
                by_atom,
                options,
                letters,
                name,
                outcome,
                messages,
                atom,
                term,
                pid,
                reference,
            }
        })
        .boxed()
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(all in all(), user in user()) {
        prop_assert_eq!(&there_and_back(&all), &all);
        prop_assert_eq!(&from_term::<All>(&to_term(&all).unwrap()).unwrap(), &all);
        prop_assert_eq!(&there_and_back(&user), &user);
        // Our own reader of terms says the same of these bytes.
        let term = deserialize::<Term>(&bytes(&all)).unwrap();
        prop_assert_eq!(from_term::<All>(&term).unwrap(), all);
    }

    #[test]
    fn a_term_is_written_and_read_as_by_its_own_codec(term in any_term()) {
        let mut own = BytesMut::new();
        term.encode(&mut own).unwrap();
        let own = own.freeze();
        prop_assert_eq!(&bytes(&term), &own);
        prop_assert_eq!(&deserialize::<Term>(&own).unwrap(), &term);
        prop_assert_eq!(&to_term(&term).unwrap(), &term);
        prop_assert_eq!(&from_term::<Term>(&term).unwrap(), &term);
        prop_assert_eq!(&from_term::<(Term, Vec<Term>)>(&Term::tuple([term.clone(), Term::list([term.clone()])])).unwrap(), &(term.clone(), vec![term.clone()]));
        let text = serde_json::to_string(&term).unwrap();
        prop_assert_eq!(serde_json::from_str::<Term>(&text).unwrap(), term);
    }

    #[test]
    fn other_terms_and_damaged_bytes_do_no_harm(
        term in any_term(), all in all(), flips in vec((any::<prop::sample::Index>(), 0u8..8), 0..3)
    ) {
        for bytes in [bytes(&term), bytes(&all)] {
            let mut bytes = bytes.to_vec();
            for (at, bit) in &flips {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            let bytes = Bytes::from(bytes);
            let _ = deserialize::<All>(&bytes);
            let _ = deserialize::<Message>(&bytes);
            let _ = deserialize::<Untagged>(&bytes);
            let _ = deserialize::<serde_json::Value>(&bytes);
            for end in 0..bytes.len() {
                let part = bytes.slice(..end);
                if let Err(error) = deserialize::<All>(&part) {
                    prop_assert!(error.offset <= end, "{}", error);
                }
            }
        }
    }

    #[test]
    fn what_is_read_of_any_bytes_can_be_written(bytes in vec(prop::sample::select(
        vec![0u8, 1, 2, 3, 97, 98, 100, 104, 106, 107, 108, 109, 110, 115, 116, 119]
    ), 0..24)) {
        let bytes = Bytes::from(bytes);
        if let Ok(value) = deserialize::<Untagged>(&bytes) {
            let mut again = BytesMut::new();
            if serialize(&value, &mut again).is_ok() {
                prop_assert_eq!(deserialize::<Untagged>(&again.freeze()).unwrap(), value);
            }
        }
    }
}
