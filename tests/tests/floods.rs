//! Floods of everything that a stranger can send, against a real gateway: what they cost is bounded and counted, and whoever is
//! genuine passes meanwhile.

use std::collections::BTreeMap;

use attest_core::challenge::Purpose;
use attest_core::problem::ProblemCode as Code;
use attest_core::support_code::NameHash;
use attest_core::token::ATTESTATION_HEADER;
use attest_mobile::{Headers, HttpReply};
use attest_testkit::policy::ANDROID_APP;
use attest_tests::raw_jws::flipped;
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};

const PROXIED: &str = "[proxy]\ntrusted_proxies = [\"127.0.0.1\"]\n";

fn from(source: &str) -> (String, String) {
    header("x-forwarded-for", source)
}

/// Inner reasons of refusals, counted.
fn reasons(scene: &Scene, replies: &[HttpReply], known: &[&str]) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for reply in replies {
        let rule = scene.refused(reply).cause.rule;
        let reason = known.iter().find(|reason| NameHash::of(reason) == rule);
        *counted
            .entry(reason.map_or_else(|| format!("{rule:?}"), |reason| (*reason).to_owned()))
            .or_default() += 1;
    }
    counted
}

fn spoilt(headers: &Headers, name: &str) -> Headers {
    let spoil = |(known, token): &(String, String)| {
        let token = if known == name {
            flipped(token, 2)
        } else {
            token.clone()
        };
        (known.clone(), token)
    };
    headers.iter().map(spoil).collect()
}

#[tokio::test]
async fn forged_proof_tokens_get_a_small_budget_and_genuine_ones_pass() {
    let config = format!("[limits]\nsuspect_verifications_per_second = 30\n{PROXIED}");
    let scene = Scene::with(&config, |_| ()).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let payment = Request::payment();
    let proof = || attacker.proof_token(&session, &attacker.claims(&payment, START_S));
    // One connection, so that one core sees it all.
    let client = scene.client();
    let genuine = |source: &'static str| {
        let mut token = proof();
        token.push(from(source));
        token
    };
    assert_eq!(payment.send(&client, &genuine("203.0.113.7")).await.status, 200);
    for (name, source, free) in [
        // Attestations that nobody signed count against their source, proofs against the attested device.
        (ATTESTATION_HEADER, "203.0.113.7", 20),
        ("oauth-client-attestation-pop", "203.0.113.9", 20),
    ] {
        let mut replies = Vec::new();
        for _ in 0..200 {
            let mut forged = spoilt(&proof(), name);
            forged.push(from(source));
            replies.push(payment.send(&client, &forged).await);
        }
        let counted = reasons(&scene, &replies, &["token-signature", "verification-budget"]);
        let verified = counted.get("token-signature").copied().unwrap_or_default();
        let budget = if name == ATTESTATION_HEADER { 30 } else { 0 };
        assert_eq!(verified, free + budget, "{name}: {counted:?}");
        assert_eq!(
            counted.get("verification-budget"),
            Some(&(200 - verified)),
            "{name}"
        );
        let refused = scene.refused(replies.last().unwrap());
        assert_eq!(
            (refused.code, refused.problem.retry_after_s),
            (Code::Overloaded, Some(1))
        );
        scene.backend.take();
        if name == ATTESTATION_HEADER {
            let reply = payment.send(&client, &genuine("203.0.113.7")).await;
            assert_eq!(reply.status, 200, "a known device behind the same address");
        }
        let other = scene.attacker();
        let session = other.session(None).await;
        let mut token = other.proof_token(&session, &other.claims(&payment, START_S));
        token.push(from("203.0.113.8"));
        assert_eq!(payment.send(&client, &token).await.status, 200, "somebody else");
        scene.backend.take();
    }
    // Session tokens are never asked, and time heals.
    let login = Request::login();
    let mut token = attacker.session_token(&session, &attacker.claims(&login, START_S));
    token.push(from("203.0.113.7"));
    assert_eq!(login.send(&client, &token).await.status, 200);
    scene.clock.advance_s(5);
    assert_eq!(payment.send(&client, &genuine("203.0.113.7")).await.status, 200);
}

