//! A node for one visit: what a command is that asks one peer something and goes.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::otp::erpc::{Request, Rpc};
use crate::otp::eval::Eval;
use crate::runtime::{DialError, PeerAddress, PeerEvent, Runtime, VisitSettings};
use crate::term::{Atom, Term};
use crate::{Cookie, NodeName, otp};

/// A hidden node that is connected to one peer, under a name that the peer gave it: no monitor of visible nodes hears of
/// it, and it leaves no atom there. It has no listener and no entry in EPMD. Dropping it ends the connection.
///
/// ```no_run
/// use beamlink::{Cookie, node::Visitor, runtime::PeerAddress};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let peer = "app@node0".parse()?;
/// let visitor = Visitor::to(&peer, Cookie::new("clique")).connect(PeerAddress::Epmd(4369)).await?;
/// println!("{}", visitor.eval_elixir("Node.list()").run().await?.shown);
/// # Ok(())
/// # }
/// ```
pub struct Visitor {
    runtime: Runtime,
    peer: NodeName,
    /// Who does not listen is told nothing, but the runtime wants someone to tell.
    _events: UnboundedReceiver<PeerEvent>,
}

/// A visit that is about to be made.
#[derive(Debug, Clone)]
#[must_use]
pub struct VisitBuilder {
    peer: NodeName,
    settings: VisitSettings,
}

impl VisitBuilder {
    /// The time limit for each step of the connection set-up (`net_setuptime`); 7 s unless set.
    pub fn setup_time(mut self, time: Duration) -> VisitBuilder {
        self.settings.setup_time = time;
        self
    }

    /// The host that stands in our name; that of this machine unless set.
    pub fn host(mut self, host: &str) -> VisitBuilder {
        host.clone_into(&mut self.settings.host);
        self
    }

    /// Connects. It must be called inside a tokio runtime.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn connect(self, address: PeerAddress) -> Result<Visitor, DialError> {
        let VisitBuilder { peer, settings } = self;
        let visit = Runtime::visit(&peer, address, &settings).await?;
        Ok(Visitor::begin(visit, peer))
    }

    /// The same over `stream`, which leads to the port of the peer at `address`.
    ///
    /// # Errors
    /// Those of [`DialError`] that come after a connection.
    pub async fn over(self, stream: TcpStream, address: SocketAddr) -> Result<Visitor, DialError> {
        let VisitBuilder { peer, settings } = self;
        let visit = Runtime::visit_over(stream, address, &peer, &settings).await?;
        Ok(Visitor::begin(visit, peer))
    }
}

impl Visitor {
    fn begin(
        (runtime, events): (Runtime, UnboundedReceiver<PeerEvent>),
        peer: NodeName,
    ) -> Visitor {
        if let Err(error) = otp::install(&runtime, &otp::Functions::default()) {
            unreachable!("a new runtime has no names yet: {error}");
        }
        Visitor {
            runtime,
            peer,
            _events: events,
        }
    }

    /// Describes a visit to `peer`.
    pub fn to(peer: &NodeName, cookie: Cookie) -> VisitBuilder {
        let host = hostname::get().unwrap_or_default();
        VisitBuilder {
            peer: peer.clone(),
            settings: VisitSettings {
                cookie,
                host: host.to_string_lossy().into_owned(),
                setup_time: Duration::from_secs(7),
            },
        }
    }

    /// The name that the peer gave us.
    pub fn name(&self) -> &NodeName {
        self.runtime.name()
    }

    /// Whom we visit.
    pub fn peer(&self) -> &NodeName {
        &self.peer
    }

    /// Its processes and its connection.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Calls `module:function(arguments…)` on the peer, as `:erpc.call/5` does.
    pub fn rpc(&self, module: &Atom, function: &Atom, arguments: Vec<Term>) -> Rpc<'_> {
        let request = Request::new(&self.peer, module, function, arguments);
        Rpc::new(&self.runtime, Ok(request))
    }

    /// Lets the peer evaluate code of Elixir.
    pub fn eval_elixir(&self, source: &str) -> Eval<'_> {
        Eval::elixir(&self.runtime, &self.peer, source)
    }

    /// Lets the peer evaluate expressions of Erlang.
    pub fn eval_erlang(&self, source: &str) -> Eval<'_> {
        Eval::erlang(&self.runtime, &self.peer, source)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.runtime.stop();
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("name", self.name())
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
