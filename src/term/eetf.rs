//! Terms of the crate `eetf` from and to ours (the feature `eetf`).
//!
//! Both ways are recursive, as `eetf` itself is, and stop at [`DEEPEST`] levels.

use ::eetf::{
    self, BigInteger, BitBinary, ExternalFun, FixInteger, ImproperList, InternalFun,
    List as EetfList, Map as EetfMap, Tuple as EetfTuple,
};
use bytes::{BufMut, BytesMut};

use super::{
    Atom, AtomError, BigInt, Bits, Decoder, EncodeError, Export, Map, Opaque, Pid, Port, Reference,
    Term, tag,
};

/// How deep a term may be nested.
const DEEPEST: u32 = 128;

/// A term that only one of beamlink and `eetf` can express.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EetfError {
    /// It is nested more than 128 levels deep: `eetf` recurses.
    #[error("the term is nested more than {DEEPEST} levels deep")]
    Depth,
    /// `eetf` has no records of OTP 29.
    #[error("eetf has no records")]
    Record,
    /// Two keys of a map are one on the other side: `0.0` and `-0.0` in `eetf`; here an integer that `eetf` has as a
    /// small and as a large one.
    #[error("two keys of a map are one on the other side")]
    Keys,
    /// A text is too long for an atom.
    #[error(transparent)]
    Atom(#[from] AtomError),
    /// A float is infinite, or no number.
    #[error("a float is not finite")]
    Float,
    /// A reference has no words, or more than five.
    #[error("a reference has one to five words, not {0}")]
    Words(usize),
    /// The last byte of a bitstring has no bits, or more than eight.
    #[error("the last byte of a bitstring has one to eight bits, not {0}")]
    Bits(u8),
    /// A fun of a release before OTP 23, which no node takes any more, or one that is malformed.
    #[error("a fun is of a form that is not accepted any more, or malformed")]
    Fun,
    /// Something is longer than the format can count.
    #[error(transparent)]
    Length(#[from] EncodeError),
}

impl TryFrom<&Term> for eetf::Term {
    type Error = EetfError;

    fn try_from(term: &Term) -> Result<eetf::Term, EetfError> {
        theirs(term, DEEPEST)
    }
}

impl TryFrom<&eetf::Term> for Term {
    type Error = EetfError;

    fn try_from(term: &eetf::Term) -> Result<Term, EetfError> {
        ours(term, DEEPEST)
    }
}

impl TryFrom<eetf::Term> for Term {
    type Error = EetfError;

    fn try_from(term: eetf::Term) -> Result<Term, EetfError> {
        Term::try_from(&term)
    }
}

fn theirs(term: &Term, levels: u32) -> Result<eetf::Term, EetfError> {
    let levels = levels.checked_sub(1).ok_or(EetfError::Depth)?;
    let all = |terms: &[Term]| -> Result<Vec<eetf::Term>, EetfError> {
        terms.iter().map(|term| theirs(term, levels)).collect()
    };
    Ok(match term {
        Term::Int(value) => match i32::try_from(*value) {
            Ok(value) => FixInteger { value }.into(),
            Err(_) => BigInteger::from(*value).into(),
        },
        // Its own reader makes the integer, of a release of num-bigint that is not ours.
        Term::Big(_) => {
            let bytes = term.to_external()?;
            eetf::Term::decode(&bytes[..]).map_err(|_| EetfError::Fun)?
        }
        Term::Float(float) => eetf::Float { value: float.get() }.into(),
        Term::Atom(atom) => their_atom(atom).into(),
        Term::Ref(reference) => eetf::Reference {
            node: their_atom(&reference.node),
            id: reference.words().to_vec(),
            creation: reference.creation,
        }
        .into(),
        Term::Fun(fun) => their_fun(fun, levels)?.into(),
        Term::Export(export) => ExternalFun {
            module: their_atom(&export.module),
            function: their_atom(&export.function),
            arity: export.arity,
        }
        .into(),
        Term::Port(port) => eetf::Port {
            node: their_atom(&port.node),
            id: port.id,
            creation: port.creation,
        }
        .into(),
        Term::Pid(pid) => their_pid(pid).into(),
        Term::Record(_) => return Err(EetfError::Record),
        Term::Tuple(tuple) => EetfTuple::from(all(tuple)?).into(),
        Term::List(list) => EetfList::from(all(list)?).into(),
        Term::Improper(list) => {
            let mut elements = all(list)?;
            let last = elements.pop().unwrap_or_else(|| EetfList::nil().into());
            ImproperList::from((elements, last)).into()
        }
        Term::Map(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| Ok((theirs(key, levels)?, theirs(value, levels)?)));
            let pairs: std::collections::HashMap<_, _> = pairs.collect::<Result<_, EetfError>>()?;
            if pairs.len() != map.len() {
                return Err(EetfError::Keys);
            }
            EetfMap { map: pairs }.into()
        }
        Term::Binary(bytes) => eetf::Binary::from(&bytes[..]).into(),
        // The last byte's bits are the lowest ones there.
        Term::Bits(bits) => {
            let mut bytes = bits.bytes().to_vec();
            if let Some(last) = bytes.last_mut() {
                *last >>= 8 - bits.bits_in_last();
            }
            BitBinary::from((bytes, bits.bits_in_last())).into()
        }
    })
}

