//! What changes while a gateway runs: keys through a whole rotation and in an emergency, with phones that must not notice, and
//! settings, which act at once or are named. A bad file changes nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::fs;
use std::path::PathBuf;

use attest_core::jose::JwkSet;
use attest_gateway::keys::{Family, Rotation, Step};
use attest_gateway::policy::Polled;
use attest_gateway::reload::{ReloadError, Reloaded};
use attest_gateway::tally::Passed;
use attest_mobile::Headers;
use attest_testkit::phone::Phone;
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};
use ring::rand::SystemRandom;

fn config(scene: &Scene) -> PathBuf {
    scene.world.folder().join("attest.toml")
}

fn reload(scene: &Scene) -> Result<Reloaded, ReloadError> {
    scene.gateway().reload(&config(scene))
}

/// Takes a step on disk and lets the gateway know.
fn rotate(scene: &Scene, family: Family, step: Step) {
    Rotation {
        directory: &scene.world.folder().join("keys"),
        family,
        step,
        overlap: None,
        now_s: START_S,
    }
    .run(&SystemRandom::new())
    .unwrap();
    assert_eq!(reload(scene).unwrap().keys, [family]);
}

fn change(scene: &Scene, from: &str, to: &str) {
    let before = fs::read_to_string(config(scene)).unwrap();
    assert!(before.contains(from), "{from}");
    fs::write(config(scene), before.replacen(from, to, 1)).unwrap();
}

/// Sends a request as the app would; how often the phone sent it.
async fn send(phone: &Phone, request: &Request) -> u32 {
    let sent = phone
        .send(
            request.method,
            &request.target,
            &request.headers,
            request.body.as_bytes(),
        )
        .await
        .unwrap();
    assert_eq!(sent.reply.status, 200, "{:?}", sent.refusal);
    sent.sends
}

/// Sessions that were made so far.
fn joined(scene: &Scene) -> (u64, u64) {
    let tally = scene.gateway().tally();
    (tally.passed(Passed::Enrolled), tally.passed(Passed::Renewed))
}

async fn served(scene: &Scene, name: &str) -> JwkSet {
    let path = format!("/.attest/v1/{name}");
    let reply = scene
        .client()
        .send("GET", &path, &Headers::new(), b"", 1 << 16)
        .await
        .unwrap();
    serde_json::from_slice(&reply.body).unwrap()
}

#[tokio::test]
async fn a_whole_rotation_goes_unnoticed() {
    for family in Family::ALL {
        let scene = Scene::open().await;
        let phone = scene.phone();
        let requests = [Request::login(), Request::payment()];
        for request in &requests {
            assert_eq!(send(&phone, request).await, 1);
        }
        for step in [Step::Publish, Step::Use] {
            rotate(&scene, family, step);
            for request in &requests {
                assert_eq!(send(&phone, request).await, 1, "{family:?} {step:?}");
            }
        }
        assert_eq!(joined(&scene), (1, 0), "{family:?}: the session goes on");
        // A phone that joins now is served by the new key, and the old session ends by its time as always.
        let newcomer = scene.phone();
        assert_eq!(send(&newcomer, &Request::login()).await, 1);
        scene.clock.advance_s(961);
        assert_eq!(send(&phone, &requests[0]).await, 2);
        rotate(&scene, family, Step::Retire);
        for request in &requests {
            assert_eq!(send(&phone, request).await, 1, "{family:?} retired");
        }
        // The first answer under a new response key makes a phone look for the policy that names it, and ask again.
        let renewals = if family == Family::Attestation { 2 } else { 1 };
        assert_eq!(joined(&scene), (2, renewals), "{family:?}: renewed by time alone");
    }
}

#[tokio::test]
async fn a_published_key_is_in_the_device_policy_before_it_signs() {
    let scene = Scene::open().await;
    let phone = scene.phone();
    send(&phone, &Request::login()).await;
    let version = scene.gateway().policies().active().version();
    let (bundle, etag) = {
        let active = scene.gateway().policies().active();
        active.published().bundle(1)
    };
    rotate(&scene, Family::Attestation, Step::Publish);
    let active = scene.gateway().policies().active();
    assert_eq!(active.version(), version, "no policy was changed");
    let next = active.published().bundle(1);
    assert_ne!(next.0, bundle);
    assert_ne!(next.1, etag, "or phones would keep what they have");
    assert_eq!(served(&scene, "jwks.json").await.keys.len(), 2);
    assert_eq!(served(&scene, "assertion-jwks.json").await.keys.len(), 1);
    rotate(&scene, Family::Attestation, Step::Use);
    rotate(&scene, Family::Attestation, Step::Retire);
    assert_eq!(served(&scene, "jwks.json").await.keys.len(), 1);
}

#[tokio::test]
async fn an_emergency_cuts_sessions_and_phones_recover_by_themselves() {
    for (family, request) in [
        (Family::Ticket, Request::login()),
        (Family::Attestation, Request::payment()),
    ] {
        let scene = Scene::open().await;
        let phone = scene.phone();
        assert_eq!(send(&phone, &request).await, 1);
        let stolen = phone
            .token_headers(
                request.method,
                &request.target,
                &request.headers,
                request.body.as_bytes(),
            )
            .await
            .unwrap();
        let before = served(&scene, "jwks.json").await;
        rotate(&scene, family, Step::Emergency);
        if family == Family::Attestation {
            let after = served(&scene, "jwks.json").await;
            assert!(after.keys.iter().all(|key| !before.keys.contains(key)));
        }
        drop(scene.backend.take());
        // What was made before is worth nothing any more.
        let headers: Headers = request.headers.iter().cloned().chain(stolen).collect();
        let reply = scene
            .client()
            .app(request.method, &request.target, &headers, request.body.as_bytes())
            .await
            .unwrap();
        assert_eq!(reply.status, 401, "{family:?}");
        assert!(scene.backend.take().is_empty());
        // The phone sends twice, and the app sees one good answer.
        assert_eq!(send(&phone, &request).await, 2, "{family:?}");
        assert_eq!(joined(&scene).0, 1, "{family:?}: renewed, not enrolled again");
    }
}

