//! The attestation service: challenge, enroll, renew, policy and keys. The order of work is size, shape, challenge, quota,
//! signature, platform proof, store: cheap refusals come first, and everything that costs milliseconds runs on the pool.

pub mod appraise;
mod challenge;
mod enrolment;
mod evidence;
mod issue;
mod publish;
mod registration;
mod renewal;

use std::net::IpAddr;
use std::sync::Arc;

use attest_core::policy::App;
use attest_core::problem::ProblemCode;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::gateway::Gateway;
use crate::policy::ActivePolicy;
use crate::refusal::Refusal;
use crate::stack::whole_body;
use crate::upstream::ResponseBody;

/// One call to the service.
#[derive(Debug)]
pub struct Call {
    /// What follows the base path.
    pub name: String,
    /// Head.
    pub parts: Parts,
    /// Body, unread.
    pub body: Incoming,
    /// The client's address, for quotas.
    pub source: Option<IpAddr>,
}

/// Every call, for logs: any other name is a client's own text.
pub const CALLS: [&str; 8] = [
    "challenge",
    "enroll",
    "renew",
    "policy/bundle",
    TUF,
    "policy/development-root.json",
    "jwks.json",
    "assertion-jwks.json",
];

/// The files of the policy repository lie below it.
const TUF: &str = "policy/tuf";

/// The call of [`CALLS`] that a name stands for.
#[must_use]
pub fn known_call(name: &str) -> Option<&'static str> {
    let is = |call: &&&str| {
        let below = name.strip_prefix(**call).filter(|_| **call == TUF);
        name == **call || below.is_some_and(|rest| rest.starts_with('/'))
    };
    CALLS.iter().find(is).copied()
}

type Answer = Result<Response<ResponseBody>, Refusal>;

/// Answers a call.
///
/// # Errors
/// The refusal, as data.
pub async fn answer(gateway: Arc<Gateway>, call: Call) -> Answer {
    match (&call.parts.method, call.name.as_str()) {
        (&Method::POST, "challenge") => challenge::answer(&gateway, call).await,
        (&Method::POST, "enroll") => enrolment::enroll(&gateway, call).await,
        (&Method::POST, "renew") => renewal::renew(&gateway, call).await,
        (&Method::GET, "policy/bundle") => publish::bundle(&gateway, &call),
        (&Method::GET, name) if let Some(path) = name.strip_prefix("policy/tuf/") => {
            publish::file(&gateway, &call, path)
        }
        (&Method::GET, "policy/development-root.json") => publish::development_root(&gateway),
        (&Method::GET, "jwks.json") => publish::keys(&gateway.live().keys.attestation_jwks()),
        (&Method::GET, "assertion-jwks.json") => publish::keys(&gateway.live().keys.assertion_jwks()),
        _ => Err(Refusal::new(ProblemCode::CallUnknown, "call-unknown")),
    }
}

/// A JSON answer that nobody may keep.
fn private_json<T: Serialize>(value: &T) -> Answer {
    let body = serde_json::to_vec(value).map_err(|_| Refusal::new(ProblemCode::Unavailable, "json"))?;
    Ok(json(Bytes::from(body), HeaderValue::from_static("no-store")))
}

fn json(body: Bytes, cache: HeaderValue) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, cache);
    response
}

/// The call's body as `T`.
async fn read<T: DeserializeOwned>(gateway: &Gateway, body: Incoming, max_bytes: u64) -> Result<T, Refusal> {
    let whole = whole_body(body, max_bytes, &gateway.live().config.limits).await?;
    serde_json::from_slice(&whole).map_err(|_| Refusal::new(ProblemCode::CallMalformed, "call-json"))
}

fn known_app<'p>(policy: &'p ActivePolicy, id: &str) -> Result<&'p App, Refusal> {
    policy
        .compiled()
        .app(id)
        .ok_or_else(|| Refusal::new(ProblemCode::AppUnknown, "app-unknown"))
}
