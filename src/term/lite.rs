//! TEMPORARY stand-in until branch `term` lands; never committed.
#![allow(missing_docs, unreachable_pub)]
use super::Atom;
use bytes::{Buf, BufMut, Bytes, BytesMut};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pid {
    pub node: Atom,
    pub id: u32,
    pub serial: u32,
    pub creation: u32,
}
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Port {
    pub node: Atom,
    pub id: u64,
    pub creation: u32,
}
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    pub node: Atom,
    pub creation: u32,
    words: Vec<u32>,
}
impl Reference {
    pub fn new(node: Atom, creation: u32, words: [u32; 3]) -> Reference {
        Reference {
            node,
            creation,
            words: words.to_vec(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ImproperList(Vec<Term>);
impl ImproperList {
    pub fn as_slice(&self) -> &[Term] {
        &self.0
    }
}
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    Int(i64),
    Float(f64),
    Atom(Atom),
    Pid(Pid),
    Port(Port),
    Ref(Reference),
    Tuple(Vec<Term>),
    List(L),
    Improper(ImproperList),
    Map(Vec<(Term, Term)>),
    Binary(Bytes),
    Opaque(Bytes),
}
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad term at {offset}")]
pub struct DecodeError {
    pub offset: usize,
}
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot encode")]
pub struct EncodeError;

impl From<i64> for Term {
    fn from(v: i64) -> Term {
        Term::Int(v)
    }
}
impl From<bool> for Term {
    fn from(v: bool) -> Term {
        Term::atom(if v { "true" } else { "false" })
    }
}
impl From<String> for Term {
    fn from(v: String) -> Term {
        Term::Binary(v.into())
    }
}
impl Term {
    pub fn atom(t: &'static str) -> Term {
        Term::Atom(Atom::from_static(t))
    }
    pub fn nil() -> Term {
        Term::List(L(vec![]))
    }
    pub fn tuple(t: impl IntoIterator<Item = Term>) -> Term {
        Term::Tuple(t.into_iter().collect())
    }
    pub fn list(t: impl IntoIterator<Item = Term>) -> Term {
        Term::List(L(t.into_iter().collect()))
    }
    pub fn as_atom(&self) -> Option<&str> {
        match self {
            Term::Atom(a) => Some(a.as_str()),
            _ => None,
        }
    }
    pub fn as_tuple(&self) -> Option<&[Term]> {
        match self {
            Term::Tuple(a) => Some(a),
            _ => None,
        }
    }
    pub fn as_list(&self) -> Option<&[Term]> {
        match self {
            Term::List(a) => Some(&a.0),
            _ => None,
        }
    }
    pub fn to_erlang(&self) -> String {
        format!("{self:?}")
    }
    pub fn encode(&self, o: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Term::Int(v) if (0..256).contains(v) => {
                o.put_u8(97);
                o.put_u8(*v as u8)
            }
            Term::Int(v) => match i32::try_from(*v) {
                Ok(v) => {
                    o.put_u8(98);
                    o.put_i32(v)
                }
                Err(_) => {
                    o.put_u8(110);
                    o.put_u8(8);
                    o.put_u8((*v < 0) as u8);
                    o.put_u64_le(v.unsigned_abs())
                }
            },
            Term::Float(f) => {
                o.put_u8(70);
                o.put_f64(*f)
            }
            Term::Atom(a) => put_atom(a, o),
            Term::Pid(p) => {
                o.put_u8(88);
                put_atom(&p.node, o);
                o.put_u32(p.id);
                o.put_u32(p.serial);
                o.put_u32(p.creation)
            }
            Term::Port(p) => {
                o.put_u8(120);
                put_atom(&p.node, o);
                o.put_u64(p.id);
                o.put_u32(p.creation)
            }
            Term::Ref(r) => {
                o.put_u8(90);
                o.put_u16(r.words.len() as u16);
                put_atom(&r.node, o);
                o.put_u32(r.creation);
                for w in &r.words {
                    o.put_u32(*w)
                }
            }
            Term::Tuple(t) => {
                o.put_u8(104);
                o.put_u8(t.len() as u8);
                for t in t {
                    t.encode(o)?
                }
            }
            Term::List(t) if t.0.is_empty() => o.put_u8(106),
            Term::List(t) => {
                o.put_u8(108);
                o.put_u32(t.0.len() as u32);
                for t in &t.0 {
                    t.encode(o)?
                }
                o.put_u8(106)
            }
            Term::Improper(t) => {
                o.put_u8(108);
                o.put_u32(t.0.len() as u32 - 1);
                for t in &t.0 {
                    t.encode(o)?
                }
            }
            Term::Map(m) => {
                o.put_u8(116);
                o.put_u32(m.len() as u32);
                for (k, v) in m {
                    k.encode(o)?;
                    v.encode(o)?
                }
            }
            Term::Binary(b) => {
                o.put_u8(109);
                o.put_u32(b.len() as u32);
                o.put_slice(b)
            }
            Term::Opaque(b) => o.put_slice(b),
        }
        Ok(())
    }
}
fn put_atom(a: &Atom, o: &mut BytesMut) {
    let s = a.as_str();
    if s.len() < 256 {
        o.put_u8(119);
        o.put_u8(s.len() as u8)
    } else {
        o.put_u8(118);
        o.put_u16(s.len() as u16)
    }
    o.put_slice(s.as_bytes())
}
pub struct Decoder {
    b: Bytes,
    n: usize,
}
impl Decoder {
    pub fn new(b: Bytes) -> Decoder {
        Decoder { n: b.len(), b }
    }
    pub fn position(&self) -> usize {
        self.n - self.b.len()
    }
    pub fn remaining(&self) -> Bytes {
        self.b.clone()
    }
    fn e(&self) -> DecodeError {
        DecodeError {
            offset: self.position(),
        }
    }
    pub fn versioned(&mut self) -> Result<Term, DecodeError> {
        if self.u8()? != 131 {
            return Err(self.e());
        }
        self.term()
    }
    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.b.try_get_u8().map_err(|_| self.e())
    }
    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.b.try_get_u16().map_err(|_| self.e())
    }
    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.b.try_get_u32().map_err(|_| self.e())
    }
    fn take(&mut self, n: usize) -> Result<Bytes, DecodeError> {
        if self.b.len() < n {
            return Err(self.e());
        }
        Ok(self.b.split_to(n))
    }
    fn atom(&mut self) -> Result<Atom, DecodeError> {
        match self.term()? {
            Term::Atom(a) => Ok(a),
            _ => Err(self.e()),
        }
    }
    pub fn term(&mut self) -> Result<Term, DecodeError> {
        Ok(match self.u8()? {
            97 => Term::Int(self.u8()?.into()),
            98 => Term::Int((self.u32()? as i32).into()),
            110 => {
                let n = self.u8()?;
                let s = self.u8()?;
                let d = self.take(n.into())?;
                let mut v = 0i64;
                for b in d.iter().rev() {
                    v = v.wrapping_shl(8) | i64::from(*b)
                }
                Term::Int(if s == 1 { -v } else { v })
            }
            70 => Term::Float(f64::from_bits(self.b.try_get_u64().map_err(|_| self.e())?)),
            t @ (119 | 115 | 118 | 100) => {
                let n = if matches!(t, 119 | 115) {
                    self.u8()? as usize
                } else {
                    self.u16()? as usize
                };
                let d = self.take(n)?;
                Term::Atom(
                    Atom::new(std::str::from_utf8(&d).map_err(|_| self.e())?)
                        .map_err(|_| self.e())?,
                )
            }
            t @ (104 | 105) => {
                let n = if t == 104 {
                    self.u8()? as usize
                } else {
                    self.u32()? as usize
                };
                let mut v = vec![];
                for _ in 0..n {
                    v.push(self.term()?)
                }
                Term::Tuple(v)
            }
            106 => Term::nil(),
            107 => {
                let n = self.u16()?;
                Term::list(self.take(n.into())?.iter().map(|b| Term::Int((*b).into())))
            }
            108 => {
                let n = self.u32()?;
                let mut v = vec![];
                for _ in 0..n {
                    v.push(self.term()?)
                }
                let tail = self.term()?;
                if tail == Term::nil() {
                    Term::list(v)
                } else {
                    v.push(tail);
                    Term::Improper(ImproperList(v))
                }
            }
            109 => {
                let n = self.u32()?;
                Term::Binary(self.take(n as usize)?)
            }
            116 => {
                let n = self.u32()?;
                let mut v = vec![];
                for _ in 0..n {
                    v.push((self.term()?, self.term()?))
                }
                Term::Map(v)
            }
            88 => Term::Pid(Pid {
                node: self.atom()?,
                id: self.u32()?,
                serial: self.u32()?,
                creation: self.u32()?,
            }),
            90 => {
                let n = self.u16()?;
                let node = self.atom()?;
                let creation = self.u32()?;
                let mut words = vec![];
                for _ in 0..n {
                    words.push(self.u32()?)
                }
                Term::Ref(Reference {
                    node,
                    creation,
                    words,
                })
            }
            120 => Term::Port(Port {
                node: self.atom()?,
                id: self.b.try_get_u64().map_err(|_| self.e())?,
                creation: self.u32()?,
            }),
            112 => {
                let n = self.u32()?;
                let d = self.take(n as usize - 4)?;
                let mut o = BytesMut::new();
                o.put_u8(112);
                o.put_u32(n);
                o.put_slice(&d);
                Term::Opaque(o.freeze())
            }
            113 => {
                let (a, b, c) = (self.term()?, self.term()?, self.term()?);
                let mut o = BytesMut::new();
                o.put_u8(113);
                for t in [a, b, c] {
                    let _ = t.encode(&mut o);
                }
                Term::Opaque(o.freeze())
            }
            _ => return Err(self.e()),
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct L(Vec<Term>);
impl L {
    pub fn into_vec(self) -> Vec<Term> {
        self.0
    }
    pub fn iter(&self) -> std::slice::Iter<'_, Term> {
        self.0.iter()
    }
}
impl From<u64> for Term {
    fn from(v: u64) -> Term {
        Term::Int(v as i64)
    }
}
