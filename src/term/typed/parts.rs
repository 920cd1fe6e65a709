//! What containers are read through: elements, pairs, and the variants of enums.

use std::borrow::Cow;

use serde::de::value::{BorrowedStrDeserializer, CowStrDeserializer, UnitDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer as _, Error as _, IntoDeserializer, Visitor};

use super::read::{Reader, Tail};
use super::{Failed, STRUCT};
use crate::term::tag;

type Result<T> = std::result::Result<T, Failed>;

/// Every small integer as a term: the elements of a list of bytes.
static INTEGERS: [[u8; 2]; 256] = {
    let mut all = [[tag::SMALL_INTEGER, 0]; 256];
    let mut value = 0;
    while value < 256 {
        all[value][1] = value as u8;
        value += 1;
    }
    all
};

/// The elements of a list or tuple.
pub(super) struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    /// How many come before the tail, or the end of a tuple.
    left: u32,
    /// Whether there is a tail.
    tail: bool,
    /// Elements that came as bytes.
    bytes: &'de [u8],
    /// How many were taken.
    taken: u64,
}

impl<'a, 'de> Elements<'a, 'de> {
    pub(super) fn of_tuple(reader: &'a mut Reader<'de>, arity: u32) -> Elements<'a, 'de> {
        Elements {
            reader,
            left: arity,
            tail: false,
            bytes: &[],
            taken: 0,
        }
    }

    /// Of the list ahead, whose first elements are counted already, for who makes room for them.
    pub(super) fn of_list(reader: &'a mut Reader<'de>) -> Result<Elements<'a, 'de>> {
        let mut elements = Elements {
            tail: true,
            ..Elements::of_tuple(reader, 0)
        };
        elements.advance()?;
        Ok(elements)
    }

    /// Passes tails until there is an element, if there is one.
    fn advance(&mut self) -> Result<bool> {
        while self.tail && self.left == 0 {
            match self.reader.tail()? {
                Tail::More(count) => self.left = count,
                Tail::Elements(bytes) => {
                    self.bytes = bytes;
                    self.tail = false;
                }
            }
        }
        Ok(self.left > 0 || !self.bytes.is_empty())
    }

    /// Reads the next element by `read`.
    #[inline]
    pub(super) fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'de>) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.left == 0 && !self.advance()? {
            return Ok(None);
        }
        self.taken += 1;
        if self.left > 0 {
            self.left -= 1;
            self.reader.paid();
            return self.again(read).map(Some);
        }
        self.next_byte(read)
    }

    /// Reads an element that came as a byte.
    fn next_byte<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'de>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some((byte, rest)) = self.bytes.split_first() else {
            return Ok(None);
        };
        self.bytes = rest;
        let (offset, index) = (self.reader.position() - rest.len() - 1, self.taken - 1);
        let element: &'static [u8; 2] = &INTEGERS[usize::from(*byte)];
        let read = read(&mut self.reader.within(element));
        let read = read.map_err(|error| error.moved(offset).under_index(index));
        read.map(Some)
    }

    /// Reads on by `read` in the element that was begun.
    #[inline]
    pub(super) fn again<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'de>) -> Result<T>,
    ) -> Result<T> {
        let (start, index) = (self.reader.position(), self.taken.saturating_sub(1));
        read(self.reader).map_err(|error| error.at(start).under_index(index))
    }

    /// Whether all were taken.
    pub(super) fn finish(&mut self, start: usize) -> Result<()> {
        match self.advance()? {
            false => Ok(()),
            true => Err(too_many(self.taken, start)),
        }
    }
}

fn too_many(wanted: u64, start: usize) -> Failed {
    Failed::custom(format_args!(
        "there are more than {wanted} elements or pairs"
    ))
    .at(start)
}

impl<'de> de::SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Failed;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.left == 0 {
            return self.next(|reader| seed.deserialize(reader));
        }
        // As `next`, in a form that compilers make one loop of.
        self.taken += 1;
        self.left -= 1;
        self.reader.paid();
        let start = self.reader.cursor;
        match seed.deserialize(&mut *self.reader) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(error.at(start.position()).under_index(self.taken - 1)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some((self.left as usize).max(self.bytes.len()))
    }
}

/// The pairs of a map.
pub(super) struct Pairs<'a, 'de> {
    reader: &'a mut Reader<'de>,
    pairs: u32,
    left: u32,
    /// Where the last key is.
    key: usize,
    /// The Elixir struct that it must be, until that is known.
    elixir: Option<&'static str>,
    /// Those of the struct that it becomes.
    fields: &'static [&'static str],
    atom_keys: bool,
}

