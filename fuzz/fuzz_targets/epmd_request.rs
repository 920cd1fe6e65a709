//! A request from anyone: it has an answer, and what decodes survives another trip.
#![no_main]

use beamlink::epmd::{Asker, Registry, Request, answer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(request) = Request::decode(body) {
        let message = request.encode().expect("what was read can be written");
        assert_eq!(Request::decode(&message[2..]), Ok(request));
    }
    let mut registry = Registry::default();
    for (connection, local) in [(1, false), (2, true), (3, true)] {
        let asker = Asker { local, connection };
        answer(&mut registry, body, asker, 4369, 7);
    }
});
