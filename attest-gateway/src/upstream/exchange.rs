//! One request and its response's head on one connection, whatever its protocol: how long it is awaited, and what a failure
//! says about whether the upstream may have acted.

use std::error::Error;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::{Duration, Instant, sleep_until};

use super::body::{BodyError, Progress, RequestBody};
use super::{UpstreamError, tls_error};

/// Why there is no response.
pub(super) enum Failed {
    /// Not a byte was written: here is the request.
    Unsent(Box<Request<RequestBody>>),
    /// The upstream said that it did not begin with it.
    Unprocessed,
    /// Anything else.
    Sent(UpstreamError),
}

/// Awaits the response's head, for at most `patience` after the request last moved.
pub(super) async fn exchange(
    response: impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>>,
    progress: &Progress,
    patience: Duration,
) -> Result<Response<Incoming>, Failed> {
    let mut response = std::pin::pin!(response);
    loop {
        tokio::select! {
            biased;
            outcome = response.as_mut() => {
                return outcome.map_err(|mut error| match error.take_message() {
                    Some(unsent) => Failed::Unsent(Box::new(unsent)),
                    None => meaning(error.error(), progress),
                });
            }
            // A body that is still on its way has moved the deadline meanwhile.
            () = sleep_until(progress.last() + patience) => {
                if progress.last() + patience <= Instant::now() {
                    return Err(Failed::Sent(UpstreamError::ResponseTimeout));
                }
            }
        }
    }
}

fn meaning(error: &hyper::Error, progress: &Progress) -> Failed {
    if let Some(code) = progress.failed() {
        return Failed::Sent(UpstreamError::RequestBody { code });
    }
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(body) = found.downcast_ref::<BodyError>() {
            return Failed::Sent(UpstreamError::RequestBody { code: body.code() });
        }
        if let Some(error) = found.downcast_ref::<h2::Error>() {
            return of_http2(error);
        }
        if let Some(error) = found.downcast_ref::<std::io::Error>().and_then(tls_error) {
            return Failed::Sent(UpstreamError::Tls {
                reason: error.to_string(),
                sent: true,
            });
        }
        cause = found.source();
    }
    Failed::Sent(if error.is_parse() {
        UpstreamError::Malformed
    } else {
        UpstreamError::Closed { sent: true }
    })
}

/// RFC 9113 section 8.7: a stream above the last one of a GOAWAY, or one reset with REFUSED_STREAM, was not processed.
fn of_http2(error: &h2::Error) -> Failed {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    if error.is_remote() && (error.is_go_away() || refused) {
        Failed::Unprocessed
    } else if error.is_library() {
        Failed::Sent(UpstreamError::Malformed)
    } else {
        Failed::Sent(UpstreamError::Closed { sent: true })
    }
}
