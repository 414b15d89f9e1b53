//! What the guard below the HTTP library and the service above it tell each other: which request is a stand-in for a refused
//! one, whether an answer is still on its way, and whether the connection left HTTP/1.1.
//!
//! Both ends live on one core; the atomics are there because the library moves an upgraded connection out of its hands, and
//! cost what plain cells cost.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::guard::Reason;
use crate::upstream::BodyError;

/// The exchanges of one connection.
#[derive(Debug, Clone)]
pub(super) struct Exchanges(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    accepted: Instant,
    /// Requests that the service was asked to answer, ever.
    asked: AtomicU64,
    /// Answers whose last byte was taken from the service, ever.
    answered: AtomicU64,
    /// When the last one was, microseconds after the connection was accepted.
    answered_us: AtomicU64,
    /// How many requests are good before the refused one.
    refused: OnceLock<(u64, Reason)>,
    switched: AtomicBool,
    /// Whether the guard waits for an answer's end.
    awaited: AtomicBool,
    waker: AtomicWaker,
}

/// One request on its way to its answer's end.
#[derive(Debug)]
pub(super) struct Exchange(Arc<Shared>);

impl Exchanges {
    /// None yet.
    pub(super) fn new(accepted: Instant) -> Self {
        Self(Arc::new(Shared {
            accepted,
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            answered_us: AtomicU64::new(0),
            refused: OnceLock::new(),
            switched: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }))
    }

    /// Begins an exchange, for the service to answer.
    ///
    /// # Errors
    /// The exchange with the guard's reason, if the request is the stand-in.
    pub(super) fn begin(&self) -> Result<Exchange, (Exchange, Reason)> {
        let before = add_one(&self.0.asked);
        let exchange = Exchange(Arc::clone(&self.0));
        match self.0.refused.get() {
            Some((good, reason)) if before >= *good => Err((exchange, *reason)),
            _ => Ok(exchange),
        }
    }

    /// Notes that the request after the first `good` ones is a stand-in.
    pub(super) fn refuse(&self, good: u64, reason: Reason) {
        // A connection is refused once; nothing is read after that.
        let _first = self.0.refused.set((good, reason)).is_ok();
    }

    /// Whether `requests` of them were answered to the end.
    pub(super) fn all_answered(&self, requests: u64) -> bool {
        self.0.answered.load(Ordering::Relaxed) >= requests
    }

    /// When the last answer ended; before the first, when the connection was accepted.
    pub(super) fn last_answer(&self) -> Instant {
        self.0.accepted + Duration::from_micros(self.0.answered_us.load(Ordering::Relaxed))
    }

    /// Wakes the task when the next answer has ended.
    pub(super) fn wake_with_answer(&self, cx: &Context<'_>) {
        self.0.waker.register(cx.waker());
        self.0.awaited.store(true, Ordering::Relaxed);
    }

    /// Whether the connection left HTTP/1.1: what follows is for whoever took it over.
    pub(super) fn has_switched(&self) -> bool {
        self.0.switched.load(Ordering::Relaxed)
    }
}

impl Exchange {
    /// The answer, with which the exchange ends.
    pub(super) fn answer<B>(self, response: Response<B>) -> Response<Answer<B>> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.0.switched.store(true, Ordering::Relaxed);
        }
        response.map(|body| Answer {
            body,
            _exchange: self,
        })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let shared = &self.0;
        add_one(&shared.answered);
        let after = shared.accepted.elapsed().as_micros();
        shared
            .answered_us
            .store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Relaxed);
        if shared.awaited.load(Ordering::Relaxed) {
            shared.awaited.store(false, Ordering::Relaxed);
            shared.waker.wake();
        }
    }
}

/// Adds one and returns what was there before. Nobody else writes meanwhile.
fn add_one(count: &AtomicU64) -> u64 {
    let before = count.load(Ordering::Relaxed);
    count.store(before.saturating_add(1), Ordering::Relaxed);
    before
}

/// The body of an answer. The library drops it when it has taken its last byte.
#[derive(Debug)]
pub(super) struct Answer<B> {
    body: B,
    _exchange: Exchange,
}

impl<B: Body<Data = Bytes, Error = BodyError> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
