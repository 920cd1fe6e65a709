//! A selection of the scenarios, each with beamlink and without it: nobody is worse off because it is there.
//! `cargo run -p interop --bin report -- target/debug/beamlink` runs all of them on every OTP.

use std::path::Path;

use interop::{Missing, Otp, Scenario, scenarios};

/// One of each kind: the guest is away, is cut off, and a real node is lost.
const SELECTED: &[&str] = &[
    "the guest is frozen for two seconds",
    "the guest alone is cut off",
    "a real node is killed and started again",
];
/// Others use this machine, too; what they add is not there three times in a row.
const ATTEMPTS: usize = 3;

fn harm(scenario: &Scenario, otp: &Otp) -> Result<Vec<String>, Missing> {
    let without = scenario.run(otp, None)?;
    let with = scenario.run(otp, Some(Path::new(env!("CARGO_BIN_EXE_beamlink"))))?;
    eprintln!(
        "{}: {:?}; without: {:?}",
        scenario.name, with.whole, without.whole
    );
    Ok(scenario.harm(&with, &without))
}

#[test]
fn no_scenario_goes_worse_with_a_guest() {
    let name = "no_scenario_goes_worse_with_a_guest";
    let otp = match Otp::host() {
        Ok(otp) => otp,
        Err(missing) => return interop::skip(name, &missing),
    };
    let all = scenarios();
    for selected in SELECTED {
        let scenario = all
            .iter()
            .find(|scenario| scenario.name == *selected)
            .unwrap();
        for attempt in 1..=ATTEMPTS {
            match harm(scenario, &otp) {
                Ok(harm) if harm.is_empty() => break,
                Ok(harm) => assert!(attempt < ATTEMPTS, "{selected}: {harm:?}"),
                Err(missing) => return interop::skip(name, &missing),
            }
        }
    }
}
