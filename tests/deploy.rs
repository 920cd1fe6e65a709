//! What `deploy/` hands to systemd, Kubernetes, Prometheus and Grafana fits the command as it is: every flag and variable is
//! taken, every path answers, every metric is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use interop::{Beamlink, BeamlinkOptions, Missing, skip};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

const BEAMLINK: &str = env!("CARGO_BIN_EXE_beamlink");

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What `beamlink join` makes of these arguments and variables, and nothing else.
#[track_caller]
fn config(arguments: &[String], env: &[(String, String)]) -> Value {
    let mut command = Command::new(BEAMLINK);
    command
        .args(["join", "--print-config", "--json"])
        .args(arguments);
    command.env_clear().envs(env.iter().cloned());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} {env:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The values of a key in a unit, one for each line.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let line = |line: &'a str| line.strip_prefix(key)?.strip_prefix('=');
    unit.lines().filter_map(line).collect()
}

#[test]
fn the_unit_starts_what_there_is() {
    let unit = text("deploy/systemd/beamlink.service");
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_string_lossy().into_owned();
    for credential in values(&unit, "LoadCredential") {
        let name = credential.split(':').next().unwrap();
        fs::write(folder.path().join(name), "not_so_secret").unwrap();
    }
    let env: Vec<(String, String)> = values(&unit, "Environment")
        .iter()
        .map(|set| set.split_once('=').unwrap())
        .map(|(name, value)| {
            (
                name.to_owned(),
                value.replace("%d", &place).replace("%S", &place),
            )
        })
        .collect();
    let start = values(&unit, "ExecStart")[0];
    let arguments = start.strip_prefix("/usr/local/bin/beamlink join ").unwrap();
    let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
    let config = config(&arguments, &env).to_string();
    // All that it sets has been taken.
    for (name, _) in &env {
        assert!(config.contains(name.as_str()), "{name}: {config}");
    }
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        return skip("the unit", &Missing("no systemd-analyze".to_owned()));
    }
    let unit = text("deploy/systemd/beamlink.service");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("beamlink.service");
    fs::write(&file, unit.replace("/usr/local/bin/beamlink", BEAMLINK)).unwrap();
    let analyze = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .arg(&file)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    };
    assert_eq!(analyze(&["verify"]), (true, String::new()));
    // From 0 to 100; 13 of which are the network.
    let (good, said) = analyze(&["security", "--offline=yes", "--no-pager", "--threshold=15"]);
    assert!(good, "{said}");
}

fn strings(list: &Yaml) -> Vec<String> {
    let list = list.as_vec().unwrap();
    list.iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_manifest_starts_what_there_is() {
    let documents = YamlLoader::load_from_str(&text("deploy/kubernetes/beamlink.yaml")).unwrap();
    let kind = |wanted: &str| {
        let found = documents
            .iter()
            .find(|document| document["kind"].as_str() == Some(wanted));
        found.unwrap_or_else(|| panic!("no {wanted}"))
    };
    let (service, set) = (kind("Service"), kind("StatefulSet"));
    let pod = &set["spec"]["template"];
    assert_eq!(service["spec"]["clusterIP"].as_str(), Some("None"));
    assert_eq!(set["spec"]["serviceName"], service["metadata"]["name"]);
    assert_eq!(service["spec"]["selector"], pod["metadata"]["labels"]);
    assert_eq!(
        set["spec"]["selector"]["matchLabels"],
        pod["metadata"]["labels"]
    );
    assert_eq!(
        kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        pod["metadata"]["labels"]
    );

    let container = &pod["spec"]["containers"][0];
    let folder = tempfile::tempdir().unwrap();
    let cookie = folder.path().join("cookie");
    fs::write(&cookie, "not_so_secret").unwrap();
    let arguments: Vec<String> = strings(&container["args"])
        .iter()
        .map(|argument| {
            argument
                .replace("$(POD_NAME)", "beamlink-0")
                .replace("$(POD_NAMESPACE)", "default")
        })
        .map(|argument| argument.replace("/secrets/cookie", &cookie.to_string_lossy()))
        .collect();
    assert_eq!(arguments[0], "join");
    let config = config(&arguments[1..], &[]).to_string();
    assert!(
        config.contains("zz_maint_beamlink@beamlink-0.beamlink.default.svc.cluster.local"),
        "{config}"
    );

    let ports = |list: &Yaml, key: &str| {
        let ports = list.as_vec().unwrap().iter();
        let ports = ports.map(|port| (port["name"].clone(), port[key].as_i64().unwrap()));
        ports.collect::<BTreeSet<_>>()
    };
    let opened = ports(&container["ports"], "containerPort");
    assert_eq!(opened, ports(&service["spec"]["ports"], "port"));
    for (name, flag) in [("dist", "--dist-port="), ("http", "--http=0.0.0.0:")] {
        let given = arguments
            .iter()
            .find_map(|argument| argument.strip_prefix(flag));
        let port: i64 = given.unwrap().parse().unwrap();
        assert!(opened.contains(&(Yaml::from_str(name), port)), "{name}");
    }
    let node = Node::start();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert_ne!(node.get(path), "", "{probe}");
    }
}