#[tokio::test]
async fn support_codes_open_until_their_generation_is_retired() {
    let scene = Scene::open().await;
    let login = Request::login();
    let refused = || async {
        let client = scene.client();
        let reply = client
            .app(login.method, &login.target, &Headers::new(), b"")
            .await;
        scene.refused(&reply.unwrap()).problem.support
    };
    let old = refused().await;
    rotate(&scene, Family::Support, Step::All);
    let new = refused().await;
    for code in [&old, &new] {
        assert!(scene.gateway().open_support_code(code).is_ok());
    }
    rotate(&scene, Family::Support, Step::Retire);
    assert!(scene.gateway().open_support_code(&old).is_err());
    assert!(scene.gateway().open_support_code(&new).is_ok());
}

#[tokio::test]
async fn live_settings_act_at_once_and_the_others_are_named() {
    let scene = Scene::with("[limits]\nbody_max_bytes = 1000\nhead_fields = 50\n", |_| ()).await;
    let get = || async {
        let (client, body) = (scene.client(), [b'a'; 500]);
        let reply = client
            .app("GET", "/v1/legacy/balance", &Headers::new(), &body)
            .await;
        reply.unwrap().status
    };
    assert_eq!(get().await, 200);
    change(&scene, "body_max_bytes = 1000", "body_max_bytes = 100");
    change(&scene, "head_fields = 50", "head_fields = 60");
    let reloaded = reload(&scene).unwrap();
    assert_eq!(reloaded.applied, ["limits.body_max_bytes"]);
    assert_eq!(reloaded.restart, ["limits.head_fields"]);
    assert_eq!(reloaded.policy, Polled::Unchanged);
    assert_eq!(scene.gateway().live().config.limits.head_fields, 50);
    assert_eq!(get().await, 413);
}

#[tokio::test]
async fn the_attestation_service_and_the_proxy_follow() {
    let scene = Scene::open().await;
    let challenge = || async {
        let body = br#"{"purpose":"enroll","app":"bank-android"}"#;
        let client = scene.client();
        let reply = client
            .send("POST", "/.attest/v1/challenge", &Headers::new(), body, 4096)
            .await;
        let answer: serde_json::Value = serde_json::from_slice(&reply.unwrap().body).unwrap();
        answer["expires_in_s"].as_u64()
    };
    let forwarded = || async {
        let headers = vec![("x-forwarded-for".to_owned(), "203.0.113.9".to_owned())];
        let client = scene.client();
        let reply = client.app("GET", "/v1/legacy/balance", &headers, b"").await;
        assert_eq!(reply.unwrap().status, 200);
        scene.backend.only().all("x-forwarded-for").join("; ")
    };
    assert_eq!(challenge().await, Some(120));
    assert_eq!(forwarded().await, "127.0.0.1");
    let before = fs::read_to_string(config(&scene)).unwrap();
    let more = "[attestation]\nchallenge_ttl_s = 60\n[proxy]\ntrusted_proxies = ['127.0.0.1']\n";
    fs::write(config(&scene), format!("{before}\n{more}")).unwrap();
    let applied = reload(&scene).unwrap().applied;
    assert_eq!(applied, ["attestation.challenge_ttl_s", "proxy.trusted_proxies"]);
    assert_eq!(challenge().await, Some(60));
    assert_eq!(forwarded().await, "203.0.113.9, 127.0.0.1");
}

#[tokio::test]
async fn a_bad_file_changes_nothing() {
    let scene = Scene::open().await;
    let phone = scene.phone();
    send(&phone, &Request::login()).await;
    let good = fs::read_to_string(config(&scene)).unwrap();
    let keys = scene.world.folder().join("keys");
    let fleet = fs::read(keys.join("fleet.json")).unwrap();
    let before = std::sync::Arc::clone(&scene.gateway().live());
    let check = |code: &str| {
        assert_eq!(reload(&scene).unwrap_err().code(), code);
        assert!(std::sync::Arc::ptr_eq(&before, &scene.gateway().live()));
    };
    // A good change beside a bad one is not taken either.
    fs::write(
        config(&scene),
        format!("{good}\n[proxy]\ntrusted_proxies = ['::1']\n[limits]\ndrain_s = 0\nx = 1\n"),
    )
    .unwrap();
    check("reload-config");
    let lines = reload(&scene).unwrap_err().to_string();
    assert!(
        lines.contains("limits.drain_s") && lines.contains("limits.x"),
        "{lines}"
    );
    fs::write(
        config(&scene),
        format!("{good}\n[proxy]\ntrusted_proxies = ['::1']\n"),
    )
    .unwrap();
    fs::write(keys.join("fleet.json"), "{}").unwrap();
    check("key-file-content");
    fs::write(keys.join("fleet.json"), fleet).unwrap();
    fs::rename(keys.join("policy-root.pem"), keys.join("elsewhere")).unwrap();
    check("reload-policy");
    assert_eq!(send(&phone, &Request::login()).await, 1);
    fs::rename(keys.join("elsewhere"), keys.join("policy-root.pem")).unwrap();
    assert_eq!(reload(&scene).unwrap().applied, ["proxy.trusted_proxies"]);
}
