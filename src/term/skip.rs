//! Checks the bytes of a term without building it.

use smallvec::SmallVec;

use super::cursor::Cursor;
use super::{DecodeError, Fault, tag};

/// The length of the term at the begin of `bytes` (without version byte), in bytes. Nothing is allocated (but for
/// funs that lie in funs). What is accepted here is what [`Decoder::term`](super::Decoder::term) accepts, save that
/// keys that stand twice in a map are not looked for.
///
/// # Errors
/// When it is no term.
///
/// ```
/// use beamlink::term::skip;
/// assert_eq!(skip(&[104, 1, 97, 7, 99, 99]).unwrap(), 4);
/// assert!(skip(&[104, 2, 97, 7]).is_err());
/// ```
pub fn skip(bytes: &[u8]) -> Result<usize, DecodeError> {
    skip_from(bytes, 0, 0)
}

/// Where the term ends that begins `at` a place, when behind it `around` terms more must come.
pub(super) fn skip_from(bytes: &[u8], at: usize, around: u64) -> Result<usize, DecodeError> {
    let mut cursor = Cursor::new(bytes, at);
    // Terms that are still to come, in all containers that are open.
    let mut owed = around + 1;
    let mut funs: SmallVec<[OpenFun; 4]> = SmallVec::new();
    // How many terms are owed when the innermost fun is complete.
    let mut behind_fun = u64::MAX;
    while owed > around {
        owed -= 1;
        // What is frequent has a way of its own here.
        match *cursor.rest() {
            [tag::SMALL_INTEGER, _, tag::SMALL_INTEGER, ..] if owed < behind_fun => {
                owed -= cursor.pass_run::<2>(owed - around + 1) - 1;
            }
            [tag::INTEGER, _, _, _, _, tag::INTEGER, ..] if owed < behind_fun => {
                owed -= cursor.pass_run::<5>(owed - around + 1) - 1;
            }
            [tag::SMALL_INTEGER, _, ref rest @ ..]
            | [tag::INTEGER, _, _, _, _, ref rest @ ..]
            | [tag::NIL, ref rest @ ..] => cursor.move_to(rest),
            [tag::SMALL_ATOM_UTF8, length, ref rest @ ..]
                if let Some((text, rest)) = rest.split_at_checked(usize::from(length))
                    && text.is_ascii() =>
            {
                cursor.move_to(rest);
            }
            [tag::BINARY, a, b, c, d, ref rest @ ..]
                if let Some((_, rest)) =
                    rest.split_at_checked(u32::from_be_bytes([a, b, c, d]) as usize) =>
            {
                cursor.move_to(rest);
            }
            [tag::SMALL_TUPLE, arity, ref rest @ ..]
                if owed + u64::from(arity) <= rest.len() as u64 =>
            {
                cursor.move_to(rest);
                owed += u64::from(arity);
            }
            [tag::NEW_FUN, ref rest @ ..] => {
                let start = cursor.position();
                cursor.move_to(rest);
                let (end, parts) = cursor.fun()?;
                funs.push(OpenFun { start, end, owed });
                behind_fun = owed;
                owed = owe(owed, parts, start, &cursor)?;
            }
            _ => {
                let start = cursor.position();
                let parts = head(&mut cursor)?;
                if parts > 0 {
                    owed = owe(owed, parts, start, &cursor)?;
                }
            }
        }
        while owed == behind_fun
            && let Some(fun) = funs.pop()
        {
            if fun.end != cursor.position() {
                return Err(cursor.fault_at(fun.start, Fault::Opaque));
            }
            behind_fun = funs.last().map_or(u64::MAX, |outer| outer.owed);
        }
    }
    Ok(cursor.position())
}

/// A fun whose terms are being passed.
struct OpenFun {
    start: usize,
    /// Where it ends by its own word.
    end: usize,
    /// Terms that are to come behind it.
    owed: u64,
}

/// What is owed with `parts` more, each of which needs a byte at least.
fn owe(owed: u64, parts: u64, start: usize, cursor: &Cursor<'_>) -> Result<u64, DecodeError> {
    match owed + parts > cursor.rest().len() as u64 {
        true => Err(cursor.fault_at(start, Fault::Length(parts))),
        false => Ok(owed + parts),
    }
}

/// Passes a simple term, or the head of a container, and returns how many parts follow.
fn head(cursor: &mut Cursor<'_>) -> Result<u64, DecodeError> {
    let start = cursor.position();
    match cursor.u8()? {
        tag::SMALL_INTEGER => cursor.pass(1)?,
        tag::INTEGER => cursor.pass(4)?,
        tag @ (tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::ATOM | tag::SMALL_ATOM) => {
            if !cursor.atom_behind(tag)?.are_valid() {
                return Err(cursor.fault_at(start, Fault::Atom));
            }
        }
        tag::SMALL_TUPLE => return cursor.u8().map(u64::from),
        tag::LARGE_TUPLE => return cursor.u32().map(u64::from),
        tag::LIST => return cursor.u32().map(|length| u64::from(length) + 1),
        tag::MAP => return cursor.u32().map(|pairs| u64::from(pairs) * 2),
        tag::NIL => {}
        tag::STRING => {
            let length = cursor.u16()?;
            cursor.pass(usize::from(length))?;
        }
        tag::BINARY => {
            let length = cursor.u32()?;
            cursor.pass(length as usize)?;
        }
        tag::BIT_BINARY => cursor.bits().map(drop)?,
        tag::NEW_FLOAT => cursor.float().map(drop)?,
        tag::FLOAT => cursor.float_text().map(drop)?,
        tag::SMALL_BIG => {
            let length = cursor.u8()?;
            cursor.integer(usize::from(length)).map(drop)?;
        }
        tag::LARGE_BIG => {
            let length = cursor.u32()?;
            cursor.integer(length as usize).map(drop)?;
        }
        tag::NEW_PID | tag::V4_PORT => id(cursor, 12)?,
        tag::PID => id(cursor, 9)?,
        tag::NEW_PORT => id(cursor, 8)?,
        tag::PORT | tag::REFERENCE => id(cursor, 5)?,
        tag::NEWER_REFERENCE => {
            let words = cursor.words()?;
            id(cursor, 4 + 4 * words)?;
        }
        tag::NEW_REFERENCE => {
            let words = cursor.words()?;
            id(cursor, 1 + 4 * words)?;
        }
        tag::EXPORT => {
            id(cursor, 0)?;
            id(cursor, 0)?;
            cursor.arity().map(drop)?;
        }
        tag::RECORD => return cursor.record(),
        tag => return Err(cursor.fault_at(start, Fault::Tag(tag))),
    }
    Ok(0)
}

/// A node or name, and what follows it.
fn id(cursor: &mut Cursor<'_>, rest: usize) -> Result<(), DecodeError> {
    let start = cursor.position();
    if !cursor.atom()?.are_valid() {
        return Err(cursor.fault_at(start, Fault::Atom));
    }
    cursor.pass(rest)
}
