//! The settings of libcluster's Gossip on a node: those that the strategy runs with, which no configuration file need agree with.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::asking::{Asking, address, field, ok, text};
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

/// Packets that a socket has received and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traffic {
    pub(super) received: i64,
    pub(super) sent: i64,
}

impl Asking<'_> {
    /// Finds the process that gossips by its UDP socket, and reads its settings; else those of the application, else
    /// those in the environment. `None`: it does not gossip, or does not tell.
    pub(super) async fn strategy(self, has_libcluster: bool) -> Option<Strategy> {
        if let Some(strategy) = self.running_strategy().await {
            return Some(strategy);
        }
        if !has_libcluster {
            return None;
        }
        match self.configured_strategy().await {
            Some(strategy) => Some(strategy),
            None => self.strategy_by_environment().await,
        }
    }

    async fn running_strategy(self) -> Option<Strategy> {
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
                let state = self.get("sys", "get_state", vec![owner.clone()]).await?;
                let config = field(&state, "config")?;
                return Some(Strategy {
                    socket: Some(port),
                    ..Strategy::of(config, Origin::Process)
                });
            }
        }
        None
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

    async fn configured_strategy(self) -> Option<Strategy> {
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

    /// Under the names that ExESDB reads; `None` when none is set.
    async fn strategy_by_environment(self) -> Option<Strategy> {
        let variable = |name: &'static str| async move {
            let value = self.get("os", "getenv", vec![Term::charlist(name)]).await?;
            text(&value).filter(|text| !text.is_empty() && text != "false")
        };
        let (secret, address, port, interface) = tokio::join!(
            variable("EX_ESDB_CLUSTER_SECRET"),
            variable("EX_ESDB_GOSSIP_MULTICAST_ADDR"),
            variable("EX_ESDB_CLUSTER_PORT"),
            variable("EX_ESDB_CLUSTER_INTERFACE"),
        );
        let port = port
            .and_then(|port| port.parse::<i64>().ok())
            .map(Term::from);
        let given = [
            ("secret", secret.map(Term::from)),
            ("multicast_addr", address.map(Term::from)),
            ("port", port),
            ("if_addr", interface.map(Term::from)),
        ];
        let pair = |(name, value): (&'static str, Option<Term>)| {
            Some(Term::tuple([Term::atom(name), value?]))
        };
        let config: Vec<Term> = given.into_iter().filter_map(pair).collect();
        match config.is_empty() {
            true => None,
            false => Some(Strategy::of(&Term::list(config), Origin::Environment)),
        }
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
    fn of(config: &Term, origin: Origin) -> Strategy {
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
