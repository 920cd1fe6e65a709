//! Types with all that serde's attributes do.

use std::collections::{BTreeMap, HashMap};

use beamlink::term::{Atom, BigInt, Pid, Reference, Term};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Elixir.MyApp.User")]
pub(super) struct User {
    pub(super) name: String,
    pub(super) age: Option<u8>,
    #[serde(with = "beamlink::term::undefined", default)]
    pub(super) boss: Option<Box<User>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) x: i64,
    pub(super) y: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    Ping,
    Get(String),
    PutBoth(u8, Point),
    MoveTo { x: i32, to: Option<Atom> },
    Nested(Box<Message>),
    Many(Vec<Message>),
    None(),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct All {
    pub(super) unit: (),
    pub(super) yes: bool,
    pub(super) small: i8,
    pub(super) large: u64,
    pub(super) wide: i128,
    pub(super) widest: u128,
    #[serde(with = "beamlink::term::as_integer")]
    pub(super) big: BigInt,
    pub(super) float: f64,
    pub(super) letter: char,
    pub(super) text: String,
    pub(super) numbers: Vec<u8>,
    #[serde(with = "beamlink::term::as_binary")]
    pub(super) vec: Vec<u8>,
    pub(super) bytes: Bytes,
    pub(super) pair: (i32, String),
    pub(super) array: [u16; 3],
    pub(super) map: HashMap<String, Vec<Option<i32>>>,
    pub(super) by_number: BTreeMap<(i32, bool), String>,
    #[serde(with = "beamlink::term::atom_keys")]
    pub(super) by_name: BTreeMap<String, i32>,
    pub(super) by_atom: HashMap<Atom, i32>,
    #[serde(with = "beamlink::term::keyword")]
    pub(super) options: Vec<(String, i32)>,
    #[serde(with = "beamlink::term::charlist")]
    pub(super) letters: String,
    #[serde(with = "beamlink::term::as_atom")]
    pub(super) name: String,
    pub(super) outcome: Result<(), Message>,
    pub(super) messages: Vec<Message>,
    pub(super) atom: Atom,
    pub(super) term: Term,
    pub(super) pid: Pid,
    pub(super) reference: Reference,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Untagged {
    Atom(Atom),
    Number(i64),
    Text(String),
    #[serde(with = "beamlink::term::as_integer")]
    Big(BigInt),
    Float(f64),
    Pid(Pid),
    Point(Point),
    #[serde(with = "beamlink::term::as_binary")]
    Binary(Bytes),
    Pair(u8, Box<Untagged>),
    Many(Vec<Untagged>),
    Map(BTreeMap<String, Term>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Tagged {
    Login { user: String, at: u64 },
    Logout(Point),
    Idle,
}

/// Elixir structs that are told apart by `__struct__`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "__struct__")]
pub(super) enum Event {
    #[serde(rename = "Elixir.MyApp.Created")]
    Created { id: u64 },
    #[serde(rename = "Elixir.MyApp.Deleted")]
    Deleted { id: u64, by: Atom },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
pub(super) enum Adjacent {
    One(i32),
    Two(i32, String),
    None,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Flat {
    pub(super) id: u32,
    #[serde(flatten)]
    pub(super) point: Point,
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, Term>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FlatAtoms(#[serde(with = "beamlink::term::atom_keys")] pub(super) Flat);
