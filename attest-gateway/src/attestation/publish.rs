//! What anyone may read: the signed device policy and public keys.

use attest_core::environment::Environment;
use attest_core::jose::JwkSet;
use attest_core::problem::ProblemCode;
use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Response, StatusCode};

use super::{Answer, Call, json};
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::upstream::ResponseBody;

/// Keys are published before use and kept until the last token ends; a few minutes of caching fit into both.
const KEYS_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// Phones ask with the entity tag each time.
const BUNDLE_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// `GET policy/bundle`: the device policy, or 304 for a phone that has it.
pub(super) fn bundle(gateway: &Gateway, call: &Call) -> Answer {
    let policy = gateway.policies.active();
    let (body, etag) = policy.bundle();
    let same = |value: &HeaderValue| {
        value.to_str().is_ok_and(|tags| {
            tags.split(',')
                .any(|tag| tag.trim().trim_start_matches("W/") == etag)
        })
    };
    let known = call.parts.headers.get_all(IF_NONE_MATCH).iter().any(same);
    let mut response = if known {
        let mut response = Response::new(ResponseBody::Empty);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        json(body, BUNDLE_CACHE)
    };
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    Ok(response)
}

/// `GET policy/development-root.json`: the development root, for simulated phones on this machine. A real app has its root
/// built in; production has no such call.
pub(super) fn development_root(gateway: &Gateway) -> Answer {
    let live = gateway.live();
    match (&live.keys.policy_root, live.config.environment) {
        (Some(root), Environment::Development) => keys(&JwkSet {
            keys: vec![root.public()],
        }),
        _ => Err(Refusal::new(ProblemCode::CallUnknown, "call-unknown")),
    }
}

/// A JWKS.
pub(super) fn keys(keys: &JwkSet) -> Answer {
    let body = serde_json::to_vec(keys).map_err(|_| Refusal::new(ProblemCode::Unavailable, "json"))?;
    Ok(json(Bytes::from(body), KEYS_CACHE))
}
