//! What a node shows of itself over HTTP, and what operates it, asserted with real nodes and a real browser.

mod browser;
mod client;
#[path = "../beam/ground.rs"]
mod ground;
mod health;
mod page;
mod reload;
mod scrape;
mod service;
mod top;
