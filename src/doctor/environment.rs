//! The environment variables that ExESDB takes its gossip settings from, as a node has them.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::asking::{Asking, text};
use super::strategy::{Origin, Strategy};
use crate::GossipSecret;
use crate::term::Term;

const SECRET: &str = "EX_ESDB_CLUSTER_SECRET";
const ADDRESS: &str = "EX_ESDB_GOSSIP_MULTICAST_ADDR";
/// The first that is set counts.
const PORTS: [&str; 2] = ["EX_ESDB_CLUSTER_PORT", "GOSSIP_PORT"];
const INTERFACE: &str = "EX_ESDB_CLUSTER_INTERFACE";
const NAMES: [&str; 5] = [SECRET, ADDRESS, PORTS[0], PORTS[1], INTERFACE];
/// What ExESDB takes where [`ADDRESS`] is not set.
const DEFAULT_ADDRESS: &str = "239.255.0.1";

/// Those of the variables that are set, by their names. The secret shows as a fingerprint.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    secret: Option<GossipSecret>,
    others: Vec<(&'static str, String)>,
}

impl Environment {
    pub(super) async fn ask(asking: Asking<'_>) -> Environment {
        let names = NAMES.map(Term::charlist).to_vec();
        let values = asking.map(("os", "getenv"), names).await;
        let values = values.unwrap_or_default();
        // `false` where there is none.
        let set = |(name, value): (&'static str, &Term)| match value {
            Term::Atom(_) => None,
            value => Some((name, text(value).filter(|value| !value.is_empty())?)),
        };
        Environment::of(NAMES.into_iter().zip(&values).filter_map(set))
    }

    fn of(set: impl Iterator<Item = (&'static str, String)>) -> Environment {
        let mut environment = Environment::default();
        for (name, value) in set {
            match name {
                SECRET => environment.secret = Some(GossipSecret::new(value)),
                name => environment.others.push((name, value)),
            }
        }
        environment
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.others.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Each variable that is set, as it may be shown.
    pub fn shown(&self) -> impl Iterator<Item = (&'static str, String)> {
        let secret = self
            .secret
            .iter()
            .map(|secret| (SECRET, secret.to_string()));
        secret.chain(self.others.iter().cloned())
    }

    /// Whether they say which address it is.
    pub(super) fn sets_address(&self) -> bool {
        self.get(ADDRESS).is_some()
    }

    /// Whether they say which port it is.
    pub(super) fn sets_port(&self) -> bool {
        PORTS.iter().any(|name| self.get(name).is_some())
    }

    /// What ExESDB makes of them; `None` when none is set.
    pub(super) fn strategy(&self) -> Option<Strategy> {
        if *self == Environment::default() {
            return None;
        }
        let port = PORTS.iter().find_map(|name| self.get(name)?.parse().ok());
        let address = self.get(ADDRESS).unwrap_or(DEFAULT_ADDRESS);
        let given = [
            ("multicast_addr", Some(address.into())),
            ("port", port.map(|port: i64| Term::from(port))),
            ("if_addr", self.get(INTERFACE).map(Term::from)),
        ];
        let pair = |(name, value): (&'static str, Option<Term>)| {
            Some(Term::tuple([Term::atom(name), value?]))
        };
        let config: Vec<Term> = given.into_iter().filter_map(pair).collect();
        Some(Strategy {
            secret: self.secret.clone(),
            ..Strategy::of(&Term::list(config), Origin::Environment)
        })
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}

impl Serialize for Environment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.shown() {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exesdb_makes_of_them() {
        let set = [(SECRET, "open sesame"), (PORTS[1], "45893")];
        let set = set
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()));
        let environment = Environment::of(set);
        let strategy = environment.strategy().unwrap();
        assert_eq!(strategy.secret, Some(GossipSecret::new("open sesame")));
        assert_eq!(
            (strategy.port, strategy.multicast_addr),
            (45_893, [239, 255, 0, 1].into())
        );
        assert!(environment.sets_port() && !environment.sets_address());
        assert_eq!(Environment::default().strategy(), None);
        let shown = serde_json::to_string(&environment).unwrap();
        assert!(
            shown.contains("sha256:") && shown.contains("45893"),
            "{shown}"
        );
        assert!(!format!("{shown}{environment:?}").contains("sesame"));
    }
}
