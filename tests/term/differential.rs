//! The BEAM's word on bytes, equality and order.

use std::cmp::Ordering;

use beamlink::term::{BigInt, Map, Term, decode};
use bytes::Bytes;
use proptest::prelude::*;

use crate::beam::{ask, op, tell};
use crate::roundtrip::checked;
use crate::strategy::{any_term, identifier, number};

/// What a BEAM makes of our bytes of `term`.
fn there_and_back(term: &Term) -> Option<Term> {
    let bytes = term.to_external().unwrap();
    let answer = tell(&op("echo", [Term::Binary(bytes)]))?;
    Some(decode(answer.as_binary().unwrap().clone()).unwrap())
}

/// Erlang's `=:=`, `==` and `<` against ours.
fn same_order(one: &Term, other: &Term) -> Result<(), TestCaseError> {
    let Some(answer) = tell(&op("order", [one.clone(), other.clone()])) else {
        return Ok(());
    };
    let numeric = one.cmp_numeric(other);
    let ours = Term::tuple([
        (one == other).into(),
        one.eq_numeric(other).into(),
        numeric.is_lt().into(),
    ]);
    prop_assert_eq!(numeric.is_eq(), one.eq_numeric(other));
    prop_assert_eq!(answer, ours, "{:?} and {:?}", one, other);
    Ok(())
}

/// The order of keys of maps, as comparing two maps of one key shows it.
fn same_key_order(one: &Term, other: &Term) -> Result<(), TestCaseError> {
    let Some(answer) = tell(&op("map_order", [one.clone(), other.clone()])) else {
        return Ok(());
    };
    let ordering = one.cmp(other);
    let ours = Term::tuple([ordering.is_eq().into(), ordering.is_lt().into()]);
    prop_assert_eq!(answer, ours, "keys {:?} and {:?}", one, other);
    Ok(())
}

