//! What is refused, and where it says it lies.

use std::collections::{BTreeMap, HashMap};

use beamlink::term::{
    Atom, DeserializeFault, Fault, SerializeError, Term, deserialize, serialize, to_term,
};
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::types::{Message, Untagged};
use super::{bytes, refuses};

#[test]
fn what_no_term_can_express_is_refused_and_leaves_the_buffer() {
    leaves_the_buffer(&(1, f64::NAN), SerializeError::Float);
    leaves_the_buffer(&[f32::INFINITY], SerializeError::Float);
    leaves_the_buffer(&Twice(2), SerializeError::DuplicateKey);
    leaves_the_buffer(&Twice(30), SerializeError::DuplicateKey);
    #[derive(Serialize)]
    struct Long(#[serde(with = "beamlink::term::as_atom")] String);
    assert!(to_term(&Long("日".repeat(255))).is_ok());
    let error = to_term(&Long("日".repeat(256))).unwrap_err();
    assert!(matches!(error, SerializeError::Atom(_)), "{error}");
    #[derive(Serialize)]
    struct NoText(#[serde(with = "beamlink::term::keyword")] Vec<(i32, i32)>);
    let error = to_term(&NoText(vec![(1, 2)])).unwrap_err();
    assert!(matches!(error, SerializeError::Helper(_)), "{error}");
}

fn leaves_the_buffer(value: &impl Serialize, expected: SerializeError) {
    let mut buffer = BytesMut::from(&b"before"[..]);
    assert_eq!(serialize(value, &mut buffer), Err(expected));
    assert_eq!(&buffer[..], b"before");
}

/// A map of so many keys, and the last one again.
struct Twice(u32);

impl Serialize for Twice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // With a map as the first value, whose keys are none of this one's.
        let inner = BTreeMap::from([(self.0 - 1, ())]);
        let keys = (0..self.0).chain([self.0 - 1]);
        serializer.collect_map(keys.map(|key| (key, &inner)))
    }
}

#[test]
fn maps_within_maps_have_keys_of_their_own() {
    let inner: BTreeMap<u32, u32> = (0..20).map(|key| (key, key)).collect();
    let outer: BTreeMap<u32, _> = (0..20).map(|key| (key, inner.clone())).collect();
    let read: BTreeMap<u32, BTreeMap<u32, u32>> = super::there_and_back(&outer);
    assert_eq!(read, outer);
}

