//! The forms of our own, for what has no syntax in either language.

use super::{ParseError, Parser};
use crate::term::text::Syntax;
use crate::term::value::Opaque;
use crate::term::{Atom, Pid, Port, Reference, Term, skip};

impl Parser<'_> {
    /// One of our own forms, `#Pid<…>` and the like.
    pub(super) fn form(&mut self) -> Result<Term, ParseError> {
        let start = self.at;
        let close = self.rest().find('>').map(|end| start + end + 1);
        let name = self.rest().split('<').next().unwrap_or_default();
        self.at += name.len() + 1;
        let term = match name {
            "#Fun" | "#Record" => self.opaque(name),
            "#Pid" | "#PID" | "#Port" | "#Ref" | "#Reference" => self.id(name),
            _ => None,
        };
        term.ok_or_else(|| {
            self.at = close.unwrap_or(start).min(start);
            self.expected(
                "a pid, port, reference, fun or record in the form in which we write them",
            )
        })
    }

    fn opaque(&mut self, name: &str) -> Option<Term> {
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        if !self.eat(">") {
            return None;
        }
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
        let whole = rest.is_empty() && skip(&bytes).ok() == Some(bytes.len());
        let opaque = Opaque(bytes.into());
        match (name, opaque.bytes().first()) {
            ("#Fun", Some(112)) if whole => Some(Term::Fun(opaque)),
            ("#Record", Some(67)) if whole => Some(Term::Record(opaque)),
            _ => None,
        }
    }

    fn id(&mut self, name: &str) -> Option<Term> {
        if !self.rest().starts_with('\'') {
            return None;
        }
        let syntax = std::mem::replace(&mut self.syntax, Syntax::Erlang);
        let node = self.quoted('\'');
        self.syntax = syntax;
        let node = Atom::new(&node.ok()?).ok()?;
        let mut numbers = Vec::new();
        while self.eat(",") {
            numbers.push(
                self.take_while(|c| c.is_ascii_digit())
                    .parse::<u64>()
                    .ok()?,
            );
        }
        if !self.eat(">") {
            return None;
        }
        let small = |number: u64| u32::try_from(number).ok();
        match (name, numbers.as_slice()) {
            ("#Pid" | "#PID", &[id, serial, creation]) => Some(Term::Pid(Pid {
                node,
                id: small(id)?,
                serial: small(serial)?,
                creation: small(creation)?,
            })),
            ("#Port", &[id, creation]) => Some(Term::Port(Port {
                node,
                id,
                creation: small(creation)?,
            })),
            ("#Ref" | "#Reference", [creation, words @ ..]) => {
                let words: Vec<u32> = words
                    .iter()
                    .map(|word| small(*word))
                    .collect::<Option<_>>()?;
                Reference::from_words(node, small(*creation)?, &words).map(Term::Ref)
            }
            _ => None,
        }
    }
}
