//! Numbers, and the letters and escapes of what is quoted.

use num_bigint::BigInt;

use super::{ParseError, Parser};
use crate::term::Term;
use crate::term::text::Syntax;

impl Parser<'_> {
    pub(super) fn number(&mut self) -> Result<Term, ParseError> {
        let start = self.at;
        let negative = self.eat("-") || {
            self.eat("+");
            false
        };
        let digits = self.digits()?;
        if self.syntax == Syntax::Elixir && digits == "0" {
            for (mark, radix) in [("x", 16), ("b", 2), ("o", 8)] {
                if self.eat(mark) {
                    return self.radix(radix, negative);
                }
            }
        }
        if self.syntax == Syntax::Erlang && self.eat("#") {
            let radix = digits.parse().unwrap_or(0);
            return self.radix(radix, negative);
        }
        let fraction = self.rest().strip_prefix('.');
        if fraction.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            return self.float(start);
        }
        let value: BigInt = digits.parse().map_err(|_| self.expected("a number"))?;
        Ok(Term::integer(if negative { -value } else { value }))
    }

    /// Digits, with underscores between.
    fn digits(&mut self) -> Result<String, ParseError> {
        let digits = self.take_while(|c| c.is_ascii_digit() || c == '_');
        match digits.starts_with(|c: char| c.is_ascii_digit()) {
            true => Ok(digits.replace('_', "")),
            false => Err(self.expected("a number")),
        }
    }

    fn radix(&mut self, radix: u32, negative: bool) -> Result<Term, ParseError> {
        let digits = self.take_while(|c| c.is_ascii_alphanumeric());
        let value = match radix {
            2..=36 => BigInt::parse_bytes(digits.as_bytes(), radix),
            _ => None,
        };
        let value = value.ok_or_else(|| self.expected("digits of that base (2 to 36)"))?;
        Ok(Term::integer(if negative { -value } else { value }))
    }

    fn float(&mut self, start: usize) -> Result<Term, ParseError> {
        self.at += 1;
        self.digits()?;
        if self.rest().starts_with(['e', 'E']) {
            self.at += 1;
            if !self.eat("-") {
                self.eat("+");
            }
            self.digits()?;
        }
        let text = self
            .text
            .get(start..self.at)
            .unwrap_or_default()
            .replace('_', "");
        let value = text.parse().ok().and_then(Term::float);
        value.ok_or_else(|| self.expected("a float that is finite"))
    }

    pub(super) fn quoted(&mut self, quote: char) -> Result<String, ParseError> {
        let mut text = String::new();
        self.at += quote.len_utf8();
        loop {
            if self.eat(quote.encode_utf8(&mut [0; 4])) {
                return Ok(text);
            }
            if self.syntax == Syntax::Elixir && self.rest().starts_with("#{") {
                return Err(self.expected("no interpolation: nothing is evaluated"));
            }
            text.push(self.letter()?);
        }
    }

    /// One character, or one escape.
    pub(super) fn letter(&mut self) -> Result<char, ParseError> {
        let letter = self.rest().chars().next();
        let letter = letter.ok_or_else(|| self.expected("the closing quote"))?;
        self.at += letter.len_utf8();
        if letter != '\\' {
            return Ok(letter);
        }
        let escaped = self.rest().chars().next();
        let escaped = escaped.ok_or_else(|| self.expected("an escape"))?;
        self.at += escaped.len_utf8();
        Ok(match escaped {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            's' => ' ',
            'b' => '\u{8}',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'd' => '\u{7f}',
            'a' if self.syntax == Syntax::Elixir => '\u{7}',
            '0' if self.syntax == Syntax::Elixir => '\0',
            'x' => return self.hex_letter(2),
            'u' if self.syntax == Syntax::Elixir => return self.hex_letter(4),
            '^' if self.syntax == Syntax::Erlang => return self.control_letter(),
            first @ '0'..='7' if self.syntax == Syntax::Erlang => self.octal_letter(first),
            other => other,
        })
    }

    /// Behind `\^`.
    fn control_letter(&mut self) -> Result<char, ParseError> {
        let letter = self.rest().bytes().next();
        let letter = letter.filter(|letter| matches!(letter, b'@'..=b'_' | b'a'..=b'z'));
        let letter = letter.ok_or_else(|| self.expected("the letter of a control character"))?;
        self.at += 1;
        Ok(char::from(letter & 31))
    }

    /// Up to three octal digits, of which `first` is the first.
    fn octal_letter(&mut self, first: char) -> char {
        let rest = self.rest().bytes();
        let more = rest
            .take(2)
            .take_while(|digit| matches!(digit, b'0'..=b'7'));
        let digits: Vec<u32> = more.map(|digit| u32::from(digit - b'0')).collect();
        self.at += digits.len();
        let first = first.to_digit(8).unwrap_or(0);
        let value = digits.iter().fold(first, |value, digit| value * 8 + digit);
        // At most 511, which is no surrogate.
        char::from_u32(value).unwrap_or_default()
    }

    /// Behind `\x` or `\u`: so many digits, or any number in braces.
    fn hex_letter(&mut self, count: usize) -> Result<char, ParseError> {
        let digits = match self.eat("{") {
            true => {
                let digits = self.take_while(|c| c.is_ascii_hexdigit());
                self.want("}")?;
                digits
            }
            false => {
                let digits = self.rest().get(..count).unwrap_or_default();
                self.at += digits.len();
                digits
            }
        };
        let letter = u32::from_str_radix(digits, 16)
            .ok()
            .and_then(char::from_u32);
        letter.ok_or_else(|| self.expected("the number of a character"))
    }
}
