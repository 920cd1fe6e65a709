//! `gen_server`: calls, casts and replies, from both sides (PROTOCOL.md, D.2; `lib/stdlib/src/gen.erl`,
//! `lib/stdlib/src/gen_server.erl`).

mod client;
mod message;

pub use client::{CallError, call, cast, multi_call};
pub use message::{Call, Message};
pub(crate) use message::{next, sent};
