//! The page in Chromium: a cluster of which one edge is cut.

use interop::{BeamNode, Epmd};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::{PORT, get, wait_cluster};
use crate::ground::{ENCRYPTED, EPMD_PORT, Ground, LONG_LIMIT, lists, on_ground, ready};

const HOSTS: &[&str] = &["node0", "node1", "node2", "node3", "node4", "rust0"];
const GUEST: usize = 5;

/// What ra notes on each node of a store that node0 leads.
const STORE: &str = ":erlang.spawn(fn -> :ets.new(:ra_leaderboard, [:named_table, :public]); \
    :ets.insert(:ra_leaderboard, {:reg_gh, {:reg_gh, :ex_esdb@node0}, \
    for(n <- 0..4, do: {:reg_gh, :\"ex_esdb@node#{n}\"})}); :timer.sleep(:infinity) end) |> is_pid()";

/// A node on each host, which global does not take apart when one edge is missing.
fn cluster(ground: &Ground) -> (Vec<Epmd>, Vec<BeamNode>) {
    let epmds = ground.hosts[..GUEST].iter();
    let epmds = epmds.map(|host| Epmd::start(EPMD_PORT, Some(host)).unwrap());
    let epmds = epmds.collect();
    let options = (0..GUEST).map(|at| {
        let options = ground.beam("ex_esdb", at);
        ENCRYPTED.of_beam(options.erl("-kernel prevent_overlapping_partitions false"))
    });
    let mut nodes = BeamNode::start_all(options.collect()).unwrap();
    for node in &mut nodes {
        node.wait_until("length(Node.list())", "4", LONG_LIMIT);
        assert_eq!(node.value(STORE), "true");
    }
    (epmds, nodes)
}

#[test]
fn an_edge_is_cut_and_the_page_shows_it() {
    let name = "an_edge_is_cut_and_the_page_shows_it";
    on_ground(name, Ground::without_epmd(HOSTS), |ground| {
        let (_epmds, mut nodes) = cluster(&ground);
        let host = &ground.hosts[GUEST];
        let options = ENCRYPTED.of_beamlink(ground.beamlink(GUEST));
        let _beamlink = ready(options.args(&["--http", PORT, "--ready-when", "5"]));
        for node in &mut nodes {
            lists(node, &ground.guest(GUEST), LONG_LIMIT);
        }
        let browser = match Browser::start(host, (1280, 1000)) {
            Ok(browser) => browser,
            Err(missing) => return interop::skip(name, &missing),
        };
        browser.open(&format!("http://127.0.0.1:{PORT}/"));
        browser.wait("document.querySelectorAll('g.dot.up').length === 6");
        browser.wait("document.querySelectorAll('.edge').length === 15");
        browser.wait("document.querySelectorAll('.edge.missing').length === 0");
        browser.wait("document.querySelectorAll('g.dot.member').length === 5");
        browser.wait("document.getElementById('ready').textContent === 'ready'");
        let rows = browser.value("document.getElementById('rows').innerText");
        let otp = nodes[0].value("System.otp_release()");
        assert!(
            rows.as_str().unwrap().contains(otp.trim_matches('"')),
            "{rows}"
        );
        // All in one request.
        let requests = browser.value(
            "performance.getEntriesByType('resource').filter(e => !e.name.endsWith('/api/events')).map(e => e.name)",
        );
        assert_eq!(requests, json!([]));
        reachable_by_keys(&browser);
        browser.wait("document.getElementById('rows').innerText.includes('/s')");
        browser.picture("page-light.png");

        // The frames between two nodes go nowhere from now on; each stays connected with all others.
        let mut cut = ground.hosts[1].command("ip");
        let away = format!("{}/32", ground.hosts[3].address());
        cut.args(["route", "add", "blackhole", &away]);
        assert!(cut.status().unwrap().success());
        nodes[1].wait_until("length(Node.list())", "4", LONG_LIMIT);
        browser.wait("document.querySelectorAll('.edge.missing').length === 1");
        browser.wait("document.querySelector('.edge.missing title').textContent === 'ex_esdb@node1 – ex_esdb@node3: missing'");
        browser.wait("document.getElementById('findings').innerText.includes('missing-edge')");
        let label = "document.querySelector('g.dot[aria-label^=\"ex_esdb@node1,\"]').getAttribute('aria-label')";
        let label = browser.value(label);
        assert!(
            label
                .as_str()
                .unwrap()
                .contains("not connected with ex_esdb@node3"),
            "{label}"
        );
        let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
        browser.devtools("Emulation.setEmulatedMedia", &dark);
        browser.picture("page-cut.png");

        // A node that goes is shown as gone.
        nodes.pop().unwrap().kill9();
        browser.wait("document.querySelectorAll('g.dot.down, g.dot.connecting').length === 1");
        browser.wait("document.getElementById('ready').textContent === 'not ready'");
        let phone = json!({"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true});
        browser.devtools("Emulation.setDeviceMetricsOverride", &phone);
        browser.wait("document.documentElement.scrollWidth <= 390");
        browser.picture("page-phone.png");
        assert_eq!(browser.complaints(), Vec::<String>::new());

        let cluster = wait_cluster(host, |_| true);
        let finding = |code: &str| {
            let findings = cluster["findings"].as_array().unwrap();
            findings
                .iter()
                .find(|finding| finding["code"] == code)
                .cloned()
        };
        let missing: Value = finding("missing-edge").unwrap();
        assert_eq!(
            missing["subject"]["nodes"],
            json!(["ex_esdb@node1", "ex_esdb@node3"])
        );
        assert_eq!(cluster["stores"][0]["leaders"], json!(["ex_esdb@node0"]));
    });
}

/// Each node of the picture, and all else that can be used, by the tabulator alone.
fn reachable_by_keys(browser: &Browser<'_>) {
    const TAB: char = '\u{E004}';
    let mut reached = Vec::new();
    for _ in 0..20 {
        browser.press(TAB);
        let label = browser.value(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.id || document.activeElement.textContent",
        );
        reached.push(label.as_str().unwrap_or_default().to_owned());
    }
    for wanted in [
        "ex_esdb@node0, connected",
        "zz_maint_beamlink@rust0, this node",
        "nodes",
        "metrics",
    ] {
        assert!(
            reached.iter().any(|label| label.starts_with(wanted)),
            "{wanted} is not among {reached:?}"
        );
    }
    browser.value("document.activeElement.blur()");
}

#[test]
fn the_policy_of_the_page_is_strict() {
    let name = "the_policy_of_the_page_is_strict";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let options = ENCRYPTED.of_beamlink(ground.beamlink(0));
        let _beamlink = ready(options.args(&["--http", PORT]));
        let answer = get(&ground.hosts[0], "/");
        assert!(answer.body.len() < 60_000);
        assert!(
            answer
                .head
                .contains("content-security-policy: default-src 'none'; script-src 'sha256-")
        );
        assert!(!answer.head.contains("unsafe-"));
    });
}
