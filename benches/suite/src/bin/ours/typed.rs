//! The five messages as values of Rust, read by serde straight from bytes.

use std::hint::black_box;

use beamlink::term::deserialize;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::Answer;
use crate::shared::{Binary, Call, Event, Mixed};
use crate::terms::{bytes, repeat};

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
