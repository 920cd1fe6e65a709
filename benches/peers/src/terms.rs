//! eetf and erltf: `CRATE encode|decode SLICE_MILLIS HEX` is answered with nanoseconds.

use std::hint::black_box;
use std::time::Instant;

use crate::Answer;

fn repeat(slice: f64, mut work: impl FnMut()) -> f64 {
    let mut once = |times: u32| {
        let start = Instant::now();
        (0..times).for_each(|_| work());
        start.elapsed().as_nanos() as f64 / f64::from(times)
    };
    let guess = once(5).max(1.0);
    once(((slice * 1e6 / guess) as u32).max(5))
}

pub(crate) fn time(words: &[&str]) -> Answer {
    let [library, what, slice, hex] = words else {
        return Err("CRATE encode|decode SLICE_MILLIS HEX".into());
    };
    let slice: f64 = slice.parse()?;
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes())?;
    let nanos = match *library {
        "eetf" => eetf(what, slice, &bytes)?,
        "erltf" => erltf(what, slice, &bytes)?,
        _ => return Err("eetf or erltf".into()),
    };
    Ok(vec![nanos])
}

fn eetf(what: &str, slice: f64, bytes: &[u8]) -> Result<f64, eetf::DecodeError> {
    let term = eetf::Term::decode(bytes)?;
    let mut sink = Vec::new();
    Ok(match what {
        "encode" => repeat(slice, || {
            sink.clear();
            black_box(&term).encode(&mut sink).unwrap();
            black_box(&sink);
        }),
        _ => repeat(slice, || drop(black_box(eetf::Term::decode(black_box(bytes))))),
    })
}

fn erltf(what: &str, slice: f64, bytes: &[u8]) -> Result<f64, erltf::DecodeError> {
    let term = erltf::decode(bytes)?;
    let mut sink = Vec::new();
    Ok(match what {
        "encode" => repeat(slice, || {
            sink.clear();
            erltf::encode_to_writer(black_box(&term), &mut sink).unwrap();
            black_box(&sink);
        }),
        _ => repeat(slice, || drop(black_box(erltf::decode(black_box(bytes))))),
    })
}
