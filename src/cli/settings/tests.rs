use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use beamlink::GossipSecret;
use clap::Parser;
use serde_json::json;

use super::source::Origin;
use super::table::{self, Shape};
use super::*;

mod secrets;

/// A machine made up for one test: its folder holds the files and is HOME.
struct Machine {
    folder: tempfile::TempDir,
    surroundings: Surroundings,
}

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let surroundings = Surroundings {
            vars: [("HOME".into(), folder.path().into())].into(),
            hostname: "node7.example.org".into(),
            etc: folder.path().into(),
        };
        Machine {
            folder,
            surroundings,
        }
    }

    fn env(mut self, name: &str, value: impl Into<OsString>) -> Machine {
        self.surroundings.vars.insert(name.into(), value.into());
        self
    }

    fn file(self, name: &str, content: &str) -> Machine {
        std::fs::write(self.path(name), content).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `{file}` in a flag becomes the file's path.
    fn join(&self, flags: &str) -> Result<Settings, SettingsError> {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            flags: Flags,
        }
        let folder = format!("{}/", self.folder.path().display());
        let words = flags
            .split_whitespace()
            .map(|word| word.replace('{', &folder).replace('}', ""));
        let line = Line::try_parse_from(["join".to_owned()].into_iter().chain(words)).unwrap();
        Settings::resolve(&line.flags, &self.surroundings)
    }

    fn origin(&self, flags: &str, setting: &table::Setting) -> Origin {
        self.join(flags).unwrap().report.origin(setting).unwrap()
    }
}

fn with_cookie() -> Machine {
    Machine::new().env("BEAMLINK_COOKIE", "monster")
}