#[tokio::test]
async fn phones_work_through_a_flood_of_everything() {
    let scene = Scene::with(PROXIED, |_| ()).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let (login, payment) = (Request::login(), Request::payment());
    let forged = spoilt(
        &attacker.session_token(&session, &attacker.claims(&login, START_S)),
        "attest-token",
    );
    let unsigned = spoilt(
        &attacker.proof_token(&session, &attacker.claims(&payment, START_S)),
        ATTESTATION_HEADER,
    );
    let mut floods = tokio::task::JoinSet::new();
    for n in 0..4 {
        let (client, login, payment) = (scene.client(), login.clone(), payment.clone());
        let (mut forged, mut unsigned) = (forged.clone(), unsigned.clone());
        floods.spawn(async move {
            for source in 0..150 {
                let source = from(&format!("2001:db8:{n}:{source:x}::1"));
                forged.push(source.clone());
                unsigned.push(source.clone());
                assert_eq!(login.send(&client, &forged).await.status, 401);
                let reply = payment.send(&client, &unsigned).await;
                assert!(matches!(reply.status, 401 | 503), "{}", reply.status);
                let junk = br#"{"evidence":"x.y.z"}"#;
                let reply = client
                    .app("POST", "/.attest/v1/enroll", &vec![source.clone()], junk)
                    .await;
                assert_eq!(reply.unwrap().status, 400);
                let junk = br#"{"purpose":"enroll","app":"bank-android"}"#;
                let reply = client
                    .app("POST", "/.attest/v1/challenge", &vec![source], junk)
                    .await;
                assert_eq!(reply.unwrap().status, 200);
                forged.pop();
                unsigned.pop();
            }
        });
    }
    let capacity = scene.gateway().rates().capacity();
    for _ in 0..4 {
        let phone = scene.phone();
        for request in [&login, &payment, &Request::balance(), &Request::onboarding()] {
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
        }
    }
    while let Some(flood) = floods.join_next().await {
        flood.unwrap();
    }
    assert_eq!(
        scene.backend.take().len(),
        16,
        "and nothing but the phones' requests"
    );
    assert_eq!(scene.gateway().rates().capacity(), capacity);
    assert_eq!(scene.gateway().single_use().len(), 8);
}

#[tokio::test]
async fn worthless_evidence_counts_against_nobody() {
    let scene = Scene::with(
        "[attestation]\nenroll_failures_per_source_per_minute = 2\n",
        |_| (),
    )
    .await;
    let attacker = scene.attacker();
    let (mut foreign, mut aged) = (attacker.prepare(None).await, attacker.prepare(None).await);
    foreign.claims.app_version = "0.0.1".to_owned();
    aged.claims.challenge = "A".repeat(43);
    for _ in 0..50 {
        for (prepared, status) in [(&foreign, 403), (&aged, 409)] {
            assert_eq!(attacker.present(prepared).await.status, status);
        }
    }
    scene.attacker().session(None).await;
}

#[tokio::test]
async fn a_flood_of_challenges_never_keeps_a_device_from_renewing() {
    let scene = Scene::with("[attestation]\nchallenges_per_source_per_minute = 10\n", |_| ()).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let mut passed = 1;
    for _ in 0..100 {
        let reply = attacker.ask(Purpose::Enroll, ANDROID_APP, None).await;
        passed += usize::from(reply.status == 200);
        if reply.status != 200 {
            scene.refuses(
                "beyond",
                &reply,
                429,
                Code::RateLimited,
                "",
                "challenges-per-source",
            );
        }
    }
    assert_eq!(passed, 10);
    attacker.session(Some(session.device)).await;
}

#[tokio::test]
async fn the_set_of_used_tokens_never_outgrows_its_bound() {
    let scene = Scene::with("[limits]\nsingle_use_max = 64\n", |_| ()).await;
    let (attacker, client, onboarding) = (scene.attacker(), scene.client(), Request::onboarding());
    let session = attacker.session(None).await;
    let mut full = 0;
    for _ in 0..200 {
        let token = attacker.session_token(&session, &attacker.claims(&onboarding, START_S));
        let reply = onboarding.send(&client, &token).await;
        if reply.status != 200 {
            let refused = scene.refused(&reply);
            assert_eq!((refused.status, refused.code), (503, Code::Unavailable));
            full += 1;
        }
    }
    let remembered = scene.gateway().single_use().len();
    assert!(
        remembered <= 64 && full == 200 - remembered,
        "{remembered} remembered, {full} refused"
    );
    assert_eq!(scene.backend.take().len(), remembered);
}