fn ours(term: &eetf::Term, levels: u32) -> Result<Term, EetfError> {
    let levels = levels.checked_sub(1).ok_or(EetfError::Depth)?;
    let all = |terms: &[eetf::Term]| -> Result<Vec<Term>, EetfError> {
        terms.iter().map(|term| ours(term, levels)).collect()
    };
    Ok(match term {
        eetf::Term::Atom(atom) => Term::Atom(our_atom(atom)?),
        eetf::Term::FixInteger(integer) => Term::from(integer.value),
        eetf::Term::BigInteger(integer) => {
            let bytes = integer.value.to_signed_bytes_le();
            Term::integer(BigInt::from_signed_bytes_le(&bytes))
        }
        eetf::Term::Float(float) => Term::float(float.value).ok_or(EetfError::Float)?,
        eetf::Term::Pid(pid) => Term::Pid(our_pid(pid)?),
        eetf::Term::Port(port) => Term::Port(Port {
            node: our_atom(&port.node)?,
            id: port.id,
            creation: port.creation,
        }),
        eetf::Term::Reference(reference) => {
            let node = our_atom(&reference.node)?;
            let words = &reference.id;
            let reference = Reference::from_words(node, reference.creation, words);
            Term::Ref(reference.ok_or(EetfError::Words(words.len()))?)
        }
        eetf::Term::ExternalFun(fun) => Term::Export(Box::new(Export {
            module: our_atom(&fun.module)?,
            function: our_atom(&fun.function)?,
            arity: fun.arity,
        })),
        eetf::Term::InternalFun(fun) => our_fun(fun, levels)?,
        eetf::Term::Binary(binary) => Term::Binary(binary.bytes.clone().into()),
        eetf::Term::BitBinary(BitBinary {
            bytes,
            tail_bits_size,
        }) => our_bits(bytes.clone(), *tail_bits_size)?,
        eetf::Term::ByteList(list) => Term::list(list.bytes.iter().map(|byte| Term::from(*byte))),
        eetf::Term::List(list) => Term::list(all(&list.elements)?),
        eetf::Term::ImproperList(list) => {
            Term::list_with_tail(all(&list.elements)?, ours(&list.last, levels)?)
        }
        eetf::Term::Tuple(tuple) => Term::tuple(all(&tuple.elements)?),
        eetf::Term::Map(EetfMap { map: pairs }) => {
            let map = pairs
                .iter()
                .map(|(key, value)| Ok((ours(key, levels)?, ours(value, levels)?)));
            let map: Map = map.collect::<Result<_, EetfError>>()?;
            if map.len() != pairs.len() {
                return Err(EetfError::Keys);
            }
            Term::Map(map)
        }
    })
}

fn their_atom(atom: &Atom) -> eetf::Atom {
    eetf::Atom::from(atom.as_str())
}

