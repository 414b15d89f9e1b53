//! Compares a verified token with the request it came with. Where the route binds the body, the body is buffered up to the
//! policy's bound and compared before the upstream sees its first byte; everywhere else it streams.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use attest_core::encoding::sha256_base64url;
use attest_core::problem::ProblemCode;
use attest_core::token::Verified;
use attest_core::token::binding::{Bind, BindingError, Bound, RequestToBind};
use bytes::Bytes;
use futures_util::future::Either;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response};
use hyper::body::Incoming;
use tower::{Layer, Service};

use super::hygiene::{Clean, Credentials, WebSocket};
use super::read::whole_body;
use super::route::RouteHandle;
use super::step::Answer;
use super::verify::{Standing, VerifiedRequest, too_weak};
use super::{Core, PeerAddress};
use crate::faults::Fault;
use crate::refusal::Refusal;
use crate::upstream::ResponseBody;

/// A request whose token belongs to it.
#[derive(Debug)]
pub struct BoundRequest {
    /// Head.
    pub parts: Parts,
    /// Body, streaming or buffered.
    pub body: PendingBody,
    /// The peer of the connection.
    pub peer: PeerAddress,
    /// What the client presented.
    pub credentials: Credentials,
    /// Its route.
    pub route: RouteHandle,
    /// What its token is worth.
    pub standing: Standing<Bound>,
    /// The upgrade that it asks for.
    pub upgrade: Option<WebSocket>,
}

/// A body on its way to the upstream.
#[derive(Debug)]
pub enum PendingBody {
    /// Unread.
    Streaming(Incoming),
    /// Read and compared.
    Buffered(Bytes),
}

/// Makes [`BindService`].
#[derive(Debug, Clone)]
pub struct BindLayer(Rc<Core>);

impl BindLayer {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self(Rc::clone(core))
    }
}

impl<S> Layer<S> for BindLayer {
    type Service = BindService<S>;

    fn layer(&self, inner: S) -> BindService<S> {
        BindService {
            core: Rc::clone(&self.0),
            inner,
        }
    }
}

/// The layer with what comes after it.
#[derive(Debug, Clone)]
pub struct BindService<S> {
    core: Rc<Core>,
    inner: S,
}

impl<S> Service<VerifiedRequest> for BindService<S>
where
    S: Service<BoundRequest, Response = Response<ResponseBody>, Error = Refusal> + Clone + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Refusal;
    type Future = Either<Ready<Answer>, Either<S::Future, Pin<Box<dyn Future<Output = Answer>>>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, verified: VerifiedRequest) -> Self::Future {
        let VerifiedRequest {
            request,
            route,
            standing,
        } = verified;
        let Clean {
            parts,
            body,
            peer,
            credentials,
            upgrade,
        } = request;
        let mut head = Head {
            parts,
            peer,
            credentials,
            route,
            standing,
            upgrade,
        };
        let binds_body = head.route.route().is_some_and(|route| route.binds(Bind::Body));
        if let (true, Some(reason)) = (binds_body, head.streams()) {
            match head.without_streaming(reason) {
                Ok(noted) => head = noted,
                Err(refusal) => return Either::Left(ready(Err(refusal))),
            }
        }
        let bind_body = binds_body && matches!(head.standing, Standing::Attested(_));
        if bind_body {
            let (core, mut inner) = (Rc::clone(&self.core), self.inner.clone());
            return Either::Right(Either::Right(Box::pin(async move {
                let max_bytes = head
                    .route
                    .policy()
                    .compiled()
                    .policy()
                    .limits
                    .body_bound_max_bytes;
                let live = core.live();
                let limits = &live.config.limits;
                let whole = whole_body(body, max_bytes, limits)
                    .await
                    .map_err(|refusal| refusal.on_route(head.route.name_hash()))?;
                inner.call(head.bind(PendingBody::Buffered(whole), &core)?).await
            })));
        }
        match head.bind(PendingBody::Streaming(body), &self.core) {
            Ok(bound) => Either::Right(Either::Left(self.inner.call(bound))),
            Err(refusal) => Either::Left(ready(Err(refusal))),
        }
    }
}

/// A verified request without its body.
struct Head {
    parts: Parts,
    peer: PeerAddress,
    credentials: Credentials,
    route: RouteHandle,
    standing: Standing<Verified>,
    upgrade: Option<WebSocket>,
}

impl Head {
    /// Why its body, or what follows it, cannot be held and compared.
    fn streams(&self) -> Option<&'static str> {
        let grpc = |value: &HeaderValue| {
            let (kind, _) = value.as_bytes().split_at_checked(GRPC.len())?;
            kind.eq_ignore_ascii_case(GRPC).then_some("grpc-where-body-bound")
        };
        match self.upgrade {
            Some(WebSocket) => Some("upgrade-where-body-bound"),
            None => self.parts.headers.get(CONTENT_TYPE).and_then(grpc),
        }
    }

    /// Refuses what streams on a route that binds the body; where the route only observes, its token counts for nothing.
    fn without_streaming(self, reason: &'static str) -> Result<Self, Refusal> {
        let require = self.route.get()?.route().require;
        let refuse = |_| Err(self.route.refuse(ProblemCode::StreamingRefused, reason));
        let standing = self.standing.advance(require, refuse)?;
        Ok(Self { standing, ..self })
    }

    fn bind(self, body: PendingBody, core: &Core) -> Result<BoundRequest, Refusal> {
        let Self {
            parts,
            peer,
            credentials,
            route,
            standing,
            upgrade,
        } = self;
        let compiled = route.get()?;
        let digest = match &body {
            PendingBody::Buffered(whole) => Some(sha256_base64url(whole)),
            PendingBody::Streaming(_) => None,
        };
        let compare = |token: Verified| {
            let mut authorization = parts.headers.get_all(AUTHORIZATION).iter();
            let (first, second) = (authorization.next(), authorization.next());
            if second.is_some() {
                return Err(route.refuse(ProblemCode::HeaderAmbiguous, "authorization-not-single"));
            }
            let authorization = first
                .map(|value| value.to_str())
                .transpose()
                .map_err(|_| route.refuse(ProblemCode::HeaderAmbiguous, "authorization-not-ascii"))?;
            token
                .bind(&RequestToBind {
                    method: parts.method.as_str(),
                    origins: compiled.origins(),
                    path: parts.uri.path(),
                    query: parts.uri.query(),
                    body_digest: digest.as_deref(),
                    authorization,
                    required: &compiled.route().bind,
                })
                .map_err(|error| {
                    if let BindingError::Missing(_) = error {
                        too_weak(&route, compiled, error.code())
                    } else {
                        route.refuse(ProblemCode::TokenBinding, error.code())
                    }
                })
        };
        let standing = match standing.advance(compiled.route().require, compare) {
            Err(_) if core.gateway.faults.has(Fault::SkipBinding) => Standing::Public,
            standing => standing?,
        };
        Ok(BoundRequest {
            parts,
            body,
            peer,
            credentials,
            route,
            standing,
            upgrade,
        })
    }
}

/// Media types of gRPC begin so.
const GRPC: &[u8] = b"application/grpc";
