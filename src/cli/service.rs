//! What systemd hears of a node (`Type=notify`, sd_notify(3)): that it is ready, how it stands, and that it lives. Where
//! nothing like systemd started it, nobody hears anything.

use std::time::Duration;

use beamlink::node::Observer;
use sd_notify::NotifyState;

/// A loop that ticks and stood for longer than this must not be kept alive.
const STUCK: Duration = Duration::from_secs(5);

/// Tells what becomes of the node, until it is dropped.
pub(super) async fn tell(observer: Observer) {
    said(&[NotifyState::Ready]);
    let mut count = observer.count();
    // Twice as often as asked for, as sd_watchdog_enabled(3) advises, and with room for a late one.
    let feeding = sd_notify::watchdog_enabled().map(|limit| limit / 3);
    let mut feed = tokio::time::interval(feeding.unwrap_or(Duration::from_secs(3600)));
    let mut told = None;
    loop {
        let now = *count.borrow_and_update();
        if told.replace(now) != Some(now) {
            let peers = if now == 1 { "peer is" } else { "peers are" };
            said(&[NotifyState::Status(&format!("{now} {peers} up"))]);
        }
        tokio::select! {
            _ = feed.tick() => {
                if feeding.is_some() && observer.since_tick() < STUCK {
                    said(&[NotifyState::Watchdog]);
                }
            }
            Ok(()) = count.changed() => {}
        }
    }
}

pub(super) fn stopping() {
    said(&[NotifyState::Stopping]);
}

fn said(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