fn our_atom(atom: &eetf::Atom) -> Result<Atom, AtomError> {
    Atom::new(&atom.name)
}

fn their_pid(pid: &Pid) -> eetf::Pid {
    eetf::Pid::new(pid.node.as_str(), pid.id, pid.serial, pid.creation)
}

fn our_pid(pid: &eetf::Pid) -> Result<Pid, AtomError> {
    Ok(Pid {
        node: our_atom(&pid.node)?,
        id: pid.id,
        serial: pid.serial,
        creation: pid.creation,
    })
}

fn our_bits(mut bytes: Vec<u8>, bits: u8) -> Result<Term, EetfError> {
    match (bits, bytes.last_mut()) {
        (8, _) | (0, None) => Ok(Term::Binary(bytes.into())),
        (1..=7, Some(last)) => {
            *last <<= 8 - bits;
            let bits = Bits::new(bytes.into(), bits).ok_or(EetfError::Bits(bits))?;
            Ok(Term::Bits(Box::new(bits)))
        }
        _ => Err(EetfError::Bits(bits)),
    }
}

fn their_fun(fun: &Opaque, levels: u32) -> Result<InternalFun, EetfError> {
    // Tag, size, arity, unique value, index, number of free variables; then terms.
    let head: [u8; 30] = *fun.bytes().first_chunk().ok_or(EetfError::Fun)?;
    let [_, _, _, _, _, arity, head @ ..] = head;
    let (uniq, numbers) = head.split_first_chunk::<16>().ok_or(EetfError::Fun)?;
    let [index, _free] = numbers.as_chunks::<4>().0 else {
        return Err(EetfError::Fun);
    };
    let mut decoder = Decoder::new(fun.bytes().slice(30..));
    let mut term = || decoder.term().map_err(|_| EetfError::Fun);
    let (module, old_index, old_uniq, pid) = (term()?, term()?, term()?, term()?);
    let (Term::Atom(module), Term::Pid(pid)) = (module, pid) else {
        return Err(EetfError::Fun);
    };
    let number = |term: Term| {
        let number = term.as_int().and_then(|number| i32::try_from(number).ok());
        number.ok_or(EetfError::Fun)
    };
    let mut free_vars = Vec::new();
    while !decoder.remaining().is_empty() {
        let term = decoder.term().map_err(|_| EetfError::Fun)?;
        free_vars.push(theirs(&term, levels)?);
    }
    Ok(InternalFun::New {
        module: their_atom(&module),
        arity,
        pid: their_pid(&pid),
        free_vars,
        index: u32::from_be_bytes(*index),
        uniq: *uniq,
        old_index: number(old_index)?,
        old_uniq: number(old_uniq)?,
    })
}

fn our_fun(fun: &InternalFun, levels: u32) -> Result<Term, EetfError> {
    let InternalFun::New {
        module,
        arity,
        pid,
        free_vars,
        index,
        uniq,
        old_index,
        old_uniq,
    } = fun
    else {
        return Err(EetfError::Fun);
    };
    let too_long = |what, length| EncodeError { what, length };
    let free = u32::try_from(free_vars.len());
    let free = free.map_err(|_| too_long("the environment of a fun", free_vars.len()))?;
    let mut inside = BytesMut::new();
    inside.put_u8(*arity);
    inside.put_slice(uniq);
    inside.put_u32(*index);
    inside.put_u32(free);
    for term in [
        Term::Atom(our_atom(module)?),
        Term::from(*old_index),
        Term::from(*old_uniq),
        Term::Pid(our_pid(pid)?),
    ] {
        term.encode(&mut inside)?;
    }
    for term in free_vars {
        ours(term, levels)?.encode(&mut inside)?;
    }
    // Its size counts itself.
    let size = u32::try_from(inside.len() + 4);
    let mut bytes = BytesMut::with_capacity(inside.len() + 5);
    bytes.put_u8(tag::NEW_FUN);
    bytes.put_u32(size.map_err(|_| too_long("a fun", inside.len()))?);
    bytes.put_slice(&inside);
    let mut decoder = Decoder::new(bytes.freeze());
    decoder.term().map_err(|_| EetfError::Fun)
}
