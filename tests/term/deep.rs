//! A million levels on a small stack, in a time that grows with the size alone.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use beamlink::term::{Map, Term, decode, skip};
use bytes::{BufMut, Bytes, BytesMut};

const LEVELS: usize = 1_000_000;
const STACK: usize = 512 * 1024;

/// `before`, a million times, an innermost 7 and `after` as often.
fn bytes(before: &[u8], after: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u8(131);
    (0..LEVELS).for_each(|_| out.put_slice(before));
    out.put_slice(&[97, 7]);
    (0..LEVELS).for_each(|_| out.put_slice(after));
    out.freeze()
}

fn on_a_small_stack(name: &'static str, work: impl FnOnce() + Send + 'static) {
    let start = Instant::now();
    let thread = std::thread::Builder::new()
        .name(name.into())
        .stack_size(STACK);
    thread.spawn(work).unwrap().join().unwrap();
    // A quadratic step over a million levels takes an hour.
    assert!(
        start.elapsed() < Duration::from_secs(120),
        "{name}: {:?}",
        start.elapsed()
    );
}

fn hash(term: &Term) -> u64 {
    let mut state = DefaultHasher::new();
    term.hash(&mut state);
    state.finish()
}

fn all_operations(bytes: Bytes) {
    assert_eq!(skip(&bytes[1..]).unwrap(), bytes.len() - 1);
    let term = decode(bytes.clone()).unwrap();
    assert_eq!(term.to_external().unwrap(), bytes);
    let clone = term.clone();
    assert!(term == clone);
    assert!(term.eq_numeric(&clone));
    assert!(term.cmp(&clone).is_eq());
    assert!(hash(&term) == hash(&clone));
    drop(term);
    let written = [
        clone.to_erlang().to_string(),
        clone.to_elixir().to_string(),
        format!("{clone:?}"),
    ];
    assert!(written.iter().all(|text| text.len() > LEVELS));
    assert!(Term::parse_erlang(&written[0]).is_err());
    assert!(Term::parse_elixir(&written[1]).is_err());
    drop(clone);
    assert!(decode(bytes.slice(..bytes.len() / 2)).is_err());
}

macro_rules! deep {
    ($($name:ident: $before:expr, $after:expr;)*) => {
        $(#[test]
        fn $name() {
            on_a_small_stack(stringify!($name), || all_operations(bytes(&$before, &$after)));
        })*
    };
}

deep! {
    tuples: [104, 1], [];
    tuples_with_something_behind: [104, 2], [97, 1];
    lists: [108, 0, 0, 0, 1], [106];
    lists_with_something_before: [108, 0, 0, 0, 2, 97, 1], [106];
    improper_heads: [108, 0, 0, 0, 1], [97, 1];
    improper_tails: [108, 0, 0, 0, 1, 97, 1, 104, 1], [];
    map_values: [116, 0, 0, 0, 1, 97, 1], [];
    map_keys: [116, 0, 0, 0, 1], [97, 1];
    map_keys_among_others: [116, 0, 0, 0, 2, 97, 1, 97, 1], [97, 1];
    mixed: [116, 0, 0, 0, 1, 97, 1, 104, 2, 108, 0, 0, 0, 1], [97, 9, 97, 8];
}

#[test]
fn a_chain_of_tails_is_one_list() {
    on_a_small_stack("tails", || {
        for (end, proper) in [
            (&[97, 7][..], false),
            (&[106], true),
            (&[107, 0, 2, 1, 2], true),
        ] {
            let mut all = vec![131];
            (0..LEVELS).for_each(|_| all.extend([108, 0, 0, 0, 1, 97, 1]));
            all.extend(end);
            let term = decode(all.into()).unwrap();
            assert_eq!(term.as_list().is_some(), proper);
            let again = decode(term.to_external().unwrap()).unwrap();
            assert!(again == term);
        }
    });
}

#[test]
fn terms_that_are_built_by_hand() {
    on_a_small_stack("by hand", || {
        let nest: [fn(Term) -> Term; 6] = [
            |term| Term::list([term]),
            |term| Term::tuple([Term::from(1), term]),
            |term| Term::Map([(Term::from(1), term)].into_iter().collect::<Map>()),
            |term| Term::Map([(term, Term::from(1))].into_iter().collect::<Map>()),
            |term| Term::list_with_tail([term], Term::from(1)),
            |term| Term::list_with_tail([Term::from(1)], Term::tuple([term])),
        ];
        for level in nest {
            let build = || (0..LEVELS).fold(Term::from(0), |term, _| level(term));
            let (one, other) = (build(), build());
            assert!(one == other);
            assert_eq!(one.to_external().unwrap(), other.to_external().unwrap());
        }
    });
}

#[test]
fn two_deep_terms_dropped_while_the_thread_ends() {
    thread_local! {
        static LAST: std::cell::RefCell<Option<Term>> = const { std::cell::RefCell::new(None) };
    }
    on_a_small_stack("thread end", || {
        LAST.with(|last| {
            let deep = (0..LEVELS).fold(Term::from(0), |term, _| Term::list([term]));
            *last.borrow_mut() = Some(deep);
        });
    });
}
