//! The attestation service over real sockets: what it refuses, in which order, and what an honest phone does about it by itself.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use attest_core::challenge::Purpose;
use attest_core::device::{DeviceId, Platform};
use attest_core::environment::Environment;
use attest_core::jose::Jwk;
use attest_core::problem::ProblemCode as Code;
use attest_core::service::{EvidenceRequest, PlatformEvidence};
use attest_gateway::clock::Clock as _;
use attest_gateway::store::{Ban, BanKind, BanScope};
use attest_gateway::tally::Passed;
use attest_mobile::Headers;
use attest_testkit::policy::{ANDROID_APP, IOS_APP};
use attest_tests::attacker::{Attacker, Prepared};
use attest_tests::raw_jws::{RawJws, flipped};
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};

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
        "Android key attestation, which this release cannot verify",
        |p| p.platform = Some(PlatformEvidence::AndroidKey { chain: vec!["AA==".to_owned()] }),
        403,
        Code::EvidenceKind,
        "evidence-unsupported",
    ),
    (
        "App Attest, which this release cannot verify",
        |p| {
            let (object, key_id) = ("AA".to_owned(), "AA".to_owned());
            p.platform = Some(PlatformEvidence::AppAttest { object, key_id });
        },
        403,
        Code::EvidenceKind,
        "evidence-unsupported",
    ),
    (
        "the key of another",
        |p| p.claims.jwk = Jwk::p256(&attest_core::jose::SigningKey::generate(&ring::rand::SystemRandom::new()).unwrap().public_point()),
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
    scene.refuses("a foreign challenge first", &reply, 409, Code::ChallengeRefused, "", "challenge-foreign");
}

