//! Reads a whole request body within bounds of size and time.

use std::time::Duration;

use attest_core::problem::ProblemCode;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::config::Limits;
use crate::refusal::Refusal;

/// The body, at most `max_bytes` of it, within the configured pauses and total time.
///
/// # Errors
/// `BodyTooLarge` (before reading, where the length is announced), `BodyTimeout`, `RequestMalformed`.
pub(crate) async fn whole_body(
    mut body: Incoming,
    max_bytes: u64,
    limits: &Limits,
) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(ProblemCode::BodyTooLarge, "body-beyond-bound");
    let late = |_| Refusal::new(ProblemCode::BodyTimeout, "body-late");
    if body.size_hint().lower() > max_bytes {
        return Err(too_large());
    }
    let pause = Duration::from_millis(limits.body_idle_timeout_ms);
    let read = async {
        let mut whole = BytesMut::new();
        loop {
            let Some(frame) = timeout(pause, body.frame()).await.map_err(late)? else {
                return Ok(whole.freeze());
            };
            let frame = frame.map_err(|_| Refusal::new(ProblemCode::RequestMalformed, "body-broken"))?;
            let Ok(part) = frame.into_data() else { continue };
            let length = u64::try_from(whole.len().saturating_add(part.len())).unwrap_or(u64::MAX);
            if length > max_bytes {
                return Err(too_large());
            }
            whole.extend_from_slice(&part);
        }
    };
    timeout(Duration::from_millis(limits.body_total_timeout_ms), read)
        .await
        .map_err(late)?
}
