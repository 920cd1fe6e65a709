//! Calls both ways between a node of ours, in this process, and a real BEAM of each release.

mod ground;
mod processes;
mod rpc;
mod servers;
mod worker;
