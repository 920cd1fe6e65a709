//! `--otlp`: metrics and traces go to an OpenTelemetry collector, as OTLP over HTTP (feature `otel`).
//!
//! All of it happens in threads of its own, and every wait has an end: a collector that is slow, dead or silent delays
//! neither the node nor its leaving. What does not fit the queue of spans is lost; metrics are totals, of which the next
//! export tells again.

mod endpoint;
mod metrics;
mod sender;
mod spans;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::{Layer, Registry};

pub(crate) use endpoint::{Endpoint, EndpointError};
use sender::Sender;
use spans::Spans;

use crate::http::View;

/// What is under way when the node has left may take so long, spans and metrics each.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Between two exports of the metrics, unless OTEL_METRIC_EXPORT_INTERVAL says otherwise.
const INTERVAL: Duration = Duration::from_secs(60);

/// An export, until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Export {
    sender: Arc<Sender>,
    resource: Resource,
    tracers: SdkTracerProvider,
    tasks: Handle,
    /// Dropped, it ends the export of metrics with a last one.
    metrics: Option<oneshot::Sender<()>>,
    /// Dropped, it ends the thread.
    ended: Option<oneshot::Sender<oneshot::Receiver<()>>>,
    /// Says that the last metrics are out.
    told: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Export {
    /// Begins to export the spans of the node `name`. `None` where OTEL_SDK_DISABLED says so.
    ///
    /// # Errors
    /// What the system says when there is no thread to be had.
    pub(crate) fn start(endpoint: &Endpoint, name: &str) -> io::Result<Option<Export>> {
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let sender = Arc::new(Sender::new(endpoint));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let tasks = runtime.handle().clone();
        let (ended, end) = oneshot::channel::<oneshot::Receiver<()>>();
        let run = move || {
            runtime.block_on(async {
                if let Ok(told) = end.await {
                    let _ = tokio::time::timeout(LAST_WORDS, told).await;
                }
            });
            // What is under way ends with it.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new()
            .name("otel".to_owned())
            .spawn(run)?;
        let resource = resource(name);
        let spans = Spans::new(sender.clone(), &resource, tasks.clone());
        let tracers = SdkTracerProvider::builder()
            .with_batch_exporter(spans)
            .with_resource(resource.clone())
            .build();
        Ok(Some(Export {
            sender,
            resource,
            tracers,
            tasks,
            metrics: None,
            ended: Some(ended),
            told: None,
            thread: Some(thread),
        }))
    }

    /// Where spans come in.
    pub(crate) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.tracers.tracer("beamlink"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        let calls = Targets::new().with_target(beamlink::otp::SPANS, LevelFilter::DEBUG);
        layer.with_filter(calls).boxed()
    }

    /// Exports what `view` sees, now and at each interval.
    pub(crate) fn watch(&mut self, view: View) {
        let (metrics, end) = oneshot::channel();
        let (done, told) = oneshot::channel();
        self.metrics = Some(metrics);
        self.told = Some(told);
        let exporting = metrics::Metrics {
            view,
            sender: self.sender.clone(),
            resource: (&self.resource).into(),
            every: milliseconds("OTEL_METRIC_EXPORT_INTERVAL").unwrap_or(INTERVAL),
        };
        self.tasks.spawn(async move {
            exporting.run(end).await;
            let _ = done.send(());
        });
    }
}

impl Drop for Export {
    /// The last words, which take [`LAST_WORDS`] twice and no longer.
    fn drop(&mut self) {
        if let Err(error) = self.tracers.shutdown_with_timeout(LAST_WORDS) {
            tracing::debug!(%error, "the last spans are not exported");
        }
        self.metrics.take();
        if let (Some(ended), Some(told)) = (self.ended.take(), self.told.take()) {
            let _ = ended.send(told);
        }
        if let Some(thread) = self.thread.take() {
            // A panic in it has been told already.
            let _ = thread.join();
        }
    }
}

/// What all that is exported comes from. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are read by the SDK.
fn resource(name: &str) -> Resource {
    let given = Resource::builder().build();
    let unnamed = given
        .get_ref(&Key::from_static_str("service.name"))
        .is_none_or(|name| name.as_str().starts_with("unknown_service"));
    let builder = Resource::builder().with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", name.to_owned()),
        KeyValue::new("erlang.node", name.to_owned()),
    ]);
    match unnamed {
        true => builder.with_service_name("beamlink").build(),
        false => builder.build(),
    }
}

/// A variable that is set, and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn milliseconds(name: &str) -> Option<Duration> {
    let count = variable(name)?
        .trim()
        .parse()
        .ok()
        .filter(|count| *count > 0)?;
    Some(Duration::from_millis(count))
}
