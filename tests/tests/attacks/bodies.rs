//! Oversized, slow, broken and unread requests: bounded in size and time, and nothing half-read reaches the backend.

use attest_core::problem::ProblemCode as Code;
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};
use attest_tests::wire::Wire;

const OPEN: &str = "- {id: open, methods: [GET, POST], path: /open, upstream: shown, require: none}";
/// The policy's default bound of bodies that tokens are bound to.
const BOUND: usize = 256 * 1024;

async fn login_token(scene: &Scene, request: &Request) -> String {
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let token = attacker.session_token(&session, &attacker.claims(request, START_S));
    token.into_iter().next().unwrap().1
}

#[tokio::test]
async fn a_bound_body_is_refused_beyond_its_bound_before_the_backend_sees_a_byte() {
    let scene = Scene::open().await;
    let mut login = Request::login();
    for (length, status) in [(BOUND, 200), (BOUND + 1, 413)] {
        login.body = "x".repeat(length);
        let token = login_token(&scene, &login).await;
        let announced = format!(
            "POST /v1/login HTTP/1.1\r\nhost: {{host}}\r\nattest-token: {token}\r\ncontent-length: {length}\r\n\r\n{}",
            login.body
        );
        let token = login_token(&scene, &login).await;
        let chunked = format!(
            "POST /v1/login HTTP/1.1\r\nhost: {{host}}\r\nattest-token: {token}\r\ntransfer-encoding: chunked\r\n\r\n\
             {length:x}\r\n{}\r\n0\r\n\r\n",
            login.body
        );
        for raw in [announced, chunked] {
            let reply = scene.raw(&raw).await.unwrap();
            assert_eq!(reply.status, status, "{length}");
            if status == 200 {
                let arrived = scene.backend.only();
                assert_eq!(arrived.body.len(), length);
                assert_eq!(arrived.all("content-length"), [length.to_string()]);
            } else {
                scene.refuses(
                    "an oversized body",
                    &reply,
                    413,
                    Code::BodyTooLarge,
                    "login",
                    "body-beyond-bound",
                );
            }
        }
    }
}

#[tokio::test]
async fn a_body_is_not_read_for_a_request_that_is_refused_anyway() {
    let scene = Scene::open().await;
    // The body is announced and never sent: a gateway that waits for it would not answer.
    for (token, code, reason) in [
        ("", Code::TokenMissing, "token-missing"),
        ("attest-token: x.y.z\r\n", Code::TokenMalformed, "token-base64"),
    ] {
        let raw = format!("POST /v1/login HTTP/1.1\r\nhost: {{host}}\r\n{token}content-length: 100\r\n\r\n");
        let reply = scene.raw(&raw).await.unwrap();
        scene.refuses("no good token", &reply, 401, code, "login", reason);
    }
}

#[tokio::test]
async fn a_streamed_body_is_bounded_too() {
    let scene = Scene::with("[limits]\nbody_max_bytes = 65536\n", |policy| {
        policy.more_routes = OPEN
    })
    .await;
    let announced = "POST /open HTTP/1.1\r\nhost: {host}\r\ncontent-length: 65537\r\n\r\n";
    let reply = scene.raw(announced).await.unwrap();
    scene.refuses(
        "an announced body",
        &reply,
        413,
        Code::BodyTooLarge,
        "open",
        "body-beyond-bound",
    );
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let chunked = format!(
        "POST /open HTTP/1.1\r\nhost: {{host}}\r\ntransfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(3)
    );
    let reply = scene.raw(&chunked).await.unwrap();
    scene.refuses(
        "a body that grows",
        &reply,
        413,
        Code::BodyTooLarge,
        "open",
        "body-too-large",
    );
    let fits = format!(
        "POST /open HTTP/1.1\r\nhost: {{host}}\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(2)
    );
    assert_eq!(scene.raw(&fits).await.unwrap().status, 200);
    assert_eq!(scene.backend.only().body.len(), 65536);
}

#[tokio::test]
async fn a_body_that_stands_still_is_given_up() {
    let config = "[limits]\nbody_idle_timeout_ms = 200\n";
    let scene = Scene::with(config, |policy| policy.more_routes = OPEN).await;
    let token = login_token(&scene, &Request::login()).await;
    let bound = format!(
        "POST /v1/login HTTP/1.1\r\nhost: {{host}}\r\nattest-token: {token}\r\ncontent-length: 12\r\n\r\n{{\"us"
    );
    let reply = scene.raw(&bound).await.unwrap();
    scene.refuses(
        "a bound body",
        &reply,
        408,
        Code::BodyTimeout,
        "login",
        "body-late",
    );
    let reply = scene
        .raw("POST /open HTTP/1.1\r\nhost: {host}\r\ncontent-length: 12\r\n\r\n{\"us")
        .await
        .unwrap();
    scene.refuses(
        "a streamed body",
        &reply,
        408,
        Code::BodyTimeout,
        "open",
        "body-idle",
    );
}

