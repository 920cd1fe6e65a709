//! The one-shot commands against real BEAMs of every release that is here.

mod commands;
mod ground;
mod pager;
mod traces;
