//! `erpc`: functions on peers, and what a peer reaches when it spawns something here (PROTOCOL.md, D.3;
//! `lib/kernel/src/erpc.erl`).

mod client;
mod server;

pub(crate) use client::Print;
pub use client::{Request, Rpc, RpcError, call, cast, multicall};
pub(crate) use server::Erpc;
