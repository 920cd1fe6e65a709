//! `/api/cluster`: the cluster as this node sees it, for the page, for `beamlink top`, and for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use beamlink::NodeName;
use beamlink::cluster::{Direction, NodeState, NodeView, Overview};
use beamlink::gossip::VerdictKind;
use beamlink::runtime::PeerUsage;
use serde::{Deserialize, Serialize};

use super::findings;
use super::health::Health;
use super::survey::{Sighting, Statement, StoreView};
use super::{View, survey::Survey};

/// The cluster at one moment. Times are in seconds before that moment.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClusterView {
    /// The node that looks.
    pub(crate) node: String,
    pub(crate) version: String,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) uptime: f64,
    pub(crate) ready: bool,
    pub(crate) wanted: usize,
    /// What keeps it from being ready.
    pub(crate) reasons: Vec<String>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) stores: Vec<Store>,
    pub(crate) gossip: Gossip,
    /// Functions of peers that this node called, and of its own that they called.
    pub(crate) calls: Calls,
    pub(crate) findings: Vec<serde_json::Value>,
}

/// A node, ourselves among them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) state: State,
    /// Ourselves.
    pub(crate) own: bool,
    pub(crate) hidden: bool,
    /// Named by hand.
    pub(crate) named: bool,
    /// For how long it is connected.
    pub(crate) connected: Option<f64>,
    /// Who dialled: `inbound` or `outbound`.
    pub(crate) direction: Option<String>,
    pub(crate) address: Option<String>,
    /// Its OTP release, or `beamlink`.
    pub(crate) otp: Option<String>,
    pub(crate) uptime: Option<f64>,
    /// When its heartbeat was last heard, and where from.
    pub(crate) heartbeat: Option<f64>,
    pub(crate) heartbeat_from: Option<String>,
    /// How long ago its last frame came.
    pub(crate) silent: Option<f64>,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) outbox: u64,
    /// Whom it lists; none when it does not say.
    pub(crate) lists: Option<Vec<String>>,
    /// Why it is not connected.
    pub(crate) refused: Option<String>,
}

/// How we stand with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Up,
    Connecting,
    Down,
    /// Only others tell of it.
    ToldOf,
}

/// Two visible nodes, and whether each lists the other.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    /// Both list each other, as far as they said.
    pub(crate) up: bool,
    /// None: it did not say.
    pub(crate) from_lists: Option<bool>,
    pub(crate) to_lists: Option<bool>,
}

/// A store of ExESDB.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Store {
    pub(crate) name: String,
    pub(crate) members: Vec<String>,
    /// More than one where they disagree.
    pub(crate) leaders: Vec<String>,
}

/// What came to the gossip port, by what it was.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Gossip {
    pub(crate) received: BTreeMap<String, u64>,
    pub(crate) sent: u64,
    pub(crate) not_sent: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Calls {
    pub(crate) made: u64,
    pub(crate) made_failed: u64,
    pub(crate) served: u64,
    pub(crate) served_failed: u64,
}

/// What a view is drawn from.
pub(super) struct Drawn<'a> {
    pub(super) view: &'a View,
    pub(super) overview: &'a Overview,
    pub(super) sighting: &'a Sighting,
    pub(super) usage: Vec<PeerUsage>,
}

/// Looks; the nodes are asked when that was long ago.
pub(super) async fn look(view: &View, survey: &Survey) -> Option<ClusterView> {
    let sighting: Arc<Sighting> = survey.look().await;
    let overview = view.observer.overview().await?;
    let drawn = Drawn {
        view,
        overview: &overview,
        sighting: &sighting,
        usage: view.observer.runtime().peer_usage(),
    };
    Some(drawn.cluster())
}

