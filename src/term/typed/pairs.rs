//! Keyword lists, `[{atom, value}]`, both ways.

use bytes::BufMut;
use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};
use serde::ser::{self, Serialize};

use super::parts::{Elements, Name};
use super::read::Reader;
use super::refuse::refuse;
use super::scalar::{Scalar, ScalarWriter};
use super::write::{Open, Writer};
use super::{Failed, SerializeError};
use crate::term::tag;

const WANTED: &str = "a list of pairs, a map or a struct (keyword)";

/// Takes pairs, a map or a struct.
pub(super) struct KeywordWriter<'a, 'b>(pub(super) &'a mut Writer<'b>);

pub(super) struct KeywordList<'a, 'b> {
    writer: &'a mut Writer<'b>,
    open: Open,
}

fn wanted<T>(_writer: &T) -> &'static str {
    WANTED
}

impl<'a, 'b> ser::Serializer for KeywordWriter<'a, 'b> {
    type SerializeSeq = KeywordList<'a, 'b>;
    type SerializeMap = KeywordList<'a, 'b>;
    type SerializeStruct = KeywordList<'a, 'b>;

    fn serialize_none(self) -> Result<(), SerializeError> {
        self.0.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<KeywordList<'a, 'b>, SerializeError> {
        let open = self.0.begin_list();
        let writer = self.0;
        Ok(KeywordList { writer, open })
    }

    fn serialize_map(self, length: Option<usize>) -> Result<KeywordList<'a, 'b>, SerializeError> {
        self.serialize_seq(length)
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<KeywordList<'a, 'b>, SerializeError> {
        self.serialize_seq(Some(length))
    }

    refuse!(wanted; bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str bytes unit unit_struct unit_variant
        newtype_variant tuple tuple_struct tuple_variant struct_variant);
}

impl KeywordList<'_, '_> {
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeError> {
        self.open.count += 1;
        self.writer.out.put_slice(&[tag::SMALL_TUPLE, 2]);
        key.serialize(ScalarWriter(self.writer, Scalar::Atom))
    }
}

impl ser::SerializeSeq for KeywordList<'_, '_> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_element<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), SerializeError> {
        value.serialize(PairWriter(self))
    }

    fn end(self) -> Result<(), SerializeError> {
        self.writer.end_list(&self.open)
    }
}

impl ser::SerializeMap for KeywordList<'_, '_> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeError> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.writer.end_list(&self.open)
    }
}

impl ser::SerializeStruct for KeywordList<'_, '_> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.key(key)?;
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.writer.end_list(&self.open)
    }
}

/// Takes one pair.
struct PairWriter<'l, 'a, 'b>(&'l mut KeywordList<'a, 'b>);

struct Pair<'l, 'a, 'b> {
    list: &'l mut KeywordList<'a, 'b>,
    elements: usize,
}

impl<'l, 'a, 'b> ser::Serializer for PairWriter<'l, 'a, 'b> {
    type SerializeTuple = Pair<'l, 'a, 'b>;

    fn serialize_tuple(self, length: usize) -> Result<Pair<'l, 'a, 'b>, SerializeError> {
        match length {
            2 => Ok(Pair {
                list: self.0,
                elements: 0,
            }),
            _ => Err(SerializeError::Helper(WANTED)),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<(), SerializeError> {
        Err(SerializeError::Helper(WANTED))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    refuse!(wanted; bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str bytes none unit unit_struct unit_variant
        newtype_variant seq tuple_struct tuple_variant map structure struct_variant);
}

impl ser::SerializeTuple for Pair<'_, '_, '_> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_element<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.elements += 1;
        match self.elements {
            1 => self.list.key(value),
            _ => value.serialize(&mut *self.list.writer),
        }
    }

    fn end(self) -> Result<(), SerializeError> {
        match self.elements {
            2 => Ok(()),
            written => Err(SerializeError::Arity {
                announced: 2,
                written,
            }),
        }
    }
}

/// Reads a list of pairs as such, or as a map.
pub(super) struct KeywordReader<'a, 'de>(pub(super) &'a mut Reader<'de>);

impl<'de> de::Deserializer<'de> for KeywordReader<'_, 'de> {
    type Error = Failed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        match self.0.is_list() {
            true => self.0.list(|elements| visitor.visit_seq(Pairs(elements))),
            false => Err(self.0.mismatch(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        match self.0.is_list() {
            true => self.0.list(|elements| visitor.visit_map(Pairs(elements))),
            false => Err(self.0.mismatch(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failed> {
        self.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        match self.0.take_atom("nil") {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failed> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.0.deserialize_ignored_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct enum identifier
    }
}

struct Pairs<'e, 'a, 'de>(&'e mut Elements<'a, 'de>);

impl<'de> SeqAccess<'de> for Pairs<'_, '_, 'de> {
    type Error = Failed;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failed> {
        self.0.next(|reader| seed.deserialize(PairReader(reader)))
    }

    fn size_hint(&self) -> Option<usize> {
        SeqAccess::size_hint(self.0)
    }
}

impl<'de> de::MapAccess<'de> for Pairs<'_, '_, 'de> {
    type Error = Failed;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failed> {
        self.0.next(|reader| {
            reader.pair(&WANTED)?;
            seed.deserialize(Name(reader))
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failed> {
        self.0.again(|reader| seed.deserialize(reader))
    }

    fn size_hint(&self) -> Option<usize> {
        SeqAccess::size_hint(self.0)
    }
}

struct PairReader<'a, 'de>(&'a mut Reader<'de>);

impl<'de> de::Deserializer<'de> for PairReader<'_, 'de> {
    type Error = Failed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failed> {
        self.0.pair(&visitor)?;
        let mut parts = PairParts {
            reader: self.0,
            taken: 0,
        };
        let value = visitor.visit_seq(&mut parts)?;
        match parts.taken {
            2 => Ok(value),
            _ => Err(de::Error::invalid_length(2, &WANTED)),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct PairParts<'a, 'de> {
    reader: &'a mut Reader<'de>,
    taken: u8,
}

impl<'de> SeqAccess<'de> for &mut PairParts<'_, 'de> {
    type Error = Failed;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failed> {
        let taken = self.taken;
        self.taken += u8::from(taken < 2);
        match taken {
            0 => seed.deserialize(Name(self.reader)).map(Some),
            1 => seed.deserialize(&mut *self.reader).map(Some),
            _ => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(2)
    }
}
