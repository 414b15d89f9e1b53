//! The path: a phone enrols, mints and gets through; everything else does not.

use std::sync::Arc;

use attest_gateway::clock::SystemClock;
use attest_testkit::bank::ACTOR_HEADER;
use attest_testkit::phone::Phone;
use attest_testkit::world::{World, WorldOptions};

fn actor(name: &str) -> (String, String) {
    (ACTOR_HEADER.to_owned(), name.to_owned())
}

#[tokio::test]
async fn a_genuine_phone_onboards_logs_in_and_pays() {
    let world = World::start(WorldOptions::new(Arc::new(SystemClock::new())))
        .await
        .unwrap();
    let phone = Phone::new(world.phone()).unwrap();
    let headers = vec![
        actor("genuine"),
        ("authorization".to_owned(), "Bearer abc".to_owned()),
    ];
    for (method, target, body) in [
        ("POST", "/v1/onboarding?step=1", "{\"name\":\"A\"}"),
        ("POST", "/v1/login", "{}"),
        ("GET", "/v1/balance", ""),
        ("POST", "/v1/payments?to=x", "{\"amount\":1}"),
        ("POST", "/v1/payments?to=y", "{\"amount\":2}"),
    ] {
        let sent = phone
            .send(method, target, &headers, body.as_bytes())
            .await
            .unwrap();
        assert!(sent.reply.status < 300, "{method} {target}: {:?}", sent);
    }
    let seen = world.bank().seen("genuine");
    assert_eq!((seen.requests, seen.vouched, seen.forged), (5, 5, 0));
}
