//! Requests that two readers could take for two, as bytes, through the real gateway over real sockets: each alone and behind
//! a good request, answered in its turn, and none of it reaches the backend, which keeps everything that it saw.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use attest_core::problem::ProblemCode as Code;
use attest_tests::scene::Scene;
use attest_tests::wire::Wire;

const OPEN: &str = "- {id: open, methods: [GET, POST], path: /open, upstream: shown, require: none}";

/// What every smuggler wants to arrive.
const SMUGGLED: &str = "GET /health HTTP/1.1\r\nhost: {host}\r\nx-smuggled: yes\r\n\r\n";

async fn scene(config: &str) -> Scene {
    Scene::with(config, |policy| policy.more_routes = OPEN).await
}

/// A connection of `scene` on which `text` was sent in one write.
async fn sent(scene: &Scene, text: &str) -> Wire {
    let mut wire = Wire::open(scene.authority()).await;
    wire.send(text.replace("{host}", scene.authority())).await;
    wire
}

/// Refused alone, and as the second request on a connection whose first one is answered before.
async fn refused(scene: &Scene, text: &str, code: Code, reason: &str) {
    let mut wire = sent(scene, text).await;
    let reply = wire.reply().await.expect(text);
    scene.refuses(text, &reply, status(code), code, "", reason);
    assert_eq!(reply.header("connection"), Some("close"), "{text:?}");
    assert!(wire.reply().await.is_none(), "a second answer to {text:?}");

    for good in [
        "GET /open HTTP/1.1\r\nhost: {host}\r\n\r\n",
        "POST /open HTTP/1.1\r\nhost: {host}\r\ncontent-length: 2\r\n\r\n{}",
        "POST /open HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ] {
        let mut wire = sent(scene, &format!("{good}{text}")).await;
        let first = wire.reply().await.unwrap();
        assert_eq!(first.status, 200, "the good request before {text:?}");
        let arrived = scene.backend.only();
        assert!(arrived.start.ends_with(" /open HTTP/1.1"), "{arrived:?}");
        let second = wire.reply().await.expect(text);
        scene.refuses(text, &second, status(code), code, "", reason);
        assert!(wire.reply().await.is_none(), "a third answer to {text:?}");
    }
}

fn status(code: Code) -> u16 {
    if code == Code::HeadTooLarge { 431 } else { 400 }
}

