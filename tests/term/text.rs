//! Terms as text, read back by us and by the languages themselves.

use beamlink::term::{BigInt, Term};
use proptest::prelude::*;

use crate::beam::{op, tell};
use crate::strategy::{any_term, literal_term};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_is_read_again(term in any_term()) {
        let erlang = term.to_erlang().to_string();
        prop_assert_eq!(Term::parse_erlang(&erlang), Ok(term.clone()), "{}", erlang);
        let elixir = term.to_elixir().to_string();
        prop_assert_eq!(Term::parse_elixir(&elixir), Ok(term), "{}", elixir);
    }

    #[test]
    fn any_text_is_a_term_or_an_error_with_its_place(text in ".{0,40}") {
        for result in [Term::parse_erlang(&text), Term::parse_elixir(&text)] {
            if let Err(error) = result {
                prop_assert!(text.is_char_boundary(error.offset), "{error:?}");
            }
        }
    }

    #[test]
    fn pieces_of_syntax_are_a_term_or_an_error(pieces in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", "%{", "#{", "<<", ">>", "|", ",", "=>", ":", "::", "'", "\"", "\\", "\\x", "~c\"", "&", "fun ", "/", "#Pid<", "#Ref<",
        "#Fun<", "<", ">", "1", "1.", "e9", "16#", "0x", "-", "a", "A.", "_", "?", "$", "%", "#", "\n", " ", "é", "日", "\u{0}", "nil", "256", "::3", ":3", "/utf8"
    ]), 0..16)) {
        let text = pieces.concat();
        for result in [Term::parse_erlang(&text), Term::parse_elixir(&text)] {
            if let Err(error) = result {
                prop_assert!(text.is_char_boundary(error.offset), "{error:?}");
            }
        }
    }

    #[test]
    fn erlang_reads_what_we_write(term in literal_term()) {
        let text = format!("{}.", term.to_erlang());
        if let Some(read) = tell(&op("erl_eval", [Term::from(text)])) {
            prop_assert_eq!(read, term);
        }
    }

    #[test]
    fn elixir_reads_what_we_write(term in literal_term()) {
        let text = term.to_elixir().to_string();
        // Elixir 1.14 counts bytes where 255 characters are allowed.
        prop_assume!(text.split('"').all(|piece| piece.len() <= 255));
        if let Some(read) = tell(&op("elixir_eval", [Term::from(text)])) {
            prop_assert_eq!(read, term);
        }
    }
}

/// Expressions rather than literals.
const BEYOND_US: &[&str] = &[
    "<<1::size(3)>>",
    "\"a\" <> \"b\"",
    "~c'text'",
    "~w\"a b\"",
    "~s\"x\"",
    "\"\"\"\nx\n\"\"\"",
    "- 1",
    "<<300>>",
    "<<-1>>",
    "\"a\" \"b\"",
];

/// Texts that both we and the language read, with the same result.
#[test]
fn erlang_by_hand() {
    for text in [
        "#{node => 'a@b'}",
        "[1,2|3]",
        "[1|[2]]",
        "\"text\"",
        "\"\\x{65E5}\\n\\t\\s\\e\\\\\\\"\"",
        "'it\\'s'",
        "16#FF",
        "2#-1",
        "-16#fF",
        "36#zz",
        "1_000",
        "1.5e3",
        "-1.0e-3",
        "$a",
        "$\\n",
        "$\\s",
        "<<1,2,3>>",
        "<<\"text\">>",
        "<<\"é\"/utf8>>",
        "<<1:3>>",
        "<<5,1:3>>",
        "<<>>",
        "fun lists:map/2",
        "fun 'a b':'c d'/0",
        "% comment\n{a, % more\n b}",
        "[]",
        "{}",
        "#{}",
        "\"\\101\"",
        "\"\\^A\"",
        "a@b",
        "+1",
        "\"a\" \"b\"",
        "'ä'",
        "é",
        "<<\"ab\",0>>",
        "- 1",
        "$\\x41",
        "$\\101",
        "\"\\x41\"",
        "maybe_not",
        "<<1:8>>",
        "<<300>>",
        "<<-1>>",
        "0.0",
        "1.0E5",
    ] {
        let ours = Term::parse_erlang(text);
        let Some(answer) = crate::beam::ask(&op("erl_eval", [Term::from(format!("{text}\n."))]))
        else {
            continue;
        };
        match (ours, answer) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{text}"),
            (Err(_), Err(_)) => {}
            // Not all that the language reads do we read; but never the other way round.
            (Err(error), Ok(_)) => assert!(BEYOND_US.contains(&text), "{text}: {error}"),
            (Ok(ours), Err(_)) => panic!("{text} is {ours:?} for us alone"),
        }
    }
}

