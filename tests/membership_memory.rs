//! What a membership holds for each peer that it knows.

use std::time::Duration;

use beamlink::NodeName;
use beamlink::cluster::{Direction, Membership, MembershipConfig};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const PEERS: usize = 10_000;
/// Ten times what is expected.
const MOST: usize = 10_000;

#[test]
fn a_known_peer_takes_little_memory() {
    let own = NodeName::new("zz_maint_beamlink@rust0").unwrap();
    let names: Vec<NodeName> = (0..PEERS)
        .map(|n| NodeName::new(&format!("ex_esdb@node{n}")).unwrap())
        .collect();
    let before = MEMORY.current_usage();
    let mut membership = Membership::new(MembershipConfig::default(), own, 1);
    for name in &names {
        membership.connected(Duration::ZERO, name, false, Direction::Inbound);
        while membership.next_event().is_some() {}
    }
    let each = (MEMORY.current_usage() - before) / PEERS;
    assert_eq!(membership.members().count(), PEERS);
    eprintln!("scale: a membership of {PEERS} connected peers holds {each} bytes for each");
    assert!(each < MOST, "{each}");
}
