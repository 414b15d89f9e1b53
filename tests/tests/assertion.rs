//! `Attest-Assertion` through a real gateway: what it says, whom it is for, and that a backend needs nothing but the published keys.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::sync::Arc;

use attest_core::jose::JwkSet;
use attest_core::token::assertion::{self, AssertionClaims, Expected};
use attest_gateway::clock::{Clock as _, ManualClock};
use attest_mobile::Headers;
use attest_testkit::bank::ACTOR_HEADER;
use attest_testkit::phone::Phone;
use attest_testkit::world::{World, WorldOptions};
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};

/// The assertion in the only request that arrived, verified by the keys that the gateway publishes.
async fn asserted(scene: &Scene, target: &str, per_request: bool) -> (String, AssertionClaims) {
    let arrived = scene.backend.only();
    let values = arrived.all("attest-assertion");
    assert_eq!(values.len(), 1, "{arrived:?}");
    let text = values.first().unwrap().to_string();
    let reply = scene
        .client()
        .app("GET", "/.attest/v1/assertion-jwks.json", &Headers::new(), &[])
        .await
        .unwrap();
    let keys: JwkSet = serde_json::from_slice(&reply.body).unwrap();
    let expected = Expected {
        issuer: scene.world.origin(),
        audience: "shown",
        method: "GET",
        target,
        per_request,
        skew_s: 0,
    };
    let now_s = scene.clock.now_s();
    let claims = assertion::verify(&text, &keys, &expected, now_s).unwrap();
    // Nothing else verifies it: not the keys of attestations, not another audience, not a minute later.
    let attestation_keys = scene.gateway().issuer_keys();
    assert!(assertion::verify(&text, &attestation_keys, &expected, now_s).is_err());
    let other = Expected {
        audience: "bank",
        ..expected
    };
    assert!(assertion::verify(&text, &keys, &other, now_s).is_err());
    assert!(assertion::verify(&text, &keys, &expected, now_s + 60).is_err());
    (text, claims)
}

async fn get(phone: &Phone, target: &str) {
    let headers = vec![header("authorization", "Bearer customer-1")];
    let sent = phone.send("GET", target, &headers, &[]).await.unwrap();
    assert_eq!(sent.reply.status, 200);
}

#[tokio::test]
async fn one_for_each_request_names_it() {
    let scene = Scene::with("assertion = \"per-request\"\n", |_| ()).await;
    let phone = scene.phone();
    let (first, second) = ("/v1/balance?currency=EUR", "/v1/balance?currency=USD");
    get(&phone, first).await;
    let arrived_device = {
        let (text, claims) = asserted(&scene, first, true).await;
        let request = claims.request.clone().unwrap();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", first));
        assert_eq!(claims.app, "bank-android");
        assert_eq!((claims.iat, claims.exp), (START_S, START_S + 60));
        get(&phone, second).await;
        let (other, others) = asserted(&scene, second, true).await;
        assert_ne!(text, other);
        assert_ne!(claims.jti, others.jti);
        assert_ne!(request.jti, others.request.unwrap().jti);
        claims.sub
    };
    assert_eq!(arrived_device.len(), 22);
}

#[tokio::test]
async fn one_for_a_session_is_repeated_and_made_anew_in_time() {
    let scene = Scene::with("assertion = \"per-session\"\n", |_| ()).await;
    let phone = scene.phone();
    let target = "/v1/balance?currency=EUR";
    let mut seen = Vec::new();
    for _ in 0..6 {
        get(&phone, target).await;
        let (text, claims) = asserted(&scene, target, false).await;
        assert_eq!(claims.request, None);
        seen.push(text);
    }
    seen.sort();
    seen.dedup();
    // At most one for each of the two cores.
    assert!(seen.len() <= 2, "{} assertions for one session", seen.len());
    // Another device has its own.
    let other = scene.phone();
    get(&other, target).await;
    let (own, _) = asserted(&scene, target, false).await;
    assert!(!seen.contains(&own));
    scene.clock.advance_s(29);
    get(&phone, target).await;
    assert!(seen.contains(&asserted(&scene, target, false).await.0));
    scene.clock.advance_s(1);
    get(&phone, target).await;
    let (anew, claims) = asserted(&scene, target, false).await;
    assert!(!seen.contains(&anew));
    assert_eq!(claims.iat, START_S + 30);
}

#[tokio::test]
async fn what_nothing_vouches_for_is_not_asserted() {
    let scene = Scene::with(
        "assertion = \"per-request\"\nassertion_audience = \"https://shown.example\"\n",
        |_| (),
    )
    .await;
    let client = scene.client();
    let forged = vec![header("attest-assertion", "forged")];
    for target in ["/health", "/v1/legacy/balance"] {
        let reply = client.app("GET", target, &forged, &[]).await.unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(
            scene.backend.only().all("attest-assertion"),
            Vec::<&str>::new(),
            "{target}"
        );
    }
    let phone = scene.phone();
    phone
        .send("GET", "/v1/legacy/balance", &forged, &[])
        .await
        .unwrap();
    let arrived = scene.backend.only();
    let [assertion] = arrived.all("attest-assertion").try_into().unwrap();
    assert_ne!(assertion, "forged");
    let payload = assertion.split('.').nth(1).unwrap();
    let payload = attest_core::encoding::from_base64url(payload).unwrap();
    let claims: AssertionClaims = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims.aud, "https://shown.example");
}

#[tokio::test]
async fn without_configuration_there_is_none() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let balance = Request::balance();
    let token = attacker.session_token(&session, &attacker.claims(&balance, START_S));
    assert_eq!(balance.send(&scene.client(), &token).await.status, 200);
    assert_eq!(scene.backend.only().all("attest-assertion"), Vec::<&str>::new());
}

#[tokio::test]
async fn the_sample_bank_verifies_by_the_published_keys_alone() {
    for (config, asserted) in [
        ("assertion = \"per-request\"\n", 3),
        ("assertion = \"per-session\"\n", 3),
        ("", 0),
        // For somebody else: the bank refuses it.
        ("assertion = \"per-session\"\nassertion_audience = \"shop\"\n", 0),
    ] {
        let mut options = WorldOptions::new(Arc::new(ManualClock::at(START_S)));
        options.config = config.to_owned();
        let world = World::start(options).await.unwrap();
        let phone = Phone::new(world.phone()).unwrap();
        let headers = vec![
            header("authorization", "Bearer customer-1"),
            header(ACTOR_HEADER, "customer"),
        ];
        for n in 0..3 {
            let target = format!("/v1/balance?n={n}");
            let sent = phone.send("GET", &target, &headers, &[]).await.unwrap();
            let refused = config.contains("shop");
            assert_eq!(sent.reply.status, if refused { 403 } else { 200 }, "{config}");
        }
        let seen = world.bank().seen("customer");
        assert_eq!(
            (seen.requests, seen.vouched, seen.asserted),
            (3, 3, asserted),
            "{config}"
        );
    }
}
