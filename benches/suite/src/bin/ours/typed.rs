//! The five messages as values of Rust, read by serde straight from bytes.

use std::hint::black_box;

use beamlink::term::{Atom, Pid, Reference, Term, as_binary, deserialize};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Answer;
use crate::terms::{bytes, repeat};

#[derive(Serialize, Deserialize)]
enum Call {
    #[serde(rename = "$gen_call")]
    GenCall((Pid, Reference), Request),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Get(Atom),
}

#[derive(Serialize, Deserialize)]
struct Mixed {
    id: u32,
    name: String,
    active: bool,
    score: f64,
    role: Atom,
    tags: Vec<Atom>,
    count: u64,
    parent: Atom,
    email: String,
    at: (u16, u8, u8),
}

#[derive(Serialize, Deserialize)]
struct Event {
    event_id: String,
    event_type: String,
    stream_id: String,
    event_number: u64,
    data: Data,
    metadata: Term,
    created: u64,
    created_epoch: u64,
}

#[derive(Serialize, Deserialize)]
struct Data {
    name: String,
    email: String,
}

#[derive(Serialize, Deserialize)]
struct Binary(#[serde(with = "as_binary")] Bytes);

/// Nanoseconds to read one of them.
pub(crate) fn time(which: &str, slice: f64, hex: &str) -> Answer {
    // As in a message: without the version byte.
    let bytes = bytes(hex)?.slice(1..);
    match which {
        "gen_call" => read::<Call>(slice, &bytes),
        "map" => read::<Mixed>(slice, &bytes),
        "event" => read::<Event>(slice, &bytes),
        "binary" => read::<Binary>(slice, &bytes),
        "integers" => read::<Vec<i64>>(slice, &bytes),
        _ => Err(format!("no such message: {which}").into()),
    }
}

fn read<T: DeserializeOwned>(slice: f64, bytes: &Bytes) -> Answer {
    deserialize::<T>(bytes)?;
    let nanos = repeat(slice, || {
        drop(black_box(deserialize::<T>(black_box(bytes))))
    });
    Ok(vec![nanos])
}
