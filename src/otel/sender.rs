//! Owns the connections to the collector: one for each message, which is rare.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use prost::Message;
use tokio::net::TcpStream;

use super::{Endpoint, milliseconds, variable};

/// For a message and its answer, unless OTEL_EXPORTER_OTLP_TIMEOUT says otherwise.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends to one collector, and tells when it begins to fail and when it works again.
#[derive(Debug)]
pub(super) struct Sender {
    endpoint: Endpoint,
    /// What OTEL_EXPORTER_OTLP_HEADERS says, credentials as a rule; marked as sensitive, so that nothing prints them.
    headers: HeaderMap,
    limit: Duration,
    failing: AtomicBool,
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("cannot be reached: {0}")]
    Connect(std::io::Error),
    #[error("does not speak HTTP as it should: {0}")]
    Http(#[from] hyper::Error),
    #[error("answers {0}")]
    Refused(StatusCode),
    #[error("did not answer within {0:?}")]
    Timeout(Duration),
}

impl Sender {
    pub(super) fn new(endpoint: &Endpoint) -> Sender {
        let given = variable("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        Sender {
            endpoint: endpoint.clone(),
            headers: headers(&given),
            limit: milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT").unwrap_or(LIMIT),
            failing: AtomicBool::new(false),
        }
    }

    /// Posts `message` to `path`, once: what is lost is told again (metrics) or not worth more (spans).
    pub(super) async fn post(&self, path: &str, message: &impl Message) -> Result<(), SendError> {
        let posted = tokio::time::timeout(self.limit, self.exchange(path, message.encode_to_vec()));
        let result = posted.await.unwrap_or(Err(SendError::Timeout(self.limit)));
        let failed = result.is_err();
        if self.failing.swap(failed, Ordering::Relaxed) != failed {
            let endpoint = &self.endpoint;
            match &result {
                Err(error) => tracing::warn!(
                    "OpenTelemetry: the collector at {endpoint} {error}; this is said once until it takes something"
                ),
                Ok(()) => {
                    tracing::info!("OpenTelemetry: the collector at {endpoint} takes all again")
                }
            }
        }
        result
    }

    async fn exchange(&self, path: &str, body: Vec<u8>) -> Result<(), SendError> {
        let Endpoint {
            host,
            port,
            path: base,
        } = &self.endpoint;
        // The brackets of an IPv6 address belong to the URL.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((name, *port)).await;
        let stream = stream.map_err(SendError::Connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        // Host and port come from a URL, the paths are ours and the URL's.
        if let Ok(uri) = format!("{base}{path}").parse() {
            *request.uri_mut() = uri;
        }
        let fields = request.headers_mut();
        fields.clone_from(&self.headers);
        if let Ok(host) = HeaderValue::from_str(&format!("{host}:{port}")) {
            fields.insert(header::HOST, host);
        }
        let kind = HeaderValue::from_static("application/x-protobuf");
        fields.insert(header::CONTENT_TYPE, kind);
        fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let mut answer = pin!(sender.send_request(request));
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            // It has read the answer, or failed, which the answer says.
            _ = connection => answer.await,
        };
        match answer?.status() {
            status if status.is_success() => Ok(()),
            status => Err(SendError::Refused(status)),
        }
    }
}

/// `name=value,…`, values percent-encoded; what is not of that form is left out.
fn headers(text: &str) -> HeaderMap {
    let pairs = text.split(',').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((name.trim().parse::<HeaderName>().ok()?, value))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_decoded_and_never_shown() {
        let map = headers("authorization=Basic%20bWU6d29yZA==, x-tenant = one ,nonsense,=,a b=c");
        assert_eq!(map.len(), 2);
        assert_eq!(map["authorization"], "Basic bWU6d29yZA==");
        assert_eq!(map["x-tenant"], "one");
        assert!(!format!("{map:?}").contains("bWU6"));
    }
}
