//! The External Term Format: terms, atoms, decode, encode, text.
mod atom;
pub use atom::{Atom, AtomError};
mod lite;
pub use lite::*;
