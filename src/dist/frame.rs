//! Frames of the connected phase: four bytes of length, then a signal, a part of one, or nothing (a tick).
//!
//! Which form they have was settled by the flags ([`Framing`]): the pass-through form `p`, or the distribution
//! header, without an atom cache, that comes with FRAGMENTS (PROTOCOL.md, C.2; `erts/emulator/beam/dist.c`).

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::assembly::{Assembly, Head, Progress};
use super::control::{Control, ControlError};
use super::flags::Flags;
use crate::term::{
    DecodeError, Decoder, Encode, EncodeError, Pieces, SerializeError, Term, append,
};

/// A frame that says nothing but that we live.
pub const TICK: [u8; 4] = [0; 4];
/// A signal larger than this is sent in fragments, as `ERTS_DIST_FRAGMENT_SIZE` says.
pub const FRAGMENT_SIZE: usize = 64 * 1024;

const VERSION: u8 = 131;
const PASS_THROUGH: u8 = b'p';
const HEADER: u8 = b'D';
const FIRST_FRAGMENT: u8 = b'E';
const NEXT_FRAGMENT: u8 = b'F';

/// The form of all frames of a connection, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `p`, and each term with its version byte.
    PassThrough,
    /// `131 D 0`, and terms without version bytes; large signals in fragments.
    Header,
}

impl Framing {
    /// What the negotiated flags ask for.
    pub fn of(flags: Flags) -> Framing {
        match flags.contains(Flags::FRAGMENTS) {
            true => Framing::Header,
            false => Framing::PassThrough,
        }
    }
}

/// What a peer may make us hold.
#[derive(Debug, Clone, Copy)]
pub struct FrameLimits {
    /// The longest frame, in bytes.
    pub frame: usize,
    /// All fragments of unfinished signals together, in bytes.
    pub fragments: usize,
    /// Unfinished signals.
    pub sequences: usize,
}

impl Default for FrameLimits {
    fn default() -> FrameLimits {
        FrameLimits {
            frame: 512 * 1024 * 1024,
            fragments: 1024 * 1024 * 1024,
            sequences: 4096,
        }
    }
}

/// Why a connection must end. `offset` counts from the begin of the frame's payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than we take.
    #[error("a frame of {0} bytes is longer than we take")]
    TooLong(usize),
    /// Not the form that was negotiated.
    #[error("a frame begins with {0:02x?}, which is not the form that was negotiated")]
    Form(Vec<u8>),
    /// The control message is no term.
    #[error("the control message is no term: {0}")]
    Term(#[from] DecodeError),
    /// The control message has no meaning.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The control message must be followed by a term, or must not.
    #[error("a control message has a payload where there must be none, or lacks it")]
    Payload,
    /// A fragment that does not continue what came before.
    #[error("fragment {fragment} of sequence {sequence} is out of order, unknown or there twice")]
    Fragment {
        /// The signal that it belongs to.
        sequence: u64,
        /// Its number, which counts down to 1.
        fragment: u64,
    },
    /// More unfinished signals than we hold.
    #[error("fragments of too many or too large unfinished signals")]
    TooMuch,
}

/// The term behind a control message, not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    bytes: Bytes,
    versioned: bool,
}

impl From<Bytes> for Payload {
    /// A payload without the version byte.
    fn from(bytes: Bytes) -> Payload {
        Payload {
            bytes,
            versioned: false,
        }
    }
}

impl Payload {
    /// Its length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "no term is empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The term.
    ///
    /// # Errors
    /// When it is none. The connection is sound all the same: only this message is lost.
    pub fn decode(self) -> Result<Term, DecodeError> {
        let mut decoder = Decoder::new(self.bytes);
        match self.versioned {
            true => decoder.versioned(),
            false => decoder.term(),
        }
    }

    /// What `value` is as the payload of a message.
    ///
    /// # Errors
    /// When it cannot be expressed.
    pub fn of(value: &dyn Encode) -> Result<Payload, SerializeError> {
        let mut bytes = BytesMut::new();
        value.encode_to(&mut bytes)?;
        Ok(Payload {
            bytes: bytes.freeze(),
            versioned: false,
        })
    }

    /// Its bytes, without the version byte.
    pub fn bytes(&self) -> Bytes {
        match self.versioned {
            // A payload in this form was seen to begin with it, or is no term.
            true => self.bytes.slice(1.min(self.bytes.len())..),
            false => self.bytes.clone(),
        }
    }

    /// The same in memory of its own, when it has up to `limit` bytes: it keeps no larger buffer alive.
    pub fn compact(self, limit: usize) -> Payload {
        match self.bytes.len() <= limit {
            true => Payload {
                bytes: Bytes::copy_from_slice(&self.bytes),
                ..self
            },
            false => self,
        }
    }
}

