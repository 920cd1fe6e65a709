//! What is encoded is decoded again, and what is damaged is refused.

use beamlink::term::{Decoder, Fault, Map, Term, decode, skip};
use bytes::Bytes;
use proptest::prelude::*;

use crate::strategy::any_term;

/// Decodes, and checks that `skip` says the same.
pub(crate) fn checked(bytes: &[u8]) -> Option<Term> {
    let mut decoder = Decoder::new(Bytes::copy_from_slice(bytes));
    let decoded = decoder.term();
    let skipped = skip(bytes);
    match (&decoded, &skipped) {
        (Ok(_), Ok(length)) => assert_eq!(*length, decoder.position(), "{bytes:?}"),
        (Err(error), Ok(_)) => assert_eq!(error.fault, Fault::DuplicateKey, "{bytes:?}"),
        (Ok(_), Err(error)) => panic!("skip refuses what decode takes: {error}, {bytes:?}"),
        (Err(_), Err(_)) => {}
    }
    if decoded.is_err() {
        assert_eq!(decoder.position(), 0);
    }
    let term = decoded.ok()?;
    let again = term.to_external().unwrap();
    assert_eq!(decode(again).as_ref(), Ok(&term), "{bytes:?}");
    Some(term)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_again(term in any_term()) {
        let bytes = term.to_external().unwrap();
        let decoded = checked(&bytes[1..]);
        prop_assert_eq!(decoded.as_ref(), Some(&term));
        prop_assert_eq!(decode(bytes), Ok(term));
    }

    #[test]
    fn a_term_that_is_cut_off_is_refused_at_every_place(term in any_term()) {
        let bytes = term.to_external().unwrap();
        for end in 0..bytes.len() {
            let error = decode(bytes.slice(..end)).unwrap_err();
            prop_assert!(error.offset <= end);
            prop_assert!(
                matches!(error.fault, Fault::Truncated | Fault::Length(_) | Fault::Opaque),
                "{:?} at {} of {:?}", error, end, bytes
            );
            if end > 0 {
                prop_assert!(skip(&bytes[1..end]).is_err());
            }
        }
    }

    #[test]
    fn flipped_bits_do_no_harm(term in any_term(), flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4)) {
        let mut bytes = term.to_external().unwrap()[1..].to_vec();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        checked(&bytes);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        checked(&bytes);
        let _ = decode(Bytes::from(bytes));
    }

    #[test]
    fn tags_without_sense_do_no_harm(bytes in prop::collection::vec(prop::sample::select(
        vec![0u8, 1, 2, 3, 8, 255, 67, 70, 77, 80, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 118, 119, 120, 121]
    ), 0..64)) {
        checked(&bytes);
    }

    #[test]
    fn equal_terms_hash_alike_and_clones_are_equal(one in any_term(), other in any_term()) {
        use std::hash::{BuildHasher, RandomState};
        let state = RandomState::new();
        let clone = one.clone();
        prop_assert_eq!(&clone, &one);
        prop_assert_eq!(state.hash_one(&clone), state.hash_one(&one));
        prop_assert_eq!(one == other, one.cmp(&other).is_eq());
        prop_assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
        prop_assert_eq!(one.cmp_numeric(&other), other.cmp_numeric(&one).reverse());
    }
}

#[test]
fn a_term_has_40_bytes() {
    assert_eq!(size_of::<Term>(), 40);
}

#[test]
fn faults_are_named_with_their_place() {
    for (bytes, offset, fault) in [
        (&[][..], 0, Fault::Truncated),
        (&[130, 106], 0, Fault::Version),
        (&[131, 106, 106], 2, Fault::Trailing),
        (&[131, 121], 1, Fault::Tag(121)),
        (&[131, 104, 2, 97, 1, 82, 0], 5, Fault::Tag(82)),
        (&[131, 108, 0, 0, 0, 9, 106], 1, Fault::Length(10)),
        (&[131, 119, 1, 255], 1, Fault::Atom),
        (&[131, 77, 0, 0, 0, 1, 9, 1], 6, Fault::Bits(9)),
        (
            &[131, 116, 0, 0, 0, 2, 97, 1, 97, 1, 97, 1, 97, 1],
            14,
            Fault::DuplicateKey,
        ),
        (&[131, 90, 0, 6, 119, 1, 97], 2, Fault::Words(6)),
        (&[131, 70, 127, 240, 0, 0, 0, 0, 0, 0], 2, Fault::Float),
        (&[131, 88, 97, 1], 2, Fault::NoAtom),
    ] {
        let error = decode(Bytes::from_static(bytes)).unwrap_err();
        assert_eq!(
            (error.offset, error.fault),
            (offset, fault),
            "{bytes:?}: {error}"
        );
    }
}

#[test]
fn compressed_bytes_are_read_within_a_bound() {
    let compress = |term: &[u8], claimed: u32| {
        let mut out = vec![131, 80];
        out.extend(claimed.to_be_bytes());
        let mut zlib = flate2::write::ZlibEncoder::new(out, flate2::Compression::best());
        std::io::Write::write_all(&mut zlib, term).unwrap();
        zlib.finish().unwrap()
    };
    let list = Term::list((0..5000).map(|_| Term::from(7)));
    let bytes = list.to_external().unwrap().slice(1..);
    let good = compress(&bytes, bytes.len() as u32);
    assert_eq!(decode(good.clone().into()).unwrap(), list);
    for end in 0..good.len() {
        assert!(decode(good[..end].to_vec().into()).is_err(), "{end}");
    }
    for claimed in [0, bytes.len() as u32 - 1, bytes.len() as u32 + 1, u32::MAX] {
        let error = decode(compress(&bytes, claimed).into()).unwrap_err();
        assert_eq!(error.fault, Fault::Compressed);
    }
    let bomb = compress(&vec![0; 64 << 20], 64 << 20);
    assert_eq!(decode(bomb.into()).unwrap_err().fault, Fault::Compressed);
}

#[test]
fn empty_containers_keep_their_kind() {
    let empty = [Term::nil(), Term::tuple([]), Term::Map(Map::default())];
    for (at, one) in empty.iter().enumerate() {
        for (with, other) in empty.iter().enumerate() {
            assert_eq!(one == other, at == with);
        }
    }
}

#[test]
fn a_map_finds_its_keys_among_keys_of_all_kinds() {
    let keys = |count: i64| {
        let mut keys: Vec<Term> = (0..count).map(Term::from).collect();
        keys.extend((0..count).map(|number| Term::parse_erlang(&format!("k{number}")).unwrap()));
        keys.extend([
            Term::float(0.5).unwrap(),
            Term::nil(),
            Term::from("k1"),
            Term::tuple([Term::atom("k1")]),
        ]);
        keys
    };
    for count in [1, 40] {
        let keys = keys(count);
        let map: Map = keys.iter().map(|key| (key.clone(), key.clone())).collect();
        let bytes = Term::Map(map.clone()).to_external().unwrap();
        let Ok(Term::Map(map)) = decode(bytes) else {
            panic!("no map")
        };
        for key in &keys {
            assert_eq!(map.get(key), Some(key));
            if let Some(text) = key.as_atom() {
                assert_eq!(map.get_atom(text), Some(key));
            }
        }
        for missing in ["", "k", "k99", "zz"] {
            assert_eq!(map.get_atom(missing), None);
        }
    }
}
