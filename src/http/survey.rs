//! A survey: what the connected nodes say of themselves and of each other.
//!
//! They are asked only while somebody looks, every two seconds, each by one or two calls that cost it microseconds; a node
//! that does not answer in time holds up nobody.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use beamlink::NodeName;
use beamlink::node::Observer;
use beamlink::otp::erpc::RpcError;
use beamlink::term::Term;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How often the nodes are asked, while somebody looks.
const PERIOD: Duration = Duration::from_secs(2);
/// For how long somebody who has looked counts as looking.
const INTEREST: Duration = Duration::from_secs(6);
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(1);
/// How often a node that runs no store is asked again for one.
const STORE_AGAIN: Duration = Duration::from_secs(20);

/// What a node said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Statement {
    /// Whom it lists; `None` when it did not say in time.
    pub(super) lists: Option<Vec<NodeName>>,
    pub(super) otp: Option<String>,
    /// When it was started.
    pub(super) started: Option<Instant>,
    pub(super) stores: Vec<StoreView>,
}

/// A store (a Raft cluster of ExESDB's khepri), as one of its nodes sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoreView {
    pub(super) name: String,
    pub(super) leader: Option<String>,
    pub(super) members: Vec<String>,
}

/// What all nodes said, by the time of one look.
#[derive(Debug, Default)]
pub(super) struct Sighting {
    pub(super) statements: HashMap<NodeName, Statement>,
}

/// Asks, for all who look. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Survey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    observer: Observer,
    latest: watch::Sender<Arc<Sighting>>,
    begun: Instant,
    /// Milliseconds since `begun` when somebody last looked, and when an answer was last complete. Zero: never.
    looked: AtomicU64,
    asked: AtomicU64,
    wake: Notify,
}

/// What stays true of a node while its connection lasts.
#[derive(Debug, Clone)]
struct Known {
    creation: u32,
    otp: Option<String>,
    started: Option<Instant>,
    no_store_until: Option<Instant>,
}

impl Survey {
    /// It must be made inside a tokio runtime, with which it ends.
    pub(super) fn start(observer: Observer) -> Survey {
        let survey = Survey(Arc::new(Inner {
            observer,
            latest: watch::Sender::default(),
            begun: Instant::now(),
            looked: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            wake: Notify::new(),
        }));
        tokio::spawn(survey.clone().ask_on());
        survey
    }

    fn moment(&self) -> u64 {
        let since = self.0.begun.elapsed().as_millis();
        u64::try_from(since).unwrap_or(u64::MAX).max(1)
    }

    fn within(&self, stamp: &AtomicU64, span: Duration) -> bool {
        let stamp = stamp.load(Ordering::Relaxed);
        stamp > 0 && u128::from(self.moment().saturating_sub(stamp)) < span.as_millis()
    }

    /// What is known: at once where somebody looked a moment ago, else after the nodes were asked.
    pub(super) async fn look(&self) -> Arc<Sighting> {
        self.0.looked.store(self.moment(), Ordering::Relaxed);
        let mut latest = self.0.latest.subscribe();
        latest.mark_unchanged();
        let fresh = self.within(&self.0.asked, PERIOD + LIMIT * 2);
        self.0.wake.notify_one();
        if !fresh {
            // The asking ends in time by itself.
            let _ = latest.changed().await;
        }
        latest.borrow().clone()
    }

    async fn ask_on(self) {
        let mut known: HashMap<NodeName, Known> = HashMap::new();
        loop {
            if !self.within(&self.0.looked, INTEREST) {
                self.0.wake.notified().await;
                continue;
            }
            let sighting = self.ask_all(&mut known).await;
            self.0.asked.store(self.moment(), Ordering::Relaxed);
            self.0.latest.send_replace(Arc::new(sighting));
            let changes = &mut self.0.observer.count();
            changes.mark_unchanged();
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                // Somebody came or went; not each of many at once.
                _ = changes.changed() => tokio::time::sleep(PERIOD / 10).await,
            }
        }
    }

    async fn ask_all(&self, known: &mut HashMap<NodeName, Known>) -> Sighting {
        let mut asked = JoinSet::new();
        let mut before = std::mem::take(known);
        for peer in self.0.observer.runtime().peers() {
            if peer.hidden {
                continue;
            }
            let remembered = before.remove(&peer.name);
            let remembered = remembered.filter(|known| known.creation == peer.creation);
            let known = remembered.unwrap_or(Known {
                creation: peer.creation,
                otp: None,
                started: None,
                no_store_until: None,
            });
            let observer = self.0.observer.clone();
            asked.spawn(async move { ask(&observer, peer.name, known).await });
        }
        let mut sighting = Sighting::default();
        while let Some(answer) = asked.join_next().await {
            // One that panicked would have no answer.
            let Ok((peer, now_known, statement)) = answer else {
                continue;
            };
            known.insert(peer.clone(), now_known);
            sighting.statements.insert(peer, statement);
        }
        sighting
    }
}

