//! Serves one client connection by HTTP/1.1, within the bounds of [`ServerOptions`].
//!
//! No request reaches the service before its head is complete and within bounds, and each carries its [`PeerAddr`].

use std::rc::Rc;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::ServiceExt as _;
use tower::util::Oneshot;

use super::balance::Place;
use super::core::LocalDrain;
use super::head_refusal::{Owed, Substitution};
use super::stream::ClientStream;
use super::{CoreService, PeerAddr, ServerOptions};

/// The least that hyper needs to work with.
const BUFFER_MIN_BYTES: usize = 8192;
/// Up to here hyper keeps header fields on the stack.
const STACK_FIELDS: usize = 100;

/// How this core serves connections.
pub(super) struct Connections<S> {
    http: http1::Builder,
    options: ServerOptions,
    service: S,
    drain: Rc<LocalDrain>,
}

impl<S: CoreService> Connections<S> {
    pub(super) fn new(options: &ServerOptions, service: S, drain: Rc<LocalDrain>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(options.head_timeout)
            .max_header_size(options.head_bytes)
            // Also what is buffered of a body that the service does not take yet.
            .max_buf_size(options.head_bytes.max(BUFFER_MIN_BYTES))
            // The backend's own `Date` is passed on; hyper adds one only where it is missing.
            .auto_date_header(true);
        if options.head_fields != STACK_FIELDS {
            http.max_headers(options.head_fields);
        }
        Self {
            http,
            options: options.clone(),
            service,
            drain,
        }
    }

    /// Serves until either side closes, or until the drain has let the current request finish.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        peer: PeerAddr,
        place: Place,
    ) -> impl Future<Output = ()> + use<S> {
        // Responses are written whole; waiting to fill a segment only adds latency.
        let _unsupported = stream.set_nodelay(true).is_err();
        let owed = Owed::default();
        let substitution = Substitution::new(self.options.head_refusal.clone(), owed.clone());
        let stream = ClientStream::new(stream, self.options.write_idle_timeout, substitution);
        let service = WithPeer {
            service: self.service.clone(),
            peer,
            owed,
        };
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let drain = Rc::clone(&self.drain);
        async move {
            let _place = place;
            let mut connection = std::pin::pin!(connection);
            let outcome = tokio::select! {
                biased;
                () = drain.begun() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
                outcome = connection.as_mut() => outcome,
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "a client connection failed");
            }
        }
    }
}

/// Adds the peer's address to each request.
#[derive(Debug, Clone)]
struct WithPeer<S> {
    service: S,
    peer: PeerAddr,
    owed: Owed,
}

impl<S: CoreService> hyper::service::Service<Request<Incoming>> for WithPeer<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Oneshot<S, Request<Incoming>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.owed.one_more();
        request.extensions_mut().insert(self.peer);
        self.service.clone().oneshot(request)
    }
}