/// Fields that frame a body, the body, and the refusal.
const FRAMINGS: &[(&str, &str, Code, &str)] = &[
    (
        "content-length: 5\r\ntransfer-encoding: chunked",
        "0\r\n\r\n",
        Code::HeaderAmbiguous,
        "content-length-beside-transfer-encoding",
    ),
    (
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "0\r\n\r\n",
        Code::HeaderAmbiguous,
        "content-length-beside-transfer-encoding",
    ),
    (
        "content-length: 0\r\ncontent-length: 62",
        SMUGGLED,
        Code::HeaderAmbiguous,
        "content-length-not-single",
    ),
    (
        "content-length: 2\r\ncontent-length: 2",
        "{}",
        Code::HeaderAmbiguous,
        "content-length-not-single",
    ),
    (
        "content-length: 2, 2",
        "{}",
        Code::RequestMalformed,
        "content-length-malformed",
    ),
    (
        "content-length: 2,2",
        "{}",
        Code::RequestMalformed,
        "content-length-malformed",
    ),
    (
        "content-length: +2",
        "{}",
        Code::RequestMalformed,
        "content-length-malformed",
    ),
    (
        "content-length: 0x2",
        "{}",
        Code::RequestMalformed,
        "content-length-malformed",
    ),
    (
        "content-length:",
        "",
        Code::RequestMalformed,
        "content-length-malformed",
    ),
    (
        "content-length: 18446744073709551618",
        "{}",
        Code::RequestMalformed,
        "content-length-malformed",
    ),
    (
        "transfer-encoding: identity",
        SMUGGLED,
        Code::HeaderAmbiguous,
        "transfer-encoding-not-chunked",
    ),
    (
        "transfer-encoding: xchunked",
        "0\r\n\r\n",
        Code::HeaderAmbiguous,
        "transfer-encoding-not-chunked",
    ),
    (
        "transfer-encoding: \x0bchunked",
        "0\r\n\r\n",
        Code::RequestMalformed,
        "field-value-control",
    ),
    (
        "transfer-encoding: chunked, chunked",
        "0\r\n\r\n",
        Code::HeaderAmbiguous,
        "transfer-encoding-not-chunked",
    ),
    (
        "transfer-encoding: gzip, chunked",
        "0\r\n\r\n",
        Code::HeaderAmbiguous,
        "transfer-encoding-not-chunked",
    ),
    (
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "0\r\n\r\n",
        Code::HeaderAmbiguous,
        "transfer-encoding-not-single",
    ),
    (
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "0\r\n\r\n",
        Code::HeaderAmbiguous,
        "transfer-encoding-not-single",
    ),
    (
        "transfer-encoding : chunked",
        "0\r\n\r\n",
        Code::RequestMalformed,
        "field-space-before-colon",
    ),
    (
        "transfer-encoding\t: chunked",
        "0\r\n\r\n",
        Code::RequestMalformed,
        "field-space-before-colon",
    ),
    (
        "x: y\r\n transfer-encoding: chunked",
        "0\r\n\r\n",
        Code::RequestMalformed,
        "field-folded",
    ),
    (
        "x: y\ntransfer-encoding: chunked",
        "0\r\n\r\n",
        Code::RequestMalformed,
        "line-not-crlf",
    ),
    (
        "x: y\rtransfer-encoding: chunked",
        "0\r\n\r\n",
        Code::RequestMalformed,
        "line-not-crlf",
    ),
    ("x\0: y", "", Code::RequestMalformed, "field-name-malformed"),
    ("x: y\0", "", Code::RequestMalformed, "field-value-control"),
    (": y", "", Code::RequestMalformed, "field-name-malformed"),
];

#[tokio::test]
async fn framing_with_two_readings() {
    let scene = scene("").await;
    for (framing, body, code, reason) in FRAMINGS {
        let text = format!("POST /open HTTP/1.1\r\nhost: {{host}}\r\n{framing}\r\n\r\n{body}");
        refused(&scene, &text, *code, reason).await;
    }
    let old = "POST /open HTTP/1.0\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(
        &scene,
        old,
        Code::HeaderAmbiguous,
        "transfer-encoding-in-http-1-0",
    )
    .await;
}

/// Heads without their empty line, and the refusal.
const HEADS: &[(&str, Code, &str)] = &[
    ("GET /open HTTP/1.1\r\n", Code::HeaderAmbiguous, "host-missing"),
    (
        "GET /open HTTP/1.1\r\nhost: {host}\r\nhost: {host}\r\n",
        Code::HeaderAmbiguous,
        "host-not-single",
    ),
    (
        "GET /open HTTP/1.1\r\nhost: {host}, {host}\r\n",
        Code::HeaderAmbiguous,
        "host-malformed",
    ),
    (
        "GET /open HTTP/1.1\r\nhost: user@{host}\r\n",
        Code::HeaderAmbiguous,
        "host-malformed",
    ),
    (
        "GET /open HTTP/1.1\r\nhost: a b\r\n",
        Code::HeaderAmbiguous,
        "host-malformed",
    ),
    (
        "GET /open HTTP/1.1\r\nhost: a:99999\r\n",
        Code::HeaderAmbiguous,
        "host-malformed",
    ),
    (
        "GET http://evil.example/open HTTP/1.1\r\nhost: {host}\r\n",
        Code::TargetAmbiguous,
        "absolute-form-disagrees-with-host",
    ),
    (
        "GET * HTTP/1.1\r\nhost: {host}\r\n",
        Code::TargetAmbiguous,
        "target-form",
    ),
    (
        "GET {host} HTTP/1.1\r\nhost: {host}\r\n",
        Code::TargetAmbiguous,
        "target-form",
    ),
    (
        "CONNECT {host} HTTP/1.1\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "method-refused",
    ),
    (
        "GET /open#x HTTP/1.1\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "target-malformed",
    ),
    (
        "GET /o\u{e4}pen HTTP/1.1\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "target-malformed",
    ),
    (
        "GET /open HTTP/1.2\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "version-unsupported",
    ),
    (
        "GET /open HTTP/2.0\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "version-unsupported",
    ),
    (
        "GET /open\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "request-line-malformed",
    ),
    (
        "GET  /open HTTP/1.1\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "request-line-malformed",
    ),
    (
        "GET /open HTTP/1.1 \r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "request-line-malformed",
    ),
    (
        "GET /open HTTP/1.1\nhost: {host}\n",
        Code::RequestMalformed,
        "line-not-crlf",
    ),
    (
        "\r\nGET /open HTTP/1.1\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "head-leading-line",
    ),
    (
        "\nGET /open HTTP/1.1\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "head-leading-line",
    ),
    ("PRI * HTTP/2.0\r\n", Code::RequestMalformed, "preface-broken"),
    (
        "PRI /open HTTP/1.1\r\nhost: {host}\r\n",
        Code::RequestMalformed,
        "preface-broken",
    ),
    (
        "\x16\x03\x01\x02",
        Code::RequestMalformed,
        "request-line-malformed",
    ),
];