async fn ask(
    observer: &Observer,
    peer: NodeName,
    mut known: Known,
) -> (NodeName, Known, Statement) {
    let lists = call(observer, &peer, "erlang", "nodes", Vec::new()).await;
    let mut statement = Statement {
        lists: lists.as_ref().ok().map(names),
        ..Statement::default()
    };
    if lists.is_ok() {
        if known.otp.is_none() {
            known.otp = release(observer, &peer).await;
        }
        if known.started.is_none() {
            known.started = started(observer, &peer).await;
        }
        if known
            .no_store_until
            .is_none_or(|moment| Instant::now() >= moment)
        {
            statement.stores = stores(observer, &peer).await;
            let none = statement.stores.is_empty();
            known.no_store_until = none.then(|| Instant::now() + STORE_AGAIN);
        }
    }
    statement.otp.clone_from(&known.otp);
    statement.started = known.started;
    (peer, known, statement)
}

async fn call(
    observer: &Observer,
    peer: &NodeName,
    module: &'static str,
    function: &'static str,
    arguments: Vec<Term>,
) -> Result<Term, RpcError> {
    let rpc = observer.rpc(peer, module, function, arguments);
    rpc.timeout(LIMIT).await
}

async fn system_info(observer: &Observer, peer: &NodeName, item: &'static str) -> Option<Term> {
    let arguments = vec![Term::atom(item)];
    let info = call(observer, peer, "erlang", "system_info", arguments);
    info.await.ok()
}

/// Its OTP release; `beamlink` for one of our kind.
async fn release(observer: &Observer, peer: &NodeName) -> Option<String> {
    let machine = system_info(observer, peer, "machine").await;
    match machine.as_ref().and_then(text) {
        Some(machine) if machine != "BEAM" => Some(machine),
        _ => text(&system_info(observer, peer, "otp_release").await?),
    }
}

/// By its monotonic clock: `statistics(wall_clock)` would disturb whoever else there reads the time since the last call.
async fn started(observer: &Observer, peer: &NodeName) -> Option<Instant> {
    let start = system_info(observer, peer, "start_time").await?;
    let [native, millisecond] = ["native", "millisecond"].map(Term::atom);
    let convert = vec![start, native, millisecond.clone()];
    let up = match call(observer, peer, "erlang", "convert_time_unit", convert).await {
        Ok(start) => {
            let now = call(
                observer,
                peer,
                "erlang",
                "monotonic_time",
                vec![millisecond],
            );
            let up = now.await.ok()?.as_int()?.checked_sub(start.as_int()?)?;
            Duration::from_millis(u64::try_from(up).ok()?)
        }
        // One of our kind.
        Err(_) => {
            let up = system_info(observer, peer, "uptime").await?;
            Duration::from_secs(u64::try_from(up.as_int()?).ok()?)
        }
    };
    Instant::now().checked_sub(up)
}

/// `{Store, {Store, Leader}, [{Store, Member}]}` for each, from the table in which ra notes whom it follows
/// (`ra_leaderboard.erl`); a node without ra has no such table.
async fn stores(observer: &Observer, peer: &NodeName) -> Vec<StoreView> {
    let arguments = vec![Term::atom("ra_leaderboard")];
    let Ok(table) = call(observer, peer, "ets", "tab2list", arguments).await else {
        return Vec::new();
    };
    let node_of = |server: &Term| match server.as_tuple()? {
        [_, node] => Some(node.as_atom()?.to_owned()),
        _ => None,
    };
    let view = |row: &Term| match row.as_tuple()? {
        [name, leader, members] => Some(StoreView {
            name: name.as_atom()?.to_owned(),
            leader: node_of(leader),
            members: members.as_list()?.iter().filter_map(node_of).collect(),
        }),
        _ => None,
    };
    let rows = table.as_list().unwrap_or_default();
    rows.iter().filter_map(view).collect()
}

fn names(list: &Term) -> Vec<NodeName> {
    let names = list.as_list().unwrap_or_default().iter();
    names
        .filter_map(|name| NodeName::new(name.as_atom()?).ok())
        .collect()
}

/// The text of a charlist.
fn text(term: &Term) -> Option<String> {
    let units = term.as_list()?.iter();
    units
        .map(|unit| char::from_u32(u32::try_from(unit.as_int()?).ok()?))
        .collect()
}
