//! Forged, tampered, foreign and untimely session tokens. The attacker holds a genuine registration, so that each row is
//! spoiled in one place only.

use attest_core::appraisal::AppraisalResult;
use attest_core::device::{DeviceId, KeyLevel};
use attest_core::environment::Environment;
use attest_core::fleet::FleetSecret;
use attest_core::jose::MacKey;
use attest_core::problem::ProblemCode as Code;
use attest_core::redacted::Redacted;
use attest_core::ticket::{TicketBody, TicketSealer};
use attest_core::token::PROOF_HEADER;
use attest_gateway::clock::Clock as _;
use attest_mobile::Headers;
use attest_tests::raw_jws::flipped;
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use super::cast::{Cast, Row, genuine_result, sent, value};

/// A session that the attacker sealed under a fleet secret of their own.
fn foreign(cast: &Cast) -> Headers {
    let device = DeviceId::from_bytes([9; 16]);
    let result = AppraisalResult {
        device,
        key_level: KeyLevel::Software,
        ..genuine_result(cast)
    };
    let body = TicketBody {
        result,
        session_key: Redacted::new([7; 32]),
    };
    let sealer = TicketSealer::new(&FleetSecret::new([1; 32]), 1, Environment::Development);
    let ticket = sealer.seal(&body, START_S, &SystemRandom::new()).unwrap();
    sent(cast.token().header("kid", ticket).mac(&MacKey::new(&[7; 32])))
}

