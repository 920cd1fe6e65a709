//! Writes terms as text, without recursion.

use std::fmt::{self, Formatter, Write};

use num_bigint::{BigInt, Sign};
use smallvec::SmallVec;

use super::{Syntax, elixir_alias, is_elixir_function, is_plain_elixir_atom, is_plain_erlang_atom};
use crate::term::{Atom, Bits, Term};

/// A container whose rest is still to be written.
struct Level<'a> {
    parts: &'a [Term],
    next: usize,
    shape: Shape,
    close: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Plain,
    /// The last part stands behind a bar.
    Improper,
    /// Keys and values in turn, with `=>`.
    Pairs,
    /// Keys and values in turn, with `key: value`.
    Keys,
    /// Tuples of an atom and a value, as `key: value`.
    Keywords,
}

pub(super) fn print(term: &Term, syntax: Syntax, f: &mut Formatter<'_>) -> fmt::Result {
    let mut levels: SmallVec<[Level<'_>; 8]> = SmallVec::new();
    begin(term, syntax, &mut levels, f)?;
    while let Some(level) = levels.last_mut() {
        let Some(part) = level.parts.get(level.next) else {
            f.write_str(level.close)?;
            levels.pop();
            continue;
        };
        separate(level, syntax, f)?;
        let is_key = level.shape == Shape::Keys && level.next % 2 == 0;
        level.next += 1;
        let keyword = level.shape == Shape::Keywords;
        match (part, is_key, keyword) {
            (Term::Atom(key), true, _) => print_key(key, f)?,
            (Term::Tuple(pair), _, true) => {
                if let [Term::Atom(key), value] = &**pair {
                    print_key(key, f)?;
                    begin(value, syntax, &mut levels, f)?;
                }
            }
            (part, ..) => begin(part, syntax, &mut levels, f)?,
        }
    }
    Ok(())
}

fn separate(level: &Level<'_>, syntax: Syntax, f: &mut Formatter<'_>) -> fmt::Result {
    if level.next == 0 {
        return Ok(());
    }
    let in_pair = level.next % 2 == 1;
    match level.shape {
        Shape::Improper if level.next + 1 == level.parts.len() => f.write_str(match syntax {
            Syntax::Erlang => "|",
            Syntax::Elixir => " | ",
        }),
        Shape::Pairs if in_pair => f.write_str(" => "),
        Shape::Keys if in_pair => Ok(()),
        _ => f.write_str(match syntax {
            Syntax::Erlang => ",",
            Syntax::Elixir => ", ",
        }),
    }
}

/// Writes a simple term, or the begin of a container.
fn begin<'a>(
    term: &'a Term,
    syntax: Syntax,
    levels: &mut SmallVec<[Level<'a>; 8]>,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    let (open, shape, close) = match term {
        Term::Int(value) => return write!(f, "{value}"),
        Term::Big(value) => return print_big(value, syntax, f),
        Term::Float(float) => return print_float(float.get(), f),
        Term::Atom(atom) => return print_atom(atom, syntax, f),
        Term::Binary(bytes) => return print_binary(bytes, syntax, f),
        Term::Bits(bits) => return print_bits(bits, syntax, f),
        Term::Fun(opaque) => return print_hex("#Fun<", opaque.bytes(), f),
        Term::Record(opaque) => return print_hex("#Record<", opaque.bytes(), f),
        Term::Export(export) => {
            f.write_str(if syntax == Syntax::Erlang {
                "fun "
            } else {
                "&"
            })?;
            print_atom(&export.module, syntax, f)?;
            f.write_str(if syntax == Syntax::Erlang { ":" } else { "." })?;
            match syntax {
                Syntax::Erlang => print_atom(&export.function, syntax, f)?,
                Syntax::Elixir if is_elixir_function(export.function.as_str()) => {
                    f.write_str(export.function.as_str())?;
                }
                Syntax::Elixir => print_quoted(export.function.as_str(), '"', syntax, f)?,
            }
            return write!(f, "/{}", export.arity);
        }
        Term::Pid(pid) => {
            let (id, serial) = (u64::from(pid.id), u64::from(pid.serial));
            let numbers = [id, serial, u64::from(pid.creation)];
            return print_id("#Pid<", &pid.node, &numbers, f);
        }
        Term::Port(port) => {
            let numbers = [port.id, u64::from(port.creation)];
            return print_id("#Port<", &port.node, &numbers, f);
        }
        Term::Ref(reference) => {
            let mut numbers: SmallVec<[u64; 6]> = SmallVec::new();
            numbers.push(u64::from(reference.creation));
            numbers.extend(reference.words().iter().map(|word| u64::from(*word)));
            return print_id("#Ref<", &reference.node, &numbers, f);
        }
        Term::Tuple(_) => ("{", Shape::Plain, "}"),
        Term::Improper(_) => ("[", Shape::Improper, "]"),
        Term::List(list) if syntax == Syntax::Elixir && is_keywords(list) => {
            ("[", Shape::Keywords, "]")
        }
        Term::List(_) => ("[", Shape::Plain, "]"),
        Term::Map(_) if syntax == Syntax::Erlang => ("#{", Shape::Pairs, "}"),
        Term::Map(map) if map.iter().all(|(key, _)| is_key(key)) => ("%{", Shape::Keys, "}"),
        Term::Map(_) => ("%{", Shape::Pairs, "}"),
    };
    f.write_str(open)?;
    levels.push(Level {
        parts: term.parts(),
        next: 0,
        shape,
        close,
    });
    Ok(())
}

