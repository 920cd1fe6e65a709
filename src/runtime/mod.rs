//! The runtime: processes with mailboxes, names, links and monitors; the connections to peers, their
//! readers, writers and ticks.
//!
//! Its semantics are those of the chapter "Processes" (Signals, Links, Monitors) of the Erlang Reference
//! Manual; what goes over the wire for them is in [`crate::dist`].

mod accept;
mod calls;
mod connection;
mod cores;
mod counters;
mod dial;
mod entry;
mod handles;
mod handshake_io;
mod mailbox;
mod message;
mod names;
mod outbox;
mod priority;
mod process;
mod reader;
mod router;
mod send;
mod signals;
mod spawn_opt;
mod spawned;
mod table;
mod ticker;
mod usage;
mod visit;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use foldhash::HashMap;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub use accept::Listener;
pub use calls::{CallEnd, Caller, OpenCall};
pub use connection::{DownReason, PeerInfo};
pub use counters::{Calls, Counters, LATENCY_BOUNDS, Mailboxes, PeerUsage};
pub(crate) use dial::resolve;
pub use dial::{DialError, PeerAddress};
pub use handles::AliasMode;
pub use handshake_io::HandshakeFailure;
pub use mailbox::{MailboxLimit, Overflow};
pub use message::{Body, Item, NodeKinds, Received};
pub use names::NameError;
pub(crate) use outbox::When;
pub(crate) use process::catch_panic;
pub use process::{Destination, Exit, Process, ProcessHandle, SpawnOptions, Timer};
pub use send::SendError;
pub use spawn_opt::{SpawnError, SpawnOpt, SpawnedProcess};
pub use spawned::{Running, SpawnRequest, SpawnService};
pub use usage::{ProcessInfo, Usage};
pub use visit::VisitSettings;

use crate::dist::Flags;
use crate::term::{Atom, Pid, Reference};
use crate::{Cookie, NodeName};
use connection::Connection;
use entry::Entry;
use handles::Handles;
use names::Names;
#[cfg(not(test))]
use table::ConnectionTable;
#[cfg(test)]
pub(crate) use table::{AcceptVerdict, AttemptId, ConnectionTable, DialVerdict, UpVerdict};

/// What a runtime is started with.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// The full name of this node.
    pub name: NodeName,
    /// The cookie that peers must share, until [`Runtime::set_cookie`] is called.
    pub cookie: Cookie,
    /// Tells this boot of the node from earlier ones, in pids, references and the handshake. Greater than 3
    /// (the legacy space), and new at every start.
    pub creation: u32,
    /// A hidden node stands in no `Node.list()`; peers run neither `global` nor `pg` towards it.
    pub hidden: bool,
    /// `net_ticktime`: a peer that completes no frame for 1.25 times this long is taken for dead.
    pub net_ticktime: Duration,
    /// The time limit of each stage of a handshake (`net_setuptime`).
    pub setup_time: Duration,
}

impl RuntimeSettings {
    fn flags(&self) -> Flags {
        match self.hidden {
            true => Flags::OFFERED_HIDDEN,
            false => Flags::OFFERED,
        }
    }
}

/// What happens to connections, for who drives them.
#[derive(Debug, Clone)]
pub enum PeerEvent {
    /// A connection stands.
    Up(PeerInfo),
    /// A connection has ended.
    Down {
        /// To whom it was.
        info: PeerInfo,
        /// Why it ended.
        reason: DownReason,
    },
    /// Someone who connected to us was refused.
    Refused(HandshakeFailure),
}

/// The processes of this node and its connections. Clones share it.
#[derive(Clone)]
pub struct Runtime(Arc<Core>);

struct Core {
    settings: RuntimeSettings,
    processes: RwLock<HashMap<(u32, u32), Arc<Entry>>>,
    names: RwLock<Names>,
    peers: RwLock<HashMap<Atom, Arc<Connection>>>,
    table: Mutex<ConnectionTable>,
    spawner: OnceLock<Arc<dyn SpawnService>>,
    handles: Handles,
    caller: OnceLock<Arc<Entry>>,
    events: UnboundedSender<PeerEvent>,
    started: Instant,
    counters: Counters,
    /// What new handshakes use.
    cookie: RwLock<Cookie>,
    /// Milliseconds of the uptime when the ticker last went round.
    ticked: AtomicU64,
    /// Whether a reader looks for more without going to sleep, or none may.
    busy: AtomicBool,
    next_pid: AtomicU64,
    next_reference: AtomicU64,
    next_unlink: AtomicU64,
}

