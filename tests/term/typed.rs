//! Typed values: the mapping in both directions, against Erlang's and Elixir's own words, and what must be refused.

mod beam;
mod faults;
mod mapping;
mod property;
mod types;

use std::fmt::Debug;

use beamlink::term::{Term, deserialize, from_term, serialize, to_term};
use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes of `value`, and what is left of what stood before them.
fn bytes<T: Serialize + ?Sized>(value: &T) -> bytes::Bytes {
    let mut buffer = BytesMut::from(&b"before"[..]);
    serialize(value, &mut buffer).unwrap();
    assert_eq!(&buffer.split_to(6)[..], b"before");
    buffer.freeze()
}

/// `value` is `erlang`, and both ways round.
#[track_caller]
fn is<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, erlang: &str) {
    writes(&value, erlang);
    reads(erlang, value);
}

#[track_caller]
fn writes<T: Serialize>(value: &T, erlang: &str) {
    let term = Term::parse_erlang(erlang).unwrap();
    assert_eq!(
        to_term(value).unwrap(),
        term,
        "written: {}",
        to_term(value).unwrap().to_erlang()
    );
}

#[track_caller]
fn reads<T: DeserializeOwned + PartialEq + Debug>(erlang: &str, value: T) {
    let term = Term::parse_erlang(erlang).unwrap();
    let read: T = from_term(&term).unwrap_or_else(|error| panic!("{erlang}: {error}"));
    assert_eq!(read, value, "{erlang}");
}

/// The error's text.
#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(erlang: &str, message: &str) {
    let term = Term::parse_erlang(erlang).unwrap();
    let error = from_term::<T>(&term).expect_err(erlang).to_string();
    assert_eq!(error, message, "{erlang}");
}

/// Written and read again.
fn there_and_back<T: Serialize + DeserializeOwned>(value: &T) -> T {
    deserialize(&bytes(value)).unwrap()
}
