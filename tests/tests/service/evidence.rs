//! Evidence that is not what it says, and challenges that are not good for it.

use attest_core::challenge::Purpose;
use attest_core::device::{DeviceId, Platform};
use attest_core::environment::Environment;
use attest_core::jose::Jwk;
use attest_core::problem::ProblemCode as Code;
use attest_core::service::{EvidenceRequest, PlatformEvidence};
use attest_gateway::clock::Clock as _;
use attest_gateway::tally::Passed;
use attest_testkit::policy::IOS_APP;
use attest_tests::attacker::Prepared;
use attest_tests::raw_jws::{RawJws, flipped};
use attest_tests::request::Request;
use attest_tests::scene::Scene;

type Row = (&'static str, fn(&mut Prepared), u16, Code, &'static str);

const ROWS: &[Row] = &[
    (
        "an unknown app",
        |p| p.claims.app = "shop".to_owned(),
        403,
        Code::AppUnknown,
        "app-unknown",
    ),
    (
        "another environment",
        |p| p.claims.environment = Environment::Production,
        403,
        Code::EnvironmentMismatch,
        "evidence-environment",
    ),
    (
        "the purpose of another call",
        |p| p.claims.purpose = Purpose::Renew,
        400,
        Code::EvidenceMalformed,
        "evidence-claims",
    ),
    (
        "the challenge of another app",
        |p| {
            p.claims.app = IOS_APP.to_owned();
            p.claims.platform = Platform::Ios;
        },
        409,
        Code::ChallengeRefused,
        "challenge-foreign",
    ),
    (
        "an enrolment that names a device",
        |p| p.claims.device = Some(DeviceId::from_bytes([3; 16])),
        400,
        Code::EvidenceMalformed,
        "evidence-claims",
    ),
    (
        "a challenge of one's own",
        |p| p.claims.challenge = "A".repeat(43),
        409,
        Code::ChallengeRefused,
        "challenge-foreign",
    ),
    (
        "a challenge that is none",
        |p| p.claims.challenge = "x".to_owned(),
        400,
        Code::EvidenceMalformed,
        "evidence-claims",
    ),
    (
        "another platform than the app's",
        |p| p.claims.platform = Platform::Ios,
        403,
        Code::EvidenceRefused,
        "app-platform",
    ),
    (
        "an app version below the lowest",
        |p| p.claims.app_version = "1.9.9".to_owned(),
        403,
        Code::EvidenceRefused,
        "app-version",
    ),
    (
        "an app version that is none",
        |p| p.claims.app_version = "latest".to_owned(),
        403,
        Code::EvidenceRefused,
        "app-version",
    ),
    (
        "no platform evidence",
        |p| p.platform = None,
        400,
        Code::EvidenceMalformed,
        "platform-evidence-missing",
    ),
    (
        "a chain that is none",
        |p| {
            p.platform = Some(PlatformEvidence::AndroidKey {
                chain: vec!["AA==".to_owned()],
            })
        },
        403,
        Code::EvidenceRefused,
        "chain-shape",
    ),
    (
        "a chain that is not even base64",
        |p| {
            p.platform = Some(PlatformEvidence::AndroidKey {
                chain: vec!["?".to_owned()],
            })
        },
        400,
        Code::EvidenceMalformed,
        "evidence-encoding",
    ),
    (
        "App Attest for an Android app",
        |p| {
            let (object, key_id) = ("AA".to_owned(), "AA==".to_owned());
            p.platform = Some(PlatformEvidence::AppAttest { object, key_id });
        },
        403,
        Code::EvidenceKind,
        "evidence-not-accepted",
    ),
    (
        "the key of another",
        |p| {
            p.claims.jwk = Jwk::p256(
                &attest_core::jose::SigningKey::generate(&ring::rand::SystemRandom::new())
                    .unwrap()
                    .public_point(),
            )
        },
        400,
        Code::EvidenceMalformed,
        "token-signature",
    ),
    (
        "a key that is no point",
        |p| p.claims.jwk.x = Some("A".repeat(43)),
        400,
        Code::EvidenceMalformed,
        "token-signature",
    ),
    (
        "a share that is no point",
        |p| p.claims.share = "x".to_owned(),
        400,
        Code::EvidenceMalformed,
        "evidence-claims",
    ),
    (
        "a findings list beyond its bound",
        |p| p.claims.findings.hit = (0..5000).map(|n| format!("x.{n}")).collect(),
        400,
        Code::EvidenceMalformed,
        "token-too-large",
    ),
];

#[tokio::test]
async fn evidence_that_was_spoiled_in_one_place_is_refused() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    for (what, spoil, status, code, reason) in ROWS {
        let mut prepared = attacker.prepare(None).await;
        spoil(&mut prepared);
        let reply = attacker.call("enroll", &attacker.evidence(&prepared)).await;
        scene.refuses(what, &reply, *status, *code, "", reason);
    }
    assert_eq!(scene.gateway().tally().passed(Passed::Enrolled), 0);
    attacker.session(None).await;
    assert_eq!(scene.gateway().tally().passed(Passed::Enrolled), 1);
}

