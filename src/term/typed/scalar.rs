//! What serde has no word for, and is one text or some bytes: atoms, charlists, and terms as they are.

use bytes::BufMut;
use serde::ser::{self, Serialize};

use super::SerializeError;
use super::refuse::refuse;
use super::write::Writer;
use crate::term::encode::put_integer;

/// What a text or bytes become.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar {
    Atom,
    Charlist,
    /// The bytes are a term.
    Term,
}

/// Takes the one text, or bytes, that a [`Scalar`] is made of.
pub(super) struct ScalarWriter<'a, 'b>(pub(super) &'a mut Writer<'b>, pub(super) Scalar);

impl ScalarWriter<'_, '_> {
    fn wanted(&self) -> &'static str {
        match self.1 {
            Scalar::Atom => "a text (as_atom, atom_keys, keyword)",
            Scalar::Charlist => "a text (charlist)",
            Scalar::Term => "a term",
        }
    }
}

impl ser::Serializer for ScalarWriter<'_, '_> {
    fn serialize_str(self, text: &str) -> Result<(), SerializeError> {
        let ScalarWriter(writer, scalar) = self;
        match scalar {
            Scalar::Atom => writer.atom(text),
            Scalar::Charlist => {
                let mut list = writer.begin_list();
                for letter in text.chars() {
                    put_integer(u32::from(letter).into(), writer.out);
                    list.count += 1;
                }
                writer.end_list(&list)
            }
            Scalar::Term => Err(SerializeError::Helper("a term")),
        }
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), SerializeError> {
        match self.1 {
            Scalar::Term => self.0.out.put_slice(bytes),
            _ => return Err(SerializeError::Helper(self.wanted())),
        }
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), SerializeError> {
        self.serialize_str(if value { "true" } else { "false" })
    }

    fn serialize_none(self) -> Result<(), SerializeError> {
        self.0.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), SerializeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    /// So that a term comes as its bytes.
    fn is_human_readable(&self) -> bool {
        false
    }

    refuse!(ScalarWriter::wanted; i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char unit unit_struct newtype_variant
        seq tuple tuple_struct tuple_variant map structure struct_variant);
}
