//! Environment files as docker compose reads them (`KEY=VALUE`, comments, `export `, quotes), save that
//! `$` is never expanded.

use std::collections::HashMap;

use zeroize::Zeroizing;

/// What one variable was given.
pub(super) struct Entry {
    pub(super) text: Zeroizing<String>,
    /// Counted from 1.
    pub(super) line: usize,
    /// A `$` stands where docker compose would have expanded it.
    pub(super) dollar: bool,
}

/// Why a file cannot be read as an environment file. The line's text is not repeated: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("does not begin with a variable's name as in NAME=value")]
    Name,
    #[error("has no '=' after the variable's name")]
    Equals,
    #[error("opens a quote that is never closed")]
    Unclosed,
    #[error("has text after the closing quote")]
    AfterQuote,
}

/// Reads `text`; of a variable given twice the last one counts, as in docker compose.
///
/// # Errors
/// The line, from 1, and what is wrong with it.
pub(super) fn parse(text: &str) -> Result<HashMap<String, Entry>, (usize, Fault)> {
    let mut entries = HashMap::new();
    let mut rest = Cursor {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
    };
    while rest.skip_to_statement() {
        let line = rest.line;
        let name = rest.name().ok_or((line, Fault::Name))?;
        rest.skip_blanks();
        if rest.at_line_end() {
            continue; // a name alone: the real environment's, which is looked at anyway
        }
        if !rest.take('=') {
            return Err((line, Fault::Equals));
        }
        let (text, dollar) = rest.value().map_err(|fault| (line, fault))?;
        entries.insert(name.to_owned(), Entry { text, line, dollar });
    }
    Ok(entries)
}

