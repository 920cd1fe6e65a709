//! SIGHUP: the cookie and the secrets are read again, from wherever they came. Connections that stand are not touched.

use beamlink::{Cookie, GossipSecret, Node};

use super::settings::{Flags, Settings, Surroundings};
use super::signals::Hangup;

/// What can change while the node runs.
#[derive(Debug, PartialEq, Eq)]
struct Secrets {
    cookie: Cookie,
    gossip: Option<GossipSecret>,
    old: Option<GossipSecret>,
}

impl Secrets {
    fn of(settings: &Settings) -> Secrets {
        let gossip = settings.gossip.as_ref();
        Secrets {
            cookie: settings.cookie.clone(),
            gossip: gossip.and_then(|gossip| gossip.secret.clone()),
            old: gossip.and_then(|gossip| gossip.old_secret.clone()),
        }
    }
}

/// Reads them again at each hangup; never ends.
pub(super) async fn reload(node: &Node, settings: &Settings, flags: &Flags, mut hangup: Hangup) {
    let mut held = Secrets::of(settings);
    loop {
        hangup.next().await;
        let read = match Settings::resolve(flags, &Surroundings::of_this_process()) {
            Ok(settings) => Secrets::of(&settings),
            Err(error) => {
                tracing::error!("SIGHUP: nothing is changed: {error}");
                continue;
            }
        };
        if read.cookie != held.cookie {
            tracing::info!("SIGHUP: new handshakes use the cookie {}", read.cookie);
            node.set_cookie(read.cookie.clone());
        }
        if (&read.gossip, &read.old) != (&held.gossip, &held.old) {
            let shown = |secret: &Option<GossipSecret>| {
                secret
                    .as_ref()
                    .map_or("none".to_owned(), GossipSecret::to_string)
            };
            let (gossip, old) = (shown(&read.gossip), shown(&read.old));
            tracing::info!("SIGHUP: heartbeats use the secret {gossip}; the old secret is {old}");
            node.set_gossip_secret(read.gossip.clone(), read.old.clone());
        }
        if read == held {
            tracing::info!("SIGHUP: cookie and secrets are as they were");
        }
        held = read;
    }
}