/// Pairs that have much in common: one is the other with a leaf changed.
fn relatives() -> impl Strategy<Value = (Term, Term)> {
    let leaf = prop_oneof![number(), identifier(), any_term()];
    (any_term(), leaf.clone(), leaf).prop_map(|(term, one, other)| {
        let place = |leaf: Term| match &term {
            Term::Tuple(tuple) => {
                let mut parts = tuple.to_vec();
                parts.push(leaf);
                Term::tuple(parts)
            }
            Term::List(list) => {
                let mut parts = list.to_vec();
                parts.insert(0, leaf);
                Term::list(parts)
            }
            Term::Improper(list) => Term::list_with_tail(list.elements().to_vec(), leaf),
            Term::Map(map) => {
                let mut map = map.clone();
                map.insert(Term::from(1), leaf.clone());
                map.insert(leaf, Term::from(1));
                Term::Map(map)
            }
            _ => leaf,
        };
        (place(one), place(other))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_beam_reads_what_we_write_and_we_read_what_it_writes(term in any_term()) {
        if let Some(back) = there_and_back(&term) {
            prop_assert_eq!(back, term);
        }
    }

    #[test]
    fn old_tags_and_compression_are_read(term in any_term()) {
        let Some(release) = tell(&op("otp", [])) else { return Ok(()) };
        let bytes = Term::Binary(term.to_external().unwrap());
        for options in ["[{minor_version,0}]", "[{minor_version,1}]", "[compressed]", "[{compressed,9},{minor_version,0}]"] {
            let options = Term::parse_erlang(options).unwrap();
            let answer = tell(&op("echo", [bytes.clone(), options.clone()])).unwrap();
            let back = decode(answer.as_binary().unwrap().clone());
            prop_assert_eq!(back, Ok(term.clone()), "{:?} {:?}", options, release);
        }
    }

    #[test]
    fn numbers_compare_as_in_erlang(one in number(), other in number()) {
        same_order(&one, &other)?;
        same_key_order(&one, &other)?;
    }

    #[test]
    fn pids_ports_and_references_compare_as_in_erlang(one in identifier(), other in identifier()) {
        same_order(&one, &other)?;
        same_key_order(&one, &other)?;
    }

    #[test]
    fn terms_compare_as_in_erlang(one in any_term(), other in any_term()) {
        same_order(&one, &other)?;
        same_key_order(&one, &other)?;
    }

    #[test]
    fn related_terms_compare_as_in_erlang((one, other) in relatives()) {
        same_order(&one, &other)?;
        same_key_order(&one, &other)?;
    }
}

proptest! {
    #[test]
    fn terms_sort_as_in_erlang(mut terms in prop::collection::vec(prop_oneof![any_term(), number(), identifier()], 0..20)) {
        if let Some(sorted) = tell(&op("sort", [Term::list(terms.clone())])) {
            terms.sort_by(Term::cmp_numeric);
            // lists:sort/1 may swap what is only == (1 and 1.0).
            let ours = Term::list(terms);
            prop_assert!(sorted.eq_numeric(&ours), "{sorted:?} {ours:?}");
        }
    }

    #[test]
    fn damaged_bytes_that_we_take_the_beam_takes_too(
        term in any_term(), at in any::<prop::sample::Index>(), bit in 0u8..8
    ) {
        let mut bytes = term.to_external().unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(term) = decode(Bytes::from(bytes))
            && let Some(back) = ask(&op("echo", [Term::Binary(term.to_external().unwrap())]))
        {
            // First words of references beyond 18 bits, and zero creations, are refused there; nothing else may be.
            let text = term.to_erlang().to_string();
            if !text.contains("#Ref<") && !text.contains("#Pid<") && !text.contains("#Port<") {
                let back = back.map_err(|error| TestCaseError::fail(format!("{term:?} {error:?}")))?;
                prop_assert_eq!(decode(back.as_binary().unwrap().clone()).unwrap(), term);
            }
        }
    }
}

/// The BEAM evaluates `text`; its bytes are read and written again.
fn evaluated(text: &str) -> Option<(Term, Bytes)> {
    let source = format!("term_to_binary({text}).");
    let bytes = tell(&op("erl_eval", [Term::from(source)]))?;
    let bytes = bytes.as_binary().unwrap().clone();
    Some((decode(bytes.clone()).unwrap(), bytes))
}

#[test]
fn terms_of_the_issue_arrive_equal() {
    let nested = |levels| (0..levels).fold(Term::nil(), |term, _| Term::list([term]));
    let big: Map = (0..1000)
        .map(|key| (Term::from(key), Term::from(key)))
        .collect();
    for term in [
        Term::list([Term::from(-1), Term::from(2)]),
        Term::list([Term::from(300)]),
        nested(200),
        nested(100_000),
        Term::Binary(vec![7; 8 << 20].into()),
        Term::list((0..70_000).map(|_| Term::from(255))),
        Term::tuple((0..300).map(Term::from)),
        Term::Map(big),
        Term::integer(BigInt::from(1) << 5000u32),
        Term::integer(BigInt::from(-1) << 2040u32),
        Term::from(i64::MIN),
        Term::from(i64::MAX),
        Term::from(u64::MAX),
    ] {
        if let Some(back) = there_and_back(&term) {
            assert!(back == term);
        }
    }
}

#[test]
fn funs_and_ids_of_a_beam_keep_their_bytes() {
    for text in [
        "self()",
        "make_ref()",
        "alias()",
        "erlang:list_to_port(\"#Port<0.7>\")",
        "fun lists:map/2",
        "fun(X) -> X end",
        "(fun(Y) -> fun(X) -> {X, Y, fun() -> X + Y end} end end)(<<1, 2, 3>>)",
        "[fun(X) -> X end, #{fun() -> 1 end => 2}]",
    ] {
        let Some((term, bytes)) = evaluated(text) else {
            return;
        };
        assert!(checked(&bytes[1..]).is_some());
        for end in 0..bytes.len() {
            assert!(decode(bytes.slice(..end)).is_err());
        }
        let back = tell(&op("echo", [Term::Binary(term.to_external().unwrap())])).unwrap();
        assert_eq!(back.as_binary(), Some(&bytes), "{text}");
        assert_eq!(decode(term.to_external().unwrap()).unwrap(), term);
    }
}

#[test]
fn funs_stand_where_erlang_has_them() {
    let Some((fun, _)) = evaluated("fun(X) -> X end") else {
        return;
    };
    for other in ["fun lists:map/2", "1", "ok", "{}", "[]"] {
        same_order(&fun, &Term::parse_erlang(other).unwrap()).unwrap();
    }
    let ids = tell(&op("erl_eval", [Term::from("[self(), make_ref()].")])).unwrap();
    for id in ids.as_list().unwrap() {
        same_order(&fun, id).unwrap();
    }
}

#[test]
fn legacy_tags_mean_what_the_beam_takes_them_for() {
    let mut float = vec![99];
    float.extend(b"-1.50000000000000000000e+01\0\0\0\0");
    let node = [100, 0, 3, b'a', b'@', b'b'];
    let with = |before: &[u8], after: &[u8]| [before, &node, after].concat();
    for bytes in [
        float,
        vec![100, 0, 2, b'o', b'k'],
        vec![100, 0, 1, 0xe4],
        vec![115, 2, b'o', 0xe4],
        with(&[101], &[0, 0, 0, 9, 2]),
        with(&[102], &[0, 0, 0, 9, 2]),
        with(&[103], &[0, 0, 0, 9, 0, 0, 0, 1, 2]),
        with(&[114, 0, 3], &[2, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 7]),
        with(&[89], &[0, 0, 0, 9, 0, 0, 0, 2]),
        vec![110, 0, 1],
        vec![110, 3, 1, 5, 0, 0],
        vec![110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![111, 0, 0, 0, 1, 1, 200],
        vec![98, 0, 0, 0, 1],
        vec![105, 0, 0, 0, 1, 97, 1],
        vec![107, 0, 0],
        vec![107, 0, 2, 1, 2],
        vec![108, 0, 0, 0, 0, 97, 1],
        vec![108, 0, 0, 0, 0, 106],
        vec![108, 0, 0, 0, 1, 97, 1, 107, 0, 2, 2, 3],
        vec![77, 0, 0, 0, 1, 8, 255],
        vec![77, 0, 0, 0, 1, 3, 255],
        vec![77, 0, 0, 0, 0, 0],
        vec![118, 0, 1, b'x'],
    ] {
        let ours = checked(&bytes).unwrap_or_else(|| panic!("{bytes:?}"));
        let versioned: Vec<u8> = [&[131], &bytes[..]].concat();
        let Some(theirs) = tell(&op("echo", [Term::Binary(versioned.into())])) else {
            return;
        };
        let theirs = decode(theirs.as_binary().unwrap().clone()).unwrap();
        assert_eq!(ours, theirs, "{bytes:?}");
    }
}

#[test]
fn keys_that_are_numbers_are_exact() {
    let map = |text| Term::parse_erlang(text).unwrap();
    for (one, other) in [
        ("#{1 => a}", "#{1.0 => a}"),
        ("#{1 => 1}", "#{1 => 1.0}"),
        ("#{1 => a, 1.0 => b}", "#{1.0 => b, 1 => a}"),
        ("#{1 => a, 1.5 => b}", "#{1 => a, 2 => b}"),
        ("#{[1] => a}", "#{[1.0] => a}"),
        ("#{{1} => a}", "#{{2} => a}"),
        ("#{#{1 => 1} => a}", "#{#{1 => 1.0} => a}"),
    ] {
        same_order(&map(one), &map(other)).unwrap();
        same_order(&map(other), &map(one)).unwrap();
    }
}

#[test]
fn minus_zero_is_as_the_release_has_it() {
    let (zero, minus) = (Term::float(0.0).unwrap(), Term::float(-0.0).unwrap());
    assert_eq!(zero.cmp_numeric(&minus), Ordering::Equal);
    let Some(release) = tell(&op("otp", [])) else {
        return;
    };
    if release.as_int() >= Some(27) {
        same_order(&zero, &minus).unwrap();
        same_key_order(&zero, &minus).unwrap();
    }
}
