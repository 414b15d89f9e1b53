//! Nobody without a token keeps an operator out: neither by bad tokens, nor by holding connections, nor by large requests.

use attest_gateway::admin::AdminSecret;
use attest_tests::wire::Wire;
use ring::rand::SystemRandom;
use serde_json::Value;

use crate::operator::{Operated, json};

#[tokio::test]
async fn a_flood_of_bad_tokens_slows_itself_and_nobody_else() {
    let operated = Operated::with("failures_per_source_per_minute = 5", "", |_| ()).await;
    let bad = AdminSecret::generate(&SystemRandom::new()).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let reply = operated.call("GET", "/policy", Some(&bad), &Value::Null).await;
        if reply.status == 429 {
            assert_eq!(json(&reply)["type"], "urn:attest:admin:too-many-requests");
            assert_eq!(reply.header("retry-after"), Some("12"));
        }
        statuses.push(reply.status);
        // The right one, from the same address, between them all.
        operated.read("/policy").await;
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    // Health needs no token and is not counted.
    assert_eq!(
        operated.call("GET", "/health", None, &Value::Null).await.status,
        200
    );
    operated.scene.clock.advance_s(60);
    assert_eq!(
        operated
            .call("GET", "/policy", Some(&bad), &Value::Null)
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_token_has_its_own_rate() {
    let operated = Operated::with("requests_per_token_per_minute = 3", "", |_| ()).await;
    for _ in 0..3 {
        operated.read("/policy").await;
    }
    let reply = operated
        .call("GET", "/policy", Some(&operated.operator), &Value::Null)
        .await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("20")));
    let other = operated
        .call("GET", "/policy", Some(&operated.reader), &Value::Null)
        .await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn held_connections_make_room_and_proven_ones_stay() {
    let operated = Operated::with("connections_max = 4", "", |_| ()).await;
    let address = operated.admin.authority().to_owned();
    let token = operated.reader.reveal();
    let call =
        format!("GET /admin/v1/policy HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    let status = async |wire: &mut Wire| {
        wire.send(&call).await;
        wire.reply().await.map(|reply| reply.status)
    };
    let mut proven = Wire::open(&address).await;
    assert_eq!(status(&mut proven).await, Some(200));
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::open(&address).await;
        wire.send("GET /admin/v1/health HTTP/1.1\r\n").await;
        held.push(wire);
    }
    let mut newcomer = Wire::open(&address).await;
    assert_eq!(status(&mut newcomer).await, Some(200), "an operator gets in");
    assert_eq!(status(&mut proven).await, Some(200), "and stays");
    // Two places are left for the newest of those that showed nothing.
    let (oldest, newest) = held.split_at_mut(18);
    for wire in oldest {
        assert!(!wire.more().await);
    }
    for wire in newest {
        wire.send(format!("host: {address}\r\n\r\n")).await;
        assert_eq!(wire.reply().await.map(|reply| reply.status), Some(200));
    }
}

#[tokio::test]
async fn ambiguous_credentials_are_none() {
    let operated = Operated::open().await;
    let bearer = |token: &AdminSecret| format!("Bearer {}", token.reveal());
    let good = bearer(&operated.operator);
    let authorization = |value: &str| ("authorization".to_owned(), value.to_owned());
    for headers in [
        vec![authorization(&good), authorization(&good)],
        vec![authorization(&good.replace("Bearer", "Basic"))],
        vec![authorization(operated.operator.reveal())],
        vec![authorization(&format!("{good} ")), authorization("")],
        vec![authorization(&good.replace("Bearer ", "Bearer  "))],
        vec![authorization("Bearer")],
        vec![],
    ] {
        let reply = operated
            .admin
            .app("GET", "/admin/v1/policy", &headers, &[])
            .await
            .unwrap();
        assert_eq!(reply.status, 401, "{}", headers.len());
    }
}
