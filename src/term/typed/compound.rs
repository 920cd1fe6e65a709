//! What containers are written through.

use serde::ser::{self, Serialize};

use super::scalar::{Scalar, ScalarWriter};
use super::write::{Open, Writer};
use super::{STRUCT, SerializeError};

/// What a container is written through.
pub(super) struct Compound<'a, 'b> {
    pub(super) writer: &'a mut Writer<'b>,
    pub(super) open: Open,
    /// Of a tuple, how many elements were announced.
    pub(super) announced: usize,
    pub(super) atom_keys: bool,
}

impl Compound<'_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.open.count += 1;
        value.serialize(&mut *self.writer)
    }

    fn end_tuple(self) -> Result<(), SerializeError> {
        match self.open.count == self.announced {
            true => Ok(()),
            false => Err(SerializeError::Arity {
                announced: self.announced,
                written: self.open.count,
            }),
        }
    }

    /// Writes a key by `write`.
    fn key(
        &mut self,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), SerializeError>,
    ) -> Result<(), SerializeError> {
        let begin = self.writer.out.len();
        write(self.writer)?;
        self.writer.keys.push(begin..self.writer.out.len());
        self.open.count += 1;
        Ok(())
    }

    pub(super) fn named(&mut self, key: &str) -> Result<(), SerializeError> {
        self.key(|writer| writer.atom(key))
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.named(key)?;
        match key {
            // The tag of an enum whose variants are Elixir's structs.
            STRUCT => value.serialize(ScalarWriter(self.writer, Scalar::Atom)),
            _ => value.serialize(&mut *self.writer),
        }
    }
}

impl ser::SerializeSeq for Compound<'_, '_> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_element<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.element(value)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.writer.end_list(&self.open)
    }
}

impl ser::SerializeTuple for Compound<'_, '_> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_element<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.element(value)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.end_tuple()
    }
}

macro_rules! tuple_of_fields {
    ($($name:ident),*) => {
        $(impl ser::$name for Compound<'_, '_> {
            type Ok = ();
            type Error = SerializeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
                self.element(value)
            }

            fn end(self) -> Result<(), SerializeError> {
                self.end_tuple()
            }
        })*
    };
}

tuple_of_fields!(SerializeTupleStruct, SerializeTupleVariant);

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = SerializeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeError> {
        let atoms = self.atom_keys;
        self.key(|writer| match atoms {
            true => key.serialize(ScalarWriter(writer, Scalar::Atom)),
            false => key.serialize(writer),
        })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), SerializeError> {
        self.writer.end_map(&self.open)
    }
}

macro_rules! map_of_fields {
    ($($name:ident),*) => {
        $(impl ser::$name for Compound<'_, '_> {
            type Ok = ();
            type Error = SerializeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), SerializeError> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), SerializeError> {
                self.writer.end_map(&self.open)
            }
        })*
    };
}

map_of_fields!(SerializeStruct, SerializeStructVariant);
