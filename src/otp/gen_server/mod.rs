//! `gen_server`: calls, casts and replies, from both sides (PROTOCOL.md, D.2; `lib/stdlib/src/gen.erl`,
//! `lib/stdlib/src/gen_server.erl`).

mod client;
mod message;
mod serve;
mod server;
mod sys;

pub use client::{CallError, call, cast, multi_call};
pub(crate) use message::{Asked, next, sent};
pub use message::{Call, Message};
pub use serve::start;
pub use server::{Answer, Context, From, GenServer, Info, ServerOptions, StartError};
pub(crate) use sys::{Effect, System, asks_for_state, tell_state};
