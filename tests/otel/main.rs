//! `join --otlp` towards a collector that this test is, with real nodes.

mod collector;
#[path = "../beam/ground.rs"]
mod ground;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use interop::{Beamlink, BeamlinkOptions};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use collector::{Behaviour, Collector, text};
use ground::{
    COOKIE, ENCRYPTED, Ground, LIMIT, LONG_LIMIT, SECRET, is_event, lists, logged_nothing,
    on_ground, ready,
};

const TOKEN: &str = "t0psecret-token";
/// Twice a second of last words, ten times over.
const LEAVING: Duration = Duration::from_secs(20);

fn quick(options: BeamlinkOptions<'_>) -> BeamlinkOptions<'_> {
    options
        .env("OTEL_METRIC_EXPORT_INTERVAL", "200")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            &format!("authorization=Bearer%20{TOKEN}"),
        )
}

#[test]
fn metrics_and_spans_reach_a_collector() {
    let name = "metrics_and_spans_reach_a_collector";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let host = &ground.hosts[0];
        let collector = Collector::start(host, Behaviour::Answers);
        let mut nodes = ground.cluster(2, ENCRYPTED);
        let options = quick(ENCRYPTED.of_beamlink(ground.beamlink(0)))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())
            .env("OTEL_SERVICE_NAME", "guestbook")
            .env(
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test",
            )
            .args(&["--http", "4000", "--log", "debug"]);
        let beamlink = ready(options);
        let guest = ground.guest(0);
        for node in &mut nodes {
            lists(node, &guest, LIMIT);
            let call = |call: &str| format!(":rpc.call(:\"{guest}\", :erlang, {call})");
            node.value(&call(&format!(":node, [:{SECRET}]")));
            node.value(&call(":node, []"));
            node.value(&call(":halt, []"));
        }

        let metrics = collector.wait_metrics(LONG_LIMIT, |metrics| {
            metrics.whole("beamlink_peers", &[]) == Some(2)
                && metrics.whole("rpc_server_failures_total", &[]) >= Some(4)
        });
        for (key, value) in [
            ("service.name", "guestbook"),
            ("service.instance.id", &guest),
            ("erlang.node", &guest),
            ("deployment.environment.name", "test"),
        ] {
            assert_eq!(metrics.resource(key).as_deref(), Some(value), "{key}");
        }
        for peer in ["ex_esdb0@node0", "ex_esdb1@node0"] {
            let labels = [("node", guest.as_str()), ("peer", peer)];
            let state = metrics.whole("erlang_vm_dist_node_state", &labels);
            assert_eq!(state, Some(3), "{peer}");
        }
        let failures = metrics.metric("rpc_server_failures_total").unwrap();
        assert!(matches!(&failures.data, Some(Data::Sum(sum)) if sum.is_monotonic));
        let took = metrics.metric("rpc_server_duration_seconds").unwrap();
        let Some(Data::Histogram(took)) = &took.data else {
            panic!("{took:?}");
        };
        let point = &took.data_points[0];
        assert!(point.count >= 6 && point.sum > Some(0.0), "{point:?}");
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        collector.wait_metrics(LONG_LIMIT, |metrics| metrics.names() == scraped_names(host));

        let span = collector.wait_span(LONG_LIMIT, |span| span.name == "erlang:halt/0");
        assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
        assert_eq!(
            text(&span.attributes, "error.type").as_deref(),
            Some("undef")
        );
        let from = text(&span.attributes, "client.address").unwrap();
        assert!(from.starts_with("ex_esdb"), "{from}");
        let good = collector.wait_span(LONG_LIMIT, |span| span.name == "erlang:node/0");
        assert_ne!(
            good.status.map(|status| status.code()),
            Some(StatusCode::Error)
        );
        assert!(good.end_time_unix_nano > good.start_time_unix_nano);

        let before = collector.count();
        assert!(beamlink_left(&beamlink), "it left");
        assert!(collector.count() > before, "its last words are told");
        assert!(
            collector.heard("authorization: bearer"),
            "the header is sent"
        );
        // It goes to the collector alone, and no secret of the cluster, nor an argument, does.
        assert!(!beamlink.stderr().contains(TOKEN));
        for secret in [COOKIE, SECRET] {
            assert!(!collector.heard(secret), "{secret}");
        }
    });
}