fn is_key(term: &Term) -> bool {
    matches!(term, Term::Atom(atom) if elixir_alias(atom.as_str()).is_none())
}

fn is_keywords(list: &[Term]) -> bool {
    let is_keyword = |term: &Term| match term.as_tuple() {
        Some([key, _]) => is_key(key),
        _ => false,
    };
    !list.is_empty() && list.iter().all(is_keyword)
}

fn print_key(key: &Atom, f: &mut Formatter<'_>) -> fmt::Result {
    match is_plain_elixir_atom(key.as_str()) {
        true => write!(f, "{}: ", key.as_str()),
        false => {
            print_quoted(key.as_str(), '"', Syntax::Elixir, f)?;
            f.write_str(": ")
        }
    }
}

/// Integers of more bits are written to the base 16: to the base 10 the time grows with the square of their length,
/// and 1 MiB from a stranger would take more than a second.
const MOST_DECIMAL_BITS: u64 = 4096;

fn print_big(value: &BigInt, syntax: Syntax, f: &mut Formatter<'_>) -> fmt::Result {
    if value.bits() <= MOST_DECIMAL_BITS {
        return write!(f, "{value}");
    }
    let sign = if value.sign() == Sign::Minus { "-" } else { "" };
    let base = match syntax {
        Syntax::Erlang => "16#",
        Syntax::Elixir => "0x",
    };
    write!(f, "{sign}{base}{:X}", value.magnitude())
}

fn print_float(value: f64, f: &mut Formatter<'_>) -> fmt::Result {
    let text = format!("{value:?}");
    match text.split_once('e') {
        // Both languages want a fraction before the exponent.
        Some((digits, exponent)) if !digits.contains('.') => write!(f, "{digits}.0e{exponent}"),
        _ => f.write_str(&text),
    }
}

fn print_atom(atom: &Atom, syntax: Syntax, f: &mut Formatter<'_>) -> fmt::Result {
    let text = atom.as_str();
    match syntax {
        Syntax::Erlang if is_plain_erlang_atom(text) => f.write_str(text),
        Syntax::Erlang => print_quoted(text, '\'', syntax, f),
        Syntax::Elixir if matches!(text, "nil" | "true" | "false") => f.write_str(text),
        Syntax::Elixir => match elixir_alias(text) {
            Some(path) => f.write_str(path),
            None if is_plain_elixir_atom(text) => write!(f, ":{text}"),
            None => {
                f.write_char(':')?;
                print_quoted(text, '"', syntax, f)
            }
        },
    }
}

fn print_quoted(text: &str, quote: char, syntax: Syntax, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char(quote)?;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\\' => f.write_str("\\\\")?,
            '#' if syntax == Syntax::Elixir && letters.peek() == Some(&'{') => {
                f.write_str("\\#")?
            }
            letter if letter == quote => write!(f, "\\{letter}")?,
            letter if letter.is_control() || is_bidirectional(letter) => {
                let mark = if syntax == Syntax::Elixir { 'u' } else { 'x' };
                write!(f, "\\{mark}{{{:X}}}", u32::from(letter))?;
            }
            letter => f.write_char(letter)?,
        }
    }
    f.write_char(quote)
}

/// What turns the direction of writing; Elixir refuses it in sources, and a terminal shows another text than there is.
fn is_bidirectional(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn print_binary(bytes: &[u8], syntax: Syntax, f: &mut Formatter<'_>) -> fmt::Result {
    let printable = |text: &&str| {
        text.chars()
            .all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
    };
    match (std::str::from_utf8(bytes).ok().filter(printable), syntax) {
        (Some(text), Syntax::Elixir) => print_quoted(text, '"', syntax, f),
        (Some(""), Syntax::Erlang) => f.write_str("<<>>"),
        (Some(text), Syntax::Erlang) => {
            f.write_str("<<")?;
            print_quoted(text, '"', syntax, f)?;
            f.write_str(if text.is_ascii() { ">>" } else { "/utf8>>" })
        }
        (None, _) => {
            f.write_str("<<")?;
            print_bytes(bytes, syntax, f)?;
            f.write_str(">>")
        }
    }
}

fn print_bytes(bytes: &[u8], syntax: Syntax, f: &mut Formatter<'_>) -> fmt::Result {
    let comma = if syntax == Syntax::Erlang { "," } else { ", " };
    for (at, byte) in bytes.iter().enumerate() {
        write!(f, "{}{byte}", if at == 0 { "" } else { comma })?;
    }
    Ok(())
}

fn print_bits(bits: &Bits, syntax: Syntax, f: &mut Formatter<'_>) -> fmt::Result {
    let Some((last, whole)) = bits.bytes().split_last() else {
        return Ok(());
    };
    let (comma, colon) = match syntax {
        Syntax::Erlang => (",", ":"),
        Syntax::Elixir => (", ", "::"),
    };
    f.write_str("<<")?;
    print_bytes(whole, syntax, f)?;
    let comma = if whole.is_empty() { "" } else { comma };
    let size = bits.bits_in_last();
    write!(f, "{comma}{}{colon}{size}>>", last >> (8 - size))
}

fn print_hex(open: &str, bytes: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(open)?;
    for byte in bytes {
        write!(f, "{byte:02x}")?;
    }
    f.write_char('>')
}

fn print_id(open: &str, node: &Atom, numbers: &[u64], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(open)?;
    print_quoted(node.as_str(), '\'', Syntax::Erlang, f)?;
    for number in numbers {
        write!(f, ",{number}")?;
    }
    f.write_char('>')
}
