//! Whether the node is alive, and whether it is ready.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use beamlink::epmd::EpmdState;
use serde::Serialize;

use super::View;

/// The loop that ticks goes round every quarter of a second; a node whose loop stood for this long is lost to its peers.
const STUCK: Duration = Duration::from_secs(5);

/// How the node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    pub(crate) node: String,
    /// The loop that ticks goes round.
    pub(crate) alive: bool,
    pub(crate) ready: bool,
    /// The visible nodes that are up, and how many there should be.
    pub(crate) peers: usize,
    pub(crate) wanted: usize,
    /// EPMD has its name.
    registered: bool,
    /// What keeps it from being ready.
    pub(crate) reasons: Vec<String>,
}

impl Health {
    pub(crate) fn of(view: &View) -> Health {
        let observer = &view.observer;
        let peers = observer.count();
        let peers = *peers.borrow();
        let registration = observer.registration();
        let registered = !matches!(registration, EpmdState::Lost(_));
        let alive = observer.since_tick() < STUCK;
        let mut reasons = Vec::new();
        if !alive {
            reasons.push("the loop that ticks stands still".to_owned());
        }
        if let EpmdState::Lost(error) = registration {
            reasons.push(format!("the name is not registered: {error}"));
        }
        if peers < view.wanted {
            reasons.push(format!("{peers} of {} peers are up", view.wanted));
        }
        let ready = reasons.is_empty();
        Health {
            status: if ready { "ok" } else { "not ready" },
            node: observer.name().to_string(),
            alive,
            ready,
            peers,
            wanted: view.wanted,
            registered,
            reasons,
        }
    }

    fn answer(&self, good: bool) -> Response {
        let status = match good {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut body = serde_json::to_vec(self).unwrap_or_default();
        body.push(b'\n');
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// `/livez`: whether a restart would help.
pub(super) async fn livez(State(view): State<View>) -> Response {
    let health = Health::of(&view);
    health.answer(health.alive)
}

/// `/readyz` and `/health`: whether it is registered, and enough peers are up.
pub(super) async fn readyz(State(view): State<View>) -> Response {
    let health = Health::of(&view);
    health.answer(health.ready)
}
