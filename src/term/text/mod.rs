//! Terms as text, in the syntax of Erlang and of Elixir, both ways.
//!
//! What has no syntax in either is written in a form of ours that is read back: `#Pid<'node@host',Id,Serial,Creation>`,
//! `#Port<'node@host',Id,Creation>`, `#Ref<'node@host',Creation,Word,…>`, and, for funs with an environment and
//! records, `#Fun<…>` and `#Record<…>` with their bytes in hexadecimal. Lists of characters are written as the lists of
//! numbers that they are.

mod parse;
mod print;

pub use parse::ParseError;

use std::fmt;

use super::Term;

/// Which language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    Erlang,
    Elixir,
}

/// A term that is displayed in the syntax of one language.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    term: &'a Term,
    syntax: Syntax,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print::print(self.term, self.syntax, f)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Term {
    /// The term as Erlang writes it.
    ///
    /// ```
    /// use beamlink::term::Term;
    /// let term = Term::parse_elixir(r#"%{node: :"a@b.c"}"#).unwrap();
    /// assert_eq!(term.to_erlang().to_string(), "#{node => 'a@b.c'}");
    /// ```
    pub fn to_erlang(&self) -> Text<'_> {
        Text {
            term: self,
            syntax: Syntax::Erlang,
        }
    }

    /// The term as Elixir's `inspect/1` writes it, with charlists as lists.
    ///
    /// ```
    /// use beamlink::term::Term;
    /// let term = Term::parse_erlang("[{ok,<<\"text\">>},undefined]").unwrap();
    /// assert_eq!(term.to_elixir().to_string(), r#"[{:ok, "text"}, :undefined]"#);
    /// ```
    pub fn to_elixir(&self) -> Text<'_> {
        Text {
            term: self,
            syntax: Syntax::Elixir,
        }
    }

    /// Reads a term that is written as in Erlang; a full stop may follow.
    ///
    /// # Errors
    /// Where it is none, or nested deeper than 128 levels.
    pub fn parse_erlang(text: &str) -> Result<Term, ParseError> {
        parse::parse(text, Syntax::Erlang)
    }

    /// Reads a term that is written as in Elixir: literals only, nothing is evaluated.
    ///
    /// # Errors
    /// Where it is none, or nested deeper than 128 levels.
    pub fn parse_elixir(text: &str) -> Result<Term, ParseError> {
        parse::parse(text, Syntax::Elixir)
    }
}

impl fmt::Debug for Term {
    /// As in Erlang.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_erlang(), f)
    }
}

macro_rules! debug_as_term {
    ($($name:ident),*) => {
        $(impl fmt::Debug for super::$name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Each part in itself: deep ones need no stack here.
                f.debug_list().entries(self.iter()).finish()
            }
        })*
    };
}

debug_as_term!(Tuple, List, ImproperList);

macro_rules! equal_by_parts {
    ($($name:ident),*) => {
        $(impl PartialEq for super::$name {
            fn eq(&self, other: &super::$name) -> bool {
                self.as_slice() == other.as_slice()
            }
        }

        impl Eq for super::$name {})*
    };
}

equal_by_parts!(Tuple, List, ImproperList);

/// The words that are no atoms in Erlang without quotes.
const ERLANG_RESERVED: &[&str] = &[
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case",
    "catch", "cond", "div", "else", "end", "fun", "if", "let", "maybe", "not", "of", "or",
    "orelse", "receive", "rem", "try", "when", "xor",
];

/// Whether `text` is an atom in Erlang without quotes.
fn is_plain_erlang_atom(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '@')
        && !ERLANG_RESERVED.contains(&text)
}

/// Whether `text` is an atom in Elixir behind a colon without quotes, and a key before one.
fn is_plain_elixir_atom(text: &str) -> bool {
    let stem = text.strip_suffix(['?', '!']).unwrap_or(text);
    stem.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && stem
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '@')
}

/// Whether `text` is the name of a function in Elixir without quotes, behind a module and a dot.
fn is_elixir_function(text: &str) -> bool {
    is_plain_elixir_atom(text)
        && !text.contains('@')
        && !text.starts_with(|first: char| first.is_ascii_uppercase())
}

/// `Foo.Bar` for the atom `Elixir.Foo.Bar`.
fn elixir_alias(text: &str) -> Option<&str> {
    let path = text.strip_prefix("Elixir.")?;
    let is_segment = |segment: &str| {
        segment.starts_with(|first: char| first.is_ascii_uppercase())
            && segment
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    path.split('.').all(is_segment).then_some(path)
}
