//! A term as JSON.
//!
//! | term | JSON |
//! |---|---|
//! | `true`, `false`; `nil` | `true`, `false`; `null` |
//! | another atom; a binary that is UTF-8 | a string |
//! | an integer of up to 64 bits; a float | a number |
//! | a list; a tuple | an array |
//! | a map | an object; its keys as they are when they are strings or atoms, else as Elixir writes them. Where two keys would be the same, an array of pairs |
//! | all else (larger integers, bytes, pids, funs, …) | a string, as Elixir writes it |

use beamlink::term::{Map, Term};
use serde_json::{Map as Object, Value};

/// Deeper terms are written as strings: JSON is read and written recursively.
const DEEPEST: usize = 100;

pub(crate) fn json(term: &Term) -> Value {
    at_depth(term, 0)
}

fn at_depth(term: &Term, depth: usize) -> Value {
    let list = |terms: &[Term]| terms.iter().map(|term| at_depth(term, depth + 1)).collect();
    match term {
        Term::Int(value) => Value::from(*value),
        Term::Float(float) => Value::from(float.get()),
        Term::Atom(atom) => match atom.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "nil" => Value::Null,
            text => Value::from(text),
        },
        Term::Binary(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => written(term),
        },
        Term::Tuple(_) | Term::List(_) | Term::Map(_) if depth == DEEPEST => written(term),
        Term::List(terms) => Value::Array(list(terms)),
        Term::Tuple(terms) => Value::Array(list(terms)),
        Term::Map(map) => object(map, depth),
        _ => written(term),
    }
}

fn written(term: &Term) -> Value {
    Value::String(term.to_elixir().to_string())
}

fn object(map: &Map, depth: usize) -> Value {
    let value = |value| at_depth(value, depth + 1);
    let object: Object<String, Value> = map
        .iter()
        .map(|(key, item)| (name(key), value(item)))
        .collect();
    if object.len() == map.len() {
        return Value::Object(object);
    }
    let pairs = map
        .iter()
        .map(|(key, item)| Value::Array(vec![value(key), value(item)]));
    Value::Array(pairs.collect())
}

/// What stands for a term where a word is wanted.
pub(crate) fn name(term: &Term) -> String {
    match term {
        Term::Atom(atom) => atom.as_str().to_owned(),
        Term::Binary(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => term.to_elixir().to_string(),
        },
        _ => term.to_elixir().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        json(&Term::parse_elixir(text).unwrap()).to_string()
    }

    #[test]
    fn as_the_table_says() {
        for (term, expected) in [
            (
                "[true, false, nil, :undefined]",
                r#"[true,false,null,"undefined"]"#,
            ),
            ("{1, -1.5, \"ä\"}", r#"[1,-1.5,"ä"]"#),
            ("%{1 => 2, a: %{\"b\" => []}}", r#"{"1":2,"a":{"b":[]}}"#),
            ("%{:a => 1, \"a\" => 2}", r#"[["a",1],["a",2]]"#),
            ("18446744073709551616", r#""18446744073709551616""#),
            ("<<255, 1>>", r#""<<255, 1>>""#),
            ("[1 | 2]", r#""[1 | 2]""#),
        ] {
            assert_eq!(of(term), expected, "{term}");
        }
    }

    #[test]
    fn a_deep_term_ends_in_text() {
        let mut term = Term::nil();
        for _ in 0..100_000 {
            term = Term::list([term]);
        }
        assert!(json(&term).to_string().len() > 100_000);
    }
}
