//! Sends an admitted request upstream and gives its response back without anything that only the gateway may say. Nothing is
//! ever sent twice.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use attest_core::problem::ProblemCode;
use http::{Request, Response};
use hyper::body::Body as _;
use tokio::time::Instant;
use tower::Service;

use super::Core;
use super::admit::Admitted;
use super::hygiene::{WebSocket, remove_hop_by_hop, remove_ours};
use super::step::Answer;
use crate::faults::Fault;
use crate::refusal::Refusal;
use crate::tally::Passed;
use crate::telemetry::notes::{Notes, Phase};
use crate::upstream::{self, RequestBody, ResponseBody, Upgrade, Upstream, UpstreamError};

/// The innermost service.
#[derive(Debug, Clone)]
pub struct Forward {
    core: Rc<Core>,
}

impl Forward {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self {
            core: Rc::clone(core),
        }
    }
}

impl Service<Admitted> for Forward {
    type Response = Response<ResponseBody>;
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Answer>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, admitted: Admitted) -> Self::Future {
        Box::pin(forward(Rc::clone(&self.core), admitted))
    }
}

async fn forward(core: Rc<Core>, admitted: Admitted) -> Answer {
    let attested = admitted.is_attested();
    let (request, route, spent, upgrade) = admitted.into_parts();
    let name = &route.get()?.route().upstream;
    let Some(pool) = core.upstreams.named(name) else {
        return Err(route.refuse(ProblemCode::UpstreamUnavailable, "upstream-unknown"));
    };
    if core.gateway.faults.has(Fault::SendTwice)
        && let Some(copy) = copy_without_body(&request)
    {
        drop(pool.send(copy).await);
    }
    let metrics = core.metrics.upstream(name);
    let begun = Instant::now();
    Notes::note(request.extensions(), |noted| noted.upstream = Some(name.clone()));
    let timing = Notes::time(request.extensions(), Phase::Upstream, &*core.gateway.clock);
    let answer = match upgrade {
        _ if !attested && pool.is_crowded() => Err(UpstreamError::Saturated),
        Some(WebSocket) => upgraded(&core, pool, request).await,
        None => pool.send(request).await.map(cleaned),
    };
    if let Some(timing) = timing {
        timing.notes().write(|noted| {
            noted.upstream_status = answer.as_ref().ok().map(|response| response.status().as_u16());
        });
    }
    match answer {
        Ok(response) => {
            if let Some(metrics) = metrics {
                metrics.responses.record(begun.elapsed());
                metrics.answered(response.status());
            }
            Ok(response)
        }
        Err(error) => {
            if let Some(metrics) = metrics {
                metrics.failed(error.code());
            }
            if let (false, Some(spent)) = (error.sent(), spent) {
                core.gateway.single_use.release(spent.as_bytes());
            }
            let now_ms = core.gateway.clock.monotonic_ms();
            core.gateway.telemetry.upstream_failed(name, &error, now_ms);
            Err(route.refuse(problem_code(&error), error.code()))
        }
    }
}

/// Asks for the upgrade; where the upstream agrees, both connections are joined once the client has heard so.
async fn upgraded(
    core: &Core,
    pool: &Upstream,
    mut request: Request<RequestBody>,
) -> Result<Response<ResponseBody>, UpstreamError> {
    let client = hyper::upgrade::on(&mut request);
    match pool.upgrade(request).await? {
        Upgrade::Declined(response) => Ok(cleaned(response)),
        Upgrade::Agreed(response, tunnel) => {
            let mut response = cleaned(response);
            upstream::ask_upgrade(response.headers_mut());
            core.metrics.tally.pass(Passed::Upgraded);
            tunnel.join(client, core.live().config.limits.write_idle());
            Ok(response)
        }
    }
}

/// The same request once more, for the fault that sends it twice.
fn copy_without_body(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    request.body().is_end_stream().then(|| {
        let mut copy = Request::new(RequestBody::Empty);
        copy.method_mut().clone_from(request.method());
        copy.uri_mut().clone_from(request.uri());
        copy.headers_mut().clone_from(request.headers());
        copy
    })
}

/// A response without what concerns the upstream's connection alone, or what only the gateway may say.
fn cleaned(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    remove_hop_by_hop(response.headers_mut());
    remove_ours(response.headers_mut());
    response
}

fn problem_code(error: &UpstreamError) -> ProblemCode {
    match error {
        UpstreamError::ResponseTimeout | UpstreamError::ConnectTimeout => ProblemCode::UpstreamTimeout,
        UpstreamError::Saturated => ProblemCode::Overloaded,
        UpstreamError::Host => ProblemCode::HeaderAmbiguous,
        UpstreamError::RequestBody {
            code: "body-too-large",
        } => ProblemCode::BodyTooLarge,
        UpstreamError::RequestBody { .. } => ProblemCode::BodyTimeout,
        UpstreamError::Connect { .. }
        | UpstreamError::Closed { .. }
        | UpstreamError::Tls { .. }
        | UpstreamError::Protocol
        | UpstreamError::Refused
        | UpstreamError::Switched
        | UpstreamError::Malformed => ProblemCode::UpstreamUnavailable,
    }
}