#[tokio::test]
async fn a_body_that_drips_for_ever_is_given_up() {
    let config = "[limits]\nbody_idle_timeout_ms = 500\nbody_total_timeout_ms = 900\n";
    let scene = Scene::with(config, |policy| policy.more_routes = OPEN).await;
    let token = login_token(&scene, &Request::login()).await;
    for (head, route, reason) in [
        (
            format!("POST /v1/login HTTP/1.1\r\nattest-token: {token}\r\n"),
            "login",
            "body-late",
        ),
        ("POST /open HTTP/1.1\r\n".to_owned(), "open", "body-slow"),
    ] {
        let mut wire = Wire::open(scene.authority()).await;
        wire.send(format!(
            "{head}host: {}\r\ncontent-length: 1000\r\n\r\n",
            scene.authority()
        ))
        .await;
        let reply = loop {
            // Well within the longest pause; what ends it is the longest time.
            match tokio::time::timeout(std::time::Duration::from_millis(100), wire.more()).await {
                Err(_) => drop(wire.send("x").await),
                Ok(_) => break wire.reply().await.unwrap(),
            }
        };
        scene.refuses(route, &reply, 408, Code::BodyTimeout, route, reason);
    }
}

#[tokio::test]
async fn a_head_is_bounded_in_size_and_fields() {
    let config = "[limits]\nhead_bytes = 8192\nhead_fields = 20\n";
    let scene = Scene::with(config, |_| ()).await;
    let long = format!("x-long: {}\r\n", "x".repeat(9000));
    let many: String = (0..40).map(|n| format!("x-{n}: y\r\n")).collect();
    for (what, fields, reason) in [
        ("a long field", long.clone(), "head-beyond-bound"),
        ("many fields", many, "head-fields-beyond-bound"),
    ] {
        let reply = scene
            .raw(&format!("GET /health HTTP/1.1\r\nhost: {{host}}\r\n{fields}\r\n"))
            .await
            .unwrap();
        scene.refuses(what, &reply, 431, Code::HeadTooLarge, "", reason);
    }
    let reply = scene
        .raw(&format!(
            "GET /{} HTTP/1.1\r\nhost: {{host}}\r\n\r\n",
            "x".repeat(9000)
        ))
        .await
        .unwrap();
    scene.refuses(
        "a long target",
        &reply,
        431,
        Code::HeadTooLarge,
        "",
        "head-beyond-bound",
    );
    assert!(scene.backend.take().is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_malformed_never_arrives_whole() {
    let scene = Scene::with("", |policy| policy.more_routes = OPEN).await;
    let token = login_token(&scene, &Request::login()).await;
    for (head, body) in [
        (
            "POST /open HTTP/1.1\r\ntransfer-encoding: chunked\r\n".to_owned(),
            "5\r\nabc",
        ),
        (
            "POST /open HTTP/1.1\r\ntransfer-encoding: chunked\r\n".to_owned(),
            "zz\r\nabc\r\n0\r\n\r\n",
        ),
        (
            "POST /open HTTP/1.1\r\ntransfer-encoding: chunked\r\n".to_owned(),
            "3\r\nabcdef\r\n0\r\n\r\n",
        ),
        (
            "POST /open HTTP/1.1\r\ntransfer-encoding: chunked\r\n".to_owned(),
            "fffffffffffffffff\r\n",
        ),
        ("POST /open HTTP/1.1\r\ncontent-length: 10\r\n".to_owned(), "abc"),
        (
            format!("POST /v1/login HTTP/1.1\r\nattest-token: {token}\r\ncontent-length: 12\r\n"),
            "{\"us",
        ),
    ] {
        let mut wire = Wire::open(scene.authority()).await;
        wire.send(format!("{head}host: {}\r\n\r\n{body}", scene.authority()))
            .await;
        if body.ends_with("\r\n")
            && let Some(reply) = wire.reply().await
        {
            assert!(matches!(reply.status, 400 | 408), "{body:?}: {}", reply.status);
        }
        drop(wire);
        // The gateway answers others as before.
        assert_eq!(
            scene
                .raw("GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n")
                .await
                .unwrap()
                .status,
            200
        );
        let arrived = scene.backend.take();
        assert!(
            arrived
                .iter()
                .all(|message| message.start.starts_with("GET /health ")),
            "{body:?}: {arrived:?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_told_to() {
    let scene = Scene::open().await;
    let login = Request::login();
    let token = login_token(&scene, &login).await;
    let mut wire = Wire::open(scene.authority()).await;
    let head = format!(
        "POST /v1/login HTTP/1.1\r\nhost: {}\r\nattest-token: {token}\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        scene.authority(),
        login.body.len()
    );
    wire.send(head).await;
    assert_eq!(wire.head().await.unwrap().start, "HTTP/1.1 100 Continue");
    wire.send(&login.body).await;
    assert_eq!(wire.reply().await.unwrap().status, 200);
    assert!(scene.backend.only().all("expect").is_empty());
    let refused =
        "POST /v1/login HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    let reply = scene.raw(refused).await.unwrap();
    scene.refuses(
        "without a token",
        &reply,
        401,
        Code::TokenMissing,
        "login",
        "token-missing",
    );
}
