//! WebSocket upgrades through a real gateway: decided like any other request, joined byte for byte, and nothing else is upgraded.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::time::Duration;

use attest_core::problem::ProblemCode as Code;
use attest_core::token::binding::Bind;
use attest_gateway::tally::Passed;
use attest_mobile::Headers;
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};
use attest_tests::wire::{Message, Wire};
use tokio::net::TcpListener;

const ROUTES: &str = "- {id: open, methods: [GET, POST], path: /open, upstream: sockets, require: none}
  - {id: guarded, methods: [GET], path: /guarded, upstream: sockets, require: enforce, apps: [bank-android]}
  - {id: bound, methods: [GET, POST], path: /bound, upstream: sockets, require: enforce, apps: [bank-android], bind: [body]}
  - {id: watched, methods: [GET], path: /watched, upstream: sockets, require: observe, apps: [bank-android], bind: [body]}";

const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                      sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nattest-device: fake\r\n\r\n";

/// A gateway with an upstream for sockets, which the test plays itself.
async fn sockets(more: &str) -> (Scene, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = format!(
        "[[upstreams]]\nname = \"sockets\"\nurl = \"http://{}\"\n{more}",
        listener.local_addr().unwrap()
    );
    (
        Scene::with(&config, |policy| policy.more_routes = ROUTES).await,
        listener,
    )
}

fn handshake(scene: &Scene, target: &str, more: &Headers) -> String {
    let more: String = more
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "GET {target} HTTP/1.1\r\nhost: {}\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n{more}\r\n",
        scene.authority()
    )
}

async fn accept(listener: &TcpListener) -> (Wire, Message) {
    let mut backend = Wire::over(listener.accept().await.unwrap().0);
    let head = backend.head().await.unwrap();
    (backend, head)
}

/// Both sides of a tunnel on the open route.
async fn joined(scene: &Scene, listener: &TcpListener) -> (Wire, Wire) {
    let mut client = Wire::open(scene.authority()).await;
    assert!(client.send(handshake(scene, "/open", &Headers::new())).await);
    let (mut backend, _) = accept(listener).await;
    assert!(backend.send(AGREED).await);
    assert!(client.head().await.unwrap().start.contains(" 101 "));
    (client, backend)
}

async fn reads(wire: &mut Wire, expect: &[u8]) {
    while wire.unread().len() < expect.len() {
        assert!(wire.more().await, "closed after {:?}", wire.unread());
    }
    assert_eq!(wire.unread().as_slice(), expect);
    wire.unread().clear();
}

#[tokio::test]
async fn both_sides_are_joined_once_the_backend_agrees() {
    let (scene, listener) = sockets("").await;
    let mut client = Wire::open(scene.authority()).await;
    assert!(client.send(handshake(&scene, "/open?x=1", &Headers::new())).await);
    let (mut backend, head) = accept(&listener).await;
    assert_eq!(head.start, "GET /open?x=1 HTTP/1.1");
    assert_eq!(head.all("connection"), ["upgrade"]);
    assert_eq!(head.all("upgrade"), ["websocket"]);
    assert_eq!(head.all("sec-websocket-version"), ["13"]);
    assert_eq!(head.all("attest-decision"), ["none"]);
    // The first bytes of the tunnel may come with the head.
    assert!(backend.send(format!("{AGREED}\x01early")).await);
    let answer = client.head().await.unwrap();
    assert!(answer.start.starts_with("HTTP/1.1 101 "), "{answer:?}");
    assert_eq!(answer.all("connection"), ["upgrade"]);
    assert_eq!(answer.all("upgrade"), ["websocket"]);
    assert_eq!(
        answer.all("sec-websocket-accept"),
        ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    );
    assert!(answer.all("attest-device").is_empty());
    reads(&mut client, b"\x01early").await;
    assert!(client.send(b"\x00ping\r\n\r\n").await);
    reads(&mut backend, b"\x00ping\r\n\r\n").await;
    // Looks like one of the gateway's own answers, and is none of them.
    let bare = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
    assert!(backend.send(bare).await);
    reads(&mut client, bare).await;
    assert_eq!(scene.gateway().tally().passed(Passed::Upgraded), 1);
    drop(client);
    backend.closed().await;
    let (client, mut backend) = joined(&scene, &listener).await;
    assert!(backend.send(b"last").await);
    drop(backend);
    let mut client = client;
    reads(&mut client, b"last").await;
    client.closed().await;
}

