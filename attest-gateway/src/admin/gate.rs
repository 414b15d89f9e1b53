//! What every call passes, in this order: authentication, rate, scope, body, the operation itself, and for whatever may change
//! something the event that says who did it. No operation is reached in another way.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::routing::{MethodRouter, on};
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::ask::{Ask, Audit, Reply};
use super::operation::{BASE, Operation, operations};
use super::problem::{AdminCode, AdminProblem, MEDIA_TYPE};
use super::{Caller, Shared};
use crate::config::Scope;
use crate::rates::RetryAfter;
use crate::store::Event;

/// Who is at the other end of a connection, among a request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) source: IpAddr,
    /// Set once the connection showed a good token: it is not closed in favour of others any more.
    pub(super) proven: Arc<AtomicBool>,
}

/// All operations.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for operation in operations() {
        router = router.route(&format!("{BASE}{}", operation.path), method(shared, operation));
    }
    let unknown = |code, detail: &'static str| {
        let shared = Arc::clone(shared);
        move || async move { finish(&shared, "", Err(AdminProblem::new(code, detail))) }
    };
    router
        .method_not_allowed_fallback(unknown(
            AdminCode::MethodNotAllowed,
            "see GET /admin/v1/openapi.json",
        ))
        .fallback(unknown(AdminCode::NotFound, "see GET /admin/v1/openapi.json"))
}

fn method(shared: &Arc<Shared>, operation: &'static Operation) -> MethodRouter<(), Infallible> {
    let shared = Arc::clone(shared);
    on(
        operation.method.filter(),
        move |request: Request<Body>| async move {
            let (parts, body) = request.into_parts();
            let answer = pass(&shared, operation, parts, body).await;
            finish(&shared, operation.id, answer)
        },
    )
}

async fn pass(
    shared: &Arc<Shared>,
    operation: &'static Operation,
    mut parts: Parts,
    body: Body,
) -> Result<Reply, AdminProblem> {
    let Some(peer) = parts.extensions.get::<Peer>().cloned() else {
        return Err(AdminProblem::new(
            AdminCode::Unavailable,
            "the connection is not known",
        ));
    };
    let caller = authenticate(shared, operation, &parts.headers, &peer)?;
    let allowed = match (operation.scope, &caller) {
        (Some(scope), Some(caller)) if !caller.scopes.contains(&scope) => {
            let detail = format!(
                "the token `{}` does not have the scope `{}`",
                caller.name,
                scope.as_str()
            );
            Err(AdminProblem::new(AdminCode::Forbidden, detail))
        }
        _ => Ok(()),
    };
    let answer = match allowed {
        Ok(()) => {
            let patience = Duration::from_millis(shared.gateway.live().config.admin.request_timeout_ms);
            let answering = perform(shared, operation, &mut parts, body);
            tokio::time::timeout(patience, answering)
                .await
                .unwrap_or_else(|_| {
                    Err(AdminProblem::new(
                        AdminCode::Unavailable,
                        "the call took longer than admin.request_timeout_ms",
                    ))
                })
        }
        Err(problem) => Err(problem),
    };
    match (operation.scope, caller) {
        (Some(Scope::Operate | Scope::Publish), Some(caller)) => {
            record(shared, operation, caller, peer.source, answer).await
        }
        _ => answer,
    }
}

async fn perform(
    shared: &Arc<Shared>,
    operation: &'static Operation,
    parts: &mut Parts,
    body: Body,
) -> Result<Reply, AdminProblem> {
    let malformed = |detail: String| AdminProblem::new(AdminCode::Malformed, detail);
    let parameters = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|error| malformed(error.body_text()))?;
    let body = match operation.request {
        Some(_) => {
            let usual = shared.gateway.live().config.admin.body_max_bytes;
            read(body, operation.body_max_bytes.unwrap_or(usual)).await?
        }
        None => Bytes::new(),
    };
    let ask = Ask {
        shared: Arc::clone(shared),
        parameters: parameters
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        uri: parts.uri.clone(),
        body,
    };
    (operation.call)(ask).await
}

