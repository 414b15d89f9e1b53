//! Serves one client connection by HTTP/1.1, within the bounds of [`ServerOptions`].
//!
//! No request reaches the service before its head is complete and within bounds, and each carries its [`PeerAddr`].

use std::convert::Infallible;
use std::rc::Rc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::balance::Place;
use super::core::LocalDrain;
use super::exchange::{Answer, Exchanges};
use super::guarded::Guarded;
use super::head_refusal::HeadRefusal;
use super::stream::ClientStream;
use super::{CoreService, PeerAddr, ServerOptions};
use crate::guard::Limits;

/// The least that hyper needs to work with.
const BUFFER_MIN_BYTES: usize = 8192;
/// Up to here hyper keeps header fields on the stack.
const STACK_FIELDS: usize = 100;

/// How this core serves connections.
pub(super) struct Connections<S> {
    http: http1::Builder,
    limits: Limits,
    options: ServerOptions,
    service: S,
    drain: Rc<LocalDrain>,
}

impl<S: CoreService> Connections<S> {
    pub(super) fn new(options: &ServerOptions, service: S, drain: Rc<LocalDrain>) -> Self {
        let mut http = http1::Builder::new();
        // The guard below times heads.
        http.header_read_timeout(None)
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
            limits: Limits {
                head_bytes: options.head_bytes,
                head_fields: options.head_fields,
            },
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
        let accepted = Instant::now();
        let exchanges = Exchanges::new(accepted);
        let stream = ClientStream::new(stream, self.options.write_idle_timeout);
        let stream = Guarded::new(
            stream,
            self.limits,
            self.options.head_timeout,
            accepted,
            exchanges.clone(),
        );
        let refusal = self.options.head_refusal.clone();
        let service = asked(self.service.clone(), peer, exchanges, refusal);
        let connection = self
            .http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
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

/// Asks `service` about each request, with its peer, but about no stand-in for a refused one.
fn asked<S: CoreService>(
    service: S,
    peer: PeerAddr,
    exchanges: Exchanges,
    refusal: HeadRefusal,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Answer>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Answer>, Infallible>>,
> {
    service_fn(move |mut request: Request<Incoming>| {
        let asked = match exchanges.begin() {
            Ok(exchange) => {
                request.extensions_mut().insert(peer);
                Ok((exchange, service.clone().oneshot(request)))
            }
            Err((exchange, reason)) => Err(exchange.answer(refusal.respond(reason))),
        };
        async move {
            match asked {
                Ok((exchange, answer)) => Ok(exchange.answer(answer.await?)),
                Err(refused) => Ok(refused),
            }
        }
    })
}