impl Runtime {
    /// Makes a runtime without processes or connections, and the stream of what happens to its connections.
    /// It must be called inside a tokio runtime, whose tasks it uses.
    pub fn start(settings: RuntimeSettings) -> (Runtime, UnboundedReceiver<PeerEvent>) {
        let (events, receiver) = unbounded_channel();
        let runtime = Runtime(Arc::new(Core {
            processes: RwLock::default(),
            names: RwLock::default(),
            peers: RwLock::default(),
            table: Mutex::new(ConnectionTable::new(settings.name.clone())),
            spawner: OnceLock::new(),
            handles: Handles::default(),
            caller: OnceLock::new(),
            events,
            started: Instant::now(),
            counters: Counters::default(),
            cookie: RwLock::new(settings.cookie.clone()),
            ticked: AtomicU64::new(0),
            busy: AtomicBool::new(!cores::are_to_spare()),
            next_pid: AtomicU64::new(1),
            next_reference: AtomicU64::new(1),
            next_unlink: AtomicU64::new(1),
            settings,
        }));
        ticker::start(&runtime);
        (runtime, receiver)
    }

    /// The name of this node.
    pub fn name(&self) -> &NodeName {
        &self.0.settings.name
    }

    /// What this runtime was started with.
    pub fn settings(&self) -> &RuntimeSettings {
        &self.0.settings
    }

    /// The cookie that new handshakes use.
    pub fn cookie(&self) -> Cookie {
        let cookie = self.0.cookie.read();
        cookie.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on handshakes use `cookie`; connections that stand are not touched (`erlang:set_cookie/1`).
    pub fn set_cookie(&self, cookie: Cookie) {
        let held = self.0.cookie.write();
        *held.unwrap_or_else(PoisonError::into_inner) = cookie;
    }

    /// How long this runtime has been there.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// How many hold on to it.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Installs what answers SPAWN_REQUEST; only the first call counts. Without it peers get `notsup`.
    pub fn serve_spawns(&self, service: Arc<dyn SpawnService>) {
        let _ = self.0.spawner.set(service);
    }

    /// The connected peers, hidden ones too.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let peers = self.0.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers
            .values()
            .map(|connection| connection.info().clone())
            .collect()
    }

    /// How many processes live.
    pub fn process_count(&self) -> usize {
        let processes = self
            .0
            .processes
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        processes.len()
    }

    /// Whether a process of this node lives.
    pub fn is_alive(&self, pid: &Pid) -> bool {
        self.entry(pid).is_some()
    }

    /// A pid that no process of this boot has had.
    pub(crate) fn new_pid(&self) -> Pid {
        let number = self.0.next_pid.fetch_add(1, Ordering::Relaxed);
        Pid {
            node: self.name().atom().clone(),
            // 28 bits, as a BEAM's own: old tools print and parse no more.
            id: (number & 0x0fff_ffff) as u32,
            serial: (number >> 28) as u32,
            creation: self.0.settings.creation,
        }
    }

    /// A reference that this boot has not made before.
    pub(crate) fn new_reference(&self) -> Reference {
        let number = self.0.next_reference.fetch_add(1, Ordering::Relaxed);
        Reference::new(
            self.name().atom().clone(),
            self.0.settings.creation,
            // The first word has 18 bits in every release.
            [(number & 0x3_ffff) as u32, (number >> 18) as u32, 0],
        )
    }

    fn entry(&self, pid: &Pid) -> Option<Arc<Entry>> {
        if pid.creation != self.0.settings.creation || pid.node != *self.name().atom() {
            return None;
        }
        let processes = self
            .0
            .processes
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        processes.get(&(pid.id, pid.serial)).cloned()
    }

    fn add(&self, entry: &Arc<Entry>) {
        let key = (entry.pid.id, entry.pid.serial);
        let mut processes = self
            .0
            .processes
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        processes.insert(key, entry.clone());
    }

    fn forget(&self, pid: &Pid) {
        let mut processes = self
            .0
            .processes
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        processes.remove(&(pid.id, pid.serial));
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        let processes = self
            .0
            .processes
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        processes.values().cloned().collect()
    }

    fn connection(&self, node: &Atom) -> Option<Arc<Connection>> {
        let peers = self.0.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.get(node).cloned()
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        let peers = self.0.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.values().cloned().collect()
    }

    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: PeerEvent) {
        // Nobody listens while the node stops.
        let _ = self.0.events.send(event);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("name", self.name())
            .field("creation", &self.0.settings.creation)
            .finish_non_exhaustive()
    }
}