fn error(result: Result<Settings, SettingsError>) -> String {
    result.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn without_anything_only_the_cookie_is_missing() {
    assert!(error(Machine::new().join("")).starts_with("no cookie"));
    let settings = with_cookie().join("").unwrap();
    assert_eq!(settings.name.as_str(), "zz_maint_beamlink@node7");
    assert_eq!(
        (settings.epmd, settings.epmd_port, settings.dist_port),
        (EpmdMode::Auto, 4369, None)
    );
    assert_eq!(
        (settings.net_ticktime, settings.hidden, settings.json),
        (Duration::from_secs(60), false, false)
    );
    assert_eq!(
        (settings.exit_when, settings.timeout, settings.log.as_str()),
        (None, None, "info")
    );
    let gossip = settings.gossip.unwrap();
    assert_eq!(
        (gossip.port, gossip.if_addr),
        (45892, Ipv4Addr::UNSPECIFIED)
    );
    assert_eq!(
        (gossip.multicast_addr, gossip.multicast_ttl),
        (Ipv4Addr::new(233, 252, 1, 32), 1)
    );
    assert_eq!(
        (gossip.multicast_if, gossip.broadcast_only, gossip.secret),
        (None, false, None)
    );
}

#[test]
fn each_source_outranks_the_next() {
    let port = &table::GOSSIP_PORT;
    let file = |machine: &Machine, name| std::sync::Arc::<Path>::from(machine.path(name));
    let mut machine = with_cookie()
        .file("env", "\nGOSSIP_PORT=5\nBEAMLINK_GOSSIP_PORT=2\n")
        .file("toml", "[gossip]\nport = 6\n")
        .env("BEAMLINK_GOSSIP_PORT", "1")
        .env("EX_ESDB_CLUSTER_PORT", "3")
        .env("GOSSIP_PORT", "4");
    let all = "--config {toml} --env-file {env}";
    let flag = format!("{all} --gossip-port 9");

    assert_eq!(machine.origin(&flag, port), Origin::Flag("gossip-port"));
    assert_eq!(
        machine.origin(all, port),
        Origin::Env("BEAMLINK_GOSSIP_PORT")
    );
    machine.surroundings.vars.remove("BEAMLINK_GOSSIP_PORT");
    let env_file = file(&machine, "env");
    let in_file = |line, name| Origin::EnvFile {
        path: env_file.clone(),
        line,
        name,
    };
    assert_eq!(
        machine.origin(all, port),
        in_file(3, "BEAMLINK_GOSSIP_PORT")
    );
    let machine = machine.file("env", "\nGOSSIP_PORT=5\n");
    assert_eq!(
        machine.origin(all, port),
        Origin::Env("EX_ESDB_CLUSTER_PORT")
    );
    let mut machine = machine.env("EX_ESDB_CLUSTER_PORT", "");
    assert_eq!(machine.origin(all, port), Origin::Env("GOSSIP_PORT"));
    machine.surroundings.vars.remove("GOSSIP_PORT");
    assert_eq!(machine.origin(all, port), in_file(2, "GOSSIP_PORT"));
    let machine = machine.file("env", "");
    let config = Origin::Config {
        path: file(&machine, "toml"),
        key: "gossip.port",
    };
    assert_eq!(machine.origin(all, port), config);
    assert_eq!(machine.origin("", port), Origin::Default);
}

#[test]
fn every_variable_of_a_row_is_read_and_the_rows_are_consistent() {
    let sample = |setting: &table::Setting| match (setting.shape, setting.expects) {
        (Shape::Switch, _) => "false",
        (_, "an IPv4 address such as 172.20.255.255" | "an IP address") => "10.1.2.3",
        (_, "one of auto, external, embedded, none") => "embedded",
        (_, "one of text, json") => "json",
        (_, "a path") => "file",
        (_, "an address") => "http://127.0.0.1:4318",
        (Shape::List(_), _) => "a@b",
        _ => "77",
    };
    for setting in table::ALL {
        let own = format!("BEAMLINK_{}", setting.flag.to_uppercase().replace('-', "_"));
        assert_eq!(setting.env[0], own);
        let ranks: Vec<u8> = setting
            .env
            .iter()
            .map(|name| Origin::Env(name).rank())
            .collect();
        assert!(ranks.is_sorted(), "{}: {:?}", setting.key, setting.env);
        if cfg!(not(feature = "otel")) && setting.flag == "otlp" {
            // It is refused, or ignored.
            continue;
        }
        for name in setting.env {
            let machine = Machine::new().file("file", "cookie = '77'");
            let value = match sample(setting) {
                "file" => machine.path("file").into_os_string(),
                text => text.into(),
            };
            let settings = machine.env(name, value).join("--config {file}").unwrap();
            let origin = settings.report.origin(setting).unwrap();
            assert_eq!(origin, Origin::Env(name), "{}", setting.key);
        }
    }
}

#[test]
fn every_row_is_in_the_report() {
    let report = with_cookie().join("").unwrap().report;
    for setting in table::ALL {
        assert!(report.origin(setting).is_some(), "{}", setting.key);
    }
}

#[test]
fn the_configuration_file_knows_every_key() {
    let text = r#"
        name = "rust@box"
        cookie = "monster"
        hidden = true
        net_ticktime = 4
        epmd = "none"
        dist_port = 9001
        dist_addr = "127.0.0.1"
        peer = ["a@node0=9000", "b@node1=9100"]
        timeout = 1.5
        exit_when = 2
        [gossip]
        port = 1
        if_addr = "10.0.0.1"
        multicast_if = "10.0.0.2"
        multicast_addr = "255.255.255.255"
        multicast_ttl = 3
        broadcast_only = true
        secret = "s"
    "#;
    let settings = Machine::new()
        .file("toml", text)
        .join("--config {toml}")
        .unwrap();
    assert_eq!(settings.name.as_str(), "rust@box");
    assert_eq!(settings.cookie, Cookie::new("monster"));
    assert_eq!(settings.peers[1].to_string(), "b@node1=9100");
    assert_eq!(
        (settings.epmd, settings.dist_port),
        (EpmdMode::None, Some(9001))
    );
    assert_eq!(
        (settings.timeout, settings.exit_when),
        (Some(Duration::from_millis(1500)), Some(2))
    );
    let gossip = settings.gossip.unwrap();
    assert_eq!(gossip.multicast_if, Some(Ipv4Addr::new(10, 0, 0, 2)));
    assert_eq!(
        (gossip.multicast_addr, gossip.multicast_ttl),
        (Ipv4Addr::BROADCAST, 3)
    );
    assert_eq!(
        (gossip.broadcast_only, gossip.secret),
        (true, Some(GossipSecret::new("s")))
    );
}

#[test]
fn unknown_keys_name_the_nearest_one() {
    for (text, key, nearest) in [
        ("cooky = 'monster'", "cooky", "cookie"),
        ("[gossip]\nprot = 1", "gossip.prot", "gossip.port"),
        ("[gosip]\nport = 1", "gosip", "gossip"),
        ("secret = 'x'", "secret", "gossip.secret"),
        ("[gossip]\nname = 'x'", "gossip.name", "name"),
    ] {
        let message = error(with_cookie().file("toml", text).join("--config {toml}"));
        assert!(
            message.contains(&format!(
                "{key:?} that is none of ours; the nearest is {nearest:?}"
            )),
            "{message}"
        );
    }
}

#[test]
fn bad_values_name_their_source() {
    let machine = || {
        with_cookie()
            .file("env", "GOSSIP_PORT=x")
            .file("toml", "gossip.multicast_ttl = 256")
    };
    for (flags, message) in [
        (
            "--gossip-port 70000",
            r#"flag --gossip-port: "70000" is not a port from 1 to 65535"#,
        ),
        (
            "--env-file {env}",
            r#"env:1 GOSSIP_PORT: "x" is not a port from 1 to 65535"#,
        ),
        (
            "--config {toml}",
            r#"toml gossip.multicast_ttl: "256" is not a number from 0 to 255"#,
        ),
        (
            "--if-addr eth0",
            r#"flag --if-addr: "eth0" is not an IPv4 address such as 172.20.255.255"#,
        ),
        (
            "--hidden=maybe",
            r#"flag --hidden: "maybe" is not true or false"#,
        ),
        (
            "--epmd off",
            r#"flag --epmd: "off" is not one of auto, external, embedded, none"#,
        ),
        ("--epmd none", "default: without EPMD"),
        ("--name a@b@c", "flag --name: node name"),
        (
            "--peer a@b=0",
            r#"flag --peer: "a@b=0" is not name@host or name@host=port"#,
        ),
        ("--peer ab", "flag --peer: node name"),
        ("--net-ticktime 0", "flag --net-ticktime: "),
        ("--exit-when 0", "flag --exit-when: "),
        ("--timeout NaN", "flag --timeout: "),
        ("--log a=b=c", "flag --log: "),
        ("--cookie-file {nothere}", "flag --cookie-file: cannot read"),
        ("--config {nothere}", "cannot read"),
    ] {
        let found = error(machine().join(flags));
        let wanted = message.replace("default: without", "flag --epmd: without");
        assert!(found.contains(&wanted), "{flags}: {found}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let found = error(
            machine()
                .env("RELEASE_NODE", OsString::from_vec(vec![b'a', 0xff]))
                .join(""),
        );
        assert_eq!(found, "env RELEASE_NODE: is not UTF-8");
    }
}

#[test]
fn a_name_gets_the_host_in_the_form_of_the_peers() {
    let name = |machine: Machine, flags: &str| {
        machine
            .join(flags)
            .map(|settings| settings.name.to_string())
    };
    assert_eq!(name(with_cookie(), "--name rust").unwrap(), "rust@node7");
    assert_eq!(
        name(with_cookie(), "--name rust --long").unwrap(),
        "rust@node7.example.org"
    );
    assert_eq!(
        name(with_cookie(), "--peer a@b.c").unwrap(),
        "zz_maint_beamlink@node7.example.org"
    );
    assert_eq!(
        name(with_cookie(), "--peer a@b").unwrap(),
        "zz_maint_beamlink@node7"
    );
    assert_eq!(
        name(with_cookie().env("RELEASE_NODE", "r@h"), "").unwrap(),
        "r@h"
    );

    let mut no_domain = with_cookie();
    no_domain.surroundings.hostname = "node7".into();
    assert!(
        error(no_domain.join("--long"))
            .contains("the domain of this host \"node7\" cannot be found")
    );
    assert!(
        error(with_cookie().join("--long --name a@b"))
            .contains("flag --name: a@b has a short host")
    );
    let mixed = error(with_cookie().join("--name a@b --peer c@d,e@f.g"));
    assert!(
        mixed.contains("a@b (flag --name) is a short name and e@f.g (flag --peer) a long one"),
        "{mixed}"
    );
}

#[test]
fn switches_can_be_turned_off_again() {
    let machine = with_cookie()
        .env("BEAMLINK_HIDDEN", "yes")
        .env("BEAMLINK_NO_GOSSIP", "1");
    let settings = machine.join("").unwrap();
    assert!(settings.hidden && settings.gossip.is_none());
    let settings = machine.join("--hidden=false --no-gossip=off").unwrap();
    assert!(!settings.hidden && settings.gossip.is_some());
}

#[test]
fn peers_are_collected() {
    let shown = |machine: &Machine, flags| {
        let peers = machine.join(flags).unwrap().peers;
        peers.iter().map(Peer::to_string).collect::<Vec<_>>()
    };
    let machine = with_cookie().env("BEAMLINK_PEER", "a@b, c@d=5,");
    assert_eq!(shown(&machine, ""), ["a@b", "c@d=5"]);
    assert_eq!(shown(&machine, "--peer e@f --peer g@h"), ["e@f", "g@h"]);
}

#[test]
fn the_report_for_programs() {
    let report = with_cookie()
        .join("--dist-port 9000")
        .unwrap()
        .report
        .json();
    assert_eq!(
        report["dist_port"],
        json!({"value": 9000, "source": "flag", "origin": "flag --dist-port"})
    );
    assert_eq!(report["exit_when"]["value"], json!(null));
    assert_eq!(report["cookie"]["source"], json!("env"));
}

#[test]
fn a_dollar_in_the_env_file_is_warned_of() {
    let machine = Machine::new().file("env", "RELEASE_COOKIE=a$B\n");
    let settings = machine.join("--env-file {env}").unwrap();
    assert_eq!(settings.cookie, Cookie::new("a$B"));
    assert!(
        settings.warnings[0].contains("env:1 RELEASE_COOKIE: '$'"),
        "{:?}",
        settings.warnings
    );
}
