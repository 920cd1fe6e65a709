//! Reads terms from text. Nothing is evaluated: literals only.

mod form;
mod literal;

use bytes::Bytes;

use super::Syntax;
use crate::term::value::Export;
use crate::term::{Atom, Bits, Map, Term};

/// Text that is no term.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no term at character {offset}: {expected}")]
pub struct ParseError {
    /// Where, in bytes from the begin of the text.
    pub offset: usize,
    /// What would have been right there.
    pub expected: &'static str,
}

/// Levels of nesting. Text is typed by people, and the parser recurses.
const DEEPEST: usize = 128;

pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Term, ParseError> {
    let mut parser = Parser {
        text,
        at: 0,
        syntax,
        depth: 0,
    };
    let term = parser.term()?;
    parser.blank();
    parser.eat(".");
    parser.blank();
    match parser.rest().is_empty() {
        true => Ok(term),
        false => Err(parser.expected("the end of the text")),
    }
}

/// What may stand behind a colon without quotes though it is no word; of two that begin alike the longer one first.
const ELIXIR_OPERATORS: &[&str] = &[
    "%{}", "<<<", "<<>>", "<<~", "<|>", "<~>", "<~", "<>", "<=", "<-", "<", ">>>", ">=", ">",
    "===", "==", "=~", "=>", "=", "!==", "!=", "!", "&&&", "&&", "&", "|||", "||", "|>", "|",
    "+++", "++", "+", "---", "--", "->", "-", "**", "*", "/", "^^^", "^", "~>>", "~>", "~~~",
    "...", "..", ".", "{}", "%", "@",
];

