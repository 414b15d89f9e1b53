//! What anyone may read: the signed device policy, as a bundle and as files of its repository, and public keys.

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
/// Who holds it asks with the entity tag each time.
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");
/// Names with a version or a hash in front never get another content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// `GET policy/bundle?root=N`: what a phone that trusts root N lacks, or 304 for one that has it.
pub(super) fn bundle(gateway: &Gateway, call: &Call) -> Answer {
    let root = trusted_root(call.parts.uri.query()).ok_or_else(malformed)?;
    let policy = gateway.policies.active();
    let published = policy.published();
    let etag = published.bundle_etag(root);
    let response = if is_known(call, &etag) {
        not_modified()
    } else {
        json(published.bundle(root).0, ASK_EACH_TIME)
    };
    Ok(tagged(response, &etag))
}

/// `GET policy/tuf/…`: a file of the policy repository, for any client of TUF.
pub(super) fn file(gateway: &Gateway, call: &Call, path: &str) -> Answer {
    let policy = gateway.policies.active();
    let file = policy.published().file(path);
    let file = file.ok_or_else(|| Refusal::new(ProblemCode::CallUnknown, "policy-file-unknown"))?;
    if is_known(call, &file.etag) {
        return Ok(tagged(not_modified(), &file.etag));
    }
    let cache = if file.immutable { FOR_EVER } else { ASK_EACH_TIME };
    Ok(tagged(json(file.bytes.clone(), cache), &file.etag))
}

/// `GET policy/development-root.json`: the first root, for simulated phones on this machine. A real app has its root built in;
/// production has no such call.
pub(super) fn development_root(gateway: &Gateway) -> Answer {
    if gateway.live().config.environment != Environment::Development {
        return Err(Refusal::new(ProblemCode::CallUnknown, "call-unknown"));
    }
    Ok(json(gateway.policies.active().published().root(), KEYS_CACHE))
}

/// A JWKS.
pub(super) fn keys(keys: &JwkSet) -> Answer {
    let body = serde_json::to_vec(keys).map_err(|_| Refusal::new(ProblemCode::Unavailable, "json"))?;
    Ok(json(Bytes::from(body), KEYS_CACHE))
}

/// The root that a phone trusts already, 0 if it names none. `None` if it cannot be told.
fn trusted_root(query: Option<&str>) -> Option<u64> {
    let mut named = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter_map(|member| member.strip_prefix("root="));
    let root = named.next();
    if named.next().is_some() {
        return None;
    }
    let plain = |root: &str| root.bytes().all(|byte| byte.is_ascii_digit());
    root.map_or(Some(0), |root| root.parse().ok().filter(|_| plain(root)))
}

fn malformed() -> Refusal {
    Refusal::new(ProblemCode::CallMalformed, "call-query")
}

/// Whether the client holds what has this entity tag.
fn is_known(call: &Call, etag: &str) -> bool {
    let same = |value: &HeaderValue| {
        value.to_str().is_ok_and(|tags| {
            tags.split(',')
                .any(|tag| tag.trim().trim_start_matches("W/") == etag)
        })
    };
    call.parts.headers.get_all(IF_NONE_MATCH).iter().any(same)
}

fn not_modified() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Empty);
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

fn tagged(mut response: Response<ResponseBody>, etag: &str) -> Response<ResponseBody> {
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_that_a_phone_trusts() {
        let check = |query: Option<&str>, expect: Option<u64>| assert_eq!(trusted_root(query), expect);
        check(None, Some(0));
        check(Some(""), Some(0));
        check(Some("root=7"), Some(7));
        check(Some("other=1&root=7"), Some(7));
        check(Some("root="), None);
        check(Some("root=+7"), None);
        check(Some("root=-7"), None);
        check(Some("root=7&root=8"), None);
        check(Some("root=18446744073709551616"), None);
    }
}