/// One frame, understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// The peer lives.
    Tick,
    /// A part of a signal: the peer lives.
    Part,
    /// A whole signal.
    Signal(Control, Option<Payload>),
}

/// Takes frames off what was received.
#[derive(Debug)]
pub struct FrameDecoder {
    framing: Framing,
    limits: FrameLimits,
    assembly: Assembly,
}

impl FrameDecoder {
    /// A decoder for a connection that has just been made.
    pub fn new(framing: Framing, limits: FrameLimits) -> FrameDecoder {
        FrameDecoder {
            framing,
            limits,
            assembly: Assembly::new(limits),
        }
    }

    /// The next complete frame at the front of `buffer`, which is taken off; `None` while there is none.
    ///
    /// # Errors
    /// See [`FrameError`]: the connection must end.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        if let Some((bytes, missing)) = self.assembly.missing() {
            let part = buffer.split_to(missing.min(buffer.len()));
            append(bytes, &part);
            self.assembly.arrived(part.len())?;
        }
        match self.assembly.completed()? {
            Progress::None => {}
            Progress::Waits => return Ok(None),
            Progress::Complete(whole) => return part_or_signal(whole).map(Some),
        }
        let Some(head) = buffer.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if length > self.limits.frame {
            return Err(FrameError::TooLong(length));
        }
        if buffer.len() < 4 + length {
            self.begin_part(length, buffer)?;
            return Ok(None);
        }
        buffer.advance(4);
        if length == 0 {
            return Ok(Some(Frame::Tick));
        }
        let frame = buffer.split_to(length).freeze();
        self.frame(frame).map(Some)
    }

    /// Where the bytes belong that are to be received next, if it is not the buffer that [`FrameDecoder::next`] is given:
    /// up to so many may be put behind what is there, and must then be told by [`FrameDecoder::arrived`]. So the larger
    /// part of a large signal is not copied.
    pub fn missing(&mut self) -> Option<(&mut BytesMut, usize)> {
        self.assembly.missing()
    }

    /// So many bytes were put where [`FrameDecoder::missing`] said.
    ///
    /// # Errors
    /// See [`FrameError`]: the connection must end.
    pub fn arrived(&mut self, length: usize) -> Result<(), FrameError> {
        self.assembly.arrived(length)
    }

    /// Whether fragments of large signals are still to come: heads are worth to be read alone, then.
    pub fn expects_fragments(&self) -> bool {
        self.assembly.is_waiting()
    }

    /// Takes off what has come of a frame of `length` bytes, if it is a fragment and much of it is missing.
    fn begin_part(&mut self, length: usize, buffer: &mut BytesMut) -> Result<(), FrameError> {
        const BEFORE: usize = 4 + 2 + Head::LENGTH;
        let Some(mut head) = buffer.get(4..BEFORE.min(4 + length)) else {
            return Ok(());
        };
        if self.framing != Framing::Header
            || !head.starts_with(&[VERSION, NEXT_FRAGMENT])
            || head.len() < 2 + Head::LENGTH
        {
            return Ok(());
        }
        head.advance(2);
        let head = Head::take(&mut head);
        let part = buffer.get(BEFORE..).unwrap_or_default();
        let left = length + 4 - buffer.len();
        if self.assembly.go_on_in_part(head, part, left)? {
            buffer.clear();
        }
        Ok(())
    }

    fn frame(&mut self, mut frame: Bytes) -> Result<Frame, FrameError> {
        match (self.framing, frame.as_ref()) {
            (Framing::PassThrough, [PASS_THROUGH, ..]) => {
                frame.advance(1);
                signal(frame, true)
            }
            (Framing::Header, [VERSION, HEADER, 0, ..]) => {
                frame.advance(3);
                signal(frame, false)
            }
            (Framing::Header, [VERSION, FIRST_FRAGMENT, rest @ ..])
                if rest.len() > Head::LENGTH =>
            {
                frame.advance(2);
                let head = Head::take(&mut frame);
                if frame.get_u8() != 0 {
                    return Err(FrameError::Form(vec![VERSION, FIRST_FRAGMENT]));
                }
                if head.fragment == 1 && !self.assembly.has(head) {
                    return signal(frame, false);
                }
                self.assembly.begin(head, &frame)?;
                Ok(Frame::Part)
            }
            (Framing::Header, [VERSION, NEXT_FRAGMENT, rest @ ..])
                if rest.len() >= Head::LENGTH =>
            {
                frame.advance(2);
                let head = Head::take(&mut frame);
                part_or_signal(self.assembly.go_on(head, &frame)?)
            }
            (_, other) => Err(FrameError::Form(other.iter().take(4).copied().collect())),
        }
    }
}

