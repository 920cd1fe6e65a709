//! Heartbeats of libcluster's Gossip: checked in a loop, or sent at a rate.

use std::hint::black_box;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use beamlink::gossip::{Codec, Verdict};
use beamlink::{GossipSecret, NodeName};

use crate::Answer;

/// The secret of the suite.
pub(crate) const SECRET: &str = "suite";

fn codec(name: &NodeName) -> Codec {
    Codec::new(name, Some(&GossipSecret::new(SECRET)))
}

/// Packets a second: encrypted heartbeats of other nodes, checked.
pub(crate) fn check(count: usize) -> Answer {
    let ours = codec(&"zz_maint_gossip@localhost".parse()?);
    let packets: Vec<Vec<u8>> = (0..64)
        .map(|number| {
            let name = format!("ex_esdb{number}@host{number}.example.org").parse()?;
            Ok(codec(&name).encode(rand::random()))
        })
        .collect::<Result<_, beamlink::NodeNameError>>()?;
    let begin = Instant::now();
    for packet in packets.iter().cycle().take(count) {
        match black_box(ours.decode(black_box(packet))) {
            Verdict::Heartbeat(_) => {}
            other => return Err(format!("{other:?} is no heartbeat").into()),
        }
    }
    Ok(vec![count as f64 / begin.elapsed().as_secs_f64()])
}

/// Sends heartbeats of `names` in turn to `port`, `rate` a second for `time`; how many went out.
pub(crate) fn send(names: &[NodeName], port: u16, rate: f64, time: Duration) -> Answer {
    let packets: Vec<Vec<u8>> = names
        .iter()
        .map(|name| codec(name).encode(rand::random()))
        .collect();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let begin = Instant::now();
    let mut sent = 0_u32;
    for packet in packets.iter().cycle() {
        if begin.elapsed() >= time {
            break;
        }
        let due = Duration::from_secs_f64(f64::from(sent) / rate);
        if let Some(early) = due.checked_sub(begin.elapsed()) {
            std::thread::sleep(early);
        }
        socket.send_to(packet, (Ipv4Addr::LOCALHOST, port))?;
        sent += 1;
    }
    Ok(vec![f64::from(sent)])
}