impl<'a, 'de> Pairs<'a, 'de> {
    pub(super) fn new(
        reader: &'a mut Reader<'de>,
        pairs: u32,
        elixir: Option<&'static str>,
        fields: &'static [&'static str],
        atom_keys: bool,
    ) -> Pairs<'a, 'de> {
        Pairs {
            reader,
            pairs,
            left: pairs,
            key: 0,
            elixir,
            fields,
            atom_keys,
        }
    }

    /// Whether all were taken, and it was the struct that it must be.
    pub(super) fn finish(&mut self, start: usize) -> Result<()> {
        if self.left > 0 {
            return Err(too_many(u64::from(self.pairs - self.left), start));
        }
        match self.elixir {
            None => Ok(()),
            Some(name) => {
                let message = format_args!("a map without __struct__, {name} expected");
                Err(Failed::custom(message).at(start))
            }
        }
    }

    /// The last key as text, for an error.
    fn key_text(&self) -> String {
        let mut key = self.reader.reread(self.key);
        let text = key.atom(&"").or_else(|_| key.text());
        match text {
            Ok(text) => text.chars().take(64).collect(),
            Err(_) => "#".to_owned(),
        }
    }
}

impl<'de> de::MapAccess<'de> for Pairs<'_, 'de> {
    type Error = Failed;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.reader.paid();
        self.key = self.reader.position();
        if let Some(name) = self.elixir
            && self.reader.take_atom(STRUCT)
        {
            self.reader.paid();
            if !self.reader.take_atom(name) {
                let error = self.reader.mismatch(&name);
                return Err(error.under_key(STRUCT));
            }
            self.elixir = None;
            return self.next_key_seed(seed);
        }
        if let Some((text, behind)) = self.reader.ascii_atom()
            && let Some(field) = self.fields.iter().find(|field| field.as_bytes() == text)
        {
            // It is known to be a text: to find that out takes longer than to find it.
            self.reader.cursor = behind;
            return seed
                .deserialize(BorrowedStrDeserializer::new(field))
                .map(Some);
        }
        let start = self.key;
        let key = match self.atom_keys {
            true => seed.deserialize(Name(self.reader)),
            false => seed.deserialize(&mut *self.reader),
        };
        match key {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(error.at(start)),
        }
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        self.reader.paid();
        let start = self.reader.cursor;
        match seed.deserialize(&mut *self.reader) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.at(start.position()).under_key(&self.key_text())),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

/// An atom that is wanted as a text.
pub(super) struct Name<'a, 'de>(pub(super) &'a mut Reader<'de>);

impl<'de> de::Deserializer<'de> for Name<'_, 'de> {
    type Error = Failed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.atom(&visitor)? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        match name.starts_with('$') {
            true => self.0.deserialize_newtype_struct(name, visitor),
            false => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.deserialize_ignored_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct identifier
    }
}

/// The variant of an enum: an atom, or a tuple that begins with one.
pub(super) struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    /// Whether it is a tuple.
    tagged: bool,
    /// How many elements come behind the tag.
    values: u32,
    is_result: bool,
}

impl<'a, 'de> Variant<'a, 'de> {
    pub(super) fn new(
        reader: &'a mut Reader<'de>,
        arity: Option<u32>,
        is_result: bool,
    ) -> Variant<'a, 'de> {
        Variant {
            reader,
            tagged: arity.is_some(),
            values: arity.map_or(0, |arity| arity.saturating_sub(1)),
            is_result,
        }
    }

    fn has(&self, values: usize, wanted: &'static str) -> Result<()> {
        match self.tagged && self.values as usize == values {
            true => Ok(()),
            false if self.tagged => Err(Failed::invalid_length(self.values as usize + 1, &wanted)),
            false => Err(Failed::invalid_type(de::Unexpected::UnitVariant, &wanted)),
        }
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Failed;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        let start = self.reader.position();
        if self.tagged {
            self.reader.paid();
        }
        let tag = self.reader.atom(&"the tag of a variant, an atom")?;
        let name = match &*tag {
            _ if !self.is_result => tag,
            "ok" => Cow::Borrowed("Ok"),
            "error" => Cow::Borrowed("Err"),
            other => {
                let error = Failed::unknown_variant(other, &["ok", "error"]);
                return Err(error.at(start));
            }
        };
        let name: CowStrDeserializer<'_, Failed> = name.into_deserializer();
        let value = seed.deserialize(name).map_err(|error| error.at(start))?;
        Ok((value, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Failed;

    fn unit_variant(self) -> Result<()> {
        match self.tagged {
            false => Ok(()),
            true => Err(Failed::custom(
                "invalid type: a tuple, expected an atom alone",
            )),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        if self.is_result && !self.tagged {
            return seed.deserialize(UnitDeserializer::new());
        }
        self.has(1, "a tuple of a tag and a value")?;
        self.reader.paid();
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        self.has(
            length,
            "a tuple of a tag and as many values as the variant has",
        )?;
        let start = self.reader.position();
        let mut elements = Elements::of_tuple(self.reader, self.values);
        let value = visitor.visit_seq(&mut elements)?;
        elements.finish(start)?;
        Ok(value)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.has(1, "a tuple of a tag and a map")?;
        self.reader.paid();
        self.reader.deserialize_map(visitor)
    }
}
