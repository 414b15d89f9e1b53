//! The OpenAPI document and the listener say the same: every documented operation answers as documented, with and without token
//! and scope, and nothing else is there.

use std::collections::BTreeSet;
use std::path::Path;

use attest_tests::request::Request;
use attest_tests::scene::START_S;
use serde_json::{Value, json};

use crate::operator::{Operated, json as body, text};
use crate::schema::misfits;

/// `ATTEST_BLESS=1 cargo test -p attest-tests --test admin` writes the file anew.
#[test]
fn the_document_in_the_repository_is_the_served_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let ours = serde_json::to_string_pretty(&attest_gateway::admin::document()).unwrap() + "\n";
    if std::env::var_os("ATTEST_BLESS").is_some() {
        std::fs::write(&path, &ours).unwrap();
    }
    let theirs = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(theirs, ours, "run with ATTEST_BLESS=1 to write it anew");
}

/// A refused request and a device, so that there is something to ask about.
struct Known {
    support: String,
    device: String,
}

async fn known(operated: &Operated) -> Known {
    let attacker = operated.scene.attacker();
    let session = attacker.session(None).await;
    let login = Request::login();
    let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
    assert_eq!(login.send(&operated.scene.client(), &token).await.status, 200);
    let refused = login.send(&operated.scene.client(), &vec![]).await;
    Known {
        support: operated.scene.refused(&refused).problem.support,
        device: session.device.to_text(),
    }
}

fn target(path: &str, known: &Known) -> String {
    path.replace("/admin/v1", "")
        .replace("/explain/{code}", &format!("/explain/{}", known.support))
        .replace("/devices/{id}", &format!("/devices/{}", known.device))
        .replace("/bans/{id}", &format!("/bans/device:{}", known.device))
}