#[tokio::test]
async fn cheap_refusals_come_first() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    // Everything is wrong; what is named is what costs least to find out, and no reason behind it leaks.
    let mut prepared = attacker.prepare(None).await;
    prepared.claims.challenge = "A".repeat(43);
    prepared.claims.app_version = "1.0.0".to_owned();
    prepared.platform = Some(PlatformEvidence::AndroidKey { chain: vec![] });
    let mut request = attacker.evidence(&prepared);
    request.evidence = flipped(&request.evidence, 2);
    let reply = attacker.call("enroll", &request).await;
    scene.refuses(
        "a foreign challenge first",
        &reply,
        409,
        Code::ChallengeRefused,
        "",
        "challenge-foreign",
    );
}

#[tokio::test]
async fn tampered_evidence_is_refused() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    for (part, reason) in [(1, "token-json"), (2, "token-signature")] {
        let prepared = attacker.prepare(None).await;
        let mut request = attacker.evidence(&prepared);
        request.evidence = flipped(&request.evidence, part);
        let reply = attacker.call("enroll", &request).await;
        let refused = scene.refused(&reply);
        assert!(matches!(refused.status, 400 | 409), "{reason}: {refused:?}");
    }
    let prepared = attacker.prepare(None).await;
    let good = RawJws::read(&attacker.evidence(&prepared).evidence);
    for (what, spoilt, reason) in [
        (
            "another typ",
            good.clone().header("typ", "JWT").sign(&attacker.key),
            "token-typ",
        ),
        (
            "alg none",
            format!("{}AA", good.clone().header("alg", "none").unsigned()),
            "token-alg",
        ),
        (
            "crit",
            good.clone()
                .header("crit", serde_json::json!(["x"]))
                .sign(&attacker.key),
            "token-crit",
        ),
        (
            "a doubled claim",
            good.prepend_claim(r#""app":"x""#).sign(&attacker.key),
            "token-ambiguous",
        ),
    ] {
        let request = EvidenceRequest {
            evidence: spoilt,
            platform: Some(PlatformEvidence::Software {}),
            play_integrity: None,
        };
        let reply = attacker.call("enroll", &request).await;
        scene.refuses(what, &reply, 400, Code::EvidenceMalformed, "", reason);
    }
}

#[tokio::test]
async fn a_challenge_lives_for_its_time_and_is_used_once() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    let prepared = attacker.prepare(None).await;
    scene.clock.advance_s(121);
    let reply = attacker.present(&prepared).await;
    scene.refuses(
        "an expired challenge",
        &reply,
        409,
        Code::ChallengeRefused,
        "",
        "challenge-expired",
    );

    let mut prepared = attacker.prepare(None).await;
    let request = attacker.evidence(&prepared);
    let first = attacker.call("enroll", &request).await;
    assert_eq!(
        (first.status, first.header("cache-control")),
        (200, Some("no-store"))
    );
    let again = attacker.call("enroll", &request).await;
    assert_eq!(
        (again.status, &again.body),
        (200, &first.body),
        "a lost answer is given again, byte for byte"
    );
    assert_eq!(scene.gateway().tally().passed(Passed::Enrolled), 1);
    prepared.claims.iat = 7;
    let reply = attacker.present(&prepared).await;
    scene.refuses(
        "other evidence",
        &reply,
        409,
        Code::ChallengeRefused,
        "",
        "challenge-used",
    );
    let other = scene.attacker();
    let mut theirs = other.prepare(None).await;
    theirs.claims.challenge.clone_from(&prepared.claims.challenge);
    let reply = other.present(&theirs).await;
    scene.refuses(
        "another phone",
        &reply,
        409,
        Code::ChallengeRefused,
        "",
        "challenge-used",
    );
    let session = attacker.open(prepared, &request, &again);
    let login = Request::login();
    let token = attacker.session_token(&session, &attacker.claims(&login, scene.clock.now_s()));
    assert_eq!(
        login.send(&scene.client(), &token).await.status,
        200,
        "the answer that was given again works"
    );
}

#[tokio::test]
async fn of_two_enrolments_on_one_challenge_at_once_one_wins() {
    let scene = Scene::open().await;
    let (one, other) = (scene.attacker(), scene.attacker());
    let (ours, mut theirs) = (one.prepare(None).await, other.prepare(None).await);
    theirs.claims.challenge.clone_from(&ours.claims.challenge);
    let (first, second) = tokio::join!(one.present(&ours), other.present(&theirs));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(scene.gateway().tally().passed(Passed::Enrolled), 1);
}