#[tokio::test]
async fn the_request_is_verified_and_decided_as_any_other() {
    let (scene, listener) = sockets("").await;
    let reply = scene
        .raw(&handshake(&scene, "/guarded", &Headers::new()))
        .await
        .unwrap();
    scene.refuses(
        "no token",
        &reply,
        401,
        Code::TokenMissing,
        "guarded",
        "token-missing",
    );
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let request = Request::new("GET", "/guarded", "", &[]);
    let token = attacker.session_token(&session, &attacker.claims(&request, START_S));
    let mut client = Wire::open(scene.authority()).await;
    assert!(client.send(handshake(&scene, "/guarded", &token)).await);
    let (mut backend, head) = accept(&listener).await;
    assert_eq!(head.all("attest-decision"), ["allow"]);
    assert_eq!(head.all("upgrade"), ["websocket"]);
    assert!(head.all("attest-token").is_empty());
    assert!(backend.send(AGREED).await);
    assert!(client.head().await.unwrap().start.contains(" 101 "));
    assert!(client.send(b"hello").await);
    reads(&mut backend, b"hello").await;
}

#[tokio::test]
async fn a_backend_may_decline_or_be_down() {
    let (scene, listener) = sockets("response_header_timeout_ms = 300\n").await;
    let mut client = Wire::open(scene.authority()).await;
    for status in ["426 Upgrade Required", "200 OK"] {
        assert!(client.send(handshake(&scene, "/open", &Headers::new())).await);
        let (mut backend, _) = accept(&listener).await;
        let answer = format!("HTTP/1.1 {status}\r\nupgrade: websocket\r\ncontent-length: 4\r\n\r\nbody");
        assert!(backend.send(answer).await);
        let reply = client.reply().await.unwrap();
        assert!(status.starts_with(&reply.status.to_string()), "{reply:?}");
        assert_eq!(reply.body, b"body");
        // The client's connection goes on as before; the backend's is used for nothing else.
        backend.closed().await;
    }
    for (answer, status, code, reason) in [
        // Another protocol than was asked for.
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
            502,
            Code::UpstreamUnavailable,
            "upstream-switched",
        ),
        (
            "nonsense\r\n\r\n",
            502,
            Code::UpstreamUnavailable,
            "upstream-malformed",
        ),
        ("", 504, Code::UpstreamTimeout, "upstream-timeout"),
    ] {
        assert!(client.send(handshake(&scene, "/open", &Headers::new())).await);
        let (mut backend, _) = accept(&listener).await;
        assert!(backend.send(answer).await);
        let reply = client.reply().await.unwrap();
        scene.refuses(reason, &reply, status, code, "open", reason);
        backend.closed().await;
    }
    drop(listener);
    assert!(client.send(handshake(&scene, "/open", &Headers::new())).await);
    let reply = client.reply().await.unwrap();
    scene.refuses(
        "down",
        &reply,
        502,
        Code::UpstreamUnavailable,
        "open",
        "upstream-unreachable",
    );
}

#[tokio::test]
async fn nothing_but_a_websocket_handshake_is_upgraded() {
    let (scene, listener) = sockets("").await;
    let host = scene.authority();
    let fields = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n";
    for sent in [
        format!(
            "GET /open HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n"
        ),
        format!(
            "GET /open HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket, h2c\r\n{fields}\r\n"
        ),
        format!(
            "GET /open HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\nupgrade: h2c\r\n{fields}\r\n"
        ),
        format!(
            "GET /open HTTP/1.1\r\nhost: {host}\r\nconnection: keep-alive\r\nupgrade: websocket\r\n{fields}\r\n"
        ),
        format!(
            "POST /open HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 0\r\n{fields}\r\n"
        ),
        format!(
            "GET /open HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 1\r\n{fields}\r\nx"
        ),
    ] {
        let mut client = Wire::open(host).await;
        assert!(client.send(&sent).await);
        let mut backend = Wire::over(listener.accept().await.unwrap().0);
        let arrived = backend.message().await.unwrap();
        for field in ["connection", "upgrade", "http2-settings"] {
            assert!(arrived.all(field).is_empty(), "{sent:?}: {arrived:?}");
        }
        // Whatever the backend makes of it, nobody asked for this.
        assert!(backend.send(AGREED).await);
        let reply = client.reply().await.unwrap();
        scene.refuses(
            &sent,
            &reply,
            502,
            Code::UpstreamUnavailable,
            "open",
            "upstream-switched",
        );
    }
}

