//! Values onto the wire.

use std::ops::Range;

use bytes::{BufMut, BytesMut};
use serde::ser::{self, Serialize};
use smallvec::SmallVec;

use super::compound::Compound;
use super::pairs::KeywordWriter;
use super::scalar::{Scalar, ScalarWriter};
use super::{ELIXIR, STRUCT, SerializeError, name};
use crate::term::encode::{put_atom_text, put_head, put_integer, put_wide};
use crate::term::{Atom, EncodeError, tag};

/// The value of a `Serialize` becomes a term at the end of `out`.
pub(super) struct Writer<'b> {
    pub(super) out: &'b mut BytesMut,
    /// Where the keys are of the maps being written, those of the innermost last.
    pub(super) keys: SmallVec<[Range<usize>; 16]>,
    /// Whether texts that are keys of the next map become atoms.
    atom_keys: bool,
    /// Where the last `()` was written.
    unit: Option<usize>,
}

impl<'b> Writer<'b> {
    pub(super) fn new(out: &'b mut BytesMut) -> Writer<'b> {
        Writer {
            out,
            keys: SmallVec::new(),
            atom_keys: false,
            unit: None,
        }
    }

    pub(super) fn atom(&mut self, text: &str) -> Result<(), SerializeError> {
        if text.len() > u8::MAX.into() {
            // It may be an atom all the same, if its characters are long.
            Atom::new(text).map(drop)?;
        }
        put_atom_text(text, self.out);
        Ok(())
    }

    fn bytes(&mut self, what: &'static str, bytes: &[u8]) -> Result<(), SerializeError> {
        put_head(tag::BINARY, what, bytes.len(), self.out)?;
        self.out.put_slice(bytes);
        Ok(())
    }

    fn tuple(&mut self, arity: usize) -> Result<(), SerializeError> {
        match u8::try_from(arity) {
            Ok(arity) => self.out.put_slice(&[tag::SMALL_TUPLE, arity]),
            Err(_) => put_head(tag::LARGE_TUPLE, "a tuple", arity, self.out)?,
        }
        Ok(())
    }

    /// Begins a container whose length is written when it is known.
    fn begin(&mut self, tag: u8) -> Open {
        let at = self.out.len();
        self.out.put_slice(&[tag, 0, 0, 0, 0]);
        Open {
            at,
            count: 0,
            keys: self.keys.len(),
        }
    }

    fn count(&mut self, what: &'static str, open: &Open) -> Result<(), SerializeError> {
        let length = open.count;
        let error = EncodeError { what, length };
        let length = u32::try_from(length).map_err(|_| error)?;
        if let Some(place) = self.out.get_mut(open.at + 1..open.at + 5) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    pub(super) fn begin_list(&mut self) -> Open {
        self.atom_keys = false;
        self.begin(tag::LIST)
    }

    pub(super) fn end_list(&mut self, open: &Open) -> Result<(), SerializeError> {
        match open.count {
            0 => self.out.truncate(open.at),
            _ => self.count("a list", open)?,
        }
        self.out.put_u8(tag::NIL);
        Ok(())
    }

    pub(super) fn end_map(&mut self, open: &Open) -> Result<(), SerializeError> {
        self.count("a map", open)?;
        let keys = self.keys.get_mut(open.keys..).unwrap_or_default();
        let out = &*self.out;
        let key = |range: &Range<usize>| out.get(range.clone()).unwrap_or_default();
        // What is equal has equal bytes here.
        let duplicate = match keys {
            [] | [_] => false,
            [before @ .., _] if before.len() < 8 => (1..keys.len()).any(|at| {
                let (before, rest) = keys.split_at(at);
                rest.first()
                    .is_some_and(|one| before.iter().any(|other| key(one) == key(other)))
            }),
            _ => {
                keys.sort_unstable_by(|one, other| key(one).cmp(key(other)));
                keys.windows(2)
                    .any(|pair| matches!(pair, [one, other] if key(one) == key(other)))
            }
        };
        self.keys.truncate(open.keys);
        match duplicate {
            true => Err(SerializeError::DuplicateKey),
            false => Ok(()),
        }
    }

    /// `Ok` and `Err` of a `Result` are what Erlang and Elixir call them.
    fn tag(&mut self, name: &str, variant: &str) -> Result<bool, SerializeError> {
        let (tag, is_result) = match (name, variant) {
            ("Result", "Ok") => ("ok", true),
            ("Result", "Err") => ("error", true),
            _ => (variant, false),
        };
        self.atom_keys = false;
        self.atom(tag)?;
        Ok(is_result)
    }
}

/// A list or map being written.
#[derive(Debug)]
pub(super) struct Open {
    at: usize,
    /// How many elements or pairs it has so far.
    pub(super) count: usize,
    /// How many keys there are of the maps around.
    keys: usize,
}

impl<'a, 'b> ser::Serializer for &'a mut Writer<'b> {
    type Ok = ();
    type Error = SerializeError;
    type SerializeSeq = Compound<'a, 'b>;
    type SerializeTuple = Compound<'a, 'b>;
    type SerializeTupleStruct = Compound<'a, 'b>;
    type SerializeTupleVariant = Compound<'a, 'b>;
    type SerializeMap = Compound<'a, 'b>;
    type SerializeStruct = Compound<'a, 'b>;
    type SerializeStructVariant = Compound<'a, 'b>;

    fn serialize_bool(self, value: bool) -> Result<(), SerializeError> {
        self.atom(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), SerializeError> {
        put_integer(value, self.out);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), SerializeError> {
        match i64::try_from(value) {
            Ok(small) => put_integer(small, self.out),
            Err(_) => put_wide(value < 0, value.unsigned_abs(), self.out),
        }
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), SerializeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), SerializeError> {
        self.serialize_u128(value.into())
    }

    fn serialize_u128(self, value: u128) -> Result<(), SerializeError> {
        match i64::try_from(value) {
            Ok(small) => put_integer(small, self.out),
            Err(_) => put_wide(false, value, self.out),
        }
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), SerializeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), SerializeError> {
        if !value.is_finite() {
            return Err(SerializeError::Float);
        }
        self.out.put_u8(tag::NEW_FLOAT);
        self.out.put_f64(value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), SerializeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), SerializeError> {
        self.bytes("a binary", text.as_bytes())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), SerializeError> {
        self.bytes("a binary", bytes)
    }

    fn serialize_none(self) -> Result<(), SerializeError> {
        self.atom("nil")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), SerializeError> {
        self.unit = Some(self.out.len());
        self.atom("nil")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), SerializeError> {
        self.atom(name)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), SerializeError> {
        self.atom(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        let scalar = match name {
            name::TERM => Scalar::Term,
            name::ATOM => Scalar::Atom,
            name::CHARLIST => Scalar::Charlist,
            name::UNDEFINED => return self.atom("undefined"),
            name::KEYWORD => return value.serialize(KeywordWriter(self)),
            name::ATOM_KEYS => {
                self.atom_keys = true;
                let written = value.serialize(&mut *self);
                self.atom_keys = false;
                return written;
            }
            _ => return value.serialize(self),
        };
        value.serialize(ScalarWriter(self, scalar))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        let begin = self.out.len();
        self.tuple(2)?;
        let is_result = self.tag(name, variant)?;
        let at = self.out.len();
        self.unit = None;
        value.serialize(&mut *self)?;
        if is_result && self.unit == Some(at) {
            // Ok(()) is ok, not {ok, nil}.
            self.out.truncate(begin);
            self.tag(name, variant)?;
        }
        Ok(())
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Compound<'a, 'b>, SerializeError> {
        let open = self.begin_list();
        Ok(Compound {
            writer: self,
            open,
            announced: 0,
            atom_keys: false,
        })
    }

    fn serialize_tuple(self, length: usize) -> Result<Compound<'a, 'b>, SerializeError> {
        let open = Open {
            at: self.out.len(),
            count: 0,
            keys: self.keys.len(),
        };
        self.atom_keys = false;
        self.tuple(length)?;
        Ok(Compound {
            writer: self,
            open,
            announced: length,
            atom_keys: false,
        })
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Compound<'a, 'b>, SerializeError> {
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Compound<'a, 'b>, SerializeError> {
        let mut tuple = self.serialize_tuple(length.saturating_add(1))?;
        tuple.writer.tag(name, variant)?;
        tuple.open.count = 1;
        Ok(tuple)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Compound<'a, 'b>, SerializeError> {
        let atom_keys = std::mem::take(&mut self.atom_keys);
        let open = self.begin(tag::MAP);
        Ok(Compound {
            writer: self,
            open,
            announced: 0,
            atom_keys,
        })
    }

    fn serialize_struct(
        self,
        name: &'static str,
        _length: usize,
    ) -> Result<Compound<'a, 'b>, SerializeError> {
        let mut map = self.serialize_map(None)?;
        if name.starts_with(ELIXIR) {
            map.named(STRUCT)?;
            map.writer.atom(name)?;
        }
        Ok(map)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a, 'b>, SerializeError> {
        self.tuple(2)?;
        self.tag(name, variant)?;
        self.serialize_map(None)
    }
}
