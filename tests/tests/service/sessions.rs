//! Renewal, and the ways in which a session ends: by its time, by age of evidence, by the operator.

use attest_core::device::DeviceId;
use attest_core::problem::ProblemCode as Code;
use attest_gateway::store::{Ban, BanKind, BanScope};
use attest_gateway::tally::Passed;
use attest_testkit::policy::ANDROID_APP;
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};

#[tokio::test]
async fn a_renewal_needs_the_enrolled_key() {
    let scene = Scene::open().await;
    let (attacker, thief) = (scene.attacker(), scene.attacker());
    let session = attacker.session(None).await;
    let reply = thief.present(&thief.prepare(Some(session.device)).await).await;
    scene.refuses("another key", &reply, 403, Code::DeviceUnknown, "", "device-key");
    let unknown = DeviceId::from_bytes([3; 16]);
    let reply = attacker.present(&attacker.prepare(Some(unknown)).await).await;
    scene.refuses(
        "an unknown device",
        &reply,
        403,
        Code::DeviceUnknown,
        "",
        "device-unknown",
    );
    let mut prepared = attacker.prepare(Some(unknown)).await;
    prepared.claims.device = Some(session.device);
    let reply = attacker.present(&prepared).await;
    scene.refuses(
        "the challenge of another device",
        &reply,
        409,
        Code::ChallengeRefused,
        "",
        "challenge-foreign",
    );
    let prepared = attacker.prepare(Some(session.device)).await;
    let request = attacker.evidence(&prepared);
    let (first, again) = (
        attacker.call("renew", &request).await,
        attacker.call("renew", &request).await,
    );
    assert_eq!((first.status, &first.body), (200, &again.body));
    assert_eq!(scene.gateway().tally().passed(Passed::Renewed), 1);
    let renewed = attacker.open(prepared, &request, &first);
    assert_eq!(renewed.device, session.device);
    let enrolled_again = attacker.session(None).await;
    assert_eq!(
        enrolled_again.device, session.device,
        "the same key keeps its registration"
    );
    // An enrolment presented at renew, and the reverse.
    let prepared = attacker.prepare(None).await;
    let reply = attacker.call("renew", &attacker.evidence(&prepared)).await;
    scene.refuses(
        "an enrolment at renew",
        &reply,
        400,
        Code::EvidenceMalformed,
        "",
        "purpose",
    );
}

#[tokio::test]
async fn evidence_that_is_too_old_sends_the_phone_to_enrol_and_nobody_notices() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let phone = scene.phone();
    let login = Request::login();
    let send = || phone.send(login.method, &login.target, &login.headers, login.body.as_bytes());
    assert_eq!(send().await.unwrap().reply.status, 200);
    scene.clock.advance_s(8 * 86_400);
    let prepared = attacker.prepare(Some(session.device)).await;
    let reply = attacker.present(&prepared).await;
    assert_eq!(scene.backend.take().len(), 1);
    scene.refuses(
        "a renewal after a week",
        &reply,
        403,
        Code::EvidenceExpired,
        "",
        "evidence-age",
    );
    let enrolled = scene.gateway().tally().passed(Passed::Enrolled);
    let sent = send().await.unwrap();
    assert_eq!((sent.reply.status, sent.sends), (200, 2), "{:?}", sent.refusal);
    assert_eq!(scene.gateway().tally().passed(Passed::Enrolled), enrolled + 1);
}

#[tokio::test]
async fn a_session_that_ended_is_renewed_by_the_phone_itself() {
    let scene = Scene::open().await;
    let phone = scene.phone();
    let login = Request::login();
    let send = || phone.send(login.method, &login.target, &login.headers, login.body.as_bytes());
    assert_eq!(send().await.unwrap().reply.status, 200);
    let device = phone.attestor().device();
    // The gateway's clock alone moves on: the phone must learn it from the refusal.
    scene.clock.advance_s(1000);
    let sent = send().await.unwrap();
    assert_eq!((sent.reply.status, sent.sends), (200, 2), "{:?}", sent.refusal);
    assert_eq!(
        (
            phone.attestor().device(),
            scene.gateway().tally().passed(Passed::Renewed)
        ),
        (device, 1)
    );
    let sent = send().await.unwrap();
    assert_eq!((sent.reply.status, sent.sends), (200, 1));
    assert_eq!(scene.backend.take().len(), 3);
}

fn ban(scope: BanScope, kind: BanKind) -> Ban {
    Ban {
        scope,
        kind,
        reason: "reported lost".to_owned(),
        at_s: START_S,
        until_s: None,
    }
}

#[tokio::test]
async fn a_banned_device_gets_no_further_with_any_call() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let (client, login) = (scene.client(), Request::login());
    let token = || attacker.session_token(&session, &attacker.claims(&login, START_S));
    assert_eq!(login.send(&client, &token()).await.status, 200);
    scene.backend.only();
    let device = BanScope::Device(session.device.to_text());
    scene
        .gateway()
        .bans()
        .ban(ban(device.clone(), BanKind::Banned))
        .await
        .unwrap();
    scene.refuses(
        "a session token",
        &login.send(&client, &token()).await,
        403,
        Code::Banned,
        "login",
        "banned",
    );
    let payment = Request::payment();
    let proof = attacker.proof_token(&session, &attacker.claims(&payment, START_S));
    scene.refuses(
        "a proof token",
        &payment.send(&client, &proof).await,
        403,
        Code::Banned,
        "payments",
        "banned",
    );
    let reply = attacker
        .present(&attacker.prepare(Some(session.device)).await)
        .await;
    scene.refuses("a renewal", &reply, 403, Code::Banned, "", "banned");
    let reply = attacker.present(&attacker.prepare(None).await).await;
    scene.refuses(
        "a new enrolment of the same key",
        &reply,
        403,
        Code::Banned,
        "",
        "banned",
    );
    let scene = scene.restarted().await;
    let client = scene.client();
    let reply = login.send(&client, &token()).await;
    scene.refuses("after a restart", &reply, 403, Code::Banned, "login", "banned");
    assert!(scene.gateway().bans().unban(device).await.unwrap());
    assert_eq!(login.send(&client, &token()).await.status, 200);
}

#[tokio::test]
async fn cut_sessions_end_at_once_and_phones_renew_by_themselves() {
    // A cut takes whatever began in its own second, too, but not what renews in it.
    for (scope, ahead_s) in [
        (BanScope::All, 0),
        (BanScope::App(ANDROID_APP.to_owned()), 1),
        (BanScope::All, 1),
    ] {
        let scene = Scene::open().await;
        let (attacker, phone) = (scene.attacker(), scene.phone());
        let session = attacker.session(None).await;
        let login = Request::login();
        let send = || phone.send(login.method, &login.target, &login.headers, login.body.as_bytes());
        assert_eq!(send().await.unwrap().reply.status, 200);
        scene.backend.only();
        scene.clock.advance_s(10);
        let cut = ban(scope, BanKind::SessionsNotBefore(START_S + 10 + ahead_s));
        scene.gateway().bans().ban(cut).await.unwrap();
        let token = attacker.session_token(&session, &attacker.claims(&login, START_S + 10));
        let reply = login.send(&scene.client(), &token).await;
        scene.refuses(
            "a cut session",
            &reply,
            401,
            Code::SessionCut,
            "login",
            "sessions-not-before",
        );
        let sent = send().await.unwrap();
        assert_eq!((sent.reply.status, sent.sends), (200, 2), "{:?}", sent.refusal);
        assert_eq!(scene.gateway().tally().passed(Passed::Renewed), 1);
    }
}
