//! Each scenario with beamlink and without it, side by side: nobody is worse off because it is there.

use std::path::Path;

use interop::{Otp, Outcome, Scenario, scenarios};

const BINARY: &str = env!("CARGO_BIN_EXE_beamlink");

fn both(scenario: &Scenario, otp: &Otp) -> Result<(Outcome, Outcome), interop::Missing> {
    let without = scenario.run(otp, None)?;
    let with = scenario.run(otp, Some(Path::new(BINARY)))?;
    Ok((with, without))
}

#[test]
fn no_scenario_goes_worse_with_a_guest() {
    let name = "no_scenario_goes_worse_with_a_guest";
    let otp = match Otp::host() {
        Ok(otp) => otp,
        Err(missing) => return interop::skip(name, &missing),
    };
    let mut harm = Vec::new();
    let only = std::env::var("SCENARIO").unwrap_or_default();
    for scenario in scenarios()
        .iter()
        .filter(|scenario| scenario.name.contains(&only))
    {
        eprintln!("{}", scenario.name);
        let (with, without) = match both(scenario, &otp) {
            Ok(outcomes) => outcomes,
            Err(missing) => return interop::skip(name, &missing),
        };
        eprintln!(
            "  without: {:?} losses {} resets {}",
            without.whole, without.losses, without.resets
        );
        eprintln!(
            "  with:    {:?} losses {} resets {}",
            with.whole, with.losses, with.resets
        );
        for found in scenario.harm(&with, &without) {
            eprintln!("  HARM {found}");
            harm.push(format!("{}: {found}", scenario.name));
        }
    }
    assert!(harm.is_empty(), "{}", harm.join("\n"));
}
