//! Clients that are slow or too many: each of them ends, and none of them keeps others out.

use attest_core::problem::ProblemCode as Code;
use attest_tests::frames::{END_HEADERS, END_STREAM, Frames, fields, frame, kind};
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};
use attest_tests::wire::{Wire, until};

const OPEN: &str = "- {id: open, methods: [GET, POST], path: /open, upstream: shown, require: none}";

/// A gateway whose every patience is short.
async fn impatient() -> Scene {
    let limits = "[limits]\nhead_timeout_ms = 300\nbody_idle_timeout_ms = 300\nwrite_idle_timeout_ms = 300\n";
    Scene::with(limits, |policy| policy.more_routes = OPEN).await
}

/// Waits until the gateway has no connection left.
async fn all_gone(scene: &Scene) {
    let running = scene.world.server().running();
    until("every connection ended", || running.connections() == 0).await;
}

/// Opens so many connections that have all sent `start`, and returns them.
async fn open(scene: &Scene, count: usize, start: &str) -> Vec<Wire> {
    let start = start.replace("{host}", scene.authority());
    let mut wires = Vec::new();
    for _ in 0..count {
        let mut wire = Wire::open(scene.authority()).await;
        assert!(wire.send(&start).await);
        wires.push(wire);
    }
    wires
}

#[tokio::test]
async fn slow_heads_end() {
    let scene = impatient().await;
    for start in [
        "",
        "GET /health HTTP/1.1\r\nhost: {host}\r\nx: ",
        "PRI * HTTP/2.0\r\n",
    ] {
        let wires = open(&scene, 20, start).await;
        all_gone(&scene).await;
        drop(wires);
    }
    assert!(scene.backend.take().is_empty());
}

#[tokio::test]
async fn a_head_that_drips_ends() {
    let scene = impatient().await;
    let mut wire = open(&scene, 1, "GET /health HTTP/1.1\r\nhost: {host}\r\n")
        .await
        .remove(0);
    // A byte whenever the other side may be asleep.
    while wire.send("x").await {
        tokio::task::yield_now().await;
    }
    all_gone(&scene).await;
    assert!(scene.backend.take().is_empty());
}

#[tokio::test]
async fn slow_bodies_end_and_are_told_why() {
    let scene = impatient().await;
    // A token bound to the body: it is read before anything is forwarded. And one that streams.
    let start = "POST /open HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\n\r\nslow";
    let mut wires = open(&scene, 20, start).await;
    for wire in &mut wires {
        let reply = wire.reply().await.unwrap();
        assert_eq!(scene.refused(&reply).code, Code::BodyTimeout);
    }
    all_gone(&scene).await;
    assert!(scene.backend.take().is_empty(), "no backend saw a whole request");
}

#[tokio::test]
async fn responses_that_nobody_takes_end() {
    let scene = impatient().await;
    let body = "x".repeat(16 << 20);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    scene.backend.answers(head + &body);
    let wires = open(&scene, 10, "GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n").await;
    all_gone(&scene).await;
    drop(wires);
}

#[tokio::test]
async fn a_flood_from_one_place_displaces_itself_and_no_customer() {
    let limits = "[limits]\nconnections_max = 24\n";
    let scene = Scene::with(limits, |_| ()).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let balance = Request::balance();
    // Customers that have shown a token once; each keeps its connection.
    let mut customers = Vec::new();
    for _ in 0..4 {
        let token = attacker.session_token(&session, &attacker.claims(&balance, START_S));
        let client = scene.client();
        assert_eq!(balance.send(&client, &token).await.status, 200);
        customers.push((client, token));
    }
    let running = scene.world.server().running();
    let mut flood = Vec::new();
    for _ in 0..100 {
        flood.push(Wire::open(scene.authority()).await);
    }
    until("the flood displaced itself", || {
        running.connections_evicted() + running.connections_refused() >= 76
    })
    .await;
    assert_eq!(running.connections_refused(), 0, "nobody is locked out");
    scene.backend.take();
    for (client, token) in &customers {
        assert_eq!(balance.send(client, token).await.status, 200);
    }
    assert_eq!(scene.backend.take().len(), 4);
    // And a customer who comes now gets in.
    let token = attacker.session_token(&session, &attacker.claims(&balance, START_S));
    assert_eq!(balance.send(&scene.client(), &token).await.status, 200);
    assert!(running.connections() <= 26, "{}", running.connections());
}

#[tokio::test]
async fn one_source_has_room_for_its_newest_connections() {
    let scene = Scene::with("[limits]\nconnections_per_source_max = 8\n", |_| ()).await;
    let mut wires = open(&scene, 40, "").await;
    let running = scene.world.server().running();
    until("its oldest connections were closed", || {
        running.connections_evicted() >= 32
    })
    .await;
    until("they are gone", || running.connections() <= 8).await;
    let newest = wires.last_mut().unwrap();
    let request = format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", scene.authority());
    assert!(newest.send(request).await);
    assert_eq!(newest.reply().await.unwrap().status, 200);
}

#[tokio::test]
async fn an_overloaded_core_sheds_requests_without_a_token_first() {
    let scene = Scene::with("[limits]\nrequests_per_core_max = 10\n", |_| ()).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let balance = Request::balance();
    scene.backend.falls_silent();
    // One connection, so one core: its streams are what that core works on.
    let mut client = Frames::open(scene.authority(), &[]).await;
    for n in 0..8 {
        assert!(client.get(2 * n + 1, "/health").await);
    }
    let mut waiting = 0;
    until("the backend has them", || {
        waiting += scene.backend.take().len();
        waiting == 8
    })
    .await;
    assert!(client.get(17, "/health").await);
    let body = client
        .find(|frame| frame.kind == kind::DATA && frame.stream == 17)
        .await
        .unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body.payload).unwrap();
    assert_eq!(problem["type"], "urn:attest:problem:overloaded");
    assert_eq!(scene.backend.take().len(), 0);
    // Two with a token are taken, a third one is not.
    let token = attacker.session_token(&session, &attacker.claims(&balance, START_S));
    let mut more: Vec<(&str, &str)> = vec![("authorization", "Bearer customer-1")];
    let value = token[0].1.as_str();
    let (first, _) = value.split_at(value.len().min(120));
    more.push(("attest-token", first));
    for (stream, reaches) in [(19, true), (21, true), (23, false)] {
        let block = fields("GET", "/health", scene.authority(), &more);
        let request = frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, &block);
        assert!(client.send(request).await);
        if reaches {
            until("it reached the backend", || !scene.backend.take().is_empty()).await;
        } else {
            let body = client
                .find(|frame| frame.kind == kind::DATA && frame.stream == stream)
                .await
                .unwrap();
            let problem: serde_json::Value = serde_json::from_slice(&body.payload).unwrap();
            assert_eq!(problem["type"], "urn:attest:problem:overloaded");
        }
    }
}
