//! What serializers that take only one kind of value refuse.

/// The associated types of a serializer, and the methods named, which refuse.
macro_rules! refuse {
    (@ bool $wanted:expr) => { refuse!(@@ serialize_bool(bool) $wanted); };
    (@ i8 $wanted:expr) => { refuse!(@@ serialize_i8(i8) $wanted); };
    (@ i16 $wanted:expr) => { refuse!(@@ serialize_i16(i16) $wanted); };
    (@ i32 $wanted:expr) => { refuse!(@@ serialize_i32(i32) $wanted); };
    (@ i64 $wanted:expr) => { refuse!(@@ serialize_i64(i64) $wanted); };
    (@ u8 $wanted:expr) => { refuse!(@@ serialize_u8(u8) $wanted); };
    (@ u16 $wanted:expr) => { refuse!(@@ serialize_u16(u16) $wanted); };
    (@ u32 $wanted:expr) => { refuse!(@@ serialize_u32(u32) $wanted); };
    (@ u64 $wanted:expr) => { refuse!(@@ serialize_u64(u64) $wanted); };
    (@ f32 $wanted:expr) => { refuse!(@@ serialize_f32(f32) $wanted); };
    (@ f64 $wanted:expr) => { refuse!(@@ serialize_f64(f64) $wanted); };
    (@ char $wanted:expr) => { refuse!(@@ serialize_char(char) $wanted); };
    (@ str $wanted:expr) => { refuse!(@@ serialize_str(&str) $wanted); };
    (@ bytes $wanted:expr) => { refuse!(@@ serialize_bytes(&[u8]) $wanted); };
    (@ none $wanted:expr) => { refuse!(@@ serialize_none() $wanted); };
    (@ unit $wanted:expr) => { refuse!(@@ serialize_unit() $wanted); };
    (@ unit_struct $wanted:expr) => { refuse!(@@ serialize_unit_struct(&'static str) $wanted); };
    (@ unit_variant $wanted:expr) => {
        refuse!(@@ serialize_unit_variant(&'static str, u32, &'static str) $wanted);
    };
    (@ newtype_variant $wanted:expr) => {
        fn serialize_newtype_variant<T: serde::Serialize + ?Sized>(
            self, _: &'static str, _: u32, _: &'static str, _: &T,
        ) -> Result<(), SerializeError> {
            Err(SerializeError::Helper($wanted(&self)))
        }
    };
    (@ seq $wanted:expr) => {
        type SerializeSeq = serde::ser::Impossible<(), SerializeError>;
        refuse!(@@ serialize_seq(Option<usize>) -> Self::SerializeSeq, $wanted);
    };
    (@ tuple $wanted:expr) => {
        type SerializeTuple = serde::ser::Impossible<(), SerializeError>;
        refuse!(@@ serialize_tuple(usize) -> Self::SerializeTuple, $wanted);
    };
    (@ tuple_struct $wanted:expr) => {
        type SerializeTupleStruct = serde::ser::Impossible<(), SerializeError>;
        refuse!(@@ serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct, $wanted);
    };
    (@ tuple_variant $wanted:expr) => {
        type SerializeTupleVariant = serde::ser::Impossible<(), SerializeError>;
        refuse!(@@ serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant, $wanted);
    };
    (@ map $wanted:expr) => {
        type SerializeMap = serde::ser::Impossible<(), SerializeError>;
        refuse!(@@ serialize_map(Option<usize>) -> Self::SerializeMap, $wanted);
    };
    (@ structure $wanted:expr) => {
        type SerializeStruct = serde::ser::Impossible<(), SerializeError>;
        refuse!(@@ serialize_struct(&'static str, usize) -> Self::SerializeStruct, $wanted);
    };
    (@ struct_variant $wanted:expr) => {
        type SerializeStructVariant = serde::ser::Impossible<(), SerializeError>;
        refuse!(@@ serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant, $wanted);
    };
    (@@ $method:ident($($type:ty),*) $wanted:expr) => {
        refuse!(@@ $method($($type),*) -> (), $wanted);
    };
    (@@ $method:ident($($type:ty),*) -> $ok:ty, $wanted:expr) => {
        fn $method(self $(, _: $type)*) -> Result<$ok, SerializeError> {
            Err(SerializeError::Helper($wanted(&self)))
        }
    };
    ($wanted:expr; $($kind:ident)*) => {
        type Ok = ();
        type Error = SerializeError;
        $(refuse!(@ $kind $wanted);)*
    };
}

pub(super) use refuse;
