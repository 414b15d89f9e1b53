//! A response's body on its way to hyper: keeps its request counted until it is gone, and tells the connection whether it waits for
//! its source or for the client.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::ServerOptions;
use super::facts::Counted;
use crate::upstream::{BodyError, ResponseBody};

/// What one HTTP/2 stream's response does. hyper does not ask for a body's next frame before the client made room for it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The last frame was handed over and none was asked for since.
    handed: Cell<bool>,
    /// Bytes handed over since they were last taken notice of.
    bytes: Cell<usize>,
}

impl Slot {
    pub(super) const fn waits_for_client(&self) -> bool {
        self.handed.get()
    }

    pub(super) const fn take_bytes(&self) -> usize {
        self.bytes.replace(0)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Served {
    body: ResponseBody,
    slot: Option<Rc<Slot>>,
    /// Of a backend's response, and how long its client may pause if it keeps sending.
    end: Option<(Instant, Duration)>,
    _counted: Counted,
}

impl Served {
    /// The response with its body counted, timed and, on HTTP/2, watched.
    pub(super) fn wrap(
        response: Response<ResponseBody>,
        counted: Counted,
        slot: Option<Rc<Slot>>,
        options: &ServerOptions,
    ) -> Response<Self> {
        response.map(|body| Self {
            end: body.is_relayed().then(|| {
                let end = Instant::now() + options.response_total_timeout;
                (end, options.body_idle_timeout)
            }),
            body,
            slot,
            _counted: counted,
        })
    }

    /// Whether it has taken too long, on behalf of a client that only listens.
    fn is_late(&self) -> bool {
        self.end
            .is_some_and(|(end, pause)| Instant::now() >= end && !self.body.request_moved_within(pause))
    }
}

impl Body for Served {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut polled = Pin::new(&mut self.body).poll_frame(cx);
        // A body that comes no more has limits of its own.
        if matches!(polled, Poll::Ready(Some(Ok(_)))) && self.is_late() {
            polled = Poll::Ready(Some(Err(BodyError::Slow)));
        }
        if let Some(slot) = &self.slot {
            let bytes = if let Poll::Ready(Some(Ok(frame))) = &polled {
                frame.data_ref().map(Bytes::len)
            } else {
                None
            };
            slot.handed.set(bytes.is_some());
            slot.bytes
                .set(slot.bytes.get().saturating_add(bytes.unwrap_or_default()));
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