/// A node that runs alone, and what it serves.
struct Node {
    _node: Beamlink,
    http: u16,
}

impl Node {
    fn start() -> Node {
        let (http, epmd, gossip) = (interop::tcp(), interop::tcp(), interop::udp());
        let options = BeamlinkOptions::new(BEAMLINK)
            .args(&[
                "--http",
                &http.to_string(),
                "--epmd-port",
                &epmd.to_string(),
            ])
            .args(&[
                "--gossip-port",
                &gossip.to_string(),
                "--multicast-addr",
                "127.255.255.255",
            ])
            .args(&["--if-addr", "127.0.0.1", "--cookie", "deploy"]);
        let node = Beamlink::start(options);
        node.wait_event(Duration::from_secs(30), |event| event["event"] == "ready");
        Node { _node: node, http }
    }

    /// The body at `path`, which must be there.
    #[track_caller]
    fn get(&self, path: &str) -> String {
        let url = format!("http://127.0.0.1:{}{path}", self.http);
        let output = Command::new(BEAMLINK)
            .args(["health", &url, "--timeout", "20"])
            .output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{url}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The expressions of the board.
fn board() -> Vec<String> {
    let board: Value = serde_json::from_str(&text("deploy/grafana/beamlink.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

/// The expressions of the alerts.
fn alerts() -> Vec<String> {
    let rules = YamlLoader::load_from_str(&text("deploy/prometheus/beamlink-rules.yaml")).unwrap();
    let rules = rules[0]["groups"][0]["rules"].as_vec().unwrap().iter();
    rules
        .map(|rule| rule["expr"].as_str().unwrap().to_owned())
        .collect()
}

/// The metrics that a PromQL expression reads: names that call no function, outside of labels and ranges.
fn metrics(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut depth, mut name) = (0, String::new());
    for c in expression.replace("by (", "by(").chars().chain([' ']) {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 && (c == '_' || c.is_ascii_alphanumeric()) {
            name.push(c);
            continue;
        }
        // Only ours have an underscore, and a function is followed by what it takes.
        let ended = std::mem::take(&mut name);
        if ended.contains('_') && c != '(' {
            found.insert(ended);
        }
    }
    found
}

/// `label="value"` for each value of a label that an expression asks for by name.
fn labels(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let inside = expression
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    for matcher in inside.flat_map(|inside| inside.split(',')) {
        let (label, values) = matcher.split_once('=').unwrap();
        let values = values.trim_start_matches('~').trim_matches('"');
        let values = values.split('|').filter(|value| !value.starts_with('$'));
        found.extend(values.map(|value| format!("{label}=\"{value}\"")));
    }
    found
}

#[test]
fn the_board_and_the_alerts_read_metrics_that_are_there() {
    let page = Node::start().get("/metrics");
    let kinds = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let kinds: Vec<(&str, &str)> = kinds.map(|line| line.split_once(' ').unwrap()).collect();
    let there: BTreeSet<String> = kinds
        .iter()
        .flat_map(|(name, kind)| match *kind {
            "histogram" => ["_bucket", "_sum", "_count"]
                .map(|end| format!("{name}{end}"))
                .to_vec(),
            _ => vec![(*name).to_owned()],
        })
        .collect();
    let expressions = [board(), alerts()].concat();
    assert!(expressions.len() > 20, "{expressions:?}");
    for expression in &expressions {
        let read = metrics(expression);
        assert!(!read.is_empty(), "{expression}");
        let absent: Vec<&String> = read.difference(&there).collect();
        assert!(
            absent.is_empty(),
            "{expression} reads {absent:?}, of {there:?}"
        );
        for label in labels(expression) {
            assert!(page.contains(&label), "{expression}: nothing has {label}");
        }
    }
}

#[test]
fn prometheus_finds_no_fault_in_the_alerts() {
    let rules = path("deploy/prometheus/beamlink-rules.yaml");
    match Command::new("promtool")
        .args(["check", "rules"])
        .arg(rules)
        .output()
    {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
        }
        Err(error) => skip("the alerts", &Missing(format!("promtool: {error}"))),
    }
}

#[test]
fn the_stack_s_variables_configure_beamlink() {
    let file = path("interop/ex-esdb/.env.cluster");
    let arguments = ["--env-file".to_owned(), file.to_string_lossy().into_owned()];
    let config = config(&arguments, &[]).to_string();
    for said in [
        "255.255.255.255",
        "45892",
        "RELEASE_COOKIE",
        "EX_ESDB_CLUSTER_SECRET",
    ] {
        assert!(config.contains(said), "{said}: {config}");
    }
    for secret in ["reg_greenhouse_clique", "dev_cluster_secret_2025"] {
        assert!(!config.contains(secret), "{config}");
    }
}
