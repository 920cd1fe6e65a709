//! A collector: a server that keeps what is posted to it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use interop::Namespace;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// What it does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Answers,
    Refuses,
    /// Reads, and says nothing.
    Silent,
}

#[derive(Debug)]
struct Posted {
    head: String,
    body: Vec<u8>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Behaviour,
    posted: Vec<Posted>,
    /// Those that wait for an answer.
    open: Vec<TcpStream>,
}

/// A collector on a host, until the test ends.
#[derive(Debug)]
pub(crate) struct Collector {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Collector {
    pub(crate) fn start(host: &Namespace, behaviour: Behaviour) -> Collector {
        let listener = host.inside(|| TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap().unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(Shared {
            behaviour,
            posted: Vec::new(),
            open: Vec::new(),
        }));
        let collector = Collector {
            port,
            shared: shared.clone(),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                take(stream, &shared);
            }
        });
        collector
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.shared.lock().unwrap().behaviour = behaviour;
    }

    /// How many requests it has taken.
    pub(crate) fn count(&self) -> usize {
        self.shared.lock().unwrap().posted.len()
    }

    /// Whether this stood in any of them.
    pub(crate) fn heard(&self, part: &str) -> bool {
        let contains = |posted: &Posted| {
            posted.head.contains(part)
                || posted
                    .body
                    .windows(part.len())
                    .any(|window| window == part.as_bytes())
        };
        self.shared.lock().unwrap().posted.iter().any(contains)
    }

    fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
        let shared = self.shared.lock().unwrap();
        let line = format!("post {path} ");
        let bodies = shared
            .posted
            .iter()
            .filter(|posted| posted.head.starts_with(&line));
        bodies.map(|posted| posted.body.clone()).collect()
    }

    /// The last metrics, once `wanted` says yes to them.
    #[track_caller]
    pub(crate) fn wait_metrics(
        &self,
        limit: Duration,
        wanted: impl Fn(&Metrics) -> bool,
    ) -> Metrics {
        wait(limit, || {
            let body = self.bodies("/v1/metrics").pop()?;
            let metrics = Metrics(ExportMetricsServiceRequest::decode(&body[..]).unwrap());
            wanted(&metrics).then_some(metrics)
        })
    }

    #[track_caller]
    pub(crate) fn wait_span(&self, limit: Duration, wanted: impl Fn(&Span) -> bool) -> Span {
        wait(limit, || {
            let bodies = self.bodies("/v1/traces").into_iter();
            let requests = bodies.map(|body| ExportTraceServiceRequest::decode(&body[..]).unwrap());
            let scopes = requests
                .flat_map(|request| request.resource_spans)
                .flat_map(|of_resource| of_resource.scope_spans);
            scopes
                .flat_map(|scope| scope.spans)
                .find(|span| wanted(span))
        })
    }
}

/// Reads one request and answers it, or not.
fn take(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = |line: &str| line.strip_prefix("content-length: ")?.parse().ok();
    let length: usize = head.lines().find_map(length).unwrap_or(0);
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut shared = shared.lock().unwrap();
    shared.posted.push(Posted { head, body });
    let status = match shared.behaviour {
        Behaviour::Silent => return shared.open.push(stream),
        Behaviour::Answers => "200 OK",
        Behaviour::Refuses => "503 Service Unavailable",
    };
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
}

#[track_caller]
fn wait<T>(limit: Duration, look: impl Fn() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < limit, "it does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One export of metrics.
#[derive(Debug)]
pub(crate) struct Metrics(ExportMetricsServiceRequest);

impl Metrics {
    pub(crate) fn resource(&self, key: &str) -> Option<String> {
        text(
            &self.0.resource_metrics[0].resource.as_ref()?.attributes,
            key,
        )
    }

    fn all(&self) -> impl Iterator<Item = &Metric> {
        self.0.resource_metrics[0].scope_metrics[0].metrics.iter()
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.all().map(|metric| metric.name.clone()).collect()
    }

    pub(crate) fn metric(&self, name: &str) -> Option<&Metric> {
        self.all().find(|metric| metric.name == name)
    }

    /// The value of a counter or gauge with exactly these labels.
    pub(crate) fn whole(&self, name: &str, labels: &[(&str, &str)]) -> Option<i64> {
        let points = match self.metric(name)?.data.as_ref()? {
            Data::Gauge(gauge) => &gauge.data_points,
            Data::Sum(sum) => &sum.data_points,
            _ => return None,
        };
        let is = |point: &&NumberDataPoint| {
            point.attributes.len() == labels.len()
                && labels
                    .iter()
                    .all(|(key, value)| text(&point.attributes, key).as_deref() == Some(*value))
        };
        match points.iter().find(is)?.value? {
            Value::AsInt(value) => Some(value),
            Value::AsDouble(_) => None,
        }
    }
}

/// An attribute's text.
pub(crate) fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