#[tokio::test]
async fn heads_with_two_readings() {
    let scene = scene("").await;
    for (head, code, reason) in HEADS {
        refused(&scene, &format!("{head}\r\n"), *code, reason).await;
    }
    let long = format!(
        "GET /open HTTP/1.1\r\nhost: {{host}}\r\nx: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    refused(&scene, &long, Code::HeadTooLarge, "head-beyond-bound").await;
    let many = "x: y\r\n".repeat(101);
    let many = format!("GET /open HTTP/1.1\r\nhost: {{host}}\r\n{many}\r\n");
    refused(&scene, &many, Code::HeadTooLarge, "head-fields-beyond-bound").await;
}

/// Chunks and trailers that are refused, and why.
const CHUNKS: &[(&str, Code, &str)] = &[
    (
        "+2\r\n{}\r\n0\r\n\r\n",
        Code::RequestMalformed,
        "chunk-size-malformed",
    ),
    (
        "0x2\r\n{}\r\n0\r\n\r\n",
        Code::RequestMalformed,
        "chunk-size-malformed",
    ),
    (
        "2 \r\n{}\r\n0\r\n\r\n",
        Code::RequestMalformed,
        "chunk-size-malformed",
    ),
    (
        "00000000000000002\r\n{}\r\n0\r\n\r\n",
        Code::RequestMalformed,
        "chunk-size-malformed",
    ),
    (
        "2;a=b\r\n{}\r\n0\r\n\r\n",
        Code::RequestMalformed,
        "chunk-extension",
    ),
    ("2\n{}\n0\n\n", Code::RequestMalformed, "chunk-not-crlf"),
    ("2\r\n{}0\r\n\r\n", Code::RequestMalformed, "chunk-not-crlf"),
    ("2\r\n{}\r\n0\r\n\n", Code::RequestMalformed, "line-not-crlf"),
    (
        "2\r\n{}\r\n0\r\nhost: b\r\n\r\n",
        Code::HeaderAmbiguous,
        "trailer-refused",
    ),
    (
        "0\r\ncontent-length: 9\r\n\r\n",
        Code::HeaderAmbiguous,
        "trailer-refused",
    ),
    (
        "0\r\nauthorization: x\r\n\r\n",
        Code::HeaderAmbiguous,
        "trailer-refused",
    ),
    (
        "0\r\nx : y\r\n\r\n",
        Code::RequestMalformed,
        "field-space-before-colon",
    ),
    (
        "0\r\nGET /health HTTP/1.1\r\nhost: {host}\r\n\r\n",
        Code::RequestMalformed,
        "field-name-malformed",
    ),
];

#[tokio::test]
async fn chunks_with_two_readings() {
    let scene = scene("").await;
    for (body, code, reason) in CHUNKS {
        let text =
            format!("POST /open HTTP/1.1\r\nhost: {{host}}\r\ntransfer-encoding: chunked\r\n\r\n{body}");
        refused(&scene, &text, *code, reason).await;
    }
}

/// What was handed on before its body went wrong never becomes a whole request.
#[tokio::test]
async fn chunks_that_go_wrong_later_never_arrive_whole() {
    let scene = scene("").await;
    let filler = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    for (body, _, _) in CHUNKS {
        let head = "POST /open HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut wire = sent(&scene, &format!("{head}{}", filler.repeat(16))).await;
        wire.send(body.replace("{host}", scene.authority())).await;
        if let Some(reply) = wire.reply().await {
            assert!(matches!(reply.status, 400 | 408), "{body:?}: {}", reply.status);
        }
        assert!(wire.reply().await.is_none(), "{body:?}");
        let arrived = scene.backend.take();
        assert!(arrived.is_empty(), "{body:?}: {} arrived", arrived.len());
    }
}

#[tokio::test]
async fn what_real_clients_send_arrives() {
    let scene = scene("").await;
    for (text, body) in [
        (
            "POST /open HTTP/1.1\r\nHost:{host}\r\nContent-Length: 2 \r\nUser-Agent: J\u{fc}rgen/1\r\n\r\n{}",
            "{}",
        ),
        (
            "POST /open HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: Chunked\r\n\r\nA\r\n0123456789\r\n00\r\nx-sum: 1\r\n\r\n",
            "0123456789",
        ),
        (
            "GET http://{host}/open HTTP/1.1\r\nhost: {host}\r\nx-empty:\r\n\r\n",
            "",
        ),
        ("GET /open HTTP/1.0\r\nhost: {host}\r\n\r\n", ""),
        (
            "GET /open HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
            "",
        ),
    ] {
        // Whole, then byte by byte.
        assert_eq!(scene.raw(text).await.unwrap().status, 200, "{text:?}");
        assert_eq!(scene.backend.only().body, body.as_bytes(), "{text:?}");
        let mut wire = Wire::open(scene.authority()).await;
        for byte in text.replace("{host}", scene.authority()).bytes() {
            wire.send([byte]).await;
        }
        assert_eq!(wire.reply().await.unwrap().status, 200, "{text:?}");
        assert_eq!(scene.backend.only().body, body.as_bytes(), "{text:?}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let scene = scene("").await;
    let get = "GET /open HTTP/1.1\r\nhost: {host}\r\n\r\n";
    let upgrade = "GET /open HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
    let post = "POST /open HTTP/1.1\r\nhost: {host}\r\ncontent-length: 2\r\n\r\n{}";
    let mut wire = sent(
        &scene,
        &format!("{get}{post}{upgrade}{post}{get}GET /open HTTP/1.1\r\n\r\n"),
    )
    .await;
    for _ in 0..5 {
        assert_eq!(wire.reply().await.unwrap().status, 200);
    }
    let methods: Vec<_> = scene
        .backend
        .take()
        .into_iter()
        .map(|request| request.start)
        .collect();
    let line = |method: &str| format!("{method} /open HTTP/1.1");
    assert_eq!(methods, ["GET", "POST", "GET", "POST", "GET"].map(line));
    let refused = wire.reply().await.unwrap();
    scene.refuses(
        "the last",
        &refused,
        400,
        Code::HeaderAmbiguous,
        "",
        "host-missing",
    );
}

#[tokio::test]
async fn who_does_not_finish_a_head_is_closed() {
    let scene = scene("[limits]\nhead_timeout_ms = 200\n").await;
    let good = "GET /open HTTP/1.1\r\nhost: {host}\r\n\r\n";
    for before in ["", good] {
        for (begin, told) in [
            ("", false),
            ("G", true),
            ("GET /open HTTP/1.1\r\nhost:", true),
            ("PRI", true),
        ] {
            let mut wire = sent(&scene, &format!("{before}{begin}")).await;
            if !before.is_empty() {
                assert_eq!(wire.reply().await.unwrap().status, 200);
                assert_eq!(scene.backend.take().len(), 1);
            }
            let reply = wire.reply().await;
            assert_eq!(reply.is_some(), told, "{before:?} {begin:?}: {reply:?}");
            if let Some(reply) = reply {
                scene.refuses(begin, &reply, 408, Code::HeadTimeout, "", "head-late");
            }
        }
    }
}
