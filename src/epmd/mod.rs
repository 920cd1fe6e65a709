//! EPMD (temporary stand-in).
mod lite;
pub use lite::*;
