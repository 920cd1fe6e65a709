//! Where secrets come from, and that they never come out.

use proptest::prelude::*;

use super::*;

#[test]
fn a_secret_and_its_file_compete_by_rank() {
    let machine = || {
        Machine::new()
            .file("cookie", "from_file\n")
            .file("secret", "from_file")
    };
    let both = machine().join("--cookie a --cookie-file {cookie}");
    assert_eq!(
        error(both),
        "flag --cookie and flag --cookie-file give the same secret: leave one of them out"
    );

    let settings = machine()
        .env("RELEASE_COOKIE", "env")
        .join("--cookie-file {cookie}")
        .unwrap();
    assert_eq!(settings.cookie, Cookie::new("from_file"));
    let origin = settings.report.origin(&table::COOKIE).unwrap();
    assert!(
        origin.to_string().ends_with("cookie (flag --cookie-file)"),
        "{origin}"
    );
    assert!(
        settings.warnings[0].contains("can be opened by others"),
        "{:?}",
        settings.warnings
    );

    let settings = machine()
        .env("EX_ESDB_COOKIE", "e")
        .join("--cookie flag --secret-file {secret}")
        .unwrap();
    assert_eq!(settings.cookie, Cookie::new("flag"));
    assert_eq!(
        settings.gossip.unwrap().secret,
        Some(GossipSecret::new("from_file"))
    );
    assert!(
        settings
            .warnings
            .iter()
            .any(|warning| warning.starts_with("--cookie shows the secret")),
        "{:?}",
        settings.warnings
    );
}

#[test]
fn a_cookie_is_latin1_and_not_trimmed() {
    let cookie = |text: &str| {
        Machine::new()
            .env("RELEASE_COOKIE", text)
            .join("")
            .map(|s| s.cookie)
    };
    assert_eq!(cookie(" caf\u{e9} ").unwrap(), Cookie::new(*b" caf\xe9 "));
    let refused = cookie("snow\u{2603}").map(|_| ()).unwrap_err().to_string();
    assert!(
        refused.starts_with("env RELEASE_COOKIE: a cookie has"),
        "{refused}"
    );
    assert!(cookie(&"x".repeat(256)).is_err());
}

/// All that may be printed of a run: the settings, the report, the warnings, or the error.
fn output(result: Result<Settings, SettingsError>) -> String {
    match result {
        Ok(settings) => format!(
            "{settings:?}\n{}\n{}",
            settings.report,
            settings.report.json()
        ),
        Err(error) => format!("{error}\n{error:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_output_holds_a_secret(body in "[a-zA-Z0-9$@=#'\"\\\\ ]{0,12}", tail in "|\u{e9}|\u{2603}|\n|\ny=") {
        let secret = format!("s3kr1t{body}{tail}");
        let toml = |text: &str| Machine::new().file("toml", text).join("--config {toml}");
        let env_file = |text: &str| Machine::new().file("env", text).join("--env-file {env}");
        let runs = [
            Machine::new().env("BEAMLINK_COOKIE", &secret).env("EX_ESDB_CLUSTER_SECRET", &secret).join(""),
            Machine::new().file("f", &secret).join("--cookie-file {f} --secret-file {f}"),
            Machine::new().file("f", &secret).env("BEAMLINK_SECRET_FILE", "/nowhere").join("--cookie-file {f}"),
            Machine::new().env("BEAMLINK_COOKIE", &secret).join("--cookie s3kr1t --cookie-file {f}"),
            toml(&format!("cookie = {secret}")),
            toml(&format!("cookie = \"{secret}")),
            toml(&format!("cookie = '{secret}'\n[gossip]\nsecret = '{secret}'")),
            toml(&format!("cookie = ['{secret}']")),
            toml(&format!("cookie = {{ s = '{secret}' }}")),
            toml(&format!("cookie = 'a'\ncookie = '{secret}'")),
            env_file(&format!("RELEASE_COOKIE={secret}\nEX_ESDB_CLUSTER_SECRET={secret}")),
            env_file(&format!("RELEASE_COOKIE=\"{secret}")),
            env_file(&format!("RELEASE_COOKIE='{secret}' {secret}")),
            env_file(&format!("RELEASE_COOKIE {secret}")),
        ];
        for run in runs {
            let output = output(run);
            prop_assert!(!output.contains("s3kr1t"), "{output}");
        }
    }
}
