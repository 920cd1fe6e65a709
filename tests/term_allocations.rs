//! Decoding allocates once for each tuple, list and map, and not at all for what is simple.

use std::alloc::System;

use beamlink::term::{Decoder, Term};
use stats_alloc::{Region, StatsAlloc};

#[global_allocator]
static MEMORY: StatsAlloc<System> = StatsAlloc::system();

/// How many allocations the second decoding of a term takes; the first warms the cache of atoms.
fn allocations(term: &Term) -> usize {
    let bytes = term.to_external().unwrap().slice(1..);
    drop(Decoder::new(bytes.clone()).term().unwrap());
    let mut decoder = Decoder::new(bytes.clone());
    // The harness's own threads may allocate too: the least of several tries is ours.
    let count = |decoder: &mut Decoder| {
        let region = Region::new(&MEMORY);
        let term = decoder.term().unwrap();
        let change = region.change();
        drop(term);
        change.allocations + change.reallocations
    };
    let first = count(&mut decoder);
    (0..9)
        .map(|_| count(&mut Decoder::new(bytes.clone())))
        .fold(first, usize::min)
}

#[test]
fn one_allocation_for_each_container() {
    for (text, expected) in [
        ("ok", 0),
        ("'a@b'", 0),
        ("7", 0),
        ("-9223372036854775808", 0),
        ("1.5", 0),
        ("<<\"a binary\">>", 0),
        ("#Pid<'a@b',1,2,3>", 0),
        ("#Port<'a@b',1,2>", 0),
        ("#Ref<'a@b',1,2,3,4>", 0),
        ("[]", 0),
        ("{}", 0),
        ("#{}", 0),
        ("{1,ok}", 1),
        ("[1,2,3]", 1),
        ("[[1],[2,{3}]]", 4),
        ("#{a => 1,b => <<\"x\">>}", 1),
        ("#{b => 1,a => {1}}", 2),
        ("[1|2]", 1),
        (
            "{'$gen_call',{#Pid<'a@b',1,2,3>,[alias|#Ref<'a@b',1,2,3,4>]},{get,key}}",
            4,
        ),
    ] {
        let term = Term::parse_erlang(text).unwrap();
        assert_eq!(allocations(&term), expected, "{text}");
    }
    let list = Term::list((0..10_000).map(Term::from));
    assert_eq!(allocations(&list), 1);
}
