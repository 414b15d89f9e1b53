//! Calls of the attestation service leave the stack here: they carry no token and match no route.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::Response;
use tower::{Layer, Service};

use super::hygiene::Clean;
use super::step::Answer;
use super::{Core, admit};
use crate::attestation::{self, Call};
use crate::refusal::Refusal;
use crate::telemetry::notes::Notes;
use crate::upstream::ResponseBody;

/// Makes [`ServiceRoute`].
#[derive(Debug, Clone)]
pub struct ServiceLayer(Rc<Core>);

impl ServiceLayer {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self(Rc::clone(core))
    }
}

impl<S> Layer<S> for ServiceLayer {
    type Service = ServiceRoute<S>;

    fn layer(&self, inner: S) -> ServiceRoute<S> {
        ServiceRoute {
            core: Rc::clone(&self.0),
            inner,
        }
    }
}

/// The attestation service, or what comes after it.
#[derive(Debug, Clone)]
pub struct ServiceRoute<S> {
    core: Rc<Core>,
    inner: S,
}

impl<S> Service<Clean> for ServiceRoute<S>
where
    S: Service<Clean, Response = Response<ResponseBody>, Error = Refusal>,
{
    type Response = Response<ResponseBody>;
    type Error = Refusal;
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = Answer>>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Clean) -> Self::Future {
        let base = &self.core.base_path;
        let path = request.parts.uri.path();
        let Some(call) = path
            .strip_prefix(base.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
        else {
            return Either::Left(self.inner.call(request));
        };
        let name = call.to_owned();
        Notes::note(&request.parts.extensions, |noted| {
            if let Some(known) = attestation::known_call(&name) {
                noted.route = Some(format!("attestation:{known}"));
                noted.pattern = Some(format!("{base}/{known}"));
            }
        });
        let source = admit::client_address(&self.core, &request.parts.headers, request.peer);
        let gateway = std::sync::Arc::clone(&self.core.gateway);
        let call = Call {
            name,
            parts: request.parts,
            body: request.body,
            source,
        };
        Either::Right(Box::pin(attestation::answer(gateway, call)))
    }
}
