//! Those who are no members of the cluster: forgers of heartbeats, and names that nobody answers to.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::beam::BeamNode;
use crate::net::Namespace;
use crate::skip::Missing;

/// The gossip port of libcluster.
const GOSSIP_PORT: u16 = 45_892;
/// A second's worth is sent in so many parts.
const PARTS: u32 = 100;
const A_SECOND: u32 = 10_000;
/// So many different packets there are.
const PACKETS: usize = 500;

/// Whom forged heartbeats speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Five hundred nodes that are not.
    Unknown,
    /// The real nodes.
    Known,
    /// Nodes whose names the EPMD of a real host knows, see [`Step::StaleNames`](super::Step::StaleNames).
    Stale,
}

/// Packets as libcluster makes them, made by a real node: `secret` of Elixir's terms, `nil` for plain ones.
pub(super) fn packets(node: &mut BeamNode, names: &[String], secret: &str) -> Vec<Vec<u8>> {
    let names = names.join(" ");
    let made = node.value(&format!(
        "key = {secret} && :crypto.hash(:sha256, {secret}); \
         for n <- String.split({names:?}), do: \
         Base.encode16(Fixture.Gossip.seal(\"heartbeat::\" <> :erlang.term_to_binary(%{{node: String.to_atom(n)}}), key))"
    ));
    let packets = made
        .split('"')
        .filter(|part| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_hexdigit()));
    packets.map(unhex).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let pairs = pairs.filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

/// The names that a flood speaks of.
pub(super) fn named(names: Names, real: &[String], far: &str, stale: &str) -> Vec<String> {
    let many = |host: &str| (0..PACKETS).map(|n| format!("forged{n}@{host}")).collect();
    match names {
        Names::Known => real.to_vec(),
        Names::Unknown => many(far),
        Names::Stale => many(stale),
    }
}

/// Sends `packets` from `host` to `to`, 10,000 a second in all, and says how many that were.
pub(super) fn flood(
    host: &Namespace,
    to: &str,
    packets: &[Vec<u8>],
    time: Duration,
) -> Result<usize, Missing> {
    let failed = |error: std::io::Error| Missing(format!("the forger: {error}"));
    host.inside(|| {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).map_err(failed)?;
        let begin = Instant::now();
        let mut packets = packets.iter().cycle();
        let mut sent = 0;
        for part in 1.. {
            for packet in packets.by_ref().take((A_SECOND / PARTS) as usize) {
                // What a full socket does not take is not sent: the limit is a rate, not a number.
                sent += usize::from(socket.send_to(packet, (to, GOSSIP_PORT)).is_ok());
            }
            let due = Duration::from_secs(1) / PARTS * part;
            if due >= time {
                break;
            }
            thread::sleep(due.saturating_sub(begin.elapsed()));
        }
        Ok(sent)
    })?
}

/// A port where nobody is at home, but who knocks is counted.
pub(super) struct Door {
    knocks: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    pub(super) fn open(host: &Namespace, port: u16) -> Result<Door, Missing> {
        let failed = |error: std::io::Error| Missing(format!("port {port}: {error}"));
        let listener = host.inside(|| {
            let listener = TcpListener::bind(("0.0.0.0", port))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        })?;
        let listener = listener.map_err(failed)?;
        let (knocks, closed) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (counted, shut) = (Arc::clone(&knocks), Arc::clone(&closed));
        let thread = thread::spawn(move || {
            while !shut.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok(_) => drop(counted.fetch_add(1, Ordering::Relaxed)),
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(Door {
            knocks,
            closed,
            thread: Some(thread),
        })
    }

    pub(super) fn knocks(&self) -> usize {
        self.knocks.load(Ordering::Relaxed)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Registers the names of [`Names::Stale`] with the EPMD of `host`; they stay as long as the streams do.
pub(super) fn register_stale(host: &Namespace, epmd_port: u16) -> Result<Vec<TcpStream>, Missing> {
    let failed = |error: std::io::Error| Missing(format!("stale names: {error}"));
    let registered = host.inside(|| {
        let mut streams = Vec::new();
        for number in 0..PACKETS {
            let mut stream = TcpStream::connect(("127.0.0.1", epmd_port))?;
            std::io::Write::write_all(&mut stream, &alive2(&format!("forged{number}")))?;
            let mut reply = [0; 6];
            std::io::Read::read_exact(&mut stream, &mut reply)?;
            streams.push(stream);
        }
        Ok(streams)
    })?;
    registered.map_err(failed)
}

/// ALIVE2_REQ of a visible node behind a port that is closed: tag 120, port, type 77, TCP, versions 6 and 5, name, nothing.
fn alive2(name: &str) -> Vec<u8> {
    let mut body = vec![120, 0, 9, 77, 0, 0, 6, 0, 5];
    body.extend(u16::try_from(name.len()).unwrap_or(0).to_be_bytes());
    body.extend(name.bytes());
    body.extend([0, 0]);
    let mut message = u16::try_from(body.len())
        .unwrap_or(0)
        .to_be_bytes()
        .to_vec();
    message.extend(body);
    message
}

/// Lets a process run for a tenth of the time, until it is dropped.
pub(super) struct Starving {
    fed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Starving {
    pub(super) fn of(pid: u32) -> Starving {
        let fed = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&fed);
        let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
        let thread = thread::spawn(move || {
            let signal = |signal| {
                // A process that has ended starves no more.
                let _ = nix::sys::signal::kill(pid, signal);
            };
            while !stop.load(Ordering::Relaxed) {
                signal(nix::sys::signal::Signal::SIGSTOP);
                thread::sleep(Duration::from_millis(90));
                signal(nix::sys::signal::Signal::SIGCONT);
                thread::sleep(Duration::from_millis(10));
            }
        });
        Starving {
            fed,
            thread: Some(thread),
        }
    }
}

impl Drop for Starving {
    fn drop(&mut self) {
        self.fed.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