fn request_of(operation: &str, known: &Known) -> Value {
    match operation {
        "ban-add" => json!({"scope": "device", "kind": "banned", "device": known.device, "reason": "a test"}),
        "policy-push" => json!({"metadata": {}}),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn every_documented_operation_answers_as_documented() {
    let operated = Operated::open().await;
    let known = known(&operated).await;
    let document = operated.read("/openapi.json").await;
    assert_eq!(document, attest_gateway::admin::document());
    let mut seen = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        // Before `delete` there is `post`, so what is lifted was banned: operations stand in the order of the alphabet here.
        let mut operations: Vec<_> = operations.as_object().unwrap().iter().collect();
        operations.sort_by_key(|(method, _)| *method != "post");
        for (method, operation) in operations {
            let id = operation["operationId"].as_str().unwrap();
            assert!(seen.insert(id.to_owned()), "{id} is there twice");
            let (method, target, request) = (
                method.to_uppercase(),
                target(path, &known),
                request_of(id, &known),
            );
            let check = async |token, status: u16| {
                let reply = operated.call(&method, &target, token, &request).await;
                assert_eq!(reply.status, status, "{id}: {}", text(&reply));
                let content = &operation["responses"][status.to_string()]["content"];
                let (media_type, schema) = content.as_object().unwrap().iter().next().unwrap();
                assert_eq!(reply.header("content-type"), Some(media_type.as_str()), "{id}");
                assert_eq!(reply.header("cache-control"), Some("no-store"), "{id}");
                assert_eq!(reply.header("www-authenticate").is_some(), status == 401, "{id}");
                let value = if media_type.ends_with("json") {
                    body(&reply)
                } else {
                    Value::String(text(&reply))
                };
                let found = misfits(&document, &schema["schema"], &value, id);
                assert!(found.is_empty(), "{found:#?}");
                value
            };
            match operation["x-scope"].as_str() {
                None => {
                    assert!(operation.get("security").is_none(), "{id}");
                    check(None, 200).await;
                }
                Some(scope) => {
                    assert_eq!(operation["security"], json!([{"token": []}]), "{id}");
                    let problem = check(None, 401).await;
                    assert_eq!(problem["type"], "urn:attest:admin:unauthenticated");
                    let other = if scope == "read" {
                        &operated.hand
                    } else {
                        &operated.reader
                    };
                    let problem = check(Some(other), 403).await;
                    assert_eq!(problem["type"], "urn:attest:admin:forbidden");
                    let status = if id == "ban-add" { 201 } else { 200 };
                    check(Some(&operated.operator), status).await;
                }
            }
        }
    }
    let ours: BTreeSet<_> = attest_gateway::admin::operations()
        .iter()
        .map(|operation| operation.id.to_owned())
        .collect();
    assert_eq!(seen, ours);
}

#[tokio::test]
async fn nothing_else_is_there() {
    let operated = Operated::open().await;
    let document = operated.read("/openapi.json").await;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let target = path
            .replace("/admin/v1", "")
            .replace("{id}", "all")
            .replace("{code}", "x");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if operations.get(method.to_lowercase()).is_some() {
                continue;
            }
            let reply = operated
                .call(method, &target, Some(&operated.operator), &Value::Null)
                .await;
            assert_eq!(reply.status, 405, "{method} {target}: {}", text(&reply));
            assert_eq!(body(&reply)["type"], "urn:attest:admin:method-not-allowed");
            let allowed = reply.header("allow").unwrap_or_default().to_owned();
            for method in operations.as_object().unwrap().keys() {
                assert!(
                    allowed.contains(&method.to_uppercase()),
                    "{target} allows {allowed}"
                );
            }
        }
    }
    for target in [
        "",
        "/",
        "/health/",
        "/metrics/x",
        "/bans/all/x",
        "/../v1/health",
        "//health",
        "/debug/pprof",
    ] {
        let reply = operated
            .call("GET", target, Some(&operated.operator), &Value::Null)
            .await;
        assert_eq!(reply.status, 404, "{target}: {}", text(&reply));
        assert_eq!(
            (reply.header("content-type"), body(&reply)["type"].as_str()),
            (
                Some("application/problem+json"),
                Some("urn:attest:admin:not-found")
            )
        );
    }
    // The listener for clients knows none of it.
    let reply = operated
        .scene
        .client()
        .app("GET", "/admin/v1/health", &vec![], &[])
        .await
        .unwrap();
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn what_a_call_does_not_take_is_refused_and_never_ignored() {
    let operated = Operated::open().await;
    let check = async |method: &str, target: &str, request: Value, status, part: &str| {
        let problem = operated.act(method, target, &request, status).await;
        assert_eq!(problem["status"], status);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{method} {target}: {detail}");
    };
    check("GET", "/decisions?limit=0", Value::Null, 400, "limit").await;
    check("GET", "/decisions?limit=1001", Value::Null, 400, "limit").await;
    check("GET", "/decisions?limit=x", Value::Null, 400, "limit").await;
    check("GET", "/events?limits=1", Value::Null, 400, "limits").await;
    check("GET", "/devices?pseudonym=x", Value::Null, 400, "together").await;
    check("GET", "/devices/none", Value::Null, 404, "no device").await;
    check("GET", "/explain/nonsense", Value::Null, 404, "support code").await;
    check("GET", "/devices/%ff", Value::Null, 400, "UTF-8").await;
    check("DELETE", "/bans/everything", Value::Null, 404, "device:").await;
    check("DELETE", "/bans/all", Value::Null, 404, "nothing is banned").await;
    let ban = |more: Value| {
        let mut ban = json!({"scope": "all", "kind": "sessions_not_before", "reason": "x"});
        ban.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        ban
    };
    check("POST", "/bans", Value::Null, 400, "body").await;
    check("POST", "/bans", json!([]), 400, "body").await;
    check("POST", "/bans", ban(json!({"scope": "some"})), 400, "some").await;
    check("POST", "/bans", ban(json!({"more": 1})), 400, "more").await;
    check("POST", "/bans", ban(json!({"device": "x"})), 400, "scope").await;
    check(
        "POST",
        "/bans",
        ban(json!({"scope": "device", "device": "x"})),
        400,
        "device",
    )
    .await;
    check(
        "POST",
        "/bans",
        ban(json!({"scope": "app", "app": "none"})),
        404,
        "app",
    )
    .await;
    check("POST", "/bans", ban(json!({"reason": ""})), 400, "reason").await;
    check(
        "POST",
        "/bans",
        ban(json!({"reason": "x".repeat(257)})),
        400,
        "reason",
    )
    .await;
    check("POST", "/bans", ban(json!({"until_s": 1})), 400, "until_s").await;
    check(
        "POST",
        "/bans",
        ban(json!({"not_before_s": u64::MAX})),
        400,
        "not_before_s",
    )
    .await;
    check(
        "POST",
        "/bans",
        ban(json!({"kind": "banned", "not_before_s": 1})),
        400,
        "not_before_s",
    )
    .await;
    check(
        "POST",
        "/bans",
        ban(json!({"reason": "x".repeat(20_000)})),
        413,
        "body_max_bytes",
    )
    .await;
    assert_eq!(operated.read("/bans").await["bans"], json!([]));
}
