//! Serves one client connection, in cleartext or TLS, by HTTP/1.1 or HTTP/2, within the bounds of [`ServerOptions`].
//!
//! No request reaches the service before its head is complete and within bounds, and each carries its [`ConnectionFacts`].

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::balance::{Loads, Place};
use super::census::{Census, Seat};
use super::core::LocalDrain;
use super::establish::{EstablishError, Prefixed, Transport, establish};
use super::exchange::{Answer, Exchanges};
use super::facts::{ConnectionFacts, Proven, Requests};
use super::guarded::Guarded;
use super::http2::{self, Streams};
use super::paced::{Paced, prepare};
use super::served::Served;
use super::{CoreService, PeerAddr, ServerOptions};
use crate::config::Protocol;
use crate::guard::Limits;

/// The least that hyper needs to work with.
const BUFFER_MIN_BYTES: usize = 8192;
/// Up to here hyper keeps header fields on the stack.
const STACK_FIELDS: usize = 100;

/// A client's bytes, as HTTP sees them.
type Client = Prefixed<Transport<Paced<TcpStream, Place>>>;

/// How this core serves connections.
pub(super) struct Connections<S> {
    shared: Rc<Shared>,
    service: S,
}

struct Shared {
    http: http1::Builder,
    limits: Limits,
    options: ServerOptions,
    drain: Rc<LocalDrain>,
    census: Rc<Census>,
    flooding: Arc<AtomicU64>,
    requests: Arc<Requests>,
}

impl<S: CoreService> Connections<S> {
    pub(super) fn new(options: &ServerOptions, service: S, drain: Rc<LocalDrain>, loads: &Loads) -> Self {
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
        let per_source_max = options.connections_per_source_max.div_ceil(loads.cores());
        Self {
            shared: Rc::new(Shared {
                http,
                limits: Limits {
                    head_bytes: options.head_bytes,
                    head_fields: options.head_fields,
                },
                options: options.clone(),
                drain,
                census: Census::new(per_source_max, Arc::clone(loads.evicted())),
                flooding: Arc::clone(loads.flooding()),
                requests: Arc::new(Requests::new(options.requests_per_core_max)),
            }),
            service,
        }
    }

    /// The connections that may have to make room.
    pub(super) fn census(&self) -> &Census {
        &self.shared.census
    }

    /// Serves a connection as a task of its own, until either side closes, the drain has let the current requests finish, or it
    /// must make room.
    pub(super) fn open(&self, stream: TcpStream, peer: PeerAddr, place: Place, open: &mut JoinSet<()>) {
        prepare(&stream);
        let options = &self.shared.options;
        let stream = Paced::new(stream, options.write_idle_timeout, options.write_rate_min, place);
        let proven = Arc::<Proven>::default();
        // A proxy carries many clients and is known by its address: it is never in the way.
        let seat = if options.proxy.trusts(peer.0.ip()) {
            proven.set();
            None
        } else {
            Some(self.shared.census.enter(peer.0, Arc::clone(&proven)))
        };
        let number = seat.as_ref().map(Seat::number);
        let shared = Rc::clone(&self.shared);
        let service = self.service.clone();
        let abort = open.spawn_local(async move {
            let _seat = seat;
            serve(&shared, service, stream, peer, proven).await;
        });
        if let Some(number) = number {
            self.shared.census.attach((peer.0, number), abort);
        }
    }
}

async fn serve<S: CoreService>(
    shared: &Rc<Shared>,
    service: S,
    stream: Paced<TcpStream, Place>,
    peer: PeerAddr,
    proven: Arc<Proven>,
) {
    let options = &shared.options;
    let accepted = Instant::now();
    let tls = options.tls.as_deref();
    let deadline = accepted + options.head_timeout;
    let outcome = tokio::select! {
        biased;
        outcome = establish(stream, tls, &options.protocols, deadline) => outcome,
        () = shared.drain.closes_idle(|| accepted) => return,
    };
    let established = match outcome {
        Ok(established) => established,
        Err(error) => {
            if let (EstablishError::Handshake(_), Some(tls)) = (&error, tls) {
                tls.count_failed();
            }
            return tracing::debug!(%error, "a client connection was not established");
        }
    };
    let facts = ConnectionFacts::new(
        peer.0,
        established.encrypted,
        proven,
        Arc::clone(&shared.requests),
    );
    match established.protocol {
        Protocol::Http1 => http1(shared, service, established.stream, facts, accepted).await,
        Protocol::H2 => {
            let streams = Streams::new(options);
            let service = asked(Rc::clone(shared), service, facts, Some(streams.clone()));
            let serving = http2::serve(
                established.stream,
                service,
                streams,
                options,
                accepted,
                &shared.drain,
                &shared.flooding,
            );
            if let Err(error) = Box::pin(serving).await {
                tracing::debug!(%error, "a client connection failed");
            }
        }
    }
}

async fn http1<S: CoreService>(
    shared: &Rc<Shared>,
    service: S,
    stream: Client,
    facts: ConnectionFacts,
    accepted: Instant,
) {
    let exchanges = Exchanges::new(accepted);
    let stream = Guarded::new(
        stream,
        shared.limits,
        shared.options.head_timeout,
        accepted,
        exchanges.clone(),
    );
    let service = guarded(Rc::clone(shared), service, facts, exchanges.clone());
    let connection = shared
        .http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        biased;
        // First, so that a request which is there is seen before its connection counts as idle.
        outcome = connection.as_mut() => outcome,
        () = shared.drain.closes_idle(|| exchanges.last_answer()) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a client connection failed");
    }
}

/// Asks `service` about each request that came over HTTP/1, but about no stand-in for a refused one.
fn guarded<S: CoreService>(
    shared: Rc<Shared>,
    service: S,
    facts: ConnectionFacts,
    exchanges: Exchanges,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Answer<Served>>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Answer<Served>>, Infallible>>,
> {
    let service = asked(Rc::clone(&shared), service, facts.clone(), None);
    service_fn(move |request: Request<Incoming>| {
        let asked = match exchanges.begin() {
            Ok(exchange) => Ok((exchange, service.call(request))),
            Err((exchange, reason)) => {
                let refusal = shared.options.head_refusal.respond(reason);
                let response = Served::wrap(refusal, facts.count(), None, &shared.options);
                Err(exchange.answer(response))
            }
        };
        let shared = Rc::clone(&shared);
        async move {
            let (exchange, answer) = match asked {
                Ok(asked) => asked,
                Err(refused) => return Ok(refused),
            };
            let mut answer = answer.await?;
            if shared.drain.has_begun() && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(exchange.answer(answer))
        }
    })
}

/// Asks `service` about each request, with what is known of its connection; `streams` are those of an HTTP/2 connection.
fn asked<S: CoreService>(
    shared: Rc<Shared>,
    service: S,
    facts: ConnectionFacts,
    streams: Option<Streams>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Served>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Served>, Infallible>> + 'static,
> {
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(facts.clone());
        let counted = facts.count();
        let slot = streams.as_ref().map(Streams::slot);
        let answer = service.clone().oneshot(request);
        let shared = Rc::clone(&shared);
        async move { Ok(Served::wrap(answer.await?, counted, slot, &shared.options)) }
    })
}