/// What a fragment makes.
fn part_or_signal(whole: Option<Bytes>) -> Result<Frame, FrameError> {
    match whole {
        Some(whole) => signal(whole, false),
        None => Ok(Frame::Part),
    }
}

/// Control message and payload.
fn signal(bytes: Bytes, versioned: bool) -> Result<Frame, FrameError> {
    let (control, rest) = match Control::at_once(&bytes) {
        Some((control, length)) if !versioned => (control, bytes.slice(length..)),
        _ => {
            let mut decoder = Decoder::new(bytes);
            let control = match versioned {
                true => decoder.versioned()?,
                false => decoder.term()?,
            };
            (Control::from_term(&control)?, decoder.remaining())
        }
    };
    let payload = (!rest.is_empty()).then_some(Payload {
        bytes: rest,
        versioned,
    });
    if control.has_payload() != payload.is_some() {
        return Err(FrameError::Payload);
    }
    Ok(Frame::Signal(control, payload))
}

/// Adds one signal to `out` as one complete frame, of any size.
///
/// # Errors
/// When a term cannot be expressed; `out` is then as it was.
pub fn encode_frame(
    framing: Framing,
    control: &Control,
    payload: Option<&dyn Encode>,
    out: &mut BytesMut,
) -> Result<(), SerializeError> {
    Pieces::whole(out, |pieces| {
        encode_in_pieces(framing, control, payload, pieces)
    })
}

/// As [`encode_frame`]; large binaries in it are not copied.
///
/// # Errors
/// As [`encode_frame`].
pub fn encode_in_pieces(
    framing: Framing,
    control: &Control,
    payload: Option<&dyn Encode>,
    out: &mut Pieces,
) -> Result<(), SerializeError> {
    let (start, before) = (out.buffer().len(), out.len());
    let written = write_frame(framing, control, payload, out);
    let length = out.len() - before - 4;
    let written = written.and_then(|()| match u32::try_from(length) {
        Ok(length) => Ok(length),
        Err(_) => Err(SerializeError::Length(EncodeError {
            what: "a signal",
            length,
        })),
    });
    match written {
        Ok(length) => {
            out.buffer()[start..start + 4].copy_from_slice(&length.to_be_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

fn write_frame(
    framing: Framing,
    control: &Control,
    payload: Option<&dyn Encode>,
    pieces: &mut Pieces,
) -> Result<(), SerializeError> {
    let out = pieces.buffer();
    out.put_u32(0);
    match framing {
        Framing::PassThrough => out.put_slice(&[PASS_THROUGH, VERSION]),
        Framing::Header => out.put_slice(&[VERSION, HEADER, 0]),
    }
    control.encode(out)?;
    let Some(payload) = payload else {
        return Ok(());
    };
    if framing == Framing::PassThrough {
        out.put_u8(VERSION);
    }
    payload.encode_in_pieces(pieces)
}

/// Cuts a frame, a whole one in the form [`Framing::Header`], into fragments of [`FRAGMENT_SIZE`]: a head and a body each,
/// which shares the frame's memory. The frame may itself come in pieces. `sequence` must differ from that of all signals
/// that are under way on the connection. The control message must fit into the first fragment.
pub fn fragments(
    frame: impl IntoIterator<Item = Bytes>,
    sequence: u64,
) -> impl Iterator<Item = (Vec<u8>, Vec<Bytes>)> {
    let mut rest: VecDeque<Bytes> = frame.into_iter().collect();
    let mut left: usize = rest.iter().map(Bytes::len).sum();
    let length_and_form = left.min(4 + 3);
    take(&mut rest, length_and_form);
    left -= length_and_form;
    let mut number = left.div_ceil(FRAGMENT_SIZE) as u64;
    let mut first = true;
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let length = left.min(FRAGMENT_SIZE);
        let body = take(&mut rest, length);
        left -= length;
        let kind = if first { FIRST_FRAGMENT } else { NEXT_FRAGMENT };
        let mut head = vec![0; 4];
        head.extend([VERSION, kind]);
        head.extend(sequence.to_be_bytes());
        head.extend(number.to_be_bytes());
        if first {
            head.push(0);
        }
        let length = (head.len() - 4 + length) as u32;
        head[..4].copy_from_slice(&length.to_be_bytes());
        number -= 1;
        first = false;
        Some((head, body))
    })
}

/// Takes `length` bytes, of those that are there, off the front.
fn take(rest: &mut VecDeque<Bytes>, mut length: usize) -> Vec<Bytes> {
    let mut taken = Vec::with_capacity(2);
    while length > 0
        && let Some(front) = rest.front_mut()
    {
        let part = front.split_to(front.len().min(length));
        if front.is_empty() {
            rest.pop_front();
        }
        length -= part.len();
        if !part.is_empty() {
            taken.push(part);
        }
    }
    taken
}