/// Whose call it is; `None` where none is needed. A good token is never refused for what others did.
fn authenticate(
    shared: &Shared,
    operation: &Operation,
    headers: &HeaderMap,
    peer: &Peer,
) -> Result<Option<Caller>, AdminProblem> {
    if operation.scope.is_none() {
        return Ok(None);
    }
    let live = shared.gateway.live();
    let config = &live.config.admin;
    let now_ms = shared.gateway.clock.monotonic_ms();
    let presented = bearer(headers);
    if let Some(caller) = presented.and_then(|token| shared.tokens.load().caller(token)) {
        peer.proven.store(true, Relaxed);
        let key = shared.rates.named_key("admin-token", &caller.name);
        return match shared
            .rates
            .allow(key, config.requests_per_token_per_minute, now_ms)
        {
            Ok(()) => Ok(Some(caller)),
            Err(retry) => Err(too_many("too many calls with this token", retry)),
        };
    }
    let open = operation.opens_on_loopback && config.metrics_without_token;
    if open && !headers.contains_key(AUTHORIZATION) && peer.source.to_canonical().is_loopback() {
        return Ok(None);
    }
    let key = shared.rates.source_key("admin-failure", peer.source);
    match shared
        .rates
        .allow(key, config.failures_per_source_per_minute, now_ms)
    {
        Ok(()) => Err(AdminProblem::new(
            AdminCode::Unauthenticated,
            "send `Authorization: Bearer` with a token of `[[admin.tokens]]`",
        )),
        Err(retry) => Err(too_many(
            "too many calls without a good token from this source",
            retry,
        )),
    }
}

/// The token, if exactly one is presented.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (first, None) = (all.next()?, all.next()) else {
        return None;
    };
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn too_many(detail: &str, retry: RetryAfter) -> AdminProblem {
    AdminProblem {
        retry_after_s: Some(retry.as_secs_up()),
        ..AdminProblem::new(AdminCode::TooManyRequests, detail)
    }
}

async fn read(body: Body, max_bytes: usize) -> Result<Bytes, AdminProblem> {
    match Limited::new(body, max_bytes).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("at most {max_bytes} bytes are read (admin.body_max_bytes)");
            Err(AdminProblem::new(AdminCode::ContentTooLarge, detail))
        }
        Err(_) => Err(AdminProblem::new(
            AdminCode::Malformed,
            "the body did not arrive whole",
        )),
    }
}

/// Keeps the event of a call, whatever became of the call, and gives its answer back once the event is durable.
async fn record(
    shared: &Shared,
    operation: &Operation,
    caller: Caller,
    source: IpAddr,
    answer: Result<Reply, AdminProblem>,
) -> Result<Reply, AdminProblem> {
    let (code, audit) = match &answer {
        Ok(reply) => ("ok", Some(&reply.audit)),
        Err(problem) => (problem.code.as_str(), None),
    };
    let none = Audit::default();
    let audit = audit.unwrap_or(&none);
    let kept = shared.gateway.store.audit(Event {
        at_s: shared.gateway.clock.now_s(),
        kind: format!("admin-{}", operation.id),
        device: audit.device.clone(),
        app: audit.app.clone(),
        code: code.to_owned(),
        detail: audit.detail.clone(),
        by: Some(caller.name),
        from: Some(shared.source_hash(source)),
    });
    match (kept.await, answer) {
        (Ok(()), answer) | (Err(_), answer @ Err(_)) => answer,
        (Err(error), Ok(_)) => {
            let detail = format!("it was done, but its event could not be kept: {error}");
            Err(AdminProblem::new(AdminCode::Unavailable, detail))
        }
    }
}

/// Counts the answer and makes it a response.
fn finish(shared: &Shared, operation: &'static str, answer: Result<Reply, AdminProblem>) -> Response<Body> {
    let mut response = match answer {
        Ok(reply) => {
            let mut response = Response::new(Body::from(reply.body));
            *response.status_mut() = reply.status;
            let media_type = HeaderValue::from_static(reply.media_type);
            response.headers_mut().insert(CONTENT_TYPE, media_type);
            response
        }
        Err(problem) => refuse(&problem),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    shared
        .gateway
        .metrics
        .admin_answered(operation, response.status().as_u16());
    response
}

fn refuse(problem: &AdminProblem) -> Response<Body> {
    let body = serde_json::to_vec(&problem.document()).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = problem.code.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if problem.code == AdminCode::Unauthenticated {
        headers.insert(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"attest-admin\""),
        );
    }
    if let Some(seconds) = problem.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