struct Parser<'a> {
    text: &'a str,
    at: usize,
    syntax: Syntax,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, expected: &'static str) -> ParseError {
        let offset = self.at;
        ParseError { offset, expected }
    }

    /// Passes white space and comments.
    fn blank(&mut self) {
        let comment = if self.syntax == Syntax::Erlang {
            '%'
        } else {
            '#'
        };
        loop {
            let trimmed = self.rest().trim_start();
            self.at = self.text.len() - trimmed.len();
            let is_form = trimmed.starts_with("#{")
                || [
                    "#Pid<",
                    "#PID<",
                    "#Port<",
                    "#Ref<",
                    "#Reference<",
                    "#Fun<",
                    "#Record<",
                ]
                .iter()
                .any(|form| trimmed.starts_with(form));
            let is_map = trimmed.starts_with("%{");
            if !trimmed.starts_with(comment) || is_form || is_map {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn want(&mut self, token: &'static str) -> Result<(), ParseError> {
        self.blank();
        match self.eat(token) {
            true => Ok(()),
            false => Err(self.expected(token)),
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn term(&mut self) -> Result<Term, ParseError> {
        if self.depth == DEEPEST {
            return Err(self.expected("at most 128 levels"));
        }
        self.depth += 1;
        self.blank();
        let term = self.any();
        self.depth -= 1;
        term
    }

    fn any(&mut self) -> Result<Term, ParseError> {
        let rest = self.rest();
        let elixir = self.syntax == Syntax::Elixir;
        let first = rest.chars().next().ok_or_else(|| self.expected("a term"))?;
        match first {
            '{' => {
                self.at += 1;
                self.until("}", Parser::term).map(Term::tuple)
            }
            '[' => {
                self.at += 1;
                self.list()
            }
            '%' if elixir => {
                self.want("%{")?;
                self.map()
            }
            '#' if !elixir && rest.starts_with("#{") => {
                self.want("#{")?;
                self.map()
            }
            '#' => self.form(),
            '<' => self.binary(),
            '"' if elixir => Ok(Term::from(self.quoted('"')?)),
            '"' => Ok(Term::charlist(&self.quoted('"')?)),
            '\'' if elixir => Ok(Term::charlist(&self.quoted('\'')?)),
            '\'' => {
                let text = self.quoted('\'')?;
                self.atom_of(&text)
            }
            '~' if elixir => {
                self.want("~c\"")?;
                self.at -= 1;
                Ok(Term::charlist(&self.quoted('"')?))
            }
            ':' if elixir => {
                self.at += 1;
                self.elixir_atom()
            }
            '&' if elixir => self.elixir_export(),
            '?' | '$' if (first == '?') == elixir => {
                self.at += 1;
                let letter = self.letter()?;
                Ok(Term::from(u32::from(letter)))
            }
            '0'..='9' | '-' | '+' => self.number(),
            first if first.is_alphabetic() || first == '_' => self.word(),
            _ => Err(self.expected("a term")),
        }
    }

    /// Elements, with commas between, up to `close`.
    fn until<T>(
        &mut self,
        close: &'static str,
        mut element: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut elements = Vec::new();
        self.blank();
        if self.eat(close) {
            return Ok(elements);
        }
        loop {
            elements.push(element(self)?);
            self.blank();
            if self.eat(close) {
                return Ok(elements);
            }
            if !self.eat(",") {
                return Err(self.expected("a comma, or the end of what was opened"));
            }
            if self.ends_behind_a_comma(close) {
                return Ok(elements);
            }
        }
    }

    fn ends_behind_a_comma(&mut self, close: &str) -> bool {
        self.blank();
        self.syntax == Syntax::Elixir && self.eat(close)
    }

    fn list(&mut self) -> Result<Term, ParseError> {
        let mut elements = Vec::new();
        self.blank();
        if self.eat("]") {
            return Ok(Term::nil());
        }
        loop {
            match self.key()? {
                Some(key) => elements.push(Term::tuple([Term::Atom(key), self.term()?])),
                None => elements.push(self.term()?),
            }
            self.blank();
            if self.eat("]") {
                return Ok(Term::list(elements));
            }
            if self.eat("|") {
                let tail = self.term()?;
                self.want("]")?;
                return Ok(Term::list_with_tail(elements, tail));
            }
            if !self.eat(",") {
                return Err(self.expected("a comma, a bar or ]"));
            }
            if self.ends_behind_a_comma("]") {
                return Ok(Term::list(elements));
            }
        }
    }

    fn map(&mut self) -> Result<Term, ParseError> {
        let start = self.at;
        let pairs = self.until("}", |parser| {
            if let Some(key) = parser.key()? {
                return Ok((Term::Atom(key), parser.term()?));
            }
            let key = parser.term()?;
            parser.want("=>")?;
            Ok((key, parser.term()?))
        })?;
        let count = pairs.len();
        let map: Map = pairs.into_iter().collect();
        if map.len() != count {
            let offset = start;
            let expected = "a map without a key that stands in it twice";
            return Err(ParseError { offset, expected });
        }
        Ok(Term::Map(map))
    }

    /// `key: ` of Elixir, if that is what comes.
    fn key(&mut self) -> Result<Option<Atom>, ParseError> {
        if self.syntax == Syntax::Erlang {
            return Ok(None);
        }
        self.blank();
        let start = self.at;
        let text = match self.rest().starts_with('"') {
            true => self.quoted('"')?,
            false => {
                let mut word = self.take_while(is_word).to_owned();
                if !word.is_empty() && self.rest().starts_with(['?', '!']) {
                    word.extend(self.rest().chars().next());
                    self.at += 1;
                }
                word
            }
        };
        let is_key = self.rest().starts_with(':') && !self.rest().starts_with("::");
        if text.is_empty() && self.at == start || !is_key {
            self.at = start;
            return Ok(None);
        }
        self.at += 1;
        self.atom(&text).map(Some)
    }

    fn atom(&self, text: &str) -> Result<Atom, ParseError> {
        Atom::new(text).map_err(|_| self.expected("an atom of at most 255 characters"))
    }

    fn atom_of(&self, text: &str) -> Result<Term, ParseError> {
        self.atom(text).map(Term::Atom)
    }

    fn elixir_atom(&mut self) -> Result<Term, ParseError> {
        if self.rest().starts_with('"') {
            let text = self.quoted('"')?;
            return self.atom_of(&text);
        }
        if self.rest().starts_with('\'') {
            let text = self.quoted('\'')?;
            return self.atom_of(&text);
        }
        if let Some(operator) = ELIXIR_OPERATORS.iter().find(|operator| self.eat(operator)) {
            return self.atom_of(operator);
        }
        let word = self.take_while(is_word);
        if word.is_empty() {
            return Err(self.expected("an atom"));
        }
        let mut text = word.to_owned();
        if self.rest().starts_with(['?', '!']) {
            text.extend(self.rest().chars().next());
            self.at += 1;
        }
        self.atom_of(&text)
    }

    /// An atom of Erlang, `fun m:f/a`; or `nil`, `true`, `false` and aliases of Elixir.
    fn word(&mut self) -> Result<Term, ParseError> {
        let start = self.at;
        let path = self.syntax == Syntax::Elixir;
        let word = self.take_while(|c| is_word(c) || path && c == '.');
        match (self.syntax, word) {
            (Syntax::Erlang, "fun") => {
                let module = self.erlang_atom()?;
                self.want(":")?;
                let function = self.erlang_atom()?;
                self.arity(module, function)
            }
            (Syntax::Erlang, word) if word.starts_with(|c: char| c.is_lowercase()) => {
                self.atom_of(word)
            }
            (Syntax::Elixir, "nil" | "true" | "false" | "Elixir") => self.atom_of(word),
            (Syntax::Elixir, word) if word.starts_with("Elixir.") => self.atom_of(word),
            (Syntax::Elixir, word) if word.starts_with(|c: char| c.is_uppercase()) => {
                let word = word.trim_end_matches('.');
                self.at = start + word.len();
                self.atom_of(&format!("Elixir.{word}"))
            }
            _ => {
                self.at = start;
                Err(self.expected("a term; variables and calls are none"))
            }
        }
    }

    fn erlang_atom(&mut self) -> Result<Atom, ParseError> {
        self.blank();
        match self.rest().starts_with('\'') {
            true => {
                let text = self.quoted('\'')?;
                self.atom(&text)
            }
            false => {
                let word = self.take_while(is_word);
                match word.is_empty() {
                    true => Err(self.expected("an atom")),
                    false => self.atom(word),
                }
            }
        }
    }

    /// `&Module.function/arity`
    fn elixir_export(&mut self) -> Result<Term, ParseError> {
        self.want("&")?;
        let module = match self.eat(":") {
            true if self.rest().starts_with('"') => self.quoted('"')?,
            true => self.take_while(is_word).to_owned(),
            false => {
                let rest = self.rest();
                let end = rest.find('/').unwrap_or(rest.len());
                let end = rest[..end].rfind('.').unwrap_or(end);
                self.at += end;
                format!("Elixir.{}", &rest[..end])
            }
        };
        let module = self.atom(&module)?;
        self.want(".")?;
        let function = match self.rest().starts_with('"') {
            true => self.quoted('"')?,
            false => self
                .take_while(|c| is_word(c) || matches!(c, '?' | '!'))
                .to_owned(),
        };
        let function = self.atom(&function)?;
        self.arity(module, function)
    }

    fn arity(&mut self, module: Atom, function: Atom) -> Result<Term, ParseError> {
        self.want("/")?;
        let arity = self.take_while(|c| c.is_ascii_digit()).parse();
        let arity = arity.map_err(|_| self.expected("an arity of 0 to 255"))?;
        Ok(Term::Export(Box::new(Export {
            module,
            function,
            arity,
        })))
    }

    /// `<<…>>` of numbers, with a size at the last if it is no whole byte, or of a text.
    fn binary(&mut self) -> Result<Term, ParseError> {
        self.want("<<")?;
        let mut bytes = Vec::new();
        let mut odd_bits = None;
        self.until(">>", |parser| {
            if odd_bits.is_some() {
                return Err(parser.expected("an odd number of bits only at the end"));
            }
            parser.blank();
            if parser.rest().starts_with('"') {
                let text = parser.quoted('"')?;
                let utf8 = parser.eat("/utf8") || parser.syntax == Syntax::Elixir;
                return parser.text_bytes(&text, utf8, &mut bytes);
            }
            let value = parser.take_while(|c| c.is_ascii_digit()).parse::<u8>();
            let value = value.map_err(|_| parser.expected("a number from 0 to 255"))?;
            let colon = if parser.syntax == Syntax::Erlang {
                ":"
            } else {
                "::"
            };
            if parser.eat(colon) {
                let size = parser.take_while(|c| c.is_ascii_digit()).parse::<u8>();
                let size = size.ok().filter(|size| matches!(size, 1..=8));
                let size = size.ok_or_else(|| parser.expected("a size of 1 to 8 bits"))?;
                if size < 8 {
                    odd_bits = Some(size);
                    bytes.push(value << (8 - size));
                    return Ok(());
                }
            }
            bytes.push(value);
            Ok(())
        })?;
        let bytes = Bytes::from(bytes);
        let bits = odd_bits.and_then(|last| Bits::new(bytes.clone(), last));
        Ok(match bits {
            Some(bits) => Term::Bits(Box::new(bits)),
            None => Term::Binary(bytes),
        })
    }

    /// The text of a binary: in Erlang a byte for each character, unless `/utf8` says otherwise.
    fn text_bytes(&self, text: &str, utf8: bool, bytes: &mut Vec<u8>) -> Result<(), ParseError> {
        if utf8 {
            bytes.extend(text.as_bytes());
            return Ok(());
        }
        for letter in text.chars() {
            let byte = u8::try_from(u32::from(letter));
            bytes.push(byte.map_err(|_| self.expected("/utf8 behind a text beyond latin-1"))?);
        }
        Ok(())
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '@'
}