#[test]
fn elixir_by_hand() {
    for text in [
        "%{node: :\"a@b\"}",
        "%{:a => 1, \"b\" => 2}",
        "[a: 1, b: 2]",
        "[{:a, 1}, 2]",
        "[1, a: 2]",
        "'text'",
        "~c\"text\"",
        "\"é\\n\\u00e9\\u{65e5}\\x41\"",
        "0xFF",
        "0b101",
        "0o17",
        "-0x10",
        "1_000",
        "1.5e3",
        "-1.0e-3",
        "?a",
        "?\\n",
        "<<1, 2>>",
        "<<1::3>>",
        "<<1::size(3)>>",
        "<<\"a\", 1>>",
        "nil",
        ":nil",
        "true",
        "Foo.Bar",
        ":\"Elixir.Foo\"",
        ":foo?",
        "&Enum.map/2",
        "&:lists.map/2",
        "&:\"a b\".\"c d\"/0",
        "# comment\n{:a, # more\n :b}",
        "[1 | 2]",
        "[a: 1, \"b c\": 2]",
        "%{\"a b\": 1}",
        ":+",
        ":==",
        ":{}",
        ":%{}",
        ":<<>>",
        ":..",
        ":|>",
        "\"a\" <> \"b\"",
        "~c'text'",
        "~w\"a b\"",
        "~s\"x\"",
        ":'a b'",
        "%{a: 1,}",
        "[1,]",
        "\"\"\"\nx\n\"\"\"",
        "- 1",
        "+1",
        "<<1::8>>",
        "<<300>>",
        "[nil: 1, true: 2]",
        "%{nil: 1}",
        "Elixir",
        "Elixir.Foo",
        "\"\\d\\a\\0\"",
    ] {
        let ours = Term::parse_elixir(text);
        let Some(answer) = crate::beam::ask(&op("elixir_eval", [Term::from(text)])) else {
            continue;
        };
        match (ours, answer) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{text}"),
            (Err(_), Err(_)) => {}
            // Not all that the language reads do we read; but never the other way round.
            (Err(error), Ok(_)) => assert!(BEYOND_US.contains(&text), "{text}: {error}"),
            (Ok(ours), Err(_)) => panic!("{text} is {ours:?} for us alone"),
        }
    }
}

#[test]
fn integers_of_any_length_are_written_in_linear_time_and_read_again() {
    for (bits, mark) in [(4000u32, "1"), (5000, "16#1"), (8 << 20, "16#1")] {
        let power = BigInt::from(1) << bits;
        for term in [Term::integer(power.clone()), Term::integer(-power)] {
            let (erlang, elixir) = (term.to_erlang().to_string(), term.to_elixir().to_string());
            assert!(erlang.trim_start_matches('-').starts_with(mark));
            assert_eq!(Term::parse_erlang(&erlang).as_ref(), Ok(&term));
            assert_eq!(Term::parse_elixir(&elixir).as_ref(), Ok(&term));
            if bits < 8 << 20
                && let Some(read) = tell(&op("erl_eval", [Term::from(format!("{erlang}."))]))
            {
                assert_eq!(read, term);
                assert_eq!(tell(&op("elixir_eval", [Term::from(elixir)])), Some(term));
            }
        }
    }
}
