//! Turns every refusal into its response, counts it, and states the policy version on every response.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use tower::{Layer, Service};

use super::Core;
use super::hygiene::Inbound;
use super::step::Layered;
use crate::refusal::Refusal;
use crate::runtime::PeerAddr;
use crate::telemetry::notes::Notes;
use crate::upstream::ResponseBody;

/// States the device policy version on every response.
pub const POLICY_HEADER: HeaderName = HeaderName::from_static("attest-policy");

/// Makes [`Rescue`].
#[derive(Debug, Clone)]
pub struct RescueLayer(Rc<Core>);

impl RescueLayer {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self(Rc::clone(core))
    }
}

impl<S> Layer<S> for RescueLayer {
    type Service = Rescue<S>;

    fn layer(&self, inner: S) -> Rescue<S> {
        Rescue {
            core: Rc::clone(&self.0),
            inner,
        }
    }
}

/// Answers every request; it has no error.
#[derive(Debug, Clone)]
pub struct Rescue<S> {
    core: Rc<Core>,
    inner: S,
}

impl<S> Service<Request<Incoming>> for Rescue<S>
where
    S: Layered,
{
    type Response = Response<ResponseBody>;
    type Error = std::convert::Infallible;
    type Future = RescueFuture<S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Every layer is always ready; load is shed where it arises, not by holding a connection.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<PeerAddr>().map(|peer| peer.0);
        let notes = Notes::of(&parts.extensions).cloned();
        let inner = self.inner.call(Inbound { parts, body, peer });
        RescueFuture {
            core: Rc::clone(&self.core),
            notes,
            inner: Box::pin(inner),
        }
    }
}

/// The response of [`Rescue`].
pub struct RescueFuture<F> {
    core: Rc<Core>,
    notes: Option<Notes>,
    // One box for the whole stack: the future is several KiB and moves through hyper.
    inner: Pin<Box<F>>,
}

impl<F> std::fmt::Debug for RescueFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RescueFuture")
    }
}

impl<F: Future<Output = Result<Response<ResponseBody>, Refusal>>> Future for RescueFuture<F> {
    type Output = Result<Response<ResponseBody>, std::convert::Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match self.inner.as_mut().poll(context) {
            Poll::Ready(answer) => answer,
            Poll::Pending => return Poll::Pending,
        };
        let (core, notes) = (&self.core, self.notes.as_ref());
        let version = core.gateway.policies.active().version();
        let mut response = answer.unwrap_or_else(|refusal| rescue(core, notes, refusal, version));
        response
            .headers_mut()
            .insert(POLICY_HEADER, HeaderValue::from(version));
        Poll::Ready(Ok(response))
    }
}

fn rescue(core: &Core, notes: Option<&Notes>, refusal: Refusal, version: u64) -> Response<ResponseBody> {
    let gateway = &core.gateway;
    let (code, reason) = (refusal.code, refusal.reason);
    gateway.tally.refuse(code);
    let (response, support) = refusal.into_response(&gateway.support, version, core.now_s(), &gateway.rng);
    match notes {
        Some(notes) => notes.write(|noted| {
            noted.code = Some(code);
            noted.reason = Some(reason);
            noted.refused = true;
            noted.support = Some(support);
        }),
        None => tracing::debug!(code = code.as_str(), reason, policy = version, "refused"),
    }
    response
}
