//! The harness that starts real BEAM nodes for `tests/` and `benches/`.
