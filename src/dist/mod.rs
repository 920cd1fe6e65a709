//! The distribution protocol: handshake, frames, control messages. All of it is pure: bytes in, bytes and events out;
//! [`crate::runtime`] owns the sockets.

mod assembly;
mod control;
mod flags;
mod frame;
mod handshake;
mod liveness;
#[cfg(test)]
mod tests;

pub use control::{Control, ControlError, Spawn, Spawned, Target};
pub use flags::Flags;
pub use frame::{
    FRAGMENT_SIZE, Frame, FrameDecoder, FrameError, FrameLimits, Framing, Payload, TICK,
    encode_frame, encode_in_pieces, fragments,
};
pub use handshake::{
    AcceptProgress, Acceptor, Connected, Decision, HandshakeError, Hello, InitiateProgress,
    Initiator, Local, Stage,
};
pub use liveness::{Liveness, LivenessClock};
