//! The settings of libcluster's Gossip on a node: those that the strategy runs with, which no configuration file need agree with.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::asking::{Asking, address, field, ok, text};
use super::environment::Environment;
use crate::GossipSecret;
use crate::gossip::Gossip;
use crate::term::{Port, Term};

/// With more ports than this a node is not asked for what each is.
const MOST_PORTS: usize = 10_000;

/// Where settings were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The state of the process that gossips.
    Process,
    /// The environment of the application libcluster.
    Application,
    /// The environment variables that ExESDB reads.
    Environment,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Process => "the process that gossips",
            Origin::Application => "the environment of the application libcluster",
            Origin::Environment => "its environment variables",
        })
    }
}

/// What a node gossips with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Strategy {
    /// Where this was read.
    pub origin: Origin,
    /// The secret, `None` for plain heartbeats.
    #[serde(serialize_with = "fingerprint")]
    pub secret: Option<GossipSecret>,
    /// The port.
    pub port: u16,
    /// The group or broadcast address.
    pub multicast_addr: IpAddr,
    /// The address that is bound.
    pub if_addr: IpAddr,
    /// Whether no group is joined.
    pub broadcast_only: bool,
    /// The socket, where the process was found.
    #[serde(skip)]
    pub socket: Option<Port>,
}

fn fingerprint<S: Serializer>(
    secret: &Option<GossipSecret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serializer.serialize_str(&secret.to_string()),
        None => serializer.serialize_none(),
    }
}

/// Whether a node gossips.
pub(super) enum Running {
    /// No process of it does.
    None,
    /// One does, by this socket, and does not tell its settings: it is dialling somebody who does not answer, which takes
    /// it 7 s each time.
    Busy(Port),
    /// One does, with these.
    Told(Strategy),
}

/// Packets that a socket has received and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traffic {
    pub(super) received: i64,
    pub(super) sent: i64,
}

impl Asking<'_> {
    /// Finds the process that gossips by its UDP socket, and reads its settings. `None`: that cannot be asked.
    pub(super) async fn running_strategy(self) -> Option<Running> {
        let ports = self.get("erlang", "ports", vec![]).await?;
        let ports = ports.as_list()?.to_vec();
        if ports.len() > MOST_PORTS {
            return None;
        }
        let infos = self.map(("erlang", "port_info"), ports.clone()).await?;
        for (port, info) in ports.into_iter().zip(&infos) {
            let name = field(info, "name").and_then(text);
            let (Some("udp_inet"), Some(owner)) = (name.as_deref(), field(info, "connected"))
            else {
                continue;
            };
            if let (Term::Port(port), true) = (port, self.gossips(owner).await) {
                let state = self.get("sys", "get_state", vec![owner.clone()]).await;
                let config = state.as_ref().and_then(|state| field(state, "config"));
                return Some(match config {
                    Some(config) => Running::Told(Strategy {
                        socket: Some(port),
                        ..Strategy::of(config, Origin::Process)
                    }),
                    None => Running::Busy(port),
                });
            }
        }
        Some(Running::None)
    }

    /// Whether the process runs a module named …Gossip: only such a one is asked for its state.
    async fn gossips(self, process: &Term) -> bool {
        let arguments = vec![process.clone(), Term::atom("dictionary")];
        let info = self.get("erlang", "process_info", arguments).await;
        let module = || {
            let info = info?;
            let [_, dictionary] = info.as_tuple()? else {
                return None;
            };
            let call = field(dictionary, "$initial_call")?;
            Some(call.as_tuple()?.first()?.as_atom()?.ends_with(".Gossip"))
        };
        module().unwrap_or(false)
    }

    /// The settings of the application libcluster, else those that the environment gives to ExESDB.
    pub(super) async fn configured_strategy(self, environment: &Environment) -> Option<Strategy> {
        match self.application_strategy().await {
            Some(strategy) => Some(strategy),
            None => environment.strategy(),
        }
    }

    async fn application_strategy(self) -> Option<Strategy> {
        let arguments = vec![Term::atom("libcluster"), Term::atom("topologies")];
        let topologies = ok(self.get("application", "get_env", arguments).await?)?;
        let topologies = topologies.as_list()?.iter();
        let gossip = topologies
            .filter_map(|pair| pair.as_tuple()?.get(1))
            .find(|topology| {
                let strategy = field(topology, "strategy").and_then(Term::as_atom);
                strategy.is_some_and(|strategy| strategy.ends_with(".Gossip"))
            })?;
        let config = field(gossip, "config").cloned();
        Some(Strategy::of(
            &config.unwrap_or_else(Term::nil),
            Origin::Application,
        ))
    }

    /// What went through a socket so far.
    pub(super) async fn traffic(self, socket: &Port) -> Option<Traffic> {
        let counts = [Term::atom("recv_cnt"), Term::atom("send_cnt")];
        let arguments = vec![Term::Port(socket.clone()), Term::list(counts)];
        let counts = ok(self.get("inet", "getstat", arguments).await?)?;
        Some(Traffic {
            received: field(&counts, "recv_cnt")?.as_int()?,
            sent: field(&counts, "send_cnt")?.as_int()?,
        })
    }
}

impl Strategy {
    /// The settings in libcluster's keyword list, its defaults where it says nothing.
    pub(super) fn of(config: &Term, origin: Origin) -> Strategy {
        let default = Gossip::default();
        let given = |key| field(config, key);
        let ip = |key, default: std::net::Ipv4Addr| {
            let found = given(key).and_then(address);
            found.unwrap_or(IpAddr::V4(default))
        };
        let secret = given("secret").filter(|secret| secret.as_atom() != Some("nil"));
        let port = given("port").and_then(Term::as_int);
        Strategy {
            origin,
            secret: secret.and_then(text).map(GossipSecret::new),
            port: port
                .and_then(|port| u16::try_from(port).ok())
                .unwrap_or(default.port),
            multicast_addr: ip("multicast_addr", default.multicast_addr),
            if_addr: ip("if_addr", default.if_addr),
            broadcast_only: given("broadcast_only").and_then(Term::as_atom) == Some("true"),
            socket: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libclusters_keywords() {
        let config = "[secret: \"s\", port: 45893, multicast_addr: \"172.20.255.255\", broadcast_only: true]";
        let config = Term::parse_elixir(config).unwrap();
        let expected = Strategy {
            origin: Origin::Process,
            secret: Some(GossipSecret::new("s")),
            port: 45_893,
            multicast_addr: [172, 20, 255, 255].into(),
            if_addr: [0; 4].into(),
            broadcast_only: true,
            socket: None,
        };
        assert_eq!(Strategy::of(&config, Origin::Process), expected);
        let plain = Strategy::of(
            &Term::parse_elixir("[secret: nil]").unwrap(),
            Origin::Process,
        );
        assert_eq!((plain.secret, plain.port), (None, 45_892));
    }

    #[test]
    fn the_secret_is_not_told() {
        let config = Term::parse_elixir("[secret: \"open sesame\"]").unwrap();
        let strategy = Strategy::of(&config, Origin::Process);
        let json = serde_json::to_string(&strategy).unwrap();
        assert!(
            json.contains("sha256:") && !json.contains("sesame"),
            "{json}"
        );
        assert!(!format!("{strategy:?}").contains("sesame"));
    }
}
