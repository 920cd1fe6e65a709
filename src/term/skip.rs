//! Checks the bytes of a term without building it.

use smallvec::SmallVec;

use super::decode::{Cursor, tags};
use super::encode as emit;
use super::{Atom, DecodeError, Fault};

/// The length of the term at the begin of `bytes` (without version byte), in bytes. Nothing is allocated (but for
/// funs that lie in funs). What is accepted here has the form of a term; keys that stand twice in a map are not looked for.
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
    skip_terms(bytes, 1)
}

/// The length of the first `count` terms.
pub(super) fn skip_terms(bytes: &[u8], count: u64) -> Result<usize, DecodeError> {
    let mut cursor = Cursor::new(bytes);
    // Terms that are still to come, in all containers that are open.
    let mut owed = count;
    let mut funs: SmallVec<[OpenFun; 4]> = SmallVec::new();
    while owed > 0 {
        owed -= 1;
        let start = cursor.position();
        let (parts, end) = head(&mut cursor)?;
        if owed + parts > cursor.left() as u64 {
            return Err(cursor.fault_at(start, Fault::Length(parts)));
        }
        if let Some(end) = end {
            funs.push(OpenFun { start, end, owed });
        }
        owed += parts;
        while let Some(fun) = funs.last()
            && fun.owed == owed
        {
            if fun.end != cursor.position() {
                return Err(cursor.fault_at(fun.start, Fault::Opaque));
            }
            funs.pop();
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

/// Passes a simple term, or the head of a container, and returns how many parts follow; of a fun also where
/// it ends.
fn head(cursor: &mut Cursor<'_>) -> Result<(u64, Option<usize>), DecodeError> {
    let start = cursor.position();
    let tag = cursor.u8()?;
    match tag {
        emit::SMALL_INTEGER => cursor.pass(1)?,
        emit::INTEGER => cursor.pass(4)?,
        emit::NEW_FLOAT | tags::FLOAT => {
            cursor.float(tag)?;
        }
        emit::SMALL_BIG => {
            let length = cursor.u8()?;
            cursor.pass(1 + usize::from(length))?;
        }
        emit::LARGE_BIG => {
            let length = cursor.u32()?;
            cursor.pass(1)?;
            cursor.pass(length as usize)?;
        }
        emit::SMALL_ATOM_UTF8 | emit::ATOM_UTF8 | tags::ATOM | tags::SMALL_ATOM => {
            atom(cursor, tag, start)?;
        }
        emit::NIL => {}
        tags::STRING => {
            let length = cursor.u16()?;
            cursor.pass(usize::from(length))?;
        }
        emit::BINARY => {
            let length = cursor.u32()?;
            cursor.pass(length as usize)?;
        }
        emit::BIT_BINARY => {
            let length = cursor.u32()?;
            cursor.bits_in_last(length)?;
            cursor.pass(length as usize)?;
        }
        emit::NEW_PID => id(cursor, 12)?,
        tags::PID => id(cursor, 9)?,
        emit::V4_PORT => id(cursor, 12)?,
        tags::NEW_PORT => id(cursor, 8)?,
        tags::PORT | tags::REFERENCE => id(cursor, 5)?,
        emit::NEWER_REFERENCE => {
            let words = cursor.words()?;
            id(cursor, 4 + 4 * words)?;
        }
        tags::NEW_REFERENCE => {
            let words = cursor.words()?;
            id(cursor, 1 + 4 * words)?;
        }
        emit::EXPORT => {
            atom_term(cursor)?;
            atom_term(cursor)?;
            if cursor.u8()? != emit::SMALL_INTEGER {
                return Err(cursor.fault(Fault::Opaque));
            }
            cursor.pass(1)?;
        }
        emit::SMALL_TUPLE => return Ok((u64::from(cursor.u8()?), None)),
        emit::LARGE_TUPLE => return Ok((u64::from(cursor.u32()?), None)),
        emit::LIST => return Ok((u64::from(cursor.u32()?) + 1, None)),
        emit::MAP => return Ok((u64::from(cursor.u32()?) * 2, None)),
        tags::NEW_FUN => {
            let (end, terms) = cursor.new_fun()?;
            return Ok((terms, Some(end)));
        }
        tags::RECORD => return Ok((cursor.record()?, None)),
        tag => return Err(cursor.fault_at(start, Fault::Tag(tag))),
    }
    Ok((0, None))
}

/// A node and what follows it.
fn id(cursor: &mut Cursor<'_>, rest: usize) -> Result<(), DecodeError> {
    atom_term(cursor)?;
    cursor.pass(rest)
}

fn atom_term(cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
    let start = cursor.position();
    let tag = cursor.u8()?;
    atom(cursor, tag, start)
}

fn atom(cursor: &mut Cursor<'_>, tag: u8, start: usize) -> Result<(), DecodeError> {
    let (text, latin1) = cursor.atom_bytes(tag, start)?;
    let chars = match latin1 {
        true => text.len(),
        false => match std::str::from_utf8(text) {
            Ok(text) => text.chars().count(),
            Err(_) => return Err(cursor.fault_at(start, Fault::Atom)),
        },
    };
    match chars > super::atom::MAX_ATOM_CHARS {
        true => Err(cursor.fault_at(start, Fault::Atom)),
        false => Ok(()),
    }
}

/// An atom's bytes from a borrowed input.
pub(super) fn latin1_atom(text: &[u8]) -> Option<Atom> {
    let text: String = text.iter().map(|byte| char::from(*byte)).collect();
    Atom::new(&text).ok()
}
