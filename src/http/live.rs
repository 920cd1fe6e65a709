//! The view as it changes: `/api/cluster` once, `/api/events` as server-sent events. It is made once for all who look.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{Notify, watch};

use super::View;
use super::cluster::look;
use super::seats::Seat;
use super::survey::Survey;

/// How often an event goes out when nothing happens.
const PERIOD: Duration = Duration::from_secs(2);
/// The least time between two.
const PAUSE: Duration = Duration::from_millis(250);

/// Views, one after the other, for all who look.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    view: View,
    survey: Survey,
    latest: watch::Sender<Bytes>,
    wake: Arc<Notify>,
}

impl Feed {
    /// It must be made inside a tokio runtime, with which it ends.
    pub(super) fn start(view: View) -> Feed {
        let feed = Feed {
            survey: Survey::start(view.observer.clone()),
            view,
            latest: watch::Sender::default(),
            wake: Arc::default(),
        };
        tokio::spawn(feed.clone().go_on());
        feed
    }

    async fn go_on(self) {
        let mut changes = self.view.observer.count();
        loop {
            if self.latest.receiver_count() == 0 {
                self.wake.notified().await;
            }
            changes.mark_unchanged();
            if let Some(json) = self.json().await {
                self.latest.send_replace(json);
            }
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                () = tokio::time::sleep(PERIOD - PAUSE) => {}
                _ = changes.changed() => {}
                () = self.wake.notified() => {}
            }
        }
    }

    async fn json(&self) -> Option<Bytes> {
        let cluster = look(&self.view, &self.survey).await?;
        Some(serde_json::to_vec(&cluster).ok()?.into())
    }
}

/// `/api/cluster`.
pub(super) async fn cluster(State(feed): State<Feed>) -> Response {
    match feed.json().await {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the node has stopped\n").into_response(),
    }
}

/// `/api/events`: an event `cluster` for each view.
pub(super) async fn events(
    State(feed): State<Feed>,
    Extension(seat): Extension<Arc<Seat>>,
) -> Response {
    let mut latest = feed.latest.subscribe();
    latest.mark_unchanged();
    feed.wake.notify_one();
    let events = stream::unfold((latest, seat), async |(mut latest, seat)| {
        latest.changed().await.ok()?;
        // It has taken all that came before.
        seat.progress();
        let json = latest.borrow_and_update().clone();
        let event = [&b"event: cluster\ndata: "[..], &json, b"\n\n"].concat();
        Some((Ok::<_, Infallible>(Bytes::from(event)), (latest, seat)))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream")];
    (headers, Body::from_stream(events)).into_response()
}
