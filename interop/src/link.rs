//! A bad wire between a host and its bridge: a relay between two TAP interfaces. Below TCP, so that what the kernels do
//! about loss is real, and behind the interface of the host, which notices nothing when the wire is put in or taken out.

use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use tappers::{Interface, Tap};

use crate::impairment::{Impairment, Lane};
use crate::net::{Mac, Namespace, inside, ip};
use crate::skip::Missing;

/// How many frames go one way before the other has its turn.
const TURN: usize = 64;
/// More than TCP has in flight: what the relay has not read yet is not lost.
const QUEUE_FRAMES: &str = "20000";
/// An Ethernet header and the 1500 bytes behind it, with room.
const LONGEST_FRAME: usize = 2048;

/// Frames that vanish without a word, as in a broken switch: nothing is down, nothing is refused.
#[derive(Debug, Clone, Copy)]
pub enum BlackHole<'a> {
    /// All that the host sends.
    Out,
    /// All that is sent to the host.
    In,
    /// What the host sends to this one alone: no multicast, no broadcast.
    To(&'a Namespace),
    /// All that comes from this one, multicast and broadcast too.
    From(&'a Namespace),
}

/// The wire between one host and its bridge, which can be bad in ways that change while it is in use.
///
/// Put in by [`Namespace::impair`]. When it is dropped, the host is on its bridge as before.
#[derive(Debug)]
pub struct Link {
    bridge: String,
    at: usize,
    faults: Arc<Mutex<Faults>>,
    relay: Option<(PipeWriter, JoinHandle<()>)>,
}

impl Link {
    /// Puts a relay between host number `at` and `bridge`.
    pub(crate) fn new(bridge: &str, at: usize, seed: u64) -> Result<Link, Missing> {
        let (near, far) = (format!("a{at}"), format!("b{at}"));
        let taps = inside(bridge, || Ok([tap(&near)?, tap(&far)?]))?;
        let taps = taps.map_err(|error: io::Error| Missing(format!("/dev/net/tun: {error}")))?;
        let failed = |error| Missing(format!("the relay of {bridge}: {error}"));
        let (stop, stopped) = io::pipe()
            .map(|(read, write)| (write, read))
            .map_err(failed)?;
        let faults = Arc::new(Mutex::new(Faults::default()));
        let relay = Relay {
            taps,
            lanes: Lane::pair(seed),
            faults: Arc::clone(&faults),
        };
        let thread = thread::Builder::new().name(format!("{bridge} link {at}"));
        let thread = thread.spawn(move || relay.run(&stopped)).map_err(failed)?;
        let link = Link {
            bridge: bridge.to_owned(),
            at,
            faults,
            relay: Some((stop, thread)),
        };
        link.plug(&near, &far)?;
        Ok(link)
    }

    /// The cable of the host leads to a bridge for it and the near TAP, the far one to the bridge of all.
    fn plug(&self, near: &str, far: &str) -> Result<(), Missing> {
        let ip = |words: &str| {
            let words = words.split(' ');
            ip(&["-n", &self.bridge]
                .into_iter()
                .chain(words)
                .collect::<Vec<_>>())
        };
        let (own, at) = (self.own_bridge(), self.at);
        ip(&format!("link add {own} type bridge mcast_snooping 0"))?;
        for (interface, master) in [(near, own.as_str()), (far, "br0")] {
            // Without `addrgenmode none` it would say things of its own.
            let quiet = "addrgenmode none txqueuelen";
            ip(&format!(
                "link set {interface} {quiet} {QUEUE_FRAMES} master {master} up"
            ))?;
        }
        ip(&format!("link set {own} addrgenmode none up"))?;
        ip(&format!("link set v{at} master {own}")).map(drop)
    }

    fn own_bridge(&self) -> String {
        format!("w{}", self.at)
    }

    /// From now on the wire is like this both ways. What is on its way arrives as it would have.
    pub fn set(&self, impairment: Impairment) {
        self.faults().ways = [impairment; 2];
    }

    /// The same for what the host sends alone.
    pub fn set_out(&self, impairment: Impairment) {
        self.faults().ways[Way::Out as usize] = impairment;
    }

    /// The same for what is sent to the host alone.
    pub fn set_in(&self, impairment: Impairment) {
        self.faults().ways[Way::In as usize] = impairment;
    }

    /// From now on these are the black holes: `[]` lifts them all.
    pub fn black_holes(&self, holes: &[BlackHole<'_>]) {
        self.faults().holes = holes.iter().map(Hole::from).collect();
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // When the bridge is gone already there is nothing to put back.
        let cable = format!("v{}", self.at);
        let _ = ip(&["-n", &self.bridge, "link", "set", &cable, "master", "br0"]);
        if let Some((stop, thread)) = self.relay.take() {
            drop(stop);
            let _ = thread.join();
        }
        let _ = ip(&["-n", &self.bridge, "link", "del", &self.own_bridge()]);
    }
}

fn tap(name: &str) -> io::Result<Tap> {
    let mut tap = Tap::new_named(Interface::new(name)?)?;
    tap.set_nonblocking(true)?;
    Ok(tap)
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Out,
    In,
}

#[derive(Debug, Default)]
struct Faults {
    /// By [`Way`].
    ways: [Impairment; 2],
    holes: Vec<Hole>,
}

#[derive(Debug, Clone, Copy)]
enum Hole {
    All(Way),
    To(Mac),
    From(Mac),
}

impl From<&BlackHole<'_>> for Hole {
    fn from(hole: &BlackHole<'_>) -> Hole {
        match hole {
            BlackHole::Out => Hole::All(Way::Out),
            BlackHole::In => Hole::All(Way::In),
            BlackHole::To(host) => Hole::To(host.mac()),
            BlackHole::From(host) => Hole::From(host.mac()),
        }
    }
}

impl Hole {
    /// A frame begins with the address of its receiver, then comes that of its sender.
    fn swallows(&self, way: Way, frame: &[u8]) -> bool {
        match (self, way) {
            (Hole::All(Way::Out), Way::Out) | (Hole::All(Way::In), Way::In) => true,
            (Hole::To(mac), Way::Out) => frame.starts_with(mac),
            (Hole::From(mac), Way::In) => frame.get(6..12) == Some(mac),
            _ => false,
        }
    }
}

struct Relay {
    /// That of the host and that of the bridge: a frame that goes [`Way::Out`] enters by the first.
    taps: [Tap; 2],
    /// By [`Way`].
    lanes: [Lane; 2],
    faults: Arc<Mutex<Faults>>,
}

impl Relay {
    /// Forwards until the other end of `stopped` is closed, or the TAPs are gone with their namespace.
    fn run(mut self, stopped: &PipeReader) {
        while let Ok(true) = self.wait(stopped) {
            for way in [Way::Out, Way::In] {
                if self.forward(way).is_err() {
                    return;
                }
            }
        }
    }

    /// Waits for a frame to enter or to leave: whether to go on.
    fn wait(&self, stopped: &PipeReader) -> Result<bool, Errno> {
        let next = self.lanes.iter().filter_map(Lane::next).min();
        let timeout = next.map(|next| next.saturating_duration_since(Instant::now()));
        let [host, bridge] = &self.taps;
        let [stopped, host, bridge] = [stopped.as_fd(), host.as_fd(), bridge.as_fd()];
        let mut polled = [stopped, host, bridge].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match ppoll(&mut polled, timeout.map(TimeSpec::from), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(polled[0].any() == Some(false)),
            Err(error) => Err(error),
        }
    }

    fn forward(&mut self, way: Way) -> io::Result<()> {
        let [host, bridge] = &self.taps;
        let (from, to) = match way {
            Way::Out => (host, bridge),
            Way::In => (bridge, host),
        };
        let lane = &mut self.lanes[way as usize];
        let mut buffer = [0; LONGEST_FRAME];
        for _ in 0..TURN {
            let read = from.recv(&mut buffer);
            let now = Instant::now();
            match &read {
                Ok(length) => {
                    let frame = &buffer[..*length];
                    let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
                    if !faults.holes.iter().any(|hole| hole.swallows(way, frame)) {
                        lane.enter(frame, &faults.ways[way as usize], now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return read.map(drop),
            }
            while let Some(frame) = lane.leave(now) {
                // What an interface does not take is lost, as on any wire.
                let _ = to.send(&frame);
            }
            if read.is_err() {
                break;
            }
        }
        Ok(())
    }
}
