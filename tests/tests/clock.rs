//! A wall clock that jumps by two hours, there and back, under a real gateway: phones go on without their user seeing anything,
//! and nothing that was used, banned or spent comes back.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use attest_core::problem::ProblemCode as Code;
use attest_gateway::store::{Ban, BanKind, BanScope};
use attest_testkit::phone::Phone;
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};

const JUMP_S: u64 = 7_200;

/// Every kind of request, as the app would send it; each must pass.
async fn uses(scene: &Scene, phone: &Phone, when: &str) {
    for request in [
        Request::payment(),
        Request::login(),
        Request::balance(),
        Request::onboarding(),
        Request::payment(),
    ] {
        let sent = phone
            .send(
                request.method,
                &request.target,
                &request.headers,
                request.body.as_bytes(),
            )
            .await
            .unwrap();
        assert_eq!(
            sent.reply.status, 200,
            "{when}, {}: {:?}",
            request.target, sent.refusal
        );
        assert_eq!(scene.backend.take().len(), 1, "{when}: exactly once");
    }
}

#[tokio::test]
async fn phones_do_not_notice_that_the_clock_jumps() {
    for there in [START_S + JUMP_S, START_S - JUMP_S, START_S + 600, START_S - 600] {
        let scene = Scene::open().await;
        let (old, idle) = (scene.phone(), scene.phone());
        uses(&scene, &old, "before").await;
        idle.attestor().ready().await.unwrap();
        let device = old.attestor().device();
        scene.clock.set_s(there);
        uses(&scene, &old, "after the jump").await;
        uses(&scene, &scene.phone(), "a new phone after the jump").await;
        scene.clock.advance_s(30);
        uses(&scene, &old, "a little later").await;
        scene.clock.set_s(START_S + 40);
        uses(&scene, &old, "when the clock is put right").await;
        uses(&scene, &idle, "a phone that slept through it").await;
        assert_eq!(old.attestor().device(), device, "nobody enrolled again");
    }
}

#[tokio::test]
async fn a_used_token_stays_used_through_jumps() {
    let scene = Scene::open().await;
    let (attacker, client, onboarding) = (scene.attacker(), scene.client(), Request::onboarding());
    let session = attacker.session(None).await;
    scene.clock.advance_s(61);
    let now_s = START_S + 61;
    let token = attacker.session_token(&session, &attacker.claims(&onboarding, now_s));
    assert_eq!(onboarding.send(&client, &token).await.status, 200);
    scene.backend.only();
    // Ahead, where others use theirs, and back: remembered, because the time has not passed.
    scene.clock.set_s(now_s + JUMP_S);
    uses(&scene, &scene.phone(), "ahead").await;
    scene.clock.set_s(now_s + 5);
    let reply = onboarding.send(&client, &token).await;
    scene.refuses(
        "used before the jump",
        &reply,
        401,
        Code::TokenReplayed,
        "onboarding",
        "single-use",
    );
    // Long after it is forgotten; then the clock is put back to where the token was valid.
    scene.clock.advance_s(JUMP_S);
    // Each part of the set forgets when one of its own comes; which part that is, chance decides.
    let (before, mut others) = (scene.gateway().single_use().len(), 0);
    while scene.gateway().single_use().len() == before + others {
        assert!(others < 20_000, "it is never forgotten");
        let other = scene.attacker();
        let session = other.session(None).await;
        let token = other.session_token(&session, &other.claims(&onboarding, now_s + 5 + JUMP_S));
        assert_eq!(onboarding.send(&client, &token).await.status, 200);
        others += 1;
    }
    assert_eq!(scene.backend.take().len(), others);
    scene.clock.set_s(now_s + 10);
    let reply = onboarding.send(&client, &token).await;
    scene.refuses(
        "used before the clock was put back",
        &reply,
        401,
        Code::TicketUnknown,
        "onboarding",
        "session-older-than-memory",
    );
    uses(&scene, &scene.phone(), "put back").await;
}

#[tokio::test]
async fn a_restart_makes_no_used_token_good_again_however_a_phones_clock_is_off() {
    let scene = Scene::open().await;
    let (attacker, payment) = (scene.attacker(), Request::payment());
    let session = attacker.session(None).await;
    // One minted in the very second of the restart, and one by a phone whose clock is a minute ahead.
    let used =
        [0, 60].map(|ahead_s| attacker.proof_token(&session, &attacker.claims(&payment, START_S + ahead_s)));
    let renewed = attacker.session(Some(session.device)).await;
    for token in &used {
        let reply = payment.send(&scene.client(), token).await;
        // The gateway itself began in this second: only a session that began since is believed.
        assert_eq!(reply.status, 200, "{:?}", scene.refused(&reply));
    }
    drop(renewed);
    let scene = scene.restarted().await;
    scene.backend.take();
    for token in &used {
        let reply = payment.send(&scene.client(), token).await;
        let reason = "session-older-than-memory";
        scene.refuses(
            "used before the restart",
            &reply,
            401,
            Code::TicketUnknown,
            "payments",
            reason,
        );
    }
    // The same device, renewed, at once and in the same second.
    let session = attacker.session(Some(session.device)).await;
    for ahead_s in [0, 60] {
        let token = attacker.proof_token(&session, &attacker.claims(&payment, START_S + ahead_s));
        assert_eq!(payment.send(&scene.client(), &token).await.status, 200);
        scene.backend.only();
        let reply = payment.send(&scene.client(), &token).await;
        scene.refuses(
            "used since",
            &reply,
            401,
            Code::TokenReplayed,
            "payments",
            "single-use",
        );
    }
    for token in &used {
        let reply = payment.send(&scene.client(), token).await;
        assert_eq!(reply.status, 401, "still");
    }
}

#[tokio::test]
async fn a_ban_ends_by_the_clock_and_stands_again_when_it_is_put_right() {
    let scene = Scene::open().await;
    let (attacker, client, login) = (scene.attacker(), scene.client(), Request::login());
    let session = attacker.session(None).await;
    let ban = Ban {
        scope: BanScope::Device(session.device.to_text()),
        kind: BanKind::Banned,
        reason: "reported lost".to_owned(),
        at_s: START_S,
        until_s: Some(START_S + 3_600),
    };
    scene.gateway().bans().ban(ban).await.unwrap();
    let refused = async |now_s: u64| {
        scene.clock.set_s(now_s);
        let token = attacker.session_token(&session, &attacker.claims(&login, now_s));
        let reply = login.send(&client, &token).await;
        scene.refused(&reply).code
    };
    assert_eq!(refused(START_S).await, Code::Banned);
    assert_eq!(refused(START_S + JUMP_S).await, Code::SessionExpired);
    // Were it deleted meanwhile, it would be gone for good.
    scene.clock.advance_s(10);
    assert_eq!(refused(START_S + 20).await, Code::Banned);
}

#[tokio::test]
async fn rates_are_counted_on_the_side_that_never_jumps() {
    let scene = Scene::with("[attestation]\nchallenges_per_source_per_minute = 2\n", |_| ()).await;
    let attacker = scene.attacker();
    let asks = async || {
        use attest_core::challenge::Purpose;
        use attest_testkit::policy::ANDROID_APP;
        attacker.ask(Purpose::Enroll, ANDROID_APP, None).await.status
    };
    assert_eq!((asks().await, asks().await, asks().await), (200, 200, 429));
    scene.clock.set_s(START_S + JUMP_S);
    assert_eq!(asks().await, 429);
    scene.clock.set_s(START_S - JUMP_S);
    assert_eq!(asks().await, 429);
    scene.clock.advance_s(30);
    assert_eq!(asks().await, 200);
}
