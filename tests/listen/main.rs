//! `beamlink gossip` on hosts of their own, with real Elixir nodes that gossip well and badly.

mod gossip;
mod ground;
mod host;
