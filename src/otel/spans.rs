//! Hands the spans that have ended to the collector, in batches. The SDK's own thread calls it; its queue is bounded.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;

use super::sender::Sender;

/// Exports spans.
#[derive(Debug)]
pub(super) struct Spans {
    sender: Arc<Sender>,
    resource: ResourceAttributesWithSchema,
    /// Where sockets can be awaited: the SDK's thread cannot.
    tasks: Handle,
}

impl Spans {
    pub(super) fn new(sender: Arc<Sender>, resource: &Resource, tasks: Handle) -> Spans {
        Spans {
            sender,
            resource: resource.into(),
            tasks,
        }
    }
}

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let sender = self.sender.clone();
        let posting = async move { sender.post("/v1/traces", &request).await };
        let failed =
            |error: &dyn std::error::Error| OTelSdkError::InternalFailure(error.to_string());
        match self.tasks.spawn(posting).await {
            Ok(posted) => posted.map_err(|error| failed(&error)),
            Err(error) => Err(failed(&error)),
        }
    }
}
