//! Keeps a node registered: with the EPMD that is there, or with one that we serve ourselves.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::client::{AskError, RegisterError, Registration, TIME_LIMIT, register};
use super::codec::{NodeEntry, NodeType};
use super::server::{EpmdServer, ServeError, ServerSettings};
use super::{DEFAULT_PORT, registry::NameInUse};
use crate::NodeName;

/// How long after a loss, and after each attempt that failed, we try again. A BEAM does so every 2 s.
const RETRY: Duration = Duration::from_millis(500);

/// How long the port must have been without an EPMD before we serve instead: time for a supervisor to
/// restart it, but less than a BEAM waits until it tries to register again.
const TAKE_OVER_AFTER: Duration = Duration::from_secs(1);

/// How many times [`EpmdKeeper::start`] tries when somebody takes the port or frees the name in between.
const START_ATTEMPTS: u32 = 5;

/// The pause between those, in which the end of the name's last owner reaches EPMD.
const START_PAUSE: Duration = Duration::from_millis(100);

/// Which EPMD a node registers with.
///
/// ```
/// use beamlink::epmd::EpmdMode;
/// assert_eq!("embedded".parse(), Ok(EpmdMode::Embedded));
/// assert_eq!(EpmdMode::default().to_string(), "auto");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EpmdMode {
    /// The one that is there; when there is none, our own.
    #[default]
    Auto,
    /// The one that is there; it is an error when there is none.
    External,
    /// Our own; it is an error when another holds the port.
    Embedded,
    /// None at all: peers know our port, and we theirs, by other means.
    None,
}

impl EpmdMode {
    const NAMES: [(&'static str, EpmdMode); 4] = [
        ("auto", EpmdMode::Auto),
        ("external", EpmdMode::External),
        ("embedded", EpmdMode::Embedded),
        ("none", EpmdMode::None),
    ];
}

impl fmt::Display for EpmdMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, mode)| mode == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

/// The text names no [`EpmdMode`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of the EPMD modes auto, external, embedded, none")]
pub struct UnknownMode(pub String);

impl FromStr for EpmdMode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<EpmdMode, UnknownMode> {
        let mode = Self::NAMES.iter().find(|(name, _)| *name == text);
        mode.map(|(_, mode)| *mode)
            .ok_or_else(|| UnknownMode(text.into()))
    }
}

/// What an [`EpmdKeeper`] registers, and where.
#[derive(Debug, Clone)]
pub struct EpmdSettings {
    /// Which EPMD.
    pub mode: EpmdMode,
    /// The EPMD's port on this host: [`DEFAULT_PORT`], or what `ERL_EPMD_PORT` says.
    pub port: u16,
    /// Where to listen, besides loopback, when we serve (`ERL_EPMD_ADDRESS`). None: on all addresses.
    pub addresses: Vec<IpAddr>,
    /// Our node's name.
    pub name: NodeName,
    /// The port on which our node accepts distribution connections.
    pub dist_port: u16,
    /// Whether our node is a hidden one.
    pub hidden: bool,
}

impl EpmdSettings {
    /// A visible node, mode `auto`, the usual port, all addresses.
    pub fn new(name: NodeName, dist_port: u16) -> EpmdSettings {
        EpmdSettings {
            mode: EpmdMode::Auto,
            port: DEFAULT_PORT,
            addresses: Vec::new(),
            name,
            dist_port,
            hidden: false,
        }
    }

    fn entry(&self) -> NodeEntry {
        let node_type = match self.hidden {
            true => NodeType::Hidden,
            false => NodeType::Visible,
        };
        NodeEntry::new(self.name.name(), self.dist_port, node_type)
    }

    fn epmd(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// One attempt to be registered; `without` says for how long nobody has served the port.
    async fn attempt(&self, without: Duration) -> Result<Post, EpmdError> {
        let serve = match self.mode {
            EpmdMode::Embedded => return self.serve(),
            EpmdMode::Auto => without >= TAKE_OVER_AFTER,
            EpmdMode::External | EpmdMode::None => false,
        };
        let registered = register(self.epmd(), self.entry(), TIME_LIMIT).await;
        match registered.map_err(EpmdError::from) {
            Ok(registration) => Ok(Post::Client(registration)),
            Err(error) if serve && nobody_listens(&error) => self.serve(),
            Err(error) => Err(error),
        }
    }

    fn serve(&self) -> Result<Post, EpmdError> {
        let server = EpmdServer::bind(ServerSettings {
            port: self.port,
            addresses: self.addresses.clone(),
            ..ServerSettings::default()
        })?;
        let epmd = (Ipv4Addr::LOCALHOST, server.port()).into();
        match server.register(self.entry()) {
            Ok(creation) => Ok(Post::Server { server, creation }),
            Err(NameInUse(name)) => Err(RegisterError::NameTaken { name, epmd }.into()),
        }
    }
}

/// Why our node is not registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EpmdError {
    /// EPMD did not register us; [`RegisterError::NameTaken`] among the reasons.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// We could not serve ourselves.
    #[error("cannot serve as EPMD: {0}")]
    Serve(#[from] ServeError),
}

/// How our registration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpmdState {
    /// The EPMD at this address has our name.
    RegisteredWith(SocketAddr),
    /// We are the EPMD, on this port.
    Serving(u16),
    /// Nobody can find us for now; we keep trying. Connections are not touched by this.
    Lost(EpmdError),
    /// Mode `none`.
    Off,
}

