//! The External Term Format: terms, atoms, decode, encode, text.
mod atom;
pub use atom::{Atom, AtomError};
