//! What must hold for any bytes. The fuzz targets run these, and so does `tests/corpus.rs` over the committed corpus.
#![allow(dead_code, reason = "each target runs one of them")]

use std::collections::BTreeMap;

use beamlink::dist::{FrameDecoder, FrameLimits, Framing};
use beamlink::gossip::{Codec, Verdict};
use beamlink::term::{
    Atom, Decoder, DeserializeFault, Fault, Pid, SerializeError, Term, decode, deserialize,
    serialize, skip,
};
use beamlink::{GossipSecret, NodeName};
use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Decoding, encoding and decoding again gives the same; `skip` agrees.
pub(crate) fn term_decode(bytes: &[u8]) {
    // With the version byte, for what is compressed.
    if bytes.first() == Some(&131)
        && let Ok(term) = decode(Bytes::copy_from_slice(bytes))
    {
        assert_eq!(decode(term.to_external().unwrap()), Ok(term));
    }
    let mut decoder = Decoder::new(Bytes::copy_from_slice(bytes));
    let decoded = decoder.term();
    match (decoded, skip(bytes)) {
        (Ok(term), skipped) => {
            assert_eq!(skipped, Ok(decoder.position()));
            let again = term.to_external().unwrap();
            assert_eq!(decode(again.clone()).as_ref(), Ok(&term));
            assert_eq!(term.clone().to_external().unwrap(), again);
            assert!(term.cmp_numeric(&term).is_eq());
        }
        (Err(error), Ok(_)) => assert_eq!(error.fault, Fault::DuplicateKey),
        (Err(_), Err(_)) => {}
    }
}

/// What is read can be written and read again, in both languages.
pub(crate) fn term_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for result in [Term::parse_erlang(text), Term::parse_elixir(text)] {
        match result {
            Ok(term) => {
                assert_eq!(
                    Term::parse_erlang(&term.to_erlang().to_string()).as_ref(),
                    Ok(&term)
                );
                assert_eq!(
                    Term::parse_elixir(&term.to_elixir().to_string()).as_ref(),
                    Ok(&term)
                );
            }
            Err(error) => assert!(text.is_char_boundary(error.offset)),
        }
    }
}

/// A type with most of what serde can say.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Typed {
    Unit,
    Newtype(Vec<Typed>),
    Tuple(i8, u64, f32, char),
    Struct {
        text: String,
        wide: Option<i128>,
        pid: Option<Pid>,
        #[serde(with = "beamlink::term::keyword", default)]
        options: BTreeMap<Atom, Typed>,
        #[serde(with = "beamlink::term::charlist", default)]
        letters: String,
        #[serde(with = "beamlink::term::undefined", default)]
        undefined: Option<Atom>,
    },
    Elixir(Date),
    Map(BTreeMap<Atom, Result<(), Term>>),
    Flat(Flat),
    Kept(Kept),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Elixir.Date")]
struct Date {
    year: i32,
    #[serde(with = "beamlink::term::as_binary")]
    rest: Bytes,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Term>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Atom(Atom),
    Number(i64),
    Text(String),
    Many(Vec<Kept>),
    Term(Term),
}

/// What is read as a type is written, and read again as the same.
fn typed_as<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &Bytes) {
    match deserialize::<T>(bytes) {
        Ok(value) => {
            let mut again = BytesMut::new();
            match serialize(&value, &mut again) {
                Ok(()) => assert_eq!(deserialize::<T>(&again.freeze()).as_ref(), Ok(&value)),
                // What is flattened may have the name of a field.
                Err(error) => assert_eq!(error, SerializeError::DuplicateKey),
            }
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}");
        }
    }
}

/// Reading is total, as types and as terms, and agrees with the other reader of terms.
pub(crate) fn typed(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    typed_as::<Typed>(&bytes);
    typed_as::<Flat>(&bytes);
    typed_as::<Kept>(&bytes);
    let _ = deserialize::<serde_json::Value>(&bytes);
    let mut decoder = Decoder::new(bytes.clone());
    match (deserialize::<Term>(&bytes), decoder.term()) {
        (Ok(typed), Ok(term)) => assert_eq!(typed, term),
        (Err(error), Ok(_)) => assert_eq!(error.fault, DeserializeFault::Bytes(Fault::Trailing)),
        (Err(_), Err(_)) => {}
        (Ok(term), Err(error)) => panic!("{error}: {term:?}"),
    }
}

/// Any datagram gets a verdict.
pub(crate) fn gossip_packet(bytes: &[u8]) {
    let own: NodeName = "a@host".parse().unwrap();
    let secret = GossipSecret::new("dev_cluster_secret_2025");
    for secret in [None, Some(&secret)] {
        let verdict = Codec::new(&own, secret).decode(bytes);
        let _ = verdict.to_string();
        if let Verdict::Heartbeat(node) = verdict {
            assert_ne!(node, own);
        }
    }
}

/// The first byte says in what pieces the others come; frames end in an error or in nothing.
pub(crate) fn dist_frame(bytes: &[u8]) {
    let Some((first, stream)) = bytes.split_first() else {
        return;
    };
    let limits = FrameLimits {
        frame: 1 << 16,
        fragments: 1 << 18,
        sequences: 16,
    };
    for framing in [Framing::PassThrough, Framing::Header] {
        let mut decoder = FrameDecoder::new(framing, limits);
        let mut buffer = BytesMut::new();
        'stream: for piece in stream.chunks(usize::from(*first).max(1)) {
            buffer.extend_from_slice(piece);
            loop {
                match decoder.next(&mut buffer) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => {
                        let _ = error.to_string();
                        break 'stream;
                    }
                }
            }
        }
    }
}