/// Names of the metrics at `/metrics`.
fn scraped_names(host: &interop::Namespace) -> BTreeSet<String> {
    let stream = host.inside(|| TcpStream::connect("127.0.0.1:4000"));
    let mut stream = stream.unwrap().unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let named = |line: &str| Some(line.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned());
    page.lines().filter_map(named).collect()
}

/// Asks it to leave, and waits until it has: within [`LEAVING`].
fn beamlink_left(beamlink: &Beamlink) -> bool {
    let pid = beamlink.os_pid().to_string();
    let killed = std::process::Command::new("kill").arg(&pid).status();
    assert!(killed.unwrap().success());
    let begin = Instant::now();
    let running = || {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        state.is_ok_and(|state| !state.contains(") Z "))
    };
    while running() {
        if begin.elapsed() > LEAVING {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("it left in {:?}", begin.elapsed());
    true
}

/// `Node.list()` of real nodes stays whole, calls are answered, and leaving ends in time.
fn a_collector_harms_nobody(ground: &Ground, collector: &str, complaint: &str) {
    let mut nodes = ground.cluster(2, ENCRYPTED);
    let options = quick(ENCRYPTED.of_beamlink(ground.beamlink(0)));
    let beamlink = ready(options.args(&["--otlp", collector, "--net-ticktime", "4"]));
    let guest = ground.guest(0);
    for node in &mut nodes {
        lists(node, &guest, LIMIT);
    }
    // Many more spans than the queue takes, for longer than the nodes' net_ticktime.
    let calls = format!("for _ <- 1..2000, do: :rpc.call(:\"{guest}\", :erlang, :node, [], 5000)");
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(9) {
        for node in &mut nodes {
            let all = format!("Enum.uniq({calls}) == [:\"{guest}\"]");
            assert_eq!(node.value(&all), "true");
        }
    }
    beamlink.wait_stderr(LONG_LIMIT, |line| line.contains(complaint));
    let complaints = beamlink.stderr().matches("OpenTelemetry:").count();
    assert_eq!(complaints, 1, "{}", beamlink.stderr());
    assert!(
        !beamlink
            .events()
            .iter()
            .any(|event| is_event(event, "nodedown"))
    );
    for node in &mut nodes {
        lists(node, &guest, LIMIT);
    }
    let memory = beamlink.rss_kib().unwrap();
    assert!(memory < 60_000, "{memory} KiB");
    assert!(beamlink_left(&beamlink), "it hangs");
    for node in &mut nodes {
        node.wait_until("length(Node.list())", "1", LIMIT);
    }
    logged_nothing(&mut nodes);
}

#[test]
fn a_dead_collector_harms_nobody() {
    let name = "a_dead_collector_harms_nobody";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        a_collector_harms_nobody(&ground, "http://127.0.0.1:4318", "cannot be reached");
    });
}

#[test]
fn a_collector_that_never_answers_harms_nobody() {
    let name = "a_collector_that_never_answers_harms_nobody";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let collector = Collector::start(&ground.hosts[0], Behaviour::Silent);
        a_collector_harms_nobody(&ground, &collector.url(), "did not answer within");
    });
}

#[test]
fn a_collector_that_comes_back_is_used_again() {
    let name = "a_collector_that_comes_back_is_used_again";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        let host = &ground.hosts[0];
        let collector = Collector::start(host, Behaviour::Refuses);
        let options = quick(ground.beamlink(0));
        let beamlink = ready(options.args(&["--no-gossip", "--otlp", &collector.url()]));
        beamlink.wait_stderr(LIMIT, |line| line.contains("answers 503"));
        collector.behave(Behaviour::Answers);
        beamlink.wait_stderr(LIMIT, |line| line.contains("takes all again"));
        let metrics = collector.wait_metrics(LIMIT, |_| true);
        assert_eq!(
            metrics.resource("service.name").as_deref(),
            Some("beamlink")
        );
    });
}

#[test]
fn an_address_that_cannot_be_used_is_refused_without_its_password() {
    for (address, says) in [
        ("https://127.0.0.1:4318", "https cannot be spoken"),
        (
            "http://me:hunter2@127.0.0.1:4318",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        ("127.0.0.1 hunter2", "is not the address of a collector"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_beamlink"))
            .args([
                "join",
                "--cookie",
                "c",
                "--name",
                "a@localhost",
                "--otlp",
                address,
            ])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says) && !said.contains("hunter2"), "{said}");
    }
}
