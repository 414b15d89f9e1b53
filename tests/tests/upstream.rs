//! The backend when it is down, slow or broken, and bodies too large to be held: both ways they stream.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::time::Duration;

use attest_core::problem::ProblemCode as Code;
use attest_mobile::Headers;
use attest_tests::attacker::Attacker;
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};
use attest_tests::wire::Wire;
use tokio::net::TcpListener;

/// The single-use routes, each with a token for it.
async fn single_uses(attacker: &Attacker) -> [(Request, Headers, &'static str); 2] {
    let session = attacker.session(None).await;
    let (payment, onboarding) = (Request::payment(), Request::onboarding());
    let proof = attacker.proof_token(&session, &attacker.claims(&payment, START_S));
    let token = attacker.session_token(&session, &attacker.claims(&onboarding, START_S));
    [(payment, proof, "payments"), (onboarding, token, "onboarding")]
}

#[tokio::test]
async fn a_token_is_not_used_up_while_the_backend_is_down() {
    let mut scene = Scene::open().await;
    let client = scene.client();
    let uses = single_uses(&scene.attacker()).await;
    scene.backend.goes_down().await;
    for (request, token, route) in &uses {
        for _ in 0..2 {
            let reply = request.send(&client, token).await;
            scene.refuses(
                "down",
                &reply,
                502,
                Code::UpstreamUnavailable,
                route,
                "upstream-unreachable",
            );
        }
    }
    scene.backend.comes_back().await;
    for (request, token, route) in &uses {
        assert_eq!(
            request.send(&client, token).await.status,
            200,
            "the same token, now that it can be used"
        );
        scene.backend.only();
        let reply = request.send(&client, token).await;
        scene.refuses(
            "a used token",
            &reply,
            401,
            Code::TokenReplayed,
            route,
            "single-use",
        );
    }
}

#[tokio::test]
async fn a_backend_that_closed_its_idle_connections_is_reached_on_a_new_one() {
    let mut scene = Scene::open().await;
    let client = scene.client();
    let health = Request::new("GET", "/health", "", &[]);
    for _ in 0..3 {
        assert_eq!(health.send(&client, &Headers::new()).await.status, 200);
        scene.backend.only();
        scene.backend.goes_down().await;
        scene.backend.comes_back().await;
    }
}

#[tokio::test]
async fn a_backend_that_may_have_seen_a_request_is_not_sent_it_again() {
    let scene = Scene::with("response_header_timeout_ms = 300\n", |_| ()).await;
    let client = scene.client();
    let [(payment, proof, _), (onboarding, token, _)] = single_uses(&scene.attacker()).await;
    scene.backend.falls_silent();
    let reply = payment.send(&client, &proof).await;
    assert_eq!(scene.backend.take().len(), 1);
    scene.refuses(
        "silent",
        &reply,
        504,
        Code::UpstreamTimeout,
        "payments",
        "upstream-timeout",
    );
    let reply = payment.send(&client, &proof).await;
    scene.refuses(
        "the same token",
        &reply,
        401,
        Code::TokenReplayed,
        "payments",
        "single-use",
    );
    scene.backend.answers("SMTP ready\r\n\r\n");
    let reply = onboarding.send(&client, &token).await;
    assert_eq!(scene.backend.take().len(), 1);
    scene.refuses(
        "not HTTP",
        &reply,
        502,
        Code::UpstreamUnavailable,
        "onboarding",
        "upstream-malformed",
    );
    let reply = onboarding.send(&client, &token).await;
    scene.refuses(
        "the same token",
        &reply,
        401,
        Code::TokenReplayed,
        "onboarding",
        "single-use",
    );
}

#[tokio::test]
async fn the_phone_repeats_nothing_that_may_have_been_booked() {
    let scene = Scene::with("response_header_timeout_ms = 300\n", |_| ()).await;
    let phone = scene.phone();
    let payment = Request::payment();
    scene.backend.falls_silent();
    let sent = phone
        .send(
            payment.method,
            &payment.target,
            &payment.headers,
            payment.body.as_bytes(),
        )
        .await
        .unwrap();
    assert_eq!((sent.reply.status, sent.sends), (504, 1));
    assert_eq!(scene.backend.take().len(), 1);
}

#[tokio::test]
async fn a_response_that_breaks_off_is_not_passed_on_as_whole() {
    let scene = Scene::with("body_idle_timeout_ms = 300\n", |_| ()).await;
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    ] {
        scene.backend.answers(answer);
        let reply = scene.raw("GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n").await;
        assert!(reply.is_none(), "{answer:?} was passed on as whole: {reply:?}");
    }
    scene.backend.answers(attest_tests::backend::OK);
    assert_eq!(
        scene
            .raw("GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n")
            .await
            .unwrap()
            .status,
        200
    );
}

const OPEN: &str = "- {id: open, methods: [GET, POST], path: /open, upstream: streams, require: none}";
const CHUNK: usize = 64 * 1024;
/// Fifty megabytes: more than twice what kernels let four sockets hold.
const CHUNKS: usize = 768;
/// How many chunks may be under way: kernel buffers of four sockets, and little of the gateway's own.
const UNDER_WAY: usize = 384;
/// Nothing moved for so long: it has come to a standstill, or the machine is slow, which only makes the test weaker.
const STANDSTILL: Duration = Duration::from_millis(500);