/// Where our name stands at the moment.
#[derive(Debug)]
enum Post {
    Client(Registration),
    Server { server: EpmdServer, creation: u32 },
}

impl Post {
    fn creation(&self) -> u32 {
        match self {
            Post::Client(registration) => registration.creation(),
            Post::Server { creation, .. } => *creation,
        }
    }

    fn state(&self) -> EpmdState {
        match self {
            Post::Client(registration) => EpmdState::RegisteredWith(registration.epmd()),
            Post::Server { server, .. } => EpmdState::Serving(server.port()),
        }
    }

    /// Holds the post until it is lost. One that we serve is not: nobody can take our port from us.
    async fn hold(self) -> AskError {
        match self {
            Post::Client(mut registration) => {
                registration.lost().await;
                let epmd = registration.epmd();
                AskError::Closed { epmd }
            }
            Post::Server { server, .. } => server.run().await,
        }
    }
}

/// Keeps our node registered until it is stopped or dropped, either of which unregisters it at once.
///
/// When the EPMD that we registered with ends, we register with the next one on that port, whoever it is; in
/// mode `auto` we become it when none comes within a second. BEAMs do the first as well, every 2 s, so they
/// find us. (An `epmd -daemon` that a starting `erl` runs goes away by itself when we hold the port.)
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use beamlink::epmd::{EpmdKeeper, EpmdSettings};
/// let keeper = EpmdKeeper::start(EpmdSettings::new("rust@localhost".parse()?, 9100)).await?;
/// println!("creation {:?}, {:?}", keeper.creation(), *keeper.state().borrow());
/// keeper.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EpmdKeeper {
    creation: Option<u32>,
    state: watch::Receiver<EpmdState>,
    task: Option<JoinHandle<()>>,
}

impl EpmdKeeper {
    /// Registers the node, and returns when that is done.
    pub async fn start(settings: EpmdSettings) -> Result<EpmdKeeper, EpmdError> {
        if settings.mode == EpmdMode::None {
            return Ok(EpmdKeeper {
                creation: None,
                state: watch::Sender::new(EpmdState::Off).subscribe(),
                task: None,
            });
        }
        let post = first_post(&settings).await?;
        let creation = Some(post.creation());
        let (states, state) = watch::channel(post.state());
        tracing::info!(name = settings.name.name(), state = ?post.state(), "registered");
        let task = Some(tokio::spawn(keep(settings, post, states)));
        Ok(EpmdKeeper {
            creation,
            state,
            task,
        })
    }

    /// The creation of this life of the node: the first one that it was given, as in a BEAM, whatever a later
    /// EPMD says. None in mode `none`.
    pub fn creation(&self) -> Option<u32> {
        self.creation
    }

    /// How the registration stands, now and later.
    pub fn state(&self) -> watch::Receiver<EpmdState> {
        self.state.clone()
    }

    /// Unregisters. When this returns, the name is given up, and the port if we served.
    pub async fn stop(mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // The only outcome is that it was cancelled.
            let _ = task.await;
        }
    }
}

impl Drop for EpmdKeeper {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn first_post(settings: &EpmdSettings) -> Result<Post, EpmdError> {
    let mut attempts = 1;
    loop {
        match settings.attempt(TAKE_OVER_AFTER).await {
            Err(error) if attempts < START_ATTEMPTS && may_pass(&error) => {
                attempts += 1;
                sleep(START_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

async fn keep(settings: EpmdSettings, mut post: Post, states: watch::Sender<EpmdState>) {
    loop {
        let loss = RegisterError::Ask(post.hold().await);
        report(&states, loss.into());
        post = regain(&settings, &states).await;
        tracing::info!(name = settings.name.name(), state = ?post.state(), "registered again");
        states.send_replace(post.state());
    }
}

async fn regain(settings: &EpmdSettings, states: &watch::Sender<EpmdState>) -> Post {
    let mut vacant_since = Instant::now();
    loop {
        sleep(RETRY).await;
        match settings.attempt(vacant_since.elapsed()).await {
            Ok(post) => return post,
            Err(error) => {
                if !nobody_listens(&error) {
                    vacant_since = Instant::now();
                }
                report(states, error);
            }
        }
    }
}

/// Tells once why we are not registered, and again when the reason changes.
fn report(states: &watch::Sender<EpmdState>, error: EpmdError) {
    states.send_if_modified(|state| {
        let news = EpmdState::Lost(error);
        let changed = *state != news;
        if let (true, EpmdState::Lost(error)) = (changed, &news) {
            tracing::warn!("not registered, trying again: {error}");
        }
        *state = news;
        changed
    });
}

fn nobody_listens(error: &EpmdError) -> bool {
    let refused = ErrorKind::ConnectionRefused;
    matches!(
        error,
        EpmdError::Register(RegisterError::Ask(AskError::Unreachable { kind, .. })) if *kind == refused
    )
}

/// Whether an error at the start may be the trace of another node that starts or ends at this moment.
fn may_pass(error: &EpmdError) -> bool {
    matches!(
        error,
        EpmdError::Register(RegisterError::NameTaken { .. })
            | EpmdError::Serve(ServeError::PortInUse { .. })
    )
}

#[cfg(test)]
mod tests;
