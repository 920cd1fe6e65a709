//! Any datagram is judged without a panic, and what is taken for a peer's heartbeat names a node.
#![no_main]

use std::sync::LazyLock;

use beamlink::gossip::{Codec, Verdict};
use beamlink::{GossipSecret, NodeName};
use libfuzzer_sys::fuzz_target;

static CODECS: LazyLock<[Codec; 2]> = LazyLock::new(|| {
    let own: NodeName = "us@host".parse().unwrap();
    let secret = GossipSecret::new("dev_cluster_secret_2025");
    [Codec::new(&own, None), Codec::new(&own, Some(&secret))]
});

fuzz_target!(|packet: &[u8]| {
    let with_prefix = [b"heartbeat::".as_slice(), packet].concat();
    for codec in &*CODECS {
        for packet in [packet, &with_prefix] {
            let (Verdict::Heartbeat(node) | Verdict::PlainButSecret(node)) = codec.decode(packet)
            else {
                continue;
            };
            let again = Codec::new(&node, None);
            assert_eq!(again.decode(&again.encode([0; 16])), Verdict::OwnEcho);
        }
    }
});
