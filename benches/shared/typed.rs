//! The messages as values of Rust; the list of integers is a `Vec<i64>`.

use beamlink::term::{Atom, Pid, Reference, Term, as_binary};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) enum Call {
    #[serde(rename = "$gen_call")]
    GenCall((Pid, Reference), Request),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    Get(Atom),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Mixed {
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
pub(crate) struct Event {
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
pub(crate) struct Data {
    name: String,
    email: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Binary(#[serde(with = "as_binary")] Bytes);
