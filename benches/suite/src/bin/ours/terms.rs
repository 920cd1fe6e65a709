//! Encoding, decoding and passing over terms.

use std::hint::black_box;
use std::time::Instant;

use beamlink::term::{Encode as _, Pieces, decode, skip};
use bytes::{Bytes, BytesMut};

use crate::Answer;

/// Nanoseconds that `work` takes, measured for about `slice` milliseconds.
pub(crate) fn repeat(slice: f64, mut work: impl FnMut()) -> f64 {
    let mut once = |times: u32| {
        let start = Instant::now();
        (0..times).for_each(|_| work());
        start.elapsed().as_nanos() as f64 / f64::from(times)
    };
    let guess = once(5).max(1.0);
    once(((slice * 1e6 / guess) as u32).max(5))
}

/// The bytes that are written so in hexadecimal.
pub(crate) fn bytes(hex: &str) -> Result<Bytes, data_encoding::DecodeError> {
    Ok(data_encoding::HEXLOWER.decode(hex.as_bytes())?.into())
}

/// Nanoseconds of `what`: `encode`, `send`, which encodes in pieces, `decode`, or `view`, which checks the bytes and builds nothing.
pub(crate) fn time(what: &str, slice: f64, hex: &str) -> Answer {
    let bytes = bytes(hex)?;
    let term = decode(bytes.clone())?;
    let mut pieces = Pieces::default();
    let mut buffer = BytesMut::new();
    let nanos = match what {
        "encode" => repeat(slice, || {
            buffer.clear();
            black_box(&term).encode(&mut buffer).unwrap();
            black_box(&buffer);
        }),
        // As whoever sends to a peer does: large binaries are shared.
        "send" => repeat(slice, || {
            pieces.clear();
            black_box(&term).encode_in_pieces(&mut pieces).unwrap();
            black_box(&pieces);
        }),
        "decode" => repeat(slice, || drop(black_box(decode(black_box(&bytes).clone())))),
        "view" => repeat(slice, || drop(black_box(skip(black_box(&bytes[1..]))))),
        _ => return Err("encode, send, decode or view".into()),
    };
    Ok(vec![nanos])
}
