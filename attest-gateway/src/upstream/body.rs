//! Bodies on their way through: streamed frame by frame, bounded in size and in every pause, never boxed.
//!
//! No trailer in the gateway's own name (`attest-…`, in any spelling) passes in either direction.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::pool::Lease;
use crate::runtime::idle::{IdleTimer, Stalled};
use crate::stack::observe::Watched;

/// Why a body ended before its end. The connection it was sent on cannot be used again.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More bytes than allowed.
    #[error("the body is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// Its sender paused for too long.
    #[error("the body stood still for too long")]
    Idle,
    /// It came steadily, but too slowly, or took too long.
    #[error("the body took too long")]
    Slow,
    /// Its connection failed or its framing was wrong.
    #[error("the body broke off: {0}")]
    Broken(#[source] hyper::Error),
}

impl BodyError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "body-too-large",
            Self::Idle => "body-idle",
            Self::Slow => "body-slow",
            Self::Broken(_) => "body-broken",
        }
    }
}

/// Bounds of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Size of the whole body.
    pub max_bytes: u64,
    /// Longest pause.
    pub idle: Duration,
    /// Longest time for the whole body.
    pub total: Duration,
    /// Least rate, bytes per second; time lost below it counts as a pause.
    pub rate_min: u64,
}

/// A body: none, whole, or as it comes.
#[derive(Debug)]
pub enum Payload<S> {
    /// None.
    Empty,
    /// One that is held whole. `None` once taken.
    Full(Option<Bytes>),
    /// The other side's, as it comes.
    Streaming(S),
}

/// The body of a request to an upstream; whole where a token is bound to it.
pub type RequestBody = Payload<Streaming>;

/// The body of a response to a client; whole where it is the gateway's own.
pub type ResponseBody = Payload<Outgoing>;

impl<S> Payload<S> {
    /// A body that is held whole.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() {
            Self::Empty
        } else {
            Self::Full(Some(bytes))
        }
    }
}

impl<S: Body<Data = Bytes, Error = BodyError> + Unpin> Body for Payload<S> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streaming(stream) => Pin::new(stream).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_none(),
            Self::Streaming(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => full_size(bytes.as_ref()),
            Self::Streaming(stream) => stream.size_hint(),
        }
    }
}

/// A client's body, as it comes.
#[derive(Debug)]
pub struct Streaming {
    paced: Paced,
    sent: Option<Progress>,
}

/// How a request and its response fare. Each of them may stand still for as long as the other one moves.
#[derive(Debug, Clone)]
pub(super) struct Progress(Rc<Fare>);

#[derive(Debug)]
struct Fare {
    moved: Cell<Instant>,
    failed: Cell<Option<&'static str>>,
    response: Cell<Stage>,
}

/// How far a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Awaited,
    Begun,
    Over,
}

impl Progress {
    pub(super) fn begin() -> Self {
        Self(Rc::new(Fare {
            moved: Cell::new(Instant::now()),
            failed: Cell::new(None),
            response: Cell::new(Stage::Awaited),
        }))
    }

    /// When the request last moved towards its upstream: the response is awaited from then.
    pub(super) fn last(&self) -> Instant {
        self.0.moved.get()
    }

    /// The code of what went wrong with the request's body.
    pub(super) fn failed(&self) -> Option<&'static str> {
        self.0.failed.get()
    }
}

impl RequestBody {
    /// The client's body, to be streamed within `limits`. Its time starts now.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] when it announces more than it may have.
    pub fn streaming(incoming: Incoming, limits: BodyLimits) -> Result<Self, BodyError> {
        if incoming.is_end_stream() {
            return Ok(Self::Empty);
        }
        if incoming.size_hint().lower() > limits.max_bytes {
            return Err(BodyError::TooLarge {
                max_bytes: limits.max_bytes,
            });
        }
        let timer = IdleTimer::new(limits.idle, Some(limits.total)).with_rate(limits.rate_min);
        let paced = Paced {
            incoming,
            max_bytes: limits.max_bytes,
            seen_bytes: 0,
            timer,
        };
        Ok(Self::Streaming(Streaming { paced, sent: None }))
    }

    /// The same body once more, if nobody has to send it again.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Full(bytes) => Some(Self::Full(bytes.clone())),
            Self::Streaming(_) => None,
        }
    }

    pub(super) fn track(&mut self) -> Progress {
        let progress = Progress::begin();
        if let Self::Streaming(streaming) = self {
            streaming.sent = Some(progress.clone());
        }
        progress
    }
}

impl Body for Streaming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let response = self
            .sent
            .as_ref()
            .map_or(Stage::Awaited, |Progress(fare)| fare.response.get());
        if response != Stage::Awaited {
            self.paced.timer.pauses_only();
        }
        // The response has its own limit on pauses, and this request's bytes end them.
        let polled = self.paced.poll_frame(cx, || response == Stage::Begun);
        if let (Poll::Ready(frame), Some(Progress(fare))) = (&polled, &self.sent) {
            fare.moved.set(Instant::now());
            if let Some(Err(error)) = frame {
                fare.failed.set(Some(error.code()));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.paced.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.paced.incoming.size_hint()
    }
}

