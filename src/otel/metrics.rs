//! The metrics of `/metrics`, as OTLP has them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use super::LAST_WORDS;
use super::sender::Sender;
use crate::http::{self, Kind, Value, View};

/// Exports what `view` sees.
pub(super) struct Metrics {
    pub(super) view: View,
    pub(super) sender: Arc<Sender>,
    pub(super) resource: ResourceAttributesWithSchema,
    pub(super) every: Duration,
}

/// When what is told began to count, and when it was read; nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    now: u64,
}

impl Metrics {
    /// Exports at each interval until `end`, and once more then.
    pub(super) async fn run(self, mut end: oneshot::Receiver<()>) {
        let mut interval = tokio::time::interval(self.every);
        // One that was late is not made up for.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let up = self.view.observer.runtime().uptime();
        let start = nanos(SystemTime::now().checked_sub(up).unwrap_or(UNIX_EPOCH));
        let exporting = async {
            loop {
                interval.tick().await;
                self.export(start).await;
            }
        };
        tokio::select! {
            () = exporting => {}
            _ = &mut end => {}
        }
        let _ = tokio::time::timeout(LAST_WORDS, self.export(start)).await;
    }

    async fn export(&self, start: u64) {
        let overview = self.view.observer.overview().await;
        let read = http::read_metrics(&self.view, overview.as_ref()).metrics();
        let now = nanos(SystemTime::now());
        let span = Span { start, now };
        let request = self.request(read.into_iter().map(|metric| metric_of(metric, span)));
        // The sender tells of what fails.
        let _ = self.sender.post("/v1/metrics", &request).await;
    }

    fn request(&self, metrics: impl Iterator<Item = Metric>) -> ExportMetricsServiceRequest {
        let scope = InstrumentationScope {
            name: "beamlink".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let resource = Resource {
            attributes: self.resource.attributes.0.clone(),
            ..Resource::default()
        };
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(resource),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(scope),
                    metrics: metrics.collect(),
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        }
    }
}

fn nanos(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn metric_of(read: http::Metric, span: Span) -> Metric {
    let unit = match read.name.as_str() {
        name if name.contains("_seconds") => "s",
        name if name.contains("_bytes") => "By",
        _ => "1",
    };
    let temporality = AggregationTemporality::Cumulative.into();
    let mut numbers = Vec::new();
    let mut histograms = Vec::new();
    for sample in read.samples {
        let attributes = sample.labels.into_iter().map(attribute).collect();
        match sample.value {
            Value::Whole(value) => {
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                let value = number_data_point::Value::AsInt(value);
                numbers.push(number(attributes, value, span));
            }
            Value::Real(value) => {
                let value = number_data_point::Value::AsDouble(value);
                numbers.push(number(attributes, value, span));
            }
            Value::Histogram {
                bounds,
                within,
                sum,
            } => histograms.push(HistogramDataPoint {
                attributes,
                start_time_unix_nano: span.start,
                time_unix_nano: span.now,
                count: within.last().copied().unwrap_or(0),
                sum: Some(sum),
                bucket_counts: each(&within),
                explicit_bounds: bounds.to_vec(),
                ..HistogramDataPoint::default()
            }),
        }
    }
    let data = match read.kind {
        Kind::Gauge => metric::Data::Gauge(Gauge {
            data_points: numbers,
        }),
        Kind::Counter => metric::Data::Sum(Sum {
            data_points: numbers,
            aggregation_temporality: temporality,
            is_monotonic: true,
        }),
        Kind::Histogram => metric::Data::Histogram(Histogram {
            data_points: histograms,
            aggregation_temporality: temporality,
        }),
    };
    Metric {
        name: read.name,
        description: read.help,
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// Prometheus counts in each bucket what is in those before, too; OTLP does not.
fn each(within: &[u64]) -> Vec<u64> {
    let before = std::iter::once(&0).chain(within);
    let each = within.iter().zip(before);
    each.map(|(all, before)| all.saturating_sub(*before))
        .collect()
}

fn number(
    attributes: Vec<KeyValue>,
    value: number_data_point::Value,
    span: Span,
) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: span.start,
        time_unix_nano: span.now,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn attribute((key, text): (String, String)) -> KeyValue {
    let value = any_value::Value::StringValue(text);
    KeyValue {
        key,
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
