//! A peer that is stopped (SIGSTOP), its socket full: nobody else's answers wait for it.

use std::time::{Duration, Instant};

use beamlink::NodeName;
use beamlink::otp::erpc::RpcError;
use beamlink::term::Term;
use interop::Otp;

use crate::ground::{Ground, LIMIT, beside_others, peer};

/// For the frozen one; all others answer in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(2);

#[test]
fn a_frozen_peer_holds_up_nobody_else() {
    let name = "a_frozen_peer_holds_up_nobody_else";
    let _shared = beside_others();
    let mut ground = match Otp::host().and_then(|otp| Ground::new(&otp)) {
        Ok(ground) => ground,
        Err(missing) => return interop::skip(name, &missing),
    };
    let mut other = ground.another("other@localhost", crate::ground::COOKIE);
    let frozen = ground.another("frozen@localhost", crate::ground::COOKIE);
    let [other_name, frozen_name]: [NodeName; 2] = [
        other.name().parse().unwrap(),
        frozen.name().parse().unwrap(),
    ];
    for peer in [&other_name, &frozen_name] {
        ground.run(ground.node().connect(peer)).unwrap();
    }
    ground.node().export("Elixir.Rust", "here", |(): ()| Ok(1));
    frozen.freeze();

    // Many who write 128 MB to it, more than its socket and our outbox take: all of them wait.
    let runtime = ground.node().runtime().clone();
    let full = Term::from("x".repeat(100_000));
    for _ in 0..64 {
        let (node, message, to) = (runtime.clone(), full.clone(), frozen_name.clone());
        ground.tokio.spawn(async move {
            let options = beamlink::runtime::SpawnOptions::default();
            node.spawn(options, async move |process: beamlink::runtime::Process| {
                for _ in 0..20 {
                    if process
                        .send(("nobody", &to), message.clone())
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            });
        });
    }
    let waiting = || {
        let usage = runtime.peer_usage();
        let of = usage.iter().find(|peer| peer.info.name == frozen_name);
        of.map_or(0, |peer| peer.waiting)
    };
    let begin = Instant::now();
    while waiting() < 256 * 1024 {
        assert!(begin.elapsed() < LIMIT, "{} B wait for it", waiting());
        std::thread::sleep(Duration::from_millis(5));
    }

    // One call of all: those who can answer do, and the whole ends with the time limit.
    let peers = [frozen_name.clone(), peer(), other_name.clone()];
    let all = ground
        .node()
        .multicall(&peers, "erlang", "node", (), TIMEOUT);
    let answers = ground.run(all);
    assert_eq!(answers[0], Err(RpcError::Timeout(TIMEOUT)));
    for (answer, peer) in answers.iter().zip(&peers).skip(1) {
        assert_eq!(answer.as_ref(), Ok(&Term::Atom(peer.atom().clone())));
    }
    // Ours to them, while others of ours wait for the frozen one.
    let mut slowest = Duration::ZERO;
    for at in 0..200 {
        let peer = &peers[1 + at % 2];
        let begin = Instant::now();
        let value = ground.run(
            ground
                .node()
                .rpc(peer, "erlang", "node", ())
                .timeout(TIMEOUT)
                .into_future(),
        );
        slowest = slowest.max(begin.elapsed());
        assert_eq!(value, Ok(Term::Atom(peer.atom().clone())));
    }
    println!("the slowest of 200 calls took {slowest:?}");
    assert!(slowest < TIMEOUT / 2, "{slowest:?}");
    // And theirs to us.
    let asked = "for _ <- 1..200, uniq: true, do: :erpc.call(:\"zz_maint_rust@localhost\", :\"Elixir.Rust\", :here, [], 1000)";
    for beam in [&mut ground.beam, &mut other] {
        assert_eq!(beam.value(asked), "[1]");
    }

    // It comes back, and takes all that waited.
    frozen.thaw();
    let begin = Instant::now();
    while waiting() > 0 {
        assert!(begin.elapsed() < 3 * LIMIT, "{} B wait for it", waiting());
        std::thread::sleep(Duration::from_millis(20));
    }
    let value = ground.run(
        ground
            .node()
            .rpc(&frozen_name, "erlang", "node", ())
            .into_future(),
    );
    assert_eq!(value, Ok(Term::Atom(frozen_name.atom().clone())));
}
