//! Reads a whole request body within bounds of size and time.

use attest_core::problem::ProblemCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::config::Limits;
use crate::refusal::Refusal;
use crate::upstream::{BodyError, BodyLimits, RequestBody};

/// The body, at most `max_bytes` of it, within the configured pauses and total time.
///
/// # Errors
/// `BodyTooLarge` (before reading, where the length is announced), `BodyTimeout`, `RequestMalformed`.
pub(crate) async fn whole_body(body: Incoming, max_bytes: u64, limits: &Limits) -> Result<Bytes, Refusal> {
    let limits = BodyLimits {
        max_bytes,
        ..limits.streamed_body()
    };
    let mut body = RequestBody::streaming(body, limits).map_err(refusal)?;
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(part) = frame.map_err(refusal)?.into_data() {
            whole.extend_from_slice(&part);
        }
    }
    Ok(whole.freeze())
}

#[expect(clippy::needless_pass_by_value, reason = "the argument of map_err")]
fn refusal(error: BodyError) -> Refusal {
    match error {
        BodyError::TooLarge { .. } => Refusal::new(ProblemCode::BodyTooLarge, "body-beyond-bound"),
        BodyError::Idle | BodyError::Slow => Refusal::new(ProblemCode::BodyTimeout, "body-late"),
        BodyError::Broken(_) => Refusal::new(ProblemCode::RequestMalformed, "body-broken"),
    }
}
