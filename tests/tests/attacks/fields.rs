//! Header fields in every spelling, as bytes: what a client says in the gateway's name never arrives, and framing that two
//! readers could read in two ways is refused.

use attest_core::problem::ProblemCode as Code;
use attest_tests::backend::OK;
use attest_tests::scene::Scene;

/// Stands in every forged value.
const FORGED: &str = "forged-by-client";
const OPEN: &str = "- {id: open, methods: [GET, POST], path: /open, upstream: shown, require: none}";

async fn scene() -> Scene {
    Scene::with("", |policy| policy.more_routes = OPEN).await
}

/// What arrived says nothing in the gateway's name but `attest-decision: none`, and carries nothing forged.
fn unforged(scene: &Scene, what: &str) {
    let arrived = scene.backend.only();
    let ours: Vec<_> = arrived
        .headers
        .iter()
        .chain(&arrived.trailers)
        .filter(|(name, _)| name.to_ascii_lowercase().replace('_', "-").starts_with("attest"))
        .collect();
    assert_eq!(
        ours,
        [&("attest-decision".to_owned(), "none".to_owned())],
        "{what}"
    );
    assert!(!format!("{arrived:?}").contains(FORGED), "{what}: {arrived:?}");
}

#[tokio::test]
async fn a_client_cannot_speak_in_the_gateways_name() {
    let scene = scene().await;
    for fields in [
        "Attest-Device: forged-by-client",
        "ATTEST-DECISION: allow",
        "attest-decision: allow\r\nattest-decision: forged-by-client",
        "Attest-App: forged-by-client\r\nAttest-Findings: forged-by-client\r\nAttest-Shadow: forged-by-client",
        "Attest-Assertion: forged-by-client",
        "aTTeSt-: forged-by-client",
        "Attest-Anything-New: forged-by-client",
        "Attest-Token: forged-by-client",
        "Attest-Step-Up: forged-by-client",
        "OAuth-Client-Attestation: forged-by-client",
        "OAuth-Client-Attestation-PoP: forged-by-client",
        "connection: attest-device\r\nattest-device: forged-by-client",
        "connection: close, x-once\r\nx-once: forged-by-client",
        "x-http-method-override: forged-by-client",
        "X-HTTP-Method: forged-by-client\r\nX-Method-Override: forged-by-client",
    ] {
        for path in ["/open", "/v1/legacy/balance"] {
            let reply = scene
                .raw(&format!(
                    "GET {path} HTTP/1.1\r\nhost: {{host}}\r\n{fields}\r\n\r\n"
                ))
                .await;
            assert_eq!(reply.unwrap().status, 200, "{fields}");
            unforged(&scene, fields);
        }
    }
}

#[tokio::test]
async fn nor_in_the_trailers_of_a_body() {
    let scene = scene().await;
    for trailer in [
        "Attest-Device: forged-by-client",
        "attest_device: forged-by-client",
        "Attest-Decision: allow",
    ] {
        let raw = format!(
            "POST /open HTTP/1.1\r\nhost: {{host}}\r\nte: trailers\r\ntrailer: attest-device\r\n\
             transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{trailer}\r\n\r\n"
        );
        assert_eq!(scene.raw(&raw).await.unwrap().status, 200, "{trailer}");
        unforged(&scene, trailer);
    }
}

/// Fields after the request line, and the refusal.
const TWO_READINGS: &[(&str, Code, &str)] = &[
    (
        "host: {host}\r\nattest_device: x",
        Code::HeaderAmbiguous,
        "header-underscore",
    ),
    (
        "host: {host}\r\nAttest_Token: x",
        Code::HeaderAmbiguous,
        "header-underscore",
    ),
    (
        "host: {host}\r\nattest-device_: x",
        Code::HeaderAmbiguous,
        "header-underscore",
    ),
    (
        "host: {host}\r\nx_custom: x",
        Code::HeaderAmbiguous,
        "header-underscore",
    ),
    (
        "host: {host}\r\nconnection: authorization",
        Code::HeaderAmbiguous,
        "connection-nominates-end-to-end",
    ),
    (
        "host: {host}\r\nconnection: Host",
        Code::HeaderAmbiguous,
        "connection-nominates-end-to-end",
    ),
    (
        "host: {host}\r\nconnection: b@d",
        Code::HeaderAmbiguous,
        "connection-not-a-name",
    ),
    (
        "host: {host}\r\nattest-device : x",
        Code::RequestMalformed,
        "field-space-before-colon",
    ),
    (
        "host: {host}\r\n attest-device: x",
        Code::RequestMalformed,
        "field-folded",
    ),
    (
        "host: {host}\r\nattest device: x",
        Code::RequestMalformed,
        "field-name-malformed",
    ),
    (
        "host: {host}\r\nx-a: b\0c",
        Code::RequestMalformed,
        "field-value-control",
    ),
    (
        "host: {host}\r\nx-a: b\rattest-device: x",
        Code::RequestMalformed,
        "line-not-crlf",
    ),
];

#[tokio::test]
async fn fields_with_two_readings_are_refused() {
    let scene = scene().await;
    for (fields, code, reason) in TWO_READINGS {
        let reply = scene
            .raw(&format!("POST /open HTTP/1.1\r\n{fields}\r\n\r\n0\r\n\r\n"))
            .await;
        let reply = reply.unwrap_or_else(|| panic!("{fields:?} was hung up on without a word"));
        scene.refuses(fields, &reply, 400, *code, "", reason);
    }
}

#[tokio::test]
async fn a_second_request_is_never_made_of_the_first_ones_body() {
    let scene = scene().await;
    let smuggled =
        "GET /v1/legacy/balance HTTP/1.1\r\nhost: {host}\r\n\r\n".replace("{host}", scene.authority());
    for head in [
        format!(
            "content-length: {}\r\ntransfer-encoding: identity",
            smuggled.len()
        ),
        format!("content-length: {}\r\nconnection: content-length", smuggled.len()),
        format!(
            "content-length: {}\r\nconnection: close, transfer-encoding",
            smuggled.len()
        ),
        format!("content-length: {}", smuggled.len()),
    ] {
        scene.backend.answers(OK);
        let _reply = scene
            .raw(&format!(
                "POST /open HTTP/1.1\r\nhost: {{host}}\r\n{head}\r\n\r\n{smuggled}"
            ))
            .await;
        for arrived in scene.backend.take() {
            assert_eq!(arrived.start, "POST /open HTTP/1.1", "{head}");
            assert_eq!(String::from_utf8_lossy(&arrived.body), smuggled, "{head}");
        }
    }
}
