//! A reply from what may be no EPMD: an entry, a list or a fault within the bytes.
#![no_main]

use beamlink::epmd::{AliveReply, NamesReply, PortReply};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let faults = [
        AliveReply::decode(bytes).err(),
        PortReply::decode(bytes).err(),
        NamesReply::decode(bytes).err(),
    ];
    for error in faults.into_iter().flatten() {
        assert!(error.offset <= bytes.len());
    }
    if let Ok(reply) = PortReply::decode(bytes) {
        let message = reply.encode().expect("what was read can be written");
        assert_eq!(PortReply::decode(&message), Ok(reply));
    }
});
