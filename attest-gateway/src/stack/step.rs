//! What a synchronous layer is: a function from one kind of request to the next, or a refusal. Such a layer costs no allocation
//! and no boxed future.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::Response;
use tower::{Layer, Service};

use super::hygiene::Inbound;
use crate::refusal::Refusal;
use crate::upstream::ResponseBody;

/// What every service below the rescue layer answers.
pub type Answer = Result<Response<ResponseBody>, Refusal>;

/// One synchronous layer.
pub trait Step: Clone {
    /// What it takes.
    type In;
    /// What it hands on.
    type Out;

    /// Hands the request on, or refuses it.
    ///
    /// # Errors
    /// The refusal, as data.
    fn step(&self, request: Self::In) -> Result<Self::Out, Refusal>;
}

/// Puts a [`Step`] into a stack.
#[derive(Debug, Clone)]
pub struct StepLayer<T>(T);

impl<T> StepLayer<T> {
    /// A layer that runs `step` before the inner service.
    pub const fn new(step: T) -> Self {
        Self(step)
    }
}

impl<T: Step, S> Layer<S> for StepLayer<T> {
    type Service = StepService<T, S>;

    fn layer(&self, inner: S) -> Self::Service {
        StepService {
            step: self.0.clone(),
            inner,
        }
    }
}

/// A step and what comes after it.
#[derive(Debug, Clone)]
pub struct StepService<T, S> {
    step: T,
    inner: S,
}

impl<T, S> Service<T::In> for StepService<T, S>
where
    T: Step,
    S: Service<T::Out, Response = Response<ResponseBody>, Error = Refusal>,
{
    type Response = Response<ResponseBody>;
    type Error = Refusal;
    type Future = Either<Ready<Answer>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: T::In) -> Self::Future {
        match self.step.step(request) {
            Ok(next) => Either::Right(self.inner.call(next)),
            Err(refusal) => Either::Left(ready(Err(refusal))),
        }
    }
}

/// The service below the rescue layer: takes an inbound request, answers or refuses.
pub trait Layered: Service<Inbound, Response = Response<ResponseBody>, Error = Refusal> {}

impl<S: Service<Inbound, Response = Response<ResponseBody>, Error = Refusal>> Layered for S {}