#[test]
fn faults_say_where() {
    refuses::<HashMap<String, Vec<(u8, Message)>>>(
        "#{<<\"users\">> => [{1,ping},{2,{get,x}}]}",
        "invalid type: the atom \"x\", expected a string, in users[1][1] at byte 41",
    );
    refuses::<(u8, u8)>(
        "{1,2,3}",
        "invalid length 3, expected a tuple of size 2, at byte 0",
    );
    refuses::<Vec<u8>>("[1,2|3]", "the list is improper, at byte 9");
    refuses::<Vec<u8>>(
        "[1,300]",
        "invalid value: integer `300`, expected u8, in [1] at byte 7",
    );
    refuses::<String>(
        "<<255>>",
        "invalid value: byte array, expected a string, at byte 0",
    );
    refuses::<Atom>("1", "invalid type: an integer, expected an atom, at byte 0");
    refuses::<bool>(
        "yes",
        "invalid type: the atom \"yes\", expected a boolean, at byte 0",
    );
    for (bytes, offset, fault) in [
        (&[][..], 0, Fault::Truncated),
        (&[97], 1, Fault::Truncated),
        (&[97, 1, 97], 2, Fault::Trailing),
        (&[82, 1], 0, Fault::Tag(82)),
        (&[108, 0, 0, 0, 9, 97, 1], 0, Fault::Length(10)),
    ] {
        let bytes = Bytes::from_static(bytes);
        let error = match bytes.first() {
            Some(108) => deserialize::<Vec<u8>>(&bytes).unwrap_err(),
            _ => deserialize::<u8>(&bytes).unwrap_err(),
        };
        let known = DeserializeFault::Bytes(fault);
        assert_eq!((error.offset, error.fault), (offset, known), "{bytes:?}");
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tree(Vec<Tree>);

fn lists(levels: u32) -> Bytes {
    let mut bytes = BytesMut::new();
    for _ in 1..levels {
        bytes.extend_from_slice(&[108, 0, 0, 0, 1]);
    }
    bytes.extend_from_slice(&[106]);
    bytes.extend(std::iter::repeat_n(106, levels as usize - 1));
    bytes.freeze()
}

#[test]
fn depth_is_bounded() {
    assert!(deserialize::<Tree>(&lists(128)).is_ok());
    for levels in [129, 100_000] {
        let error = deserialize::<Tree>(&lists(levels)).unwrap_err();
        assert_eq!(
            (error.offset, error.fault),
            (128 * 5, DeserializeFault::Depth)
        );
        assert!(deserialize::<Untagged>(&lists(levels)).is_err());
        assert!(deserialize::<serde_json::Value>(&lists(levels)).is_err());
        // These do not recurse.
        assert!(deserialize::<Term>(&lists(levels)).is_ok());
        assert!(deserialize::<serde::de::IgnoredAny>(&lists(levels)).is_ok());
    }
}

#[test]
fn old_forms_are_read() {
    let read = |bytes: &'static [u8]| deserialize::<Vec<Option<u32>>>(&Bytes::from_static(bytes));
    let some = |numbers: &[u32]| Ok(numbers.iter().copied().map(Some).collect::<Vec<_>>());
    assert_eq!(read(&[107, 0, 2, 1, 2]), some(&[1, 2]));
    assert_eq!(read(&[107, 0, 0]), some(&[]));
    assert_eq!(
        read(&[108, 0, 0, 0, 1, 97, 1, 107, 0, 2, 2, 3]),
        some(&[1, 2, 3])
    );
    assert_eq!(
        read(&[108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 106]),
        some(&[1, 2])
    );
    assert_eq!(read(&[108, 0, 0, 0, 0, 106]), some(&[]));
    assert_eq!(
        read(&[108, 0, 0, 0, 1, 110, 3, 0, 5, 0, 0, 106]),
        some(&[5])
    );
    let atom = |bytes: &'static [u8]| deserialize::<Atom>(&Bytes::from_static(bytes)).unwrap();
    assert_eq!(atom(&[100, 0, 2, b'o', b'k']).as_str(), "ok");
    assert_eq!(atom(&[115, 2, b'o', 0xe4]).as_str(), "oä");
    assert_eq!(atom(&[118, 0, 2, b'o', b'k']).as_str(), "ok");
    let whole = Bytes::from_static(&[77, 0, 0, 0, 1, 8, b'x']);
    assert_eq!(deserialize::<String>(&whole), Ok("x".to_owned()));
    assert_eq!(
        deserialize::<Untagged>(&whole),
        Ok(Untagged::Text("x".into()))
    );
    let part = Bytes::from_static(&[77, 0, 0, 0, 1, 7, b'x']);
    assert!(deserialize::<String>(&part).is_err());
    let kept = deserialize::<Untagged>(&Bytes::from_static(&[115, 2, b'o', 0xe4]));
    assert_eq!(kept, Ok(Untagged::Atom(Atom::new("oä").unwrap())));
    assert!(deserialize::<f32>(&bytes(&1e300)).is_err());
    let float = [&[99][..], b"-1.50000000000000000000e+01\0\0\0\0"].concat();
    assert_eq!(deserialize::<f64>(&float.into()), Ok(-15.0));
    let message = Bytes::from_static(&[
        105, 0, 0, 0, 2, 100, 0, 3, b'g', b'e', b't', 109, 0, 0, 0, 1, b'k',
    ]);
    assert_eq!(
        deserialize::<Message>(&message),
        Ok(Message::Get("k".into()))
    );
}

#[test]
fn what_a_type_leaves_is_refused() {
    struct First;

    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<First, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = First;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("elements")
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut all: A,
                ) -> Result<First, A::Error> {
                    all.next_element::<u8>().map(|_| First)
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut all: A,
                ) -> Result<First, A::Error> {
                    all.next_entry::<u8, u8>().map(|_| First)
                }
            }
            deserializer.deserialize_any(Visitor)
        }
    }
    assert!(deserialize::<First>(&bytes(&[1])).is_ok());
    assert!(deserialize::<First>(&bytes(&vec![1])).is_ok());
    for left in [
        bytes(&[1, 2]),
        bytes(&vec![1, 2]),
        bytes(&BTreeMap::from([(1, 1), (2, 2)])),
    ] {
        let error = deserialize::<First>(&left).err().unwrap();
        assert_eq!(
            error.to_string(),
            "there are more than 1 elements or pairs, at byte 0"
        );
    }
}
