//! The commands of the `beamlink` binary.