/// An upstream's body on its way to a client.
#[derive(Debug)]
pub enum Outgoing {
    /// As it comes.
    Relayed(Relayed),
    /// The same, while somebody waits for its end.
    Watched(Box<Watched>),
}

impl Outgoing {
    fn relayed(&self) -> &Relayed {
        match self {
            Self::Relayed(relayed) => relayed,
            Self::Watched(watched) => watched.relayed(),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Relayed(relayed) => Pin::new(relayed).poll_frame(cx),
            Self::Watched(watched) => Pin::new(&mut **watched).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Relayed(relayed) => relayed.is_end_stream(),
            Self::Watched(watched) => watched.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Relayed(relayed) => relayed.size_hint(),
            Self::Watched(watched) => watched.size_hint(),
        }
    }
}

/// An upstream's body, as it comes, and the connection it comes on.
#[derive(Debug)]
pub struct Relayed {
    paced: Paced,
    lease: Lease,
    request: Progress,
}

impl ResponseBody {
    /// Whether it comes from an upstream.
    #[must_use]
    pub const fn is_relayed(&self) -> bool {
        matches!(self, Self::Streaming(_))
    }

    /// Whether the request to the upstream that it comes from moved within this time.
    #[must_use]
    pub fn request_moved_within(&self, pause: Duration) -> bool {
        match self {
            Self::Streaming(outgoing) => outgoing.relayed().request.last().elapsed() < pause,
            Self::Empty | Self::Full(_) => false,
        }
    }

    pub(super) fn relayed(incoming: Incoming, idle: Duration, lease: Lease, request: Progress) -> Self {
        request.0.response.set(Stage::Begun);
        let timer = IdleTimer::new(idle, None);
        let paced = Paced {
            incoming,
            max_bytes: u64::MAX,
            seen_bytes: 0,
            timer,
        };
        Self::Streaming(Outgoing::Relayed(Relayed {
            paced,
            lease,
            request,
        }))
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.request.0.response.set(Stage::Over);
        // Only a connection whose response was taken to its end can serve another request.
        if self.paced.incoming.is_end_stream() {
            self.lease.give_back();
        }
    }
}

impl Body for Relayed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self { paced, request, .. } = &mut *self;
        let idle = paced.timer.idle();
        let polled = paced.poll_frame(cx, || request.last().elapsed() < idle);
        if let Poll::Ready(None) = polled {
            self.lease.give_back();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.paced.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.paced.incoming.size_hint()
    }
}

fn full_size(bytes: Option<&Bytes>) -> SizeHint {
    SizeHint::with_exact(bytes.map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)))
}

/// A body from the network, bounded.
#[derive(Debug)]
struct Paced {
    incoming: Incoming,
    max_bytes: u64,
    seen_bytes: u64,
    timer: IdleTimer,
}

impl Paced {
    /// The next frame; a pause that is too long is an error, unless it is `forgiven`.
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        forgiven: impl Fn() -> bool,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            loop {
                let stalled = ready!(self.timer.poll_stalled(cx));
                if forgiven() {
                    self.timer.moved();
                    continue;
                }
                return Poll::Ready(Some(Err(match stalled {
                    Stalled::Idle => BodyError::Idle,
                    Stalled::Slow | Stalled::Total => BodyError::Slow,
                })));
            }
        };
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        self.timer.moved_by(bytes);
        Poll::Ready(frame.map(|frame| self.admit(frame.map_err(BodyError::Broken)?)))
    }

    fn admit(&mut self, mut frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        if let Some(bytes) = frame.data_ref() {
            let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.seen_bytes = self.seen_bytes.saturating_add(len);
            if self.seen_bytes > self.max_bytes {
                return Err(BodyError::TooLarge {
                    max_bytes: self.max_bytes,
                });
            }
        } else if let Some(trailers) = frame.trailers_mut() {
            remove_reserved(trailers);
        }
        Ok(frame)
    }
}

/// Removes every field in the gateway's own name.
pub(super) fn remove_reserved(fields: &mut HeaderMap) {
    let reserved: Vec<_> = fields
        .keys()
        .filter(|name| is_reserved(name.as_str()))
        .cloned()
        .collect();
    for name in reserved {
        fields.remove(name);
    }
}

/// Whether a field name is the gateway's own: lower-cased, and with `_` read as `-`, it starts with `attest-`.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    const PREFIX: &[u8] = b"attest-";
    let bytes = name.as_bytes();
    let spelled = |byte: &u8| {
        if *byte == b'_' {
            b'-'
        } else {
            byte.to_ascii_lowercase()
        }
    };
    bytes.len() >= PREFIX.len()
        && bytes
            .iter()
            .map(spelled)
            .zip(PREFIX)
            .all(|(byte, own)| byte == *own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_names_are_known_in_any_spelling() {
        let check = |name: &str, expect| assert_eq!(is_reserved(name), expect, "{name}");
        check("attest-token", true);
        check("Attest-Device", true);
        check("ATTEST_APP", true);
        check("attest_", true);
        check("attest-", true);
        check("attest", false);
        check("attestation-x", false);
        check("oauth-client-attestation", false);
        check("x-attest-token", false);
        check("", false);
    }
}
