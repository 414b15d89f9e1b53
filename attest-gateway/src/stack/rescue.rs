//! Refuses what an overloaded core has no time for, turns every refusal into its response, counts it, and states the
//! policy version on every response.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use attest_core::problem::ProblemCode;
use attest_core::token::{PROOF_HEADER, SESSION_HEADER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::{Layer, Service};

use super::Core;
use super::hygiene::Inbound;
use super::step::Layered;
use crate::decisions::{Decision, Outcome};
use crate::refusal::Refusal;
use crate::runtime::{ConnectionFacts, Pressure};
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
        let connection = parts.extensions.get::<ConnectionFacts>();
        let peer = connection.map(ConnectionFacts::peer);
        let notes = Notes::of(&parts.extensions).cloned();
        let work = match connection.and_then(|connection| shed(connection.pressure(), &parts.headers)) {
            Some(refusal) => Work::Shed(Some(refusal)),
            None => Work::Serve(Box::pin(self.inner.call(Inbound { parts, body, peer }))),
        };
        RescueFuture {
            begun: Instant::now(),
            core: Rc::clone(&self.core),
            notes,
            work,
        }
    }
}

/// The response of [`Rescue`].
pub struct RescueFuture<F> {
    begun: Instant,
    core: Rc<Core>,
    notes: Option<Notes>,
    work: Work<F>,
}

enum Work<F> {
    // One box for the whole stack: the future is several KiB and moves through hyper.
    Serve(Pin<Box<F>>),
    /// Nothing is done for it.
    Shed(Option<Refusal>),
}

impl<F> std::fmt::Debug for RescueFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RescueFuture")
    }
}

impl<F: Future<Output = Result<Response<ResponseBody>, Refusal>>> Future for RescueFuture<F> {
    type Output = Result<Response<ResponseBody>, std::convert::Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.work {
            Work::Serve(inner) => ready!(inner.as_mut().poll(context)),
            Work::Shed(refusal) => match refusal.take() {
                Some(refusal) => Err(refusal),
                // Polled after its end, which no caller does.
                None => return Poll::Pending,
            },
        };
        let (core, notes) = (&self.core, self.notes.as_ref());
        core.metrics.requests.record(self.begun.elapsed());
        let version = core.gateway.policies.active().version();
        let mut response = answer.unwrap_or_else(|refusal| rescue(core, notes, refusal, version));
        response
            .headers_mut()
            .insert(POLICY_HEADER, HeaderValue::from(version));
        Poll::Ready(Ok(response))
    }
}

/// The refusal of a request for which this core is too busy: first of those that carry no token, then of all.
fn shed(pressure: Pressure, headers: &HeaderMap) -> Option<Refusal> {
    let carries_token = || {
        [SESSION_HEADER, PROOF_HEADER]
            .into_iter()
            .any(|name| headers.contains_key(name))
    };
    let sheds = match pressure {
        Pressure::Normal => false,
        Pressure::High => !carries_token(),
        Pressure::Full => true,
    };
    sheds.then(|| Refusal::new(ProblemCode::Overloaded, "core-overloaded"))
}

fn rescue(core: &Core, notes: Option<&Notes>, refusal: Refusal, version: u64) -> Response<ResponseBody> {
    core.metrics.refused(&refusal);
    let (code, reason) = (refusal.code, refusal.reason);
    let (gateway, now_s) = (&core.gateway, core.now_s());
    let support = refusal.support(&core.live().support, version, now_s, &gateway.rng);
    let outcome = Outcome::Refused(refusal.code);
    core.decisions.note(
        outcome,
        || now_s,
        |now_s| Decision {
            at_s: now_s,
            outcome,
            cause: Some(refusal.cause(version, now_s)),
            route: None,
            party: refusal.party.as_deref().cloned(),
            shadows: Vec::new(),
            support: Some(support.clone()),
            policy_version: version,
        },
    );
    match notes {
        Some(notes) => notes.write(|noted| {
            noted.code = Some(code);
            noted.reason = Some(reason);
            noted.refused = true;
            noted.support = Some(support.clone());
        }),
        None => tracing::debug!(code = code.as_str(), reason, policy = version, "refused"),
    }
    refusal.into_response(support)
}
