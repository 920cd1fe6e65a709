//! Owns the HTTP socket: takes connections within limits, and routes their requests.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use super::live::{self, Feed};
use super::seats::{Seat, Seats};
use super::{HttpSettings, Limits, View, health, metrics, page};

/// A server in a thread of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct HttpServer {
    address: SocketAddr,
    /// Dropped, it ends the thread.
    ended: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Listens, and answers from what `view` sees.
    ///
    /// # Errors
    /// What the system says when it cannot listen there.
    pub(crate) fn start(settings: &HttpSettings, view: View) -> io::Result<HttpServer> {
        let listener = StdListener::bind(settings.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (ended, end) = oneshot::channel();
        let limits = settings.limits;
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    error = accept_all(listener, view, limits) => {
                        tracing::error!("the HTTP server has ended: {error}");
                    }
                    _ = end => {}
                }
            });
            // What is under way ends with it.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(serve)?;
        Ok(HttpServer {
            address,
            ended: Some(ended),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.ended.take();
        if let Some(thread) = self.thread.take() {
            // A panic in it has been told already.
            let _ = thread.join();
        }
    }
}

fn routes(view: View) -> Router {
    let live = Router::new()
        .route("/api/cluster", get(live::cluster))
        .route("/api/events", get(live::events))
        .with_state(Feed::start(view.clone()));
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/health", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .with_state(view)
        .merge(live)
        .route("/", get(page::page))
}

/// Never ends but by an error.
async fn accept_all(listener: StdListener, view: View, limits: Limits) -> io::Error {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    let routes = routes(view);
    let seats = Seats::new(limits.connections);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => seats.take(|seat| {
                tokio::spawn(serve(stream, routes.clone(), seat, limits)).abort_handle()
            }),
            Err(error) => {
                tracing::warn!(%error, "no HTTP connection can be taken now");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One connection, to its end.
async fn serve(stream: TcpStream, routes: Router, seat: Seat, limits: Limits) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.stalled));
    let stream = Box::pin(stream);
    let seat = Arc::new(seat);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        seat.progress();
        request.extensions_mut().insert(seat.clone());
        answer(routes.clone(), request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request)
        .max_buf_size(limits.head)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an HTTP connection ended");
    }
}

async fn answer(routes: Router, request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
    // Nothing here takes a body.
    let has_body = request.headers().contains_key(header::TRANSFER_ENCODING)
        || request
            .headers()
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length != "0");
    let mut response = match has_body {
        true => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        false => match routes
            .oneshot(Request::from(request.map(axum::body::Body::new)))
            .await
        {
            Ok(response) => response,
            Err(never) => match never {},
        },
    };
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if has_body {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
