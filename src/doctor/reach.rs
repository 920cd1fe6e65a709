//! Owns the socket of a look at one node: each stage on the way to it is timed, and what stands in the way has a type.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::dist::HandshakeError;
use crate::epmd::{self, LookupError};
use crate::node::Visitor;
use crate::otp::gen_server;
use crate::runtime::{DialError, Item, resolve};
use crate::term::Term;
use crate::{Cookie, NodeName};

/// The time limit of each stage.
pub(super) const STAGE_LIMIT: Duration = Duration::from_secs(4);

/// A stage on the way to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// From the host's name to its address.
    Resolve,
    /// From the node's name to its port.
    Epmd,
    /// A connection to that port.
    Tcp,
    /// From the connection to a node that trusts us.
    Handshake,
    /// A question to its `net_kernel`.
    Ping,
    /// A call.
    Rpc,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Stage; 6] = [
        Stage::Resolve,
        Stage::Epmd,
        Stage::Tcp,
        Stage::Handshake,
        Stage::Ping,
        Stage::Rpc,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Resolve => "resolve",
            Stage::Epmd => "EPMD",
            Stage::Tcp => "TCP",
            Stage::Handshake => "handshake",
            Stage::Ping => "ping",
            Stage::Rpc => "rpc",
        }
    }
}

/// What stood in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The host has no address: what the resolver said.
    Unresolved(String),
    /// EPMD did not tell the port.
    Epmd(LookupError),
    /// No connection to the port: what the system said, `None` when nobody answered.
    Tcp(Option<ErrorKind>),
    /// The handshake failed.
    Handshake(HandshakeError),
    /// It did not answer.
    Silent,
}

/// How far a node was reached.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Its host's address, once resolved.
    pub address: Option<IpAddr>,
    /// Its port, once known.
    pub port: Option<u16>,
    /// Whether its port was given, so that EPMD was not asked.
    pub given_port: bool,
    /// The stages that were passed, and how long each took.
    pub passed: Vec<(Stage, Duration)>,
    /// The stage that was not, and why.
    pub stopped: Option<(Stage, Obstacle)>,
}

/// Where to look for a node, and with what.
#[derive(Debug, Clone)]
pub(super) struct Way<'a> {
    pub(super) node: &'a NodeName,
    pub(super) port: Option<u16>,
    pub(super) epmd_port: u16,
    pub(super) cookie: &'a Cookie,
}

impl Way<'_> {
    /// Goes as far as it leads, at most to an answer to a ping.
    pub(super) async fn walk(&self) -> (Reach, Option<Visitor>) {
        let mut steps = Steps::new(self.port);
        let visitor = self.steps(&mut steps).await;
        (steps.reach, visitor)
    }

    async fn steps(&self, steps: &mut Steps) -> Option<Visitor> {
        let asked = self.port.unwrap_or(self.epmd_port);
        let resolved = resolve(self.node, asked, STAGE_LIMIT).await;
        let resolved = resolved.map_err(|error| match error {
            DialError::Unresolvable { error, .. } => Obstacle::Unresolved(error),
            other => Obstacle::Unresolved(other.to_string()),
        });
        let addresses = steps.take(Stage::Resolve, resolved)?;
        steps.reach.address = addresses.first().map(SocketAddr::ip);
        let addresses = match self.port {
            Some(_) => addresses,
            None => {
                let found = self.ask_epmd(&addresses).await;
                vec![steps.take(Stage::Epmd, found)?]
            }
        };
        steps.reach.port = addresses.first().map(SocketAddr::port);
        let connected = connect(&addresses).await;
        let (stream, address) = steps.take(Stage::Tcp, connected)?;
        steps.reach.address = Some(address.ip());
        let visit = Visitor::to(self.node, self.cookie.clone()).setup_time(STAGE_LIMIT);
        let visited = visit.over(stream, address).await;
        let visited = visited.map_err(|error| match error {
            DialError::Handshake(failure) => Obstacle::Handshake(failure.error),
            _ => Obstacle::Silent,
        });
        let visitor = steps.take(Stage::Handshake, visited)?;
        let answered = ping(&visitor).await;
        steps.take(Stage::Ping, answered.ok_or(Obstacle::Silent))?;
        Some(visitor)
    }

    async fn ask_epmd(&self, hosts: &[SocketAddr]) -> Result<SocketAddr, Obstacle> {
        let mut failure = None;
        for host in hosts {
            match epmd::lookup(*host, self.node.name(), STAGE_LIMIT).await {
                Ok(entry) => return Ok(SocketAddr::new(host.ip(), entry.port)),
                Err(error) => {
                    failure.get_or_insert(Obstacle::Epmd(error));
                }
            }
        }
        Err(failure.unwrap_or_else(|| Obstacle::Unresolved("it has no address".to_owned())))
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), Obstacle> {
    let mut failure = None;
    for address in addresses {
        let error = match timeout(STAGE_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => None,
            Ok(Err(error)) => Some(error.kind()),
            Err(_) => None,
        };
        failure.get_or_insert(Obstacle::Tcp(error));
    }
    Err(failure.unwrap_or(Obstacle::Tcp(None)))
}

/// As `net_adm:ping/1` asks; whatever the answer is, it is one.
async fn ping(visitor: &Visitor) -> Option<()> {
    let own = Term::Atom(visitor.name().atom().clone());
    let question = Term::tuple([Term::atom("is_auth"), own]);
    let server = Item::from(("net_kernel", visitor.peer()));
    let answer = gen_server::call(visitor.runtime(), server, &question, STAGE_LIMIT).await;
    answer.ok().map(|_| ())
}

/// The way so far.
struct Steps {
    reach: Reach,
    begun: Instant,
}

impl Steps {
    fn new(port: Option<u16>) -> Steps {
        Steps {
            reach: Reach {
                address: None,
                port,
                given_port: port.is_some(),
                passed: Vec::new(),
                stopped: None,
            },
            begun: Instant::now(),
        }
    }

    /// Notes how the stage ended that began when the last one did.
    fn take<T>(&mut self, stage: Stage, outcome: Result<T, Obstacle>) -> Option<T> {
        let took = self.begun.elapsed();
        self.begun = Instant::now();
        match outcome {
            Ok(value) => {
                self.reach.passed.push((stage, took));
                Some(value)
            }
            Err(obstacle) => {
                self.reach.stopped = Some((stage, obstacle));
                None
            }
        }
    }
}

impl Reach {
    /// How long a stage took that was passed.
    pub fn took(&self, stage: Stage) -> Option<Duration> {
        let passed = self.passed.iter().find(|(passed, _)| *passed == stage);
        passed.map(|(_, took)| *took)
    }
}