#[tokio::test]
async fn calls_that_are_no_calls_are_refused() {
    let scene = Scene::open().await;
    let client = scene.client();
    for (call, body, status, code, reason) in [
        ("challenge", "", 400, Code::CallMalformed, "call-json"),
        ("challenge", "{}", 400, Code::CallMalformed, "call-json"),
        ("challenge", r#"{"purpose":"enroll","app":"bank-android","more":1}"#, 400, Code::CallMalformed, "call-json"),
        ("challenge", r#"{"purpose":"enroll","app":"shop"}"#, 403, Code::AppUnknown, "app-unknown"),
        ("challenge", r#"{"purpose":"renew","app":"bank-android"}"#, 400, Code::CallMalformed, "device-belongs-to-renewal"),
        ("enroll", "[]", 400, Code::CallMalformed, "call-json"),
        ("enroll", r#"{"evidence":"x"}"#, 400, Code::EvidenceMalformed, "token-shape"),
        ("enroll", r#"{"evidence":"x.y.z","platform":{"software":{},"app_attest":{}}}"#, 400, Code::CallMalformed, "call-json"),
        ("enroll", r#"{"evidence":"x.y.z","platform":{"magic":{}}}"#, 400, Code::CallMalformed, "call-json"),
        ("enroll/", "{}", 404, Code::CallUnknown, "call-unknown"),
        ("admin", "{}", 404, Code::CallUnknown, "call-unknown"),
    ] {
        let target = format!("/.attest/v1/{call}");
        let reply = client.app("POST", &target, &Headers::new(), body.as_bytes()).await.unwrap();
        scene.refuses(&format!("{call} {body}"), &reply, status, code, "", reason);
    }
    for (call, length) in [("challenge", 1025), ("enroll", 65_537), ("renew", 65_537)] {
        let raw = format!("POST /.attest/v1/{call} HTTP/1.1\r\nhost: {{host}}\r\ncontent-length: {length}\r\n\r\n");
        let reply = scene.raw(&raw).await.unwrap();
        scene.refuses(call, &reply, 413, Code::BodyTooLarge, "", "body-beyond-bound");
    }
}

#[tokio::test]
async fn a_challenge_lives_for_its_time_and_is_used_once() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    let prepared = attacker.prepare(None).await;
    scene.clock.advance_s(121);
    let reply = attacker.present(&prepared).await;
    scene.refuses("an expired challenge", &reply, 409, Code::ChallengeRefused, "", "challenge-expired");

    let mut prepared = attacker.prepare(None).await;
    let request = attacker.evidence(&prepared);
    let first = attacker.call("enroll", &request).await;
    assert_eq!((first.status, first.header("cache-control")), (200, Some("no-store")));
    let again = attacker.call("enroll", &request).await;
    assert_eq!((again.status, &again.body), (200, &first.body), "a lost answer is given again, byte for byte");
    assert_eq!(scene.gateway().tally().passed(Passed::Enrolled), 1);
    prepared.claims.iat = 7;
    let reply = attacker.present(&prepared).await;
    scene.refuses("other evidence", &reply, 409, Code::ChallengeRefused, "", "challenge-used");
    let other = scene.attacker();
    let mut theirs = other.prepare(None).await;
    theirs.claims.challenge.clone_from(&prepared.claims.challenge);
    let reply = other.present(&theirs).await;
    scene.refuses("another phone", &reply, 409, Code::ChallengeRefused, "", "challenge-used");
    let session = attacker.open(prepared, &request, &again);
    let login = Request::login();
    let token = attacker.session_token(&session, &attacker.claims(&login, scene.clock.now_s()));
    assert_eq!(login.send(&scene.client(), &token).await.status, 200, "the answer that was given again works");
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

#[tokio::test]
async fn a_renewal_needs_the_enrolled_key() {
    let scene = Scene::open().await;
    let (attacker, thief) = (scene.attacker(), scene.attacker());
    let session = attacker.session(None).await;
    let reply = thief.present(&thief.prepare(Some(session.device)).await).await;
    scene.refuses("another key", &reply, 403, Code::DeviceUnknown, "", "device-key");
    let unknown = DeviceId::from_bytes([3; 16]);
    let reply = attacker.present(&attacker.prepare(Some(unknown)).await).await;
    scene.refuses("an unknown device", &reply, 403, Code::DeviceUnknown, "", "device-unknown");
    let mut prepared = attacker.prepare(Some(unknown)).await;
    prepared.claims.device = Some(session.device);
    let reply = attacker.present(&prepared).await;
    scene.refuses("the challenge of another device", &reply, 409, Code::ChallengeRefused, "", "challenge-foreign");
    let prepared = attacker.prepare(Some(session.device)).await;
    let request = attacker.evidence(&prepared);
    let (first, again) = (attacker.call("renew", &request).await, attacker.call("renew", &request).await);
    assert_eq!((first.status, &first.body), (200, &again.body));
    assert_eq!(scene.gateway().tally().passed(Passed::Renewed), 1);
    let renewed = attacker.open(prepared, &request, &first);
    assert_eq!(renewed.device, session.device);
    let enrolled_again = attacker.session(None).await;
    assert_eq!(enrolled_again.device, session.device, "the same key keeps its registration");
    // An enrolment presented at renew, and the reverse.
    let prepared = attacker.prepare(None).await;
    let reply = attacker.call("renew", &attacker.evidence(&prepared)).await;
    scene.refuses("an enrolment at renew", &reply, 400, Code::EvidenceMalformed, "", "purpose");
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
        ("another typ", good.clone().header("typ", "JWT").sign(&attacker.key), "token-typ"),
        ("alg none", format!("{}AA", good.clone().header("alg", "none").unsigned()), "token-alg"),
        ("crit", good.clone().header("crit", serde_json::json!(["x"])).sign(&attacker.key), "token-crit"),
        ("a doubled claim", good.prepend_claim(r#""app":"x""#).sign(&attacker.key), "token-ambiguous"),
    ] {
        let request = EvidenceRequest { evidence: spoilt, platform: Some(PlatformEvidence::Software {}) };
        let reply = attacker.call("enroll", &request).await;
        scene.refuses(what, &reply, 400, Code::EvidenceMalformed, "", reason);
    }
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
    scene.refuses("a renewal after a week", &reply, 403, Code::EvidenceExpired, "", "evidence-age");
    let enrolled = scene.gateway().tally().passed(Passed::Enrolled);
    let sent = send().await.unwrap();
    assert_eq!((sent.reply.status, sent.sends), (200, 2), "{:?}", sent.refusal);
    assert_eq!(scene.gateway().tally().passed(Passed::Enrolled), enrolled + 1);
}

fn ban(scope: BanScope, kind: BanKind) -> Ban {
    Ban { scope, kind, reason: "reported lost".to_owned(), at_s: START_S, until_s: None }
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
    scene.gateway().bans().ban(ban(device.clone(), BanKind::Banned)).await.unwrap();
    scene.refuses("a session token", &login.send(&client, &token()).await, 403, Code::Banned, "login", "banned");
    let payment = Request::payment();
    let proof = attacker.proof_token(&session, &attacker.claims(&payment, START_S));
    scene.refuses("a proof token", &payment.send(&client, &proof).await, 403, Code::Banned, "payments", "banned");
    let reply = attacker.present(&attacker.prepare(Some(session.device)).await).await;
    scene.refuses("a renewal", &reply, 403, Code::Banned, "", "banned");
    let reply = attacker.present(&attacker.prepare(None).await).await;
    scene.refuses("a new enrolment of the same key", &reply, 403, Code::Banned, "", "banned");
    let scene = scene.restarted().await;
    let client = scene.client();
    let reply = login.send(&client, &token()).await;
    scene.refuses("after a restart", &reply, 403, Code::Banned, "login", "banned");
    assert!(scene.gateway().bans().unban(device).await.unwrap());
    assert_eq!(login.send(&client, &token()).await.status, 200);
}

#[tokio::test]
async fn cut_sessions_end_at_once_and_phones_renew_by_themselves() {
    for scope in [BanScope::All, BanScope::App(ANDROID_APP.to_owned())] {
        let scene = Scene::open().await;
        let (attacker, phone) = (scene.attacker(), scene.phone());
        let session = attacker.session(None).await;
        let login = Request::login();
        let send = || phone.send(login.method, &login.target, &login.headers, login.body.as_bytes());
        assert_eq!(send().await.unwrap().reply.status, 200);
        scene.backend.only();
        scene.clock.advance_s(10);
        let cut = ban(scope, BanKind::SessionsNotBefore(START_S + 10));
        scene.gateway().bans().ban(cut).await.unwrap();
        let token = attacker.session_token(&session, &attacker.claims(&login, START_S + 10));
        let reply = login.send(&scene.client(), &token).await;
        scene.refuses("a cut session", &reply, 401, Code::SessionCut, "login", "sessions-not-before");
        let sent = send().await.unwrap();
        assert_eq!((sent.reply.status, sent.sends), (200, 2), "{:?}", sent.refusal);
        assert_eq!(scene.gateway().tally().passed(Passed::Renewed), 1);
    }
}

#[tokio::test]
async fn limits_by_source_slow_enrolments_and_never_renewals() {
    let config = "[attestation]\nchallenges_per_source_per_minute = 6\nenroll_failures_per_source_per_minute = 2\n";
    let scene = Scene::with(config, |_| ()).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let fails = |attacker: &Attacker, prepared: Prepared| {
        let mut request = attacker.evidence(&prepared);
        request.evidence = flipped(&request.evidence, 2);
        request
    };
    for _ in 0..2 {
        let request = fails(&attacker, attacker.prepare(None).await);
        let reply = attacker.call("enroll", &request).await;
        scene.refuses("a failure", &reply, 400, Code::EvidenceMalformed, "", "token-signature");
    }
    let prepared = attacker.prepare(None).await;
    let reply = attacker.present(&prepared).await;
    scene.refuses("after two failures", &reply, 429, Code::RateLimited, "", "enroll-failures-per-source");
    assert_eq!(scene.refused(&reply).problem.retry_after_s, Some(30));
    assert_eq!(reply.header("retry-after"), Some("30"));
    for _ in 0..2 {
        attacker.challenge(None).await;
    }
    let reply = attacker.ask(Purpose::Enroll, ANDROID_APP, None).await;
    scene.refuses("a seventh challenge", &reply, 429, Code::RateLimited, "", "challenges-per-source");
    for _ in 0..20 {
        attacker.session(Some(session.device)).await;
    }
    scene.clock.advance_s(60);
    let reply = attacker.present(&prepared).await;
    assert_eq!(reply.status, 200, "it waited as it was told: {}", String::from_utf8_lossy(&reply.body));
}

#[tokio::test]
async fn a_source_is_what_trusted_proxies_say() {
    let config = "[attestation]\nchallenges_per_source_per_minute = 1\n[proxy]\ntrusted_proxies = [\"127.0.0.1\"]\n";
    let scene = Scene::with(config, |_| ()).await;
    let client = scene.client();
    for (chain, status) in [
        ("203.0.113.7", 200),
        ("203.0.113.7", 429),
        ("203.0.113.8", 200),
        ("203.0.113.99, 203.0.113.8", 429),
        ("2001:db8:1:2::1", 200),
        ("2001:db8:1:2::2", 429),
        ("2001:db8:1:3::1", 200),
    ] {
        let headers = vec![("x-forwarded-for".to_owned(), chain.to_owned())];
        let body = br#"{"purpose":"enroll","app":"bank-android"}"#;
        let reply = client.app("POST", "/.attest/v1/challenge", &headers, body).await.unwrap();
        assert_eq!(reply.status, status, "{chain}");
    }
}

#[tokio::test]
async fn an_overflowing_pool_says_later_and_proxying_goes_on() {
    let scene = Scene::with("[limits]\nappraisal_workers = 1\nappraisal_queue = 1\n", |_| ()).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let mut prepared = Vec::new();
    for _ in 0..64 {
        let attacker = scene.attacker();
        let evidence = attacker.prepare(None).await;
        prepared.push((attacker, evidence));
    }
    let flood: Vec<_> = prepared
        .into_iter()
        .map(|(attacker, evidence)| tokio::spawn(async move { attacker.present(&evidence).await }))
        .collect();
    let (login, client) = (Request::login(), scene.client());
    let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
    assert_eq!(login.send(&client, &token).await.status, 200);
    scene.backend.only();
    let mut overflowed = 0;
    for reply in flood {
        let reply = reply.await.unwrap();
        if reply.status != 200 {
            scene.refuses("beyond the queue", &reply, 503, Code::Overloaded, "", "appraisal-queue-full");
            overflowed += 1;
        }
    }
    assert!(overflowed > 0, "64 at once fit into a queue of one");
    scene.attacker().session(None).await;
}

#[tokio::test]
async fn anyone_may_read_keys_and_policy() {
    let scene = Scene::open().await;
    let client = scene.client();
    for call in ["jwks.json", "assertion-jwks.json", "policy/development-root.json"] {
        let reply = client.app("GET", &format!("/.attest/v1/{call}"), &Headers::new(), b"").await.unwrap();
        let keys: attest_core::jose::JwkSet = serde_json::from_slice(&reply.body).unwrap();
        assert!(!keys.keys.is_empty() && !String::from_utf8_lossy(&reply.body).contains("\"d\""), "{call}");
    }
    let bundle = |headers: Headers| {
        let client = scene.client();
        async move { client.app("GET", "/.attest/v1/policy/bundle?root=1", &headers, b"").await.unwrap() }
    };
    let first = bundle(Headers::new()).await;
    let etag = first.header("etag").unwrap().to_owned();
    let same = bundle(vec![("if-none-match".to_owned(), etag)]).await;
    assert_eq!((first.status, same.status, same.body.len()), (200, 304, 0));
    let stale = bundle(vec![("if-none-match".to_owned(), "\"other\"".to_owned())]).await;
    assert_eq!((stale.status, stale.body), (200, first.body));
}
