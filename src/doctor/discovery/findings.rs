//! What is wrong with what arrives at the gossip port, whoever the nodes are: pure.

use super::candidates::Reason;
use super::ears::Deaf;
use super::table::{Table, Unreadable};
use crate::doctor::code::Code;
use crate::doctor::finding::{Finding, Subject};
use crate::gossip::Malformed;

/// The findings about datagrams that are no heartbeats, and about addresses that could not be listened on. Heartbeats that
/// are encrypted with another secret are not among them: whose fault that is only the nodes can tell.
pub fn findings(table: &Table, deaf: &[Deaf]) -> Vec<Finding> {
    let noise = table.unreadable().iter().filter_map(noise);
    let closed = deaf.iter().map(|deaf| {
        let (address, port) = deaf.to;
        let subject = Subject::Host(hostname::get().unwrap_or_default().to_string_lossy().into());
        Finding::new(Code::EarClosed, subject, deaf.error.to_string())
            .evidence("address", format!("{address}:{port}"))
    });
    noise.chain(closed).collect()
}

fn noise(row: &Unreadable) -> Option<Finding> {
    let code = match row.reason {
        Reason::OtherSecret | Reason::NoSecret => return None,
        // The question of a doctor, by which it finds out whether it hears itself.
        Reason::Malformed(Malformed::NotGossip { length: 0 }) => return None,
        Reason::Malformed(Malformed::Json | Malformed::NotATerm { .. }) => Code::CrashingHeartbeats,
        Reason::Malformed(Malformed::NotAlive) => Code::NotAlive,
        _ => Code::NotGossip,
    };
    let seen = format!(
        "{} datagrams, the last of {} bytes: {}",
        row.times.count, row.length, row.reason
    );
    let to = row
        .to
        .iter()
        .map(|(address, port)| format!("{address}:{port}"));
    let finding = Finding::new(code, Subject::address(row.source), seen)
        .evidence("sent to", to.collect::<Vec<_>>().join(", "));
    Some(finding.evidence("bytes", row.length))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Instant;

    use super::super::candidates::Candidates;
    use super::*;
    use crate::GossipSecret;
    use crate::gossip::Codec;

    #[test]
    fn each_kind_of_noise_is_told_of_its_sender() {
        let mut table = Table::default();
        let secret = GossipSecret::new("s");
        let sealed = Codec::new(&"a@host".parse().unwrap(), Some(&secret)).encode([1; 16]);
        let packets: [&[u8]; 6] = [
            b"hello, world",
            b"heartbeat::{\"node\":\"a@b\"}",
            b"heartbeat::\x83t\0\0\0\x01w\x04nodew\x0dnonode@nohost",
            b"heartbeat::\x83t\0\0\0\x01w\x04no",
            &sealed,
            b"",
        ];
        for (last, packet) in (2..).zip(packets) {
            let from = SocketAddr::from(([172, 20, 0, last], 9));
            let to = (Ipv4Addr::BROADCAST, 45892);
            table.note(&Candidates::new([]), from, to, packet, Instant::now());
        }
        let found = findings(&table, &[]);
        let told: Vec<String> = found
            .iter()
            .map(|finding| format!("{} {}", finding.code, finding.subject))
            .collect();
        let expected = [
            "not-gossip host 172.20.0.2",
            "crashing-heartbeats host 172.20.0.3",
            "not-distributed host 172.20.0.4",
            "not-gossip host 172.20.0.5",
        ];
        assert_eq!(told, expected);
    }
}
