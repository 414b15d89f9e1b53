//! Replies of the attestation service, read into what the call returns or a [`Failure`]. Anything else than a small, well
//! formed answer is a failure, never a panic.

use attest_core::json::{self, FromJson};
use attest_core::problem::{MAX_PROBLEM_BYTES, MEDIA_TYPE, Problem, TYPE_PREFIX};

use crate::failure::{Call, Failure, ServiceRefusal};
use crate::foreign::TransportError;
use crate::http::{HttpReply, HttpRequest};

/// Longest support code that is shown.
const SUPPORT_BYTES_MAX: usize = 128;

/// A request for `call`.
pub(super) fn request(
    service_url: &str,
    call: Call,
    body: Option<Vec<u8>>,
    reply_bytes_max: usize,
) -> HttpRequest {
    let mut headers = vec![(
        "accept".to_owned(),
        "application/json, application/problem+json".to_owned(),
    )];
    if body.is_some() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    HttpRequest {
        method: if body.is_some() { "POST" } else { "GET" },
        url: format!("{service_url}/{}", call.path()),
        headers,
        body: body.unwrap_or_default(),
        reply_bytes_max: reply_bytes_max.max(MAX_PROBLEM_BYTES),
    }
}

/// The JSON that `call` answers with status 200.
pub(super) fn read<T: FromJson>(call: Call, reply: Result<HttpReply, TransportError>) -> Result<T, Failure> {
    let reply = reply?;
    if reply.status != 200 {
        return Err(refusal(call, &reply));
    }
    json::read_as(&reply.body).ok_or(Failure::Unreadable { call })
}

/// Why a reply is not the answer.
pub(super) fn refusal(call: Call, reply: &HttpReply) -> Failure {
    match problem(reply) {
        Some(problem) => Failure::Refused(ServiceRefusal {
            code: problem.code(),
            retry: problem.retry,
            support: shown(problem.support),
            retry_after_s: problem
                .retry_after_s
                .or_else(|| reply.header("retry-after")?.trim().parse().ok()),
        }),
        None if reply.status < 400 => Failure::Unreadable { call },
        None => Failure::Status {
            call,
            status: reply.status,
        },
    }
}

/// The refusal in a reply, if it is one of this system's.
pub(super) fn problem(reply: &HttpReply) -> Option<Problem> {
    let media_type = reply.header("content-type")?.split(';').next()?.trim();
    if reply.status < 400
        || !media_type.eq_ignore_ascii_case(MEDIA_TYPE)
        || reply.body.len() > MAX_PROBLEM_BYTES
    {
        return None;
    }
    let problem: Problem = json::read_as(&reply.body)?;
    problem.type_uri.starts_with(TYPE_PREFIX).then_some(problem)
}

/// Support codes end on screens and in logs: what could not be one is not shown.
fn shown(support: String) -> String {
    let is_code = support.len() <= SUPPORT_BYTES_MAX
        && support
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_code { support } else { String::new() }
}
