//! Characters as Erlang passes them: lists, to any depth, of code points and binaries (`unicode:chardata()`).

use crate::term::Term;

/// The text of `chars`, whose binaries are UTF-8; `None` when it is no chardata. A character that is cut between two
/// binaries is put together again.
pub(super) fn unicode(chars: &Term) -> Option<String> {
    let mut bytes = Vec::new();
    each(chars, |part| match part {
        Part::Code(code) => {
            let mut buffer = [0; 4];
            let letter = char::from_u32(code)?;
            bytes.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
            Some(())
        }
        Part::Bytes(part) => {
            bytes.extend_from_slice(part);
            Some(())
        }
    })?;
    String::from_utf8(bytes).ok()
}

/// The text of `chars`, whose bytes and integers are the characters 0 to 255.
pub(super) fn latin1(chars: &Term) -> Option<String> {
    let mut text = String::new();
    each(chars, |part| match part {
        Part::Code(code) => {
            text.push(char::from(u8::try_from(code).ok()?));
            Some(())
        }
        Part::Bytes(part) => {
            text.extend(part.iter().copied().map(char::from));
            Some(())
        }
    })?;
    Some(text)
}

enum Part<'a> {
    Code(u32),
    Bytes(&'a [u8]),
}

/// Goes through the parts in order, without recursion: the depth is a stranger's choice.
fn each<'a>(chars: &'a Term, mut take: impl FnMut(Part<'a>) -> Option<()>) -> Option<()> {
    let mut open: Vec<std::slice::Iter<'a, Term>> = Vec::new();
    let mut next = Some(chars);
    loop {
        match next {
            Some(Term::Int(code)) => take(Part::Code(u32::try_from(*code).ok()?))?,
            Some(Term::Binary(bytes)) => take(Part::Bytes(bytes))?,
            Some(Term::List(list)) => open.push(list.iter()),
            // The tail of such a list is a binary.
            Some(Term::Improper(list)) => open.push(list.as_slice().iter()),
            Some(_) => return None,
            None => {
                open.pop();
            }
        }
        next = match open.last_mut() {
            Some(inner) => inner.next(),
            None => return Some(()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_mixtures_are_flattened_in_order() {
        let inner = Term::list([Term::from(0x20ac), Term::from("ü")]);
        let chars = Term::list([Term::charlist("a"), inner, Term::nil(), Term::from("z")]);
        assert_eq!(unicode(&chars).as_deref(), Some("a€üz"));
        let improper = Term::list_with_tail([Term::from(97)], Term::from("b"));
        assert_eq!(unicode(&improper).as_deref(), Some("ab"));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(unicode(&Term::atom("a")), None);
        assert_eq!(unicode(&Term::list([Term::from(0xd800)])), None);
        assert_eq!(latin1(&Term::list([Term::from(0x20ac)])), None);
        assert_eq!(
            latin1(&Term::list([Term::from(0xfc)])).as_deref(),
            Some("ü")
        );
    }

    #[test]
    fn depth_costs_no_stack() {
        let mut chars = Term::from("x");
        for _ in 0..1_000_000 {
            chars = Term::list([chars]);
        }
        assert_eq!(unicode(&chars).as_deref(), Some("x"));
    }
}
