//! The Erlang Port Mapper Daemon's protocol: which port does the node `name` on this host listen on?
//!
//! [`lookup`], [`names`] and [`register`] ask an EPMD; [`EpmdServer`] is one, so that no Erlang need be
//! installed; [`EpmdKeeper`] keeps a node registered for as long as it lives, whichever EPMD there is.
//! The wire is described in the
//! [ERTS documents](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#epmd-protocol), the
//! behaviour follows `erts/epmd/src/epmd_srv.c` and `lib/kernel/src/erl_epmd.erl` of OTP.

mod client;
mod codec;
mod complaints;
mod keeper;
mod registry;
mod reply;
mod server;
mod service;

pub use client::{
    AskError, LookupError, RegisterError, Registration, TIME_LIMIT, lookup, names, register,
};
pub use codec::{
    CodecError, CodecFault, MAX_EXTRA, MAX_NAME, MAX_REQUEST, NodeEntry, NodeType, Request,
};
pub use keeper::{EpmdError, EpmdKeeper, EpmdMode, EpmdSettings, EpmdState, UnknownMode};
pub use registry::{NameInUse, Registry};
pub use reply::{AliveReply, NamesReply, PortReply};
pub use server::{EpmdServer, ServeError, ServerSettings};
pub use service::{Answer, Asker, Refusal, answer};

/// The port that EPMD listens on unless `ERL_EPMD_PORT` says otherwise.
pub const DEFAULT_PORT: u16 = 4369;