#[tokio::test]
async fn where_the_body_is_bound_nothing_streams() {
    let (scene, listener) = sockets("").await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let token = |method, target, body: &str| {
        let request = Request::new(method, target, body, &[Bind::Body]);
        attacker.session_token(&session, &attacker.claims(&request, START_S))
    };
    let upgrade = handshake(&scene, "/bound", &token("GET", "/bound", ""));
    let reply = scene.raw(&upgrade).await.unwrap();
    scene.refuses(
        "upgrade",
        &reply,
        400,
        Code::StreamingRefused,
        "bound",
        "upgrade-where-body-bound",
    );
    for kind in ["application/grpc", "Application/gRPC+proto"] {
        let mut headers = token("POST", "/bound", "body");
        headers.push(header("content-type", kind));
        let reply = scene
            .client()
            .app("POST", "/bound", &headers, b"body")
            .await
            .unwrap();
        scene.refuses(
            kind,
            &reply,
            400,
            Code::StreamingRefused,
            "bound",
            "grpc-where-body-bound",
        );
    }
    // Where the route only observes it passes, and the token counts for nothing.
    let mut client = Wire::open(scene.authority()).await;
    let observed = handshake(&scene, "/watched", &token("GET", "/watched", ""));
    assert!(client.send(observed).await);
    let (mut backend, head) = accept(&listener).await;
    assert_eq!(head.all("attest-decision"), ["none"]);
    assert!(backend.send(AGREED).await);
    assert!(client.head().await.unwrap().start.contains(" 101 "));
}

#[tokio::test]
async fn a_quiet_tunnel_ends_and_so_does_one_that_nobody_reads() {
    let (scene, listener) = sockets("upgrade_idle_timeout_ms = 300\n").await;
    let (mut client, mut backend) = joined(&scene, &listener).await;
    client.closed().await;
    backend.closed().await;
    let (scene, listener) = sockets("[limits]\nwrite_idle_timeout_ms = 300\n").await;
    let (client, mut backend) = joined(&scene, &listener).await;
    // The client takes nothing: buffers fill, and then the tunnel ends although bytes are waiting.
    let flood = vec![b'x'; 1 << 20];
    while backend.send(&flood).await {}
    drop(client);
}

#[tokio::test]
async fn tunnels_count_against_the_upstream_s_connections_and_end_with_the_gateway() {
    let (scene, listener) = sockets("connections_per_core = 1\n").await;
    let (mut client, mut backend) = joined(&scene, &listener).await;
    let mut saturated = 0;
    // Two cores: one of two further connections meets the full one, sooner or later.
    while saturated == 0 {
        let mut next = Wire::open(scene.authority()).await;
        assert!(next.send("GET /open HTTP/1.1\r\nhost: x\r\n\r\n").await);
        tokio::select! {
            reply = next.reply() => {
                let reply = reply.unwrap();
                scene.refuses("full", &reply, 503, Code::Overloaded, "open", "upstream-saturated");
                saturated += 1;
            }
            accepted = listener.accept() => {
                let mut other = Wire::over(accepted.unwrap().0);
                other.head().await.unwrap();
                assert!(other.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await);
            }
        }
    }
    assert!(client.send(b"still here").await);
    reads(&mut backend, b"still here").await;
    let stopping = tokio::time::timeout(Duration::from_secs(20), scene.world.stop());
    stopping.await.unwrap();
    client.closed().await;
    backend.closed().await;
}
