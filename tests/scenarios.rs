//! A selection of the scenarios, each with beamlink and without it: nobody is worse off because it is there.
//! `scripts/conformance` runs all of them on every OTP.

use std::path::Path;
use std::sync::Mutex;

use interop::{Guest, Otp, Scenario, scenarios};

/// One of each kind: a node comes, a node is lost, the guest is away, is cut off, is dragged through the mud, and loses
/// what it stands on.
const SELECTED: &[&str] = &[
    "three nodes and the guest start at once",
    "two guests start together",
    "a real node is killed and started again",
    "pids of an earlier life of the guest are used",
    "another is started under the name of the guest on its host",
    "the guest is frozen for two seconds",
    "the guest runs out of files while a node comes",
    "the guest comes back with another address",
    "the cluster breaks into halves for five seconds, which net_ticktime 16 bears",
    "10,000 forged heartbeats a second, encrypted with the secret",
    "the EPMD that the guest is registered with is replaced",
    "distribution over IPv6",
    "long names",
];
/// They wait more than they work.
const AT_A_TIME: usize = 4;

#[test]
fn no_scenario_goes_worse_with_a_guest() {
    let name = "no_scenario_goes_worse_with_a_guest";
    let otp = match Otp::host() {
        Ok(otp) => otp,
        Err(missing) => return interop::skip(name, &missing),
    };
    let all = scenarios();
    let selected = |scenario: &&Scenario| SELECTED.contains(&scenario.name);
    let selected: Vec<&Scenario> = all.iter().filter(selected).collect();
    assert_eq!(selected.len(), SELECTED.len());
    let waiting = Mutex::new(selected);
    let harm = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting.lock().unwrap().pop();
            let Some(scenario) = next else { break };
            let binary = Path::new(env!("CARGO_BIN_EXE_beamlink"));
            match scenario.compare(std::slice::from_ref(&otp), Guest::Beamlink(binary)) {
                Ok(comparison) => {
                    eprintln!("{}: {:?}", scenario.name, comparison.with.whole);
                    let found = comparison.harm.iter();
                    let found = found.map(|found| format!("{}: {found}", scenario.name));
                    harm.lock().unwrap().extend(found);
                }
                Err(missing) => return interop::skip(name, &missing),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let harm = harm.into_inner().unwrap();
    assert!(harm.is_empty(), "{harm:#?}");
}
