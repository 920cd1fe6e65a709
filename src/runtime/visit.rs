//! Owns the socket of a visit: a hidden node that lives for one connection, under a name that its peer gives it.
//!
//! The name and the creation come with the handshake (NAME_ME), so the runtime begins after it. A peer gives the names of
//! visits that have ended to later ones, so that no atom is burnt there.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::seq::SliceRandom;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::dial::{DialError, PeerAddress, challenge, reach, shake};
use super::handshake_io::{HandshakeFailure, Wire};
use super::table::DialVerdict;
use super::{PeerEvent, Runtime, RuntimeSettings};
use crate::dist::{Connected, Flags, HandshakeError, Initiator, Local, Stage};
use crate::{Cookie, NodeName};

/// The names of visitors of peers that give none: so few that their atoms are no burden there.
const OWN_NAMES: u32 = 32;

/// How a visit is made.
#[derive(Debug, Clone)]
pub struct VisitSettings {
    /// The cookie of the peer.
    pub cookie: Cookie,
    /// The name of this host. Where the peer has a long name, and this has no dot, the address of our end of the
    /// connection stands for it.
    pub host: String,
    /// The time limit of each step up to the connection.
    pub setup_time: Duration,
}

impl Runtime {
    /// Connects to `peer` as a hidden node without a listener, under a name that the peer gives, and returns the runtime
    /// of that node and the stream of what happens to its connection.
    ///
    /// A peer that gives no names sees one of `beamlink_cmd_0` to `beamlink_cmd_31` on this host.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn visit(
        peer: &NodeName,
        address: PeerAddress,
        settings: &VisitSettings,
    ) -> Result<(Runtime, UnboundedReceiver<PeerEvent>), DialError> {
        let (stream, address) = reach(peer, address, settings.setup_time).await?;
        Runtime::visit_over(stream, address, peer, settings).await
    }

    /// The same over `stream`, which leads to the port of `peer` at `address`.
    ///
    /// # Errors
    /// Those of [`DialError`] that come after a connection.
    pub async fn visit_over(
        stream: TcpStream,
        address: SocketAddr,
        peer: &NodeName,
        settings: &VisitSettings,
    ) -> Result<(Runtime, UnboundedReceiver<PeerEvent>), DialError> {
        let wire = Wire::new(stream, settings.setup_time);
        let host = host_for(peer, &settings.host, wire.local_ip());
        let visit = Visit {
            peer,
            address,
            settings,
            host,
        };
        let arrival = match visit.nameless(wire).await {
            Err(error) if gives_no_names(&error) => visit.under_own_name().await?,
            arrival => arrival.map_err(|error| visit.failed(error))?,
        };
        Ok(visit.begin(arrival))
    }
}

/// A BEAM would never dial us, so any host will do, but a name says by its form how hosts are named there.
fn host_for(peer: &NodeName, host: &str, local: Option<IpAddr>) -> String {
    let short = host.split('.').next().unwrap_or_default();
    let plain = |host: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !host.is_empty() && host.len() < 200 && host.chars().all(is_plain)
    };
    match (peer.is_long(), local) {
        (false, _) if plain(short) => short.to_owned(),
        (false, _) => "localhost".to_owned(),
        (true, _) if host.contains('.') && plain(host) => host.to_owned(),
        (true, Some(ip)) => ip.to_string(),
        (true, None) => "127.0.0.1".to_owned(),
    }
}

/// Whether the peer may still take a node that has a name.
fn gives_no_names(error: &HandshakeError) -> bool {
    matches!(
        error,
        HandshakeError::NotNamed(_) | HandshakeError::Closed(Stage::Status)
    )
}

struct Visit<'a> {
    peer: &'a NodeName,
    address: SocketAddr,
    settings: &'a VisitSettings,
    host: String,
}

impl Visit<'_> {
    fn failed(&self, error: HandshakeError) -> DialError {
        DialError::Handshake(HandshakeFailure {
            address: self.address,
            peer: Some(self.peer.clone()),
            error,
        })
    }

    async fn nameless(&self, wire: Wire) -> Result<Arrival, HandshakeError> {
        let begun = Initiator::nameless(
            &self.host,
            Flags::OFFERED_HIDDEN,
            self.settings.cookie.clone(),
            self.peer.clone(),
            challenge(),
        );
        Arrival::of(begun, wire).await
    }

    /// Tries our own names in any order, until one is free.
    async fn under_own_name(&self) -> Result<Arrival, DialError> {
        let mut numbers: Vec<u32> = (0..OWN_NAMES).collect();
        numbers.shuffle(&mut rand::rng());
        for number in numbers {
            let port = PeerAddress::Port(self.address.port());
            let limit = self.settings.setup_time;
            let (stream, _) = reach(self.peer, port, limit).await?;
            match self.named(number, Wire::new(stream, limit)).await {
                Err(HandshakeError::Alive | HandshakeError::Nok) => {}
                arrival => return arrival.map_err(|error| self.failed(error)),
            }
        }
        Err(self.failed(HandshakeError::Alive))
    }

    async fn named(&self, number: u32, wire: Wire) -> Result<Arrival, HandshakeError> {
        let name = format!("beamlink_cmd_{number}@{}", self.host);
        let local = Local {
            // The host is plain and short, so this is a name.
            name: NodeName::new(&name).map_err(|_| HandshakeError::OwnName)?,
            creation: rand::random_range(4..=u32::MAX),
            flags: Flags::OFFERED_HIDDEN,
            cookie: self.settings.cookie.clone(),
        };
        let begun = Initiator::new(local, self.peer.clone(), challenge());
        Arrival::of(begun, wire).await
    }

    /// The runtime of the node that we are now.
    fn begin(&self, arrival: Arrival) -> (Runtime, UnboundedReceiver<PeerEvent>) {
        let (runtime, events) = Runtime::start(RuntimeSettings {
            name: arrival.name,
            cookie: self.settings.cookie.clone(),
            creation: arrival.creation,
            hidden: true,
            net_ticktime: Duration::from_secs(60),
            setup_time: self.settings.setup_time,
        });
        let verdict = runtime.table().dial(self.peer);
        if let DialVerdict::Go(id) = verdict {
            let (stream, rest) = arrival.wire.into_parts();
            runtime.connected(id, arrival.connected, stream, rest, self.address, true);
        }
        (runtime, events)
    }
}

/// An authenticated socket, and who we are on it.
struct Arrival {
    name: NodeName,
    creation: u32,
    connected: Connected,
    wire: Wire,
}

impl Arrival {
    /// Shakes hands to the end. A connection that the peer believes in under our name is somebody else's.
    async fn of(
        (mut machine, first): (Initiator, Vec<u8>),
        mut wire: Wire,
    ) -> Result<Arrival, HandshakeError> {
        let connected = shake(&mut machine, &first, &mut wire, || false).await?;
        match (connected, machine.name()) {
            (Some(connected), Some((name, creation))) => Ok(Arrival {
                name: name.clone(),
                creation,
                connected,
                wire,
            }),
            _ => Err(HandshakeError::Alive),
        }
    }
}