/// What is still to be read, and where we are.
struct Cursor<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Cursor<'t> {
    /// Passes blank lines and comments; false at the end of the file.
    fn skip_to_statement(&mut self) -> bool {
        while let Some(c) = self.peek() {
            match c {
                '#' => self.skip_line(),
                c if c.is_whitespace() => {
                    self.next();
                }
                _ => return true,
            }
        }
        false
    }

    fn name(&mut self) -> Option<&'t str> {
        let name = self.word();
        if name == "export" && matches!(self.peek(), Some(' ' | '\t')) {
            self.skip_blanks();
            return Some(self.word()).filter(|name| is_name(name));
        }
        Some(name).filter(|name| is_name(name))
    }

    /// The value and whether it holds a `$` that compose would expand.
    fn value(&mut self) -> Result<(Zeroizing<String>, bool), Fault> {
        let quote = match self.rest.trim_start_matches([' ', '\t']).chars().next() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return Ok(self.unquoted()),
        };
        self.skip_blanks();
        self.next();
        let mut text = Zeroizing::new(String::new());
        let mut dollar = false;
        loop {
            match self.next().ok_or(Fault::Unclosed)? {
                c if c == quote => break,
                '\\' => self.escaped(quote, &mut text),
                c => {
                    dollar |= c == '$' && quote == '"';
                    text.push(c);
                }
            }
        }
        self.skip_blanks();
        match self.peek() {
            Some('#') => self.skip_line(),
            _ if self.at_line_end() => {}
            _ => return Err(Fault::AfterQuote),
        }
        Ok((text, dollar))
    }

    /// Up to the end of the line or to a `#` that follows a blank.
    fn unquoted(&mut self) -> (Zeroizing<String>, bool) {
        let line = self.rest.lines().next().unwrap_or_default();
        let comment = line
            .match_indices('#')
            .map(|(at, _)| at)
            .find(|&at| line[..at].ends_with([' ', '\t']));
        let text = line[..comment.unwrap_or(line.len())].trim();
        self.skip_line();
        (Zeroizing::new(text.to_owned()), text.contains('$'))
    }

    /// The character after a backslash: compose knows `\n \r \t \\ \$` and the quote itself in double
    /// quotes, the quote alone in single ones; before anything else the backslash stays.
    fn escaped(&mut self, quote: char, text: &mut String) {
        match (self.peek(), quote) {
            (Some(c), _) if c == quote => text.push(c),
            (Some(c @ ('\\' | '$')), '"') => text.push(c),
            (Some('n'), '"') => text.push('\n'),
            (Some('r'), '"') => text.push('\r'),
            (Some('t'), '"') => text.push('\t'),
            _ => return text.push('\\'),
        }
        self.next();
    }

    fn word(&mut self) -> &'t str {
        let end = self
            .rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn at_line_end(&self) -> bool {
        matches!(self.peek(), None | Some('\n')) || self.rest.starts_with("\r\n")
    }

    fn skip_line(&mut self) {
        while !matches!(self.next(), None | Some('\n')) {}
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with(|c: char| c.is_ascii_digit())
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> String {
        parse(text).unwrap()["KEY"].text.to_string()
    }

    fn fault(text: &str) -> (usize, Fault) {
        parse(text).map(|_| ()).unwrap_err()
    }

    #[test]
    fn values_as_docker_compose_reads_them() {
        for (text, expected) in [
            ("KEY=VAL", "VAL"),
            ("  export\tKEY=VAL  \r\n", "VAL"),
            ("KEY = VAL", "VAL"),
            ("KEY=VAL # comment", "VAL"),
            ("KEY=VAL# not a comment", "VAL# not a comment"),
            ("KEY=#VAL", "#VAL"),
            ("KEY= # comment", ""),
            ("KEY=", ""),
            ("KEY=a=b", "a=b"),
            ("KEY=two words", "two words"),
            ("KEY=it's", "it's"),
            ("KEY=a\\b", "a\\b"),
            ("KEY=\"VAL\" # comment", "VAL"),
            ("KEY=\"VAL # in\"", "VAL # in"),
            ("KEY='VAL # in'#out", "VAL # in"),
            ("KEY=\"a\\nb\\t\\\"\\\\\\$\\x\"", "a\nb\t\"\\$\\x"),
            ("KEY='a\\nb\\'c'", "a\\nb'c"),
            ("KEY='two\nlines'", "two\nlines"),
            ("\u{feff}KEY=VAL", "VAL"),
            ("KEY=first\nKEY=last\n", "last"),
            ("exportKEY=x\nKEY=VAL", "VAL"),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_dollar_stays_and_is_noted_where_compose_would_expand_it() {
        for (text, dollar) in [
            ("KEY=a$B", true),
            ("KEY=\"a$B\"", true),
            ("KEY='a$B'", false),
        ] {
            let entries = parse(text).unwrap();
            assert_eq!(
                (&**entries["KEY"].text, entries["KEY"].dollar),
                ("a$B", dollar),
                "{text:?}"
            );
        }
        assert!(!parse("KEY=\"a\\$B\"").unwrap()["KEY"].dollar);
    }

    #[test]
    fn comments_and_names_alone_are_passed_over_and_lines_counted() {
        let entries = parse("# one\n\nALONE\n  # four\nMANY='a\nb'\nKEY=VAL").unwrap();
        assert_eq!(entries["KEY"].line, 7);
        assert_eq!(entries["MANY"].line, 5);
        assert!(!entries.contains_key("ALONE"));
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(fault("A=1\n=2"), (2, Fault::Name));
        assert_eq!(fault("A=1\n\n9A=2"), (3, Fault::Name));
        assert_eq!(fault("two words=2"), (1, Fault::Equals));
        assert_eq!(fault("A=\"x\n\n"), (1, Fault::Unclosed));
        assert_eq!(fault("A='x\\'"), (1, Fault::Unclosed));
        assert_eq!(fault("A=\"x\"y"), (1, Fault::AfterQuote));
    }

    proptest! {
        #[test]
        fn any_text_ends_in_entries_or_a_fault(text in "(?s).{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_single_quoted_value_comes_back(text in "[^'\\\\\r]{0,50}") {
            prop_assert_eq!(value(&format!("KEY='{text}'")), text);
        }
    }
}
