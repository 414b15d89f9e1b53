//! What the phone binds and the gateway compares.

use attest_core::encoding::sha256_base64url;
use attest_core::jose::MacKey;
use attest_core::token::binding::{Bind, BindingClaims, OutgoingRequest, RequestToBind, normal_origin};
use attest_core::token::{TimeBounds, session};

use crate::fixture::{NOW_S, SESSION_KEY, claims, ticket, tickets};

const ALL: [Bind; 3] = [Bind::Query, Bind::Body, Bind::Authorization];

/// The lines are origin, method, path, query, authorization and body. Whatever the phone can bind, the gateway accepts for
/// exactly that request: for no other method, path, query, body, or set of origins.
pub fn request_binding(data: &[u8]) -> bool {
    let mut lines = crate::text(data).splitn(6, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (origin, method, path, query, authorization, body) = (line(), line(), line(), line(), line(), line());
    let outgoing = OutgoingRequest {
        method,
        origin,
        path,
        query: Some(query),
        body: body.as_bytes(),
        authorization: Some(authorization),
    };
    let Ok(binding) = BindingClaims::of(&outgoing, &ALL) else { return false };
    let Some(normal) = normal_origin(origin) else { return false };
    assert_eq!(normal_origin(&normal).as_ref(), Some(&normal), "two normal spellings of one origin");
    let elsewhere = [normal.replacen("://", "://elsewhere.", 1)];
    let Ok(token) = session::mint(ticket(), &MacKey::new(&SESSION_KEY), &claims(binding)) else { return false };
    let Ok(verified) = session::verify(&token, &mut tickets(), TimeBounds::default(), NOW_S) else { return false };

    let (origins, digest) = ([normal], sha256_base64url(body.as_bytes()));
    let same = RequestToBind {
        method,
        origins: &origins,
        path,
        query: Some(query),
        body_digest: Some(&digest),
        authorization: Some(authorization),
        required: &ALL,
    };
    let fits = |request: RequestToBind<'_>| verified.clone().bind(&request).is_ok();
    assert!(fits(same), "the gateway refuses what the phone bound");
    let (longer_method, longer_path, longer_query) = (format!("{method}X"), format!("{path}x"), format!("{query}&"));
    assert!(!fits(RequestToBind { method: &longer_method, ..same }), "another method");
    assert!(!fits(RequestToBind { path: &longer_path, ..same }), "another path");
    assert!(!fits(RequestToBind { query: Some(&longer_query), ..same }), "another query");
    assert!(!fits(RequestToBind { origins: &elsewhere, ..same }), "another origin");
    let other = sha256_base64url(format!("{body}x").as_bytes());
    assert!(!fits(RequestToBind { body_digest: Some(&other), ..same }), "another body");
    assert!(!fits(RequestToBind { body_digest: None, ..same }), "an unread body");
    true
}