/// A scene with a second upstream, which the test plays itself.
async fn streaming() -> (Scene, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = format!(
        "[[upstreams]]\nname = \"streams\"\nurl = \"http://{}\"\n[limits]\nbody_max_bytes = 67108864\n",
        listener.local_addr().unwrap()
    );
    (
        Scene::with(&config, |policy| policy.more_routes = OPEN).await,
        listener,
    )
}

#[tokio::test]
async fn an_upload_streams() {
    let (scene, listener) = streaming().await;
    let mut client = Wire::open(scene.authority()).await;
    let head = format!(
        "POST /open HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n",
        scene.authority(),
        CHUNK * CHUNKS
    );
    assert!(client.send(head).await);
    assert!(client.send(vec![b'x'; CHUNK]).await);
    // The backend has the head and the first bytes before the client sends the last.
    let mut backend = Wire::over(listener.accept().await.unwrap().0);
    assert!(backend.head().await.unwrap().start.starts_with("POST /open "));
    while backend.unread().len() < CHUNK {
        assert!(backend.more().await);
    }
    // The backend stops reading: before long the gateway stops, too, instead of taking everything in.
    let mut sent = CHUNK;
    while sent < CHUNK * CHUNKS {
        match tokio::time::timeout(STANDSTILL, client.send_some(&[b'x'; CHUNK])).await {
            Ok(0) => panic!("the gateway hung up"),
            Ok(taken) => sent += taken,
            Err(_) => break,
        }
    }
    assert!(
        sent < CHUNK * UNDER_WAY,
        "{sent} bytes were taken while nobody read them"
    );
    let reading = tokio::spawn(async move {
        let mut seen = backend.unread().len();
        while seen < CHUNK * CHUNKS {
            backend.unread().clear();
            assert!(backend.more().await, "the body ended after {seen} bytes");
            seen += backend.unread().len();
        }
        assert!(backend.send(attest_tests::backend::OK).await);
        seen
    });
    assert!(client.send(vec![b'x'; CHUNK * CHUNKS - sent]).await);
    assert_eq!(client.reply().await.unwrap().status, 200);
    assert_eq!(reading.await.unwrap(), CHUNK * CHUNKS);
}

#[tokio::test]
async fn a_download_streams() {
    let (scene, listener) = streaming().await;
    let mut client = Wire::open(scene.authority()).await;
    assert!(
        client
            .send(format!(
                "GET /open HTTP/1.1\r\nhost: {}\r\n\r\n",
                scene.authority()
            ))
            .await
    );
    let mut backend = Wire::over(listener.accept().await.unwrap().0);
    backend.head().await.unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", CHUNK * CHUNKS);
    assert!(backend.send(head).await);
    assert!(backend.send(vec![b'x'; CHUNK]).await);
    assert!(client.head().await.unwrap().start.starts_with("HTTP/1.1 200"));
    while client.unread().len() < CHUNK {
        assert!(client.more().await);
    }
    let sending = tokio::spawn(async move {
        for _ in 1..CHUNKS {
            assert!(backend.send(vec![b'x'; CHUNK]).await);
        }
        backend
    });
    let mut seen = client.unread().len();
    while seen < CHUNK * CHUNKS {
        client.unread().clear();
        assert!(client.more().await);
        seen += client.unread().len();
    }
    assert_eq!(seen, CHUNK * CHUNKS);
    sending.await.unwrap();
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_asked_by_the_gateway() {
    let (scene, listener) = streaming().await;
    let mut client = Wire::open(scene.authority()).await;
    let head = format!(
        "POST /open HTTP/1.1\r\nhost: {}\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n",
        scene.authority()
    );
    assert!(client.send(head).await);
    let mut backend = Wire::over(listener.accept().await.unwrap().0);
    assert!(backend.head().await.unwrap().all("expect").is_empty());
    assert!(client.head().await.unwrap().start.starts_with("HTTP/1.1 100 "));
    assert!(client.send("body").await);
    while backend.unread().len() < 4 {
        assert!(backend.more().await);
    }
    // What the backend says of its own accord before its answer goes no further.
    assert!(backend.send("HTTP/1.1 100 Continue\r\n\r\n").await);
    assert!(
        backend
            .send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
            .await
    );
    assert!(backend.send(attest_tests::backend::OK).await);
    assert!(client.head().await.unwrap().start.starts_with("HTTP/1.1 200 "));
}

const ONCE: &str = "- {id: once, methods: [GET], path: /once, upstream: tls, require: enforce, apps: [bank-android], single_use: true}";

#[tokio::test]
async fn a_backend_that_shows_a_foreign_certificate_gets_nothing_and_no_token_is_used_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap(),
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap(),
    );
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, ours.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(theirs.signing_key.serialize_der());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![theirs.cert.der().clone()], key.into())
        .unwrap();
    let config = format!(
        "[[upstreams]]\nname = \"tls\"\nurl = \"https://localhost:{}\"\nca_file = \"{}\"\n",
        listener.local_addr().unwrap().port(),
        trusted.display()
    );
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(server));
    let refused = tokio::spawn(async move {
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            assert!(acceptor.accept(stream).await.is_err(), "the gateway accepted it");
        }
    });
    let scene = Scene::with(&config, |policy| policy.more_routes = ONCE).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let request = Request::new("GET", "/once", "", &[]);
    let token = attacker.session_token(&session, &attacker.claims(&request, START_S));
    for attempt in ["first", "second"] {
        let reply = request.send(&scene.client(), &token).await;
        scene.refuses(
            attempt,
            &reply,
            502,
            Code::UpstreamUnavailable,
            "once",
            "upstream-tls",
        );
    }
    refused.await.unwrap();
}
