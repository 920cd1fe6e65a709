//! Arguments of functions: tuples of Rust on one side, lists of terms on the other.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::term::{DeserializeError, SerializeError, Term, from_term, to_term};

/// What can be given to a function on a peer: terms, or a tuple of up to eight values that serde can serialize.
pub trait IntoArguments {
    /// The arguments.
    ///
    /// # Errors
    /// When a value is no term.
    fn into_arguments(self) -> Result<Vec<Term>, SerializeError>;
}

/// What an exported function takes: a tuple of up to eight values that serde can deserialize.
pub trait FromArguments: Sized + Send {
    /// How many there are.
    const ARITY: usize;

    /// Takes them. There are as many as [`FromArguments::ARITY`] says.
    ///
    /// # Errors
    /// When one is not what is wanted.
    fn from_arguments(arguments: &[Term]) -> Result<Self, DeserializeError>;
}

impl IntoArguments for Vec<Term> {
    fn into_arguments(self) -> Result<Vec<Term>, SerializeError> {
        Ok(self)
    }
}

impl IntoArguments for () {
    fn into_arguments(self) -> Result<Vec<Term>, SerializeError> {
        Ok(Vec::new())
    }
}

impl FromArguments for () {
    const ARITY: usize = 0;

    fn from_arguments(_: &[Term]) -> Result<(), DeserializeError> {
        Ok(())
    }
}

macro_rules! tuples {
    ($($arity:literal: $($name:ident $at:tt),*;)*) => {
        $(
            impl<$($name: Serialize),*> IntoArguments for ($($name,)*) {
                fn into_arguments(self) -> Result<Vec<Term>, SerializeError> {
                    Ok(vec![$(to_term(&self.$at)?),*])
                }
            }

            impl<$($name: DeserializeOwned + Send),*> FromArguments for ($($name,)*) {
                const ARITY: usize = $arity;

                fn from_arguments(arguments: &[Term]) -> Result<Self, DeserializeError> {
                    Ok(($(from_term::<$name>(&arguments[$at])?,)*))
                }
            }
        )*
    };
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}