const SESSION_ROWS: &[Row] = &[
    ("no token", |_| vec![], 401, Code::TokenMissing, "token-missing"),
    (
        "an empty token",
        |_| sent(""),
        401,
        Code::TokenMalformed,
        "token-shape",
    ),
    (
        "garbage",
        |_| sent("x.y.z"),
        401,
        Code::TokenMalformed,
        "token-base64",
    ),
    (
        "two parts",
        |c| sent(c.whole().rsplit_once('.').unwrap().0),
        401,
        Code::TokenMalformed,
        "token-shape",
    ),
    (
        "four parts",
        |c| sent(format!("{}.x", c.whole())),
        401,
        Code::TokenMalformed,
        "token-shape",
    ),
    (
        "five kilobytes",
        |_| sent("A".repeat(5000)),
        401,
        Code::TokenMalformed,
        "token-too-large",
    ),
    (
        "padding",
        |c| sent(format!("{}=", c.whole())),
        401,
        Code::TokenMalformed,
        "token-base64",
    ),
    (
        "alg none",
        |c| sent(c.token().header("alg", "none").unsigned()),
        401,
        Code::TokenMalformed,
        "token-shape",
    ),
    (
        "alg none with a MAC",
        |c| c.head("alg", "none"),
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "alg None",
        |c| c.head("alg", "None"),
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "alg HS512",
        |c| c.head("alg", "HS512"),
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "alg ES256 over a MAC",
        |c| c.head("alg", "ES256"),
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "alg ES256 by the device key",
        |c| sent(c.token().header("alg", "ES256").sign(&c.attacker.key)),
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "a MAC by the public device key",
        |c| sent(c.token().mac(&MacKey::new(&c.attacker.key.public_point()))),
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "a MAC by no key",
        |c| sent(c.token().mac(&MacKey::new(&[]))),
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "no MAC",
        |c| sent(c.token().unsigned()),
        401,
        Code::TokenMalformed,
        "token-shape",
    ),
    (
        "a short MAC",
        |c| sent(format!("{}AAAA", c.token().unsigned())),
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "crit",
        |c| c.head("crit", json!(["exp"])),
        401,
        Code::TokenMalformed,
        "token-crit",
    ),
    (
        "b64 false",
        |c| c.head("crit", json!(["b64"])),
        401,
        Code::TokenMalformed,
        "token-crit",
    ),
    (
        "an embedded jwk",
        |c| c.head("jwk", json!({"kty": "oct"})),
        401,
        Code::TokenMalformed,
        "token-embedded-key",
    ),
    (
        "jku",
        |c| c.head("jku", "https://evil.example"),
        401,
        Code::TokenMalformed,
        "token-embedded-key",
    ),
    (
        "x5c",
        |c| c.head("x5c", json!(["AA=="])),
        401,
        Code::TokenMalformed,
        "token-embedded-key",
    ),
    (
        "x5u",
        |c| c.head("x5u", "https://evil.example"),
        401,
        Code::TokenMalformed,
        "token-embedded-key",
    ),
    (
        "another typ",
        |c| c.head("typ", "JWT"),
        401,
        Code::TokenMalformed,
        "token-typ",
    ),
    (
        "no typ",
        |c| c.head("typ", Value::Null),
        401,
        Code::TokenMalformed,
        "token-typ",
    ),
    (
        "a doubled header member",
        |c| c.own(&c.token().prepend_header(r#""alg":"none""#)),
        401,
        Code::TokenMalformed,
        "token-ambiguous",
    ),
    (
        "a doubled claim",
        |c| c.own(&c.token().prepend_claim(r#""exp":9999999999"#)),
        401,
        Code::TokenMalformed,
        "token-ambiguous",
    ),
    (
        "a doubled claim, spelled by escapes",
        |c| c.own(&c.token().prepend_claim("\"\\u0065xp\":9999999999")),
        401,
        Code::TokenMalformed,
        "token-ambiguous",
    ),
    (
        "a changed payload",
        |c| sent(flipped(&c.whole(), 1)),
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "a changed MAC",
        |c| sent(flipped(&c.whole(), 2)),
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "a ticket of another fleet",
        foreign,
        401,
        Code::TicketUnknown,
        "ticket-sealed",
    ),
    (
        "the ticket of another device",
        |c| c.own(&c.token().header("kid", c.others.ticket.reveal().clone())),
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "no ticket",
        |c| c.head("kid", Value::Null),
        401,
        Code::TicketUnknown,
        "token-key-unknown",
    ),
    (
        "a ticket that is none",
        |c| c.head("kid", "key-1"),
        401,
        Code::TokenMalformed,
        "ticket-malformed",
    ),
    (
        "another audience",
        |c| c.claim("aud", "https://shop.example"),
        401,
        Code::TokenAudience,
        "token-audience",
    ),
    (
        "from the future",
        |c| {
            c.own(
                &c.token()
                    .claim("iat", START_S + 3600)
                    .claim("exp", START_S + 3660),
            )
        },
        401,
        Code::TokenTime,
        "token-not-yet-valid",
    ),
    (
        "ending before it begins",
        |c| c.claim("iat", START_S + 61),
        401,
        Code::TokenTime,
        "token-lifetime",
    ),
    (
        "not valid before later",
        |c| c.claim("nbf", START_S + 3600),
        401,
        Code::TokenTime,
        "token-not-yet-valid",
    ),
    (
        "past its end",
        |c| {
            c.own(
                &c.token()
                    .claim("iat", START_S - 3600)
                    .claim("exp", START_S - 3540),
            )
        },
        401,
        Code::TokenTime,
        "token-expired",
    ),
    (
        "living for a day",
        |c| c.claim("exp", START_S + 86_400),
        401,
        Code::TokenTime,
        "token-lifetime",
    ),
    (
        "a short id",
        |c| c.claim("jti", "1"),
        401,
        Code::TokenTime,
        "token-jti",
    ),
    (
        "no id",
        |c| c.claim("jti", Value::Null),
        401,
        Code::TokenMalformed,
        "token-json",
    ),
    (
        "a negative time",
        |c| c.claim("iat", -1),
        401,
        Code::TokenMalformed,
        "token-json",
    ),
    (
        "the attestation in its place",
        |c| sent(c.session.attestation.reveal().clone()),
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "a proof of possession in its place",
        |c| {
            let proof = c
                .attacker
                .proof_token(&c.session, &c.attacker.claims(&Request::login(), START_S));
            sent(value(&proof, PROOF_HEADER))
        },
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "twice in one request",
        |c| [sent(c.whole()), sent(c.whole())].concat(),
        401,
        Code::TokenDuplicate,
        "token-header-not-single",
    ),
    (
        "twice in one header",
        |c| sent(format!("{0}, {0}", c.whole())),
        401,
        Code::TokenMalformed,
        "token-shape",
    ),
    (
        "both kinds at once",
        |c| {
            let claims = c.attacker.claims(&Request::login(), START_S);
            [sent(c.whole()), c.attacker.proof_token(&c.session, &claims)].concat()
        },
        401,
        Code::TokenDuplicate,
        "two-token-kinds",
    ),
];

#[tokio::test]
async fn no_session_token_that_was_spoiled_in_one_place_gets_through() {
    let scene = Scene::open().await;
    let cast = Cast::of(&scene).await;
    let (client, login) = (scene.client(), Request::login());
    let reply = login.send(&client, &sent(cast.whole())).await;
    assert_eq!(
        reply.status, 200,
        "an unspoiled token must pass, or the table proves nothing"
    );
    scene.backend.only();
    for (what, spoil, status, code, reason) in SESSION_ROWS {
        let reply = login.send(&client, &spoil(&cast)).await;
        scene.refuses(what, &reply, *status, *code, "login", reason);
    }
}

#[tokio::test]
async fn a_session_ends_when_its_clock_says_so() {
    let scene = Scene::open().await;
    let cast = Cast::of(&scene).await;
    let (client, login) = (scene.client(), Request::login());
    for (passes_s, status) in [(899, 200), (1, 401), (3600, 401)] {
        scene.clock.advance_s(passes_s);
        let now_s = scene.clock.now_s();
        let claims = cast.attacker.claims(&login, now_s);
        let reply = login
            .send(&client, &cast.attacker.session_token(&cast.session, &claims))
            .await;
        assert_eq!(reply.status, status, "after {} s", now_s - START_S);
        if status == 200 {
            scene.backend.only();
            continue;
        }
        scene.refuses(
            "an ended session",
            &reply,
            401,
            Code::SessionExpired,
            "login",
            "session-expired",
        );
        let payment = Request::payment();
        let claims = cast.attacker.claims(&payment, now_s);
        let reply = payment
            .send(&client, &cast.attacker.proof_token(&cast.session, &claims))
            .await;
        scene.refuses(
            "an ended attestation",
            &reply,
            401,
            Code::SessionExpired,
            "payments",
            "session-expired",
        );
    }
    scene.clock.advance_s(50 * 3600);
    let now_s = scene.clock.now_s();
    let claims = cast.attacker.claims(&login, now_s);
    let reply = login
        .send(&client, &cast.attacker.session_token(&cast.session, &claims))
        .await;
    scene.refuses(
        "a session of another day",
        &reply,
        401,
        Code::TicketUnknown,
        "login",
        "ticket-epoch",
    );
}

#[tokio::test]
async fn an_observe_route_forwards_bad_tokens_unvouched_and_counts_them() {
    use attest_gateway::tally::Passed;
    let scene = Scene::open().await;
    let cast = Cast::of(&scene).await;
    let (client, request) = (scene.client(), Request::new("GET", "/v1/legacy/balance", "", &[]));
    let unattested = || scene.gateway().tally().passed(Passed::Unattested);
    for (what, spoil, ..) in SESSION_ROWS {
        let before = unattested();
        let reply = request.send(&client, &spoil(&cast)).await;
        assert_eq!((reply.status, unattested() - before), (200, 1), "{what}");
        let arrived = scene.backend.only();
        assert_eq!(arrived.all("attest-decision"), ["none"], "{what}");
        let ours = |(name, _): &&(String, String)| name.starts_with("attest-") || name.starts_with("oauth-");
        assert_eq!(
            arrived.headers.iter().filter(ours).count(),
            1,
            "{what}: {:?}",
            arrived.headers
        );
    }
    let good = cast
        .attacker
        .session_token(&cast.session, &cast.attacker.claims(&request, START_S));
    let before = unattested();
    assert_eq!(request.send(&client, &good).await.status, 200);
    let arrived = scene.backend.only();
    assert_eq!(
        (arrived.all("attest-decision"), unattested()),
        (vec!["allow"], before)
    );
    assert_eq!(arrived.all("attest-app"), ["bank-android"]);
    assert_eq!(arrived.all("attest-device").len(), 1);
    assert!(
        !arrived
            .all("attest-device")
            .contains(&cast.session.device.to_text().as_str())
    );
}
