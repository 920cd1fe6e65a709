//! Random terms.

use beamlink::term::{Atom, BigInt, Bits, Map, Pid, Port, Reference, Term};
use proptest::collection::vec;
use proptest::prelude::*;

/// Terms of every kind that we can make, save funs (which only a BEAM makes).
pub(crate) fn any_term() -> BoxedStrategy<Term> {
    nested(prop_oneof![3 => literal(), 1 => identifier()].boxed())
}

/// Terms that can be written in Erlang and Elixir.
pub(crate) fn literal_term() -> BoxedStrategy<Term> {
    nested(literal())
}

fn nested(leaf: BoxedStrategy<Term>) -> BoxedStrategy<Term> {
    leaf.prop_recursive(4, 48, 6, |inner| {
        let keyword = (atom(), inner.clone()).prop_map(|(key, value)| Term::tuple([key, value]));
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Term::tuple),
            vec(inner.clone(), 0..6).prop_map(Term::list),
            vec(keyword, 0..4).prop_map(Term::list),
            (vec(inner.clone(), 1..4), inner.clone())
                .prop_map(|(elements, tail)| Term::list_with_tail(elements, tail)),
            vec((inner.clone(), inner.clone()), 0..5)
                .prop_map(|pairs| Term::Map(pairs.into_iter().collect::<Map>())),
            vec((atom(), inner), 0..5)
                .prop_map(|pairs| Term::Map(pairs.into_iter().collect::<Map>())),
        ]
    })
    .boxed()
}

fn literal() -> BoxedStrategy<Term> {
    prop_oneof![
        4 => number(),
        2 => atom(),
        1 => vec(any::<u8>(), 0..12).prop_map(|bytes| Term::Binary(bytes.into())),
        1 => ".{0,8}".prop_map(Term::from),
        1 => (vec(any::<u8>(), 1..6), 1u8..8)
            .prop_map(|(bytes, last)| Term::Bits(Box::new(Bits::new(bytes.into(), last).unwrap()))),
        1 => vec(any::<u8>().prop_map(Term::from), 0..12).prop_map(Term::list),
        // Elixir 1.14 leaves escapes in quoted names of functions as they are.
        1 => ("[a-z]{1,4}", atom_text().prop_filter("escapes", |text| {
            !text.contains(|c: char| c.is_control() || matches!(c, '"' | '\\' | '#' | '\u{2000}'..='\u{206f}'))
        }), any::<u8>()).prop_map(|(module, function, arity)| {
            let export = beamlink::term::Export {
                module: Atom::new(&module).unwrap(),
                function: Atom::new(&function).unwrap(),
                arity,
            };
            Term::Export(Box::new(export))
        }),
    ]
    .boxed()
}

/// Integers and floats, most of them where one ends and the other begins.
pub(crate) fn number() -> BoxedStrategy<Term> {
    let edge = prop_oneof![
        Just(0u32),
        Just(31),
        Just(53),
        Just(59),
        Just(63),
        Just(64),
        0u32..1030
    ];
    let near = (edge, -3i32..4, any::<bool>());
    prop_oneof![
        2 => (-2i64..300).prop_map(Term::from),
        1 => any::<i64>().prop_map(Term::from),
        2 => near.clone().prop_map(|(power, off, negative)| {
            let value = (BigInt::from(1) << power) + off;
            Term::integer(if negative { -value } else { value })
        }),
        2 => near.prop_map(|(power, off, negative)| {
            let value = 2f64.powi(power.min(1020) as i32);
            let value = f64::from_bits(value.to_bits().wrapping_add_signed(i64::from(off)));
            float(if negative { -value } else { value })
        }),
        1 => (-4i64..5).prop_map(|value| float(value as f64 / 2.0)),
        1 => any::<f64>().prop_map(float),
        1 => (vec(any::<u8>(), 0..300), any::<bool>()).prop_map(|(bytes, negative)| {
            let value = BigInt::from_bytes_le(num_bigint_sign(negative), &bytes);
            Term::integer(value)
        }),
    ]
    .boxed()
}

fn num_bigint_sign(negative: bool) -> num_bigint::Sign {
    if negative {
        num_bigint::Sign::Minus
    } else {
        num_bigint::Sign::Plus
    }
}

/// -0.0 is left out: whether it is 0.0 depends on the release of the BEAM.
fn float(value: f64) -> Term {
    Term::float(value + 0.0).unwrap_or(Term::from(0))
}

fn atom() -> BoxedStrategy<Term> {
    atom_value().prop_map(Term::Atom).boxed()
}

pub(crate) fn atom_value() -> BoxedStrategy<Atom> {
    let atom = atom_text().prop_map(|text| Atom::new(&text).unwrap());
    atom.boxed()
}

fn atom_text() -> BoxedStrategy<String> {
    let known = prop::sample::select(vec![
        "",
        "ok",
        "a@b",
        "a@b.c",
        "nil",
        "true",
        "false",
        "Elixir.Foo",
        "Elixir.Foo.Bar",
        "Elixir",
        "Elixir.foo",
        "do",
        "end",
        "fn",
        "and",
        "when",
        "maybe",
        "else",
        "fun",
        "Foo",
        "_",
        "_a",
        "a?",
        "b!",
        "a b",
        "a'b",
        "a\"b",
        "a\\b",
        "#{x}",
        "ä",
        "é",
        "日本",
        "a\nb",
        "\u{1b}[0m",
        "+",
        "==",
        "<<>>",
        "{}",
        "%{}",
        "%",
        "..",
        "|>",
        "1a",
        "a-b",
        "\u{7f}",
        "Elixir.Foo.bar",
        "Elixir.",
        "__MODULE__",
        "a:",
        ":",
        "not",
        "in",
        "a.b",
        "\u{200b}",
        "a\u{0}",
    ]);
    prop_oneof![
        3 => known.prop_map(str::to_owned),
        2 => "[a-z][a-zA-Z0-9_@]{0,10}",
        1 => ".{0,20}",
        1 => "[a-z日]{200,255}",
    ]
    .boxed()
}

/// Pids, ports and references of other nodes.
pub(crate) fn identifier() -> BoxedStrategy<Term> {
    let node = prop::sample::select(vec!["a@b", "b@b", "aa@b", "z@example.org", "ä@b"]);
    let word = prop_oneof![0u32..4, Just(u32::MAX), any::<u32>()];
    let creation = prop_oneof![1u32..4, 1u32..u32::MAX];
    prop_oneof![
        (node.clone(), word.clone(), word.clone(), creation.clone()).prop_map(
            |(node, id, serial, creation)| {
                Term::Pid(Pid {
                    node: Atom::new(node).unwrap(),
                    id,
                    serial,
                    creation,
                })
            }
        ),
        (
            node.clone(),
            word.clone(),
            prop_oneof![Just(0), word.clone()],
            creation.clone()
        )
            .prop_map(|(node, low, high, creation)| {
                let id = u64::from(high) << 32 | u64::from(low);
                Term::Port(Port {
                    node: Atom::new(node).unwrap(),
                    id,
                    creation,
                })
            }),
        (node, creation, vec(word, 1..=5)).prop_map(|(node, creation, mut words)| {
            // The first word has 18 bits; the BEAM refuses more.
            words[0] &= (1 << 18) - 1;
            let node = Atom::new(node).unwrap();
            Term::Ref(Reference::from_words(node, creation, &words).unwrap())
        }),
    ]
    .boxed()
}