impl Drawn<'_> {
    pub(super) fn own(&self) -> &NodeName {
        self.view.observer.name()
    }

    /// The visible nodes that are connected.
    pub(super) fn up(&self) -> impl Iterator<Item = &NodeName> {
        let visible = self.usage.iter().filter(|peer| !peer.info.hidden);
        visible.map(|peer| &peer.info.name)
    }

    /// The nodes that are connected, and some of those that are not: a stranger can make names up.
    pub(super) fn known(&self) -> impl Iterator<Item = &NodeView> {
        const NOT_CONNECTED: usize = 64;
        let mut others = 0;
        self.overview.nodes.iter().filter(move |view| {
            let up = matches!(view.state, NodeState::Up { .. });
            others += usize::from(!up);
            up || others <= NOT_CONNECTED
        })
    }

    pub(super) fn lists(&self, node: &NodeName) -> Option<&Vec<NodeName>> {
        self.sighting.statements.get(node)?.lists.as_ref()
    }

    /// Each store as each of its nodes sees it.
    pub(super) fn stores(&self) -> BTreeMap<&str, Vec<(&NodeName, &StoreView)>> {
        let mut stores: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (node, statement) in &self.sighting.statements {
            for store in &statement.stores {
                stores.entry(&store.name).or_default().push((node, store));
            }
        }
        stores
    }

    fn cluster(&self) -> ClusterView {
        let observer = &self.view.observer;
        let health = Health::of(self.view);
        let counters = observer.runtime().counters();
        let datagrams = observer.datagrams();
        let received = VerdictKind::ALL.map(|kind| (kind.as_str().to_owned(), datagrams.of(kind)));
        let [sent, not_sent] = observer.heartbeats();
        let edges = self.edges();
        let findings = findings::of(self, &edges);
        ClusterView {
            node: observer.name().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: since_1970(),
            uptime: observer.runtime().uptime().as_secs_f64(),
            ready: health.ready,
            wanted: health.wanted,
            reasons: health.reasons,
            nodes: self.nodes(),
            edges,
            stores: self.stores_agreed(),
            gossip: Gossip {
                received: received.into_iter().collect(),
                sent,
                not_sent,
            },
            calls: Calls {
                made: counters.made.returned() + counters.made.failed(),
                made_failed: counters.made.failed(),
                served: counters.served.returned() + counters.served.failed(),
                served_failed: counters.served.failed(),
            },
            findings: findings
                .iter()
                .filter_map(|finding| serde_json::to_value(finding).ok())
                .collect(),
        }
    }

    fn nodes(&self) -> Vec<Node> {
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        for view in self.known() {
            nodes.insert(view.node.to_string(), self.node(view));
        }
        let told_of = self.sighting.statements.values();
        for name in told_of.flat_map(|statement| statement.lists.iter().flatten()) {
            let node = || Node::new(name.as_str(), State::ToldOf);
            nodes.entry(name.to_string()).or_insert_with(node);
        }
        let own = self.own().to_string();
        nodes.insert(own.clone(), self.ourselves(&own));
        nodes.into_values().collect()
    }

    fn ourselves(&self, own: &str) -> Node {
        let traffic = |count: fn(&PeerUsage) -> u64| self.usage.iter().map(count).sum();
        Node {
            own: true,
            hidden: self.view.observer.runtime().settings().hidden,
            otp: Some("beamlink".to_owned()),
            uptime: Some(self.view.observer.runtime().uptime().as_secs_f64()),
            received: traffic(|peer| peer.received),
            sent: traffic(|peer| peer.sent),
            outbox: traffic(|peer| peer.waiting as u64),
            lists: Some(self.up().map(NodeName::to_string).collect()),
            ..Node::new(own, State::Up)
        }
    }

    fn node(&self, view: &NodeView) -> Node {
        let ago = |at: Duration| self.overview.now.saturating_sub(at).as_secs_f64();
        let usage = self.usage.iter().find(|peer| peer.info.name == view.node);
        let nothing = Statement::default();
        let statement = self.sighting.statements.get(&view.node);
        let statement = statement.unwrap_or(&nothing);
        let (state, connected, direction, hidden) = match view.state {
            NodeState::Up {
                since,
                hidden,
                direction,
            } => {
                let direction = match direction {
                    Direction::Inbound => "inbound",
                    Direction::Outbound => "outbound",
                };
                (State::Up, Some(ago(since)), Some(direction), hidden)
            }
            NodeState::Dialling { .. } | NodeState::Looking { .. } => {
                (State::Connecting, None, None, false)
            }
            NodeState::BackingOff { .. } | NodeState::Candidate => (State::Down, None, None, false),
        };
        let refusal = view.refusal.as_ref();
        let refusal = refusal.filter(|_| state != State::Up);
        let lists = statement.lists.as_ref();
        Node {
            hidden,
            named: view.named,
            connected,
            direction: direction.map(str::to_owned),
            address: usage.map(|peer| peer.info.address.to_string()),
            otp: statement.otp.clone(),
            uptime: statement.started.map(since),
            heartbeat: view.heard.map(|(at, _)| ago(at)),
            heartbeat_from: view.heard.map(|(_, from)| from.ip().to_string()),
            silent: usage.map(|peer| peer.silent.as_secs_f64()),
            received: usage.map_or(0, |peer| peer.received),
            sent: usage.map_or(0, |peer| peer.sent),
            outbox: usage.map_or(0, |peer| peer.waiting as u64),
            lists: lists.map(|lists| lists.iter().map(NodeName::to_string).collect()),
            refused: refusal.map(|(_, refusal)| refusal.to_string()),
            ..Node::new(view.node.as_str(), state)
        }
    }

    /// Between each two visible nodes that are connected to us, and between us and all that should be.
    fn edges(&self) -> Vec<Edge> {
        let mut up: Vec<&NodeName> = self.up().collect();
        up.sort();
        let own = self.own();
        let mut edges = Vec::new();
        for (at, from) in up.iter().enumerate() {
            // We would not be connected if we did not list each other, unless we hide.
            let own_lists = Some(true);
            edges.push(Edge::new(own, from, own_lists, own_lists));
            for to in &up[at + 1..] {
                let lists = |one: &NodeName, other: &NodeName| {
                    self.lists(one).map(|listed| listed.contains(other))
                };
                let (there, back) = (lists(from, to), lists(to, from));
                edges.push(Edge::new(from, to, there, back));
            }
        }
        let visible: BTreeSet<&NodeName> = up.iter().copied().collect();
        for view in self.known() {
            let is_up = matches!(view.state, NodeState::Up { .. });
            let wanted = view.named || view.heard.is_some() || view.refusal.is_some();
            if is_up || !wanted || visible.contains(&view.node) {
                continue;
            }
            edges.push(Edge::new(own, &view.node, Some(false), None));
            for from in &up {
                if self
                    .lists(from)
                    .is_some_and(|listed| listed.contains(&view.node))
                {
                    edges.push(Edge::new(from, &view.node, Some(true), None));
                }
            }
        }
        edges
    }

    fn stores_agreed(&self) -> Vec<Store> {
        let stores = self.stores().into_iter().map(|(name, views)| {
            let members: BTreeSet<&String> =
                views.iter().flat_map(|(_, view)| &view.members).collect();
            let leaders: BTreeSet<&String> = views
                .iter()
                .filter_map(|(_, view)| view.leader.as_ref())
                .collect();
            Store {
                name: name.to_owned(),
                members: members.into_iter().cloned().collect(),
                leaders: leaders.into_iter().cloned().collect(),
            }
        });
        stores.collect()
    }
}

impl Node {
    fn new(name: &str, state: State) -> Node {
        Node {
            name: name.to_owned(),
            state,
            own: false,
            hidden: false,
            named: false,
            connected: None,
            direction: None,
            address: None,
            otp: None,
            uptime: None,
            heartbeat: None,
            heartbeat_from: None,
            silent: None,
            received: 0,
            sent: 0,
            outbox: 0,
            lists: None,
            refused: None,
        }
    }
}

impl Edge {
    fn new(from: &NodeName, to: &NodeName, there: Option<bool>, back: Option<bool>) -> Edge {
        Edge {
            from: from.to_string(),
            to: to.to_string(),
            up: there != Some(false) && back != Some(false),
            from_lists: there,
            to_lists: back,
        }
    }
}

fn since(moment: Instant) -> f64 {
    moment.elapsed().as_secs_f64()
}

fn since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    u64::try_from(millis).unwrap_or(u64::MAX)
}
