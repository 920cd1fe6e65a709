//! The doctor before clusters of real nodes: nothing to find in a sound one, and in each that has one fault, this fault first.

mod ground;
mod healthy;
mod network;
mod newcomers;
mod releases;
mod settings;
mod words;
