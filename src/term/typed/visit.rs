//! What each wish of a `Deserialize` makes of the term ahead.

use std::borrow::Cow;

use serde::de::value::BytesDeserializer;
use serde::de::{self, Error as _, Visitor};

use super::pairs::KeywordReader;
use super::parts::Variant;
use super::read::{Number, Reader};
use super::{ELIXIR, Failed, name};
use crate::term::tag;

type Result<T> = std::result::Result<T, Failed>;

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Failed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.tag() {
            Some(tag::SMALL_INTEGER | tag::INTEGER | tag::NEW_FLOAT | tag::FLOAT) => {
                self.visit_number(visitor)
            }
            Some(tag::SMALL_TUPLE | tag::LARGE_TUPLE) => self.tuple(None, visitor),
            Some(tag::NIL | tag::LIST | tag::STRING) => self.deserialize_seq(visitor),
            Some(tag::MAP) => self.map(None, &[], visitor),
            // What is kept for later is told apart by this: an atom is borrowed, a binary is not (see `Term`).
            _ if self.is_binary() => {
                let bytes = self.binary(&visitor)?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => visitor.visit_string(text.to_owned()),
                    Err(_) => visitor.visit_borrowed_bytes(bytes),
                }
            }
            _ if self.is_atom() => {
                let start = self.cursor;
                match self.atom(&visitor)? {
                    Cow::Borrowed("true") => visitor.visit_bool(true),
                    Cow::Borrowed("false") => visitor.visit_bool(false),
                    Cow::Borrowed("nil") => visitor.visit_unit(),
                    Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                    // In Latin-1: its text cannot be borrowed.
                    Cow::Owned(_) => {
                        self.cursor = start;
                        let marked = self.marked()?;
                        visitor.visit_newtype_struct(BytesDeserializer::new(&marked))
                    }
                }
            }
            Some(tag::SMALL_BIG | tag::LARGE_BIG) => {
                let start = self.cursor;
                let small = match self.number()? {
                    Some(Number::Large(negative, magnitude)) => !negative && magnitude.len() <= 8,
                    _ => true,
                };
                self.cursor = start;
                if small {
                    return self.visit_number(visitor);
                }
                let marked = self.marked()?;
                visitor.visit_newtype_struct(BytesDeserializer::new(&marked))
            }
            _ => {
                let marked = self.marked()?;
                visitor.visit_newtype_struct(BytesDeserializer::new(&marked))
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match () {
            () if self.take_atom("true") => visitor.visit_bool(true),
            () if self.take_atom("false") => visitor.visit_bool(false),
            () => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.cursor;
        if let Some(Number::Float(value)) = self.number()?
            && (value as f32).is_infinite()
        {
            self.cursor = start;
            let unexpected = de::Unexpected::Float(value);
            let error = Failed::invalid_value(unexpected, &visitor);
            return Err(error.at(self.position()));
        }
        self.cursor = start;
        self.visit_number(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_number(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let bytes = self.binary(&visitor)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => visitor.visit_borrowed_str(text),
            // A visitor that takes no bytes says what it wants.
            Err(_) => visitor.visit_borrowed_bytes(bytes),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let bytes = self.binary(&visitor)?;
        visitor.visit_borrowed_bytes(bytes)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.take_atom("nil") {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.take_atom("nil") {
            true => visitor.visit_unit(),
            false => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        let mismatch = self.mismatch(&visitor);
        match self.atom(&visitor)? == name {
            true => visitor.visit_unit(),
            false => Err(mismatch),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        match name {
            name::TERM => visitor.visit_borrowed_bytes(self.raw()?),
            name::ATOM => match self.ascii_atom() {
                Some((text, behind)) => {
                    self.cursor = behind;
                    visitor.visit_borrowed_bytes(text)
                }
                None => match self.atom(&visitor)? {
                    Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                    Cow::Owned(text) => visitor.visit_string(text),
                },
            },
            name::CHARLIST => {
                let text = self.charlist(&visitor)?;
                visitor.visit_string(text)
            }
            name::UNDEFINED => match self.take_atom("undefined") {
                true => visitor.visit_none(),
                false => visitor.visit_some(self),
            },
            name::KEYWORD => visitor.visit_newtype_struct(KeywordReader(self)),
            name::ATOM_KEYS => {
                self.atom_keys = true;
                let value = visitor.visit_newtype_struct(&mut *self);
                self.atom_keys = false;
                value
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.is_list() {
            true => self.list(|elements| visitor.visit_seq(elements)),
            false => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        self.tuple(Some(length), visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.tuple(Some(length), visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.map(None, &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.map(name.starts_with(ELIXIR).then_some(name), fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let start = self.position();
        let is_result = name == "Result" && variants == ["Ok", "Err"];
        if self.is_atom() {
            let variant = Variant::new(self, None, is_result);
            return visitor.visit_enum(variant).map_err(|error| error.at(start));
        }
        let arity = self.arity(&visitor)?;
        if arity == 0 {
            return Err(Failed::invalid_length(0, &visitor).at(start));
        }
        self.enter(start, arity.into())?;
        let variant = Variant::new(self, Some(arity), is_result);
        let value = visitor
            .visit_enum(variant)
            .map_err(|error| error.at(start))?;
        self.leave();
        Ok(value)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.tag() {
            _ if self.is_atom() => match self.atom(&visitor)? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            _ if self.is_binary() => {
                let bytes = self.binary(&visitor)?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => visitor.visit_string(text.to_owned()),
                    Err(_) => visitor.visit_borrowed_bytes(bytes),
                }
            }
            // No name of a field is like this; what is flattened may want it as a key.
            _ => visitor.visit_byte_buf(self.marked()?),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.raw()?;
        visitor.visit_unit()
    }
}
