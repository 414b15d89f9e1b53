//! Outermost of all: sees each request's end, when the last byte of its answer was taken or given up, and hands what became of
//! it to the log and the traces. Where neither is configured it is one comparison.
//!
//! It also says which trace the request belongs to: what a client asks for is followed within bounds, and an upstream hears of
//! the gateway's own span.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tower::{Layer, Service};

use super::Core;
use crate::config::RequestLog;
use crate::runtime::ConnectionFacts;
use crate::telemetry::notes::{Notes, Span};
use crate::telemetry::{
    Ids, Parent, Record, Sampling, TRACEPARENT, TRACESTATE, TraceContext, method_word, protocol_word,
    traceparent,
};
use crate::upstream::{BodyError, Outgoing, Relayed, ResponseBody};

/// Makes [`Observe`].
#[derive(Debug, Clone)]
pub struct ObserveLayer(Rc<Core>);

impl ObserveLayer {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self(Rc::clone(core))
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        let ratio = self.0.gateway.telemetry.trace_ratio;
        Observe {
            core: Rc::clone(&self.0),
            draw: Rc::new((Ids::new(), Sampling::new(ratio))),
            inner,
        }
    }
}

/// Sees each request's begin and end.
#[derive(Debug, Clone)]
pub struct Observe<S> {
    core: Rc<Core>,
    draw: Rc<(Ids, Sampling)>,
    inner: S,
}

impl<S> Observe<S> {
    fn begin(&self, request: &mut Request<Incoming>) -> Option<Box<Watch>> {
        let gateway = &self.core.gateway;
        let (ids, sampling) = &*self.draw;
        let parent = Parent::of(request.headers());
        let trusted = request
            .extensions()
            .get::<ConnectionFacts>()
            .is_some_and(|connection| {
                let peer = connection.peer().ip().to_canonical();
                self.core.live().config.proxy.trusts(peer)
            });
        let context = sampling.context(parent, trusted, ids);
        if gateway.telemetry.exporter.is_some() {
            propagate(request.headers_mut(), parent, &context);
        }
        let logged = match gateway.telemetry.requests {
            RequestLog::Off => false,
            RequestLog::Refused | RequestLog::All => true,
            RequestLog::Sampled => gateway.telemetry.log_ratio.takes(ids.next()),
        };
        if !logged && !context.sampled {
            return None;
        }
        let notes = Notes::default();
        request.extensions_mut().insert(notes.clone());
        Some(Box::new(Watch {
            core: Rc::clone(&self.core),
            notes,
            context,
            logged,
            method: method_word(request.method()),
            protocol: protocol_word(request.version()),
            bytes_in: request.body().size_hint().exact(),
            started_at_us: gateway.clock.now_us(),
            from_us: gateway.clock.monotonic_us(),
            finished: false,
        }))
    }
}

/// Tells the upstream its place in the trace. One that is not recorded here is passed on as such, whatever the client wished.
fn propagate(headers: &mut HeaderMap, parent: Option<Parent>, context: &TraceContext) {
    let header = match parent {
        _ if context.sampled => traceparent::header(context.trace, context.upstream, true),
        Some(parent) => traceparent::header(parent.trace, parent.span, false),
        None => None,
    };
    if parent.is_none() {
        // Without a context it means nothing, and a malformed one is not passed on.
        headers.remove(&TRACESTATE);
        headers.remove(&TRACEPARENT);
    }
    if let Some(header) = header {
        headers.insert(TRACEPARENT, header);
    }
}

impl<S> Service<Request<Incoming>> for Observe<S>
where
    S: Service<Request<Incoming>, Response = Response<ResponseBody>, Error = std::convert::Infallible>,
    S::Future: Unpin,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ObserveFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        let watched = self.core.gateway.telemetry.watches();
        let watch = watched.then(|| self.begin(&mut request)).flatten();
        ObserveFuture {
            inner: self.inner.call(request),
            watch,
        }
    }
}

/// The response of [`Observe`].
#[derive(Debug)]
pub struct ObserveFuture<F> {
    // Dropped first: what it notes on its way out still counts.
    inner: F,
    watch: Option<Box<Watch>>,
}

impl<F, E> Future for ObserveFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody>, E>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.inner).poll(context);
        match (answer, self.watch.take()) {
            (Poll::Ready(Ok(response)), Some(watch)) => Poll::Ready(Ok(Watched::over(response, watch))),
            (answer, watch) => {
                self.watch = watch;
                answer
            }
        }
    }
}

/// A request under way.
#[derive(Debug)]
struct Watch {
    core: Rc<Core>,
    notes: Notes,
    context: TraceContext,
    logged: bool,
    method: &'static str,
    protocol: &'static str,
    bytes_in: Option<u64>,
    started_at_us: u64,
    from_us: u64,
    finished: bool,
}

/// What proxies commonly note for a client that left before it was answered.
const CLIENT_LEFT: u16 = 499;

impl Drop for Watch {
    fn drop(&mut self) {
        self.finish(CLIENT_LEFT, 0, false);
    }
}

impl Watch {
    /// Hands the request over, once.
    fn finish(&mut self, status: u16, bytes_out: u64, whole: bool) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let gateway = &self.core.gateway;
        let noted = self.notes.take();
        let logged = self.logged && (gateway.telemetry.requests != RequestLog::Refused || noted.refused);
        let record = Record {
            noted,
            context: self.context,
            logged,
            method: self.method,
            protocol: self.protocol,
            status,
            policy_version: gateway.policies.active().version(),
            started_at_us: self.started_at_us,
            span: Span {
                from_us: self.from_us,
                to_us: gateway.clock.monotonic_us(),
            },
            bytes_in: self.bytes_in,
            bytes_out,
            whole,
        };
        gateway.telemetry.finish(record);
    }
}

/// A response's body on its way, and who waits for its end.
#[derive(Debug)]
pub struct Watched {
    body: Relayed,
    status: u16,
    bytes: u64,
    watch: Option<Box<Watch>>,
}

impl Watched {
    fn over(response: Response<ResponseBody>, mut watch: Box<Watch>) -> Response<ResponseBody> {
        let status = response.status().as_u16();
        response.map(|body| match body {
            ResponseBody::Streaming(Outgoing::Relayed(body)) => {
                ResponseBody::Streaming(Outgoing::Watched(Box::new(Self {
                    body,
                    status,
                    bytes: 0,
                    watch: Some(watch),
                })))
            }
            // The gateway's own answers are complete already.
            complete @ (ResponseBody::Empty | ResponseBody::Full(_) | ResponseBody::Streaming(_)) => {
                let bytes = complete.size_hint().exact().unwrap_or_default();
                watch.finish(status, bytes, true);
                complete
            }
        })
    }

    /// What is watched.
    pub(crate) const fn relayed(&self) -> &Relayed {
        &self.body
    }

    fn end(&mut self, whole: bool) {
        if let Some(mut watch) = self.watch.take() {
            watch.finish(self.status, self.bytes, whole);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // hyper does not ask for more once the announced length was taken.
        let whole = self.body.is_end_stream();
        self.end(whole);
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.bytes = self
                    .bytes
                    .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            }
            Poll::Ready(None) => self.end(true),
            Poll::Ready(Some(Err(_))) => self.end(false),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
