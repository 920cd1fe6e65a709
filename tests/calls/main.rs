//! Calls both ways between a node of ours, in this process, and a real BEAM of each release.

mod faults;
mod frozen;
mod ground;
mod large;
mod load;
mod nodedown;
mod priority;
mod processes;
mod rpc;
mod servers;
mod spawns;
mod strangers;
mod worker;
