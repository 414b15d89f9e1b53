//! Forged, tampered, foreign and untimely tokens. The attacker holds a genuine registration, so that each row is spoiled in
//! one place only.

use attest_core::appraisal::AppraisalResult;
use attest_core::attestation;
use attest_core::device::{DeviceId, EvidenceClass, KeyLevel, Platform};
use attest_core::encoding::base64url;
use attest_core::environment::Environment;
use attest_core::finding::Findings;
use attest_core::fleet::FleetSecret;
use attest_core::jose::jwk::thumbprint;
use attest_core::jose::{MacKey, SigningKey};
use attest_core::problem::ProblemCode as Code;
use attest_core::redacted::Redacted;
use attest_core::response::Session;
use attest_core::ticket::{TicketBody, TicketSealer};
use attest_core::token::{ATTESTATION_HEADER, PROOF_HEADER, SESSION_HEADER};
use attest_mobile::Headers;
use attest_tests::attacker::Attacker;
use attest_tests::raw_jws::{RawJws, flipped};
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};
use ring::rand::SystemRandom;
use serde_json::{Value, json};

struct Cast {
    attacker: Attacker,
    session: Session,
    other: Attacker,
    others: Session,
}

impl Cast {
    async fn of(scene: &Scene) -> Self {
        let (attacker, other) = (scene.attacker(), scene.attacker());
        let (session, others) = (attacker.session(None).await, other.session(None).await);
        Self { attacker, session, other, others }
    }

    /// A good session token for a login, in parts.
    fn token(&self) -> RawJws {
        RawJws::read(&self.whole())
    }

    fn whole(&self) -> String {
        let claims = self.attacker.claims(&Request::login(), START_S);
        value(&self.attacker.session_token(&self.session, &claims), SESSION_HEADER)
    }

    /// Signed by the session's own key.
    fn own(&self, token: &RawJws) -> Headers {
        sent(token.mac(&self.session.key))
    }

    fn claim(&self, name: &str, value: impl Into<Value>) -> Headers {
        self.own(&self.token().claim(name, value))
    }

    fn head(&self, name: &str, value: impl Into<Value>) -> Headers {
        self.own(&self.token().header(name, value))
    }
}

fn value(headers: &Headers, name: &str) -> String {
    headers.iter().find(|(known, _)| known == name).unwrap().1.clone()
}

fn sent(token: impl Into<String>) -> Headers {
    vec![(SESSION_HEADER.to_owned(), token.into())]
}

/// A session that the attacker sealed under a fleet secret of their own.
fn foreign(cast: &Cast) -> Headers {
    let device = DeviceId::from_bytes([9; 16]);
    let result = AppraisalResult {
        environment: Environment::Development,
        audience: cast.attacker.origin.clone(),
        app: "bank-android".to_owned(),
        app_version: "4.2.0".to_owned(),
        platform: Platform::Android,
        device,
        generation: 1,
        key_level: KeyLevel::Software,
        evidence_class: EvidenceClass::Software,
        evidence_at_s: START_S,
        enrolled_at_s: START_S,
        policy_version: 1,
        findings: Findings::default(),
        issued_at_s: START_S,
        expires_at_s: START_S + 900,
    };
    let body = TicketBody { result, session_key: Redacted::new([7; 32]) };
    let sealer = TicketSealer::new(&FleetSecret::new([1; 32]), 1, Environment::Development);
    let ticket = sealer.seal(&body, START_S, &SystemRandom::new()).unwrap();
    sent(cast.token().header("kid", ticket).mac(&MacKey::new(&[7; 32])))
}

type Row = (&'static str, fn(&Cast) -> Headers, u16, Code, &'static str);

const SESSION_ROWS: &[Row] = &[
    ("no token", |_| vec![], 401, Code::TokenMissing, "token-missing"),
    ("an empty token", |_| sent(""), 401, Code::TokenMalformed, "token-shape"),
    ("garbage", |_| sent("x.y.z"), 401, Code::TokenMalformed, "token-base64"),
    ("two parts", |c| sent(c.whole().rsplit_once('.').unwrap().0), 401, Code::TokenMalformed, "token-shape"),
    ("four parts", |c| sent(format!("{}.x", c.whole())), 401, Code::TokenMalformed, "token-shape"),
    ("five kilobytes", |_| sent("A".repeat(5000)), 401, Code::TokenMalformed, "token-too-large"),
    ("padding", |c| sent(format!("{}=", c.whole())), 401, Code::TokenMalformed, "token-base64"),
    ("alg none", |c| sent(c.token().header("alg", "none").unsigned()), 401, Code::TokenMalformed, "token-shape"),
    ("alg none with a MAC", |c| c.head("alg", "none"), 401, Code::TokenMalformed, "token-alg"),
    ("alg None", |c| c.head("alg", "None"), 401, Code::TokenMalformed, "token-alg"),
    ("alg HS512", |c| c.head("alg", "HS512"), 401, Code::TokenMalformed, "token-alg"),
    ("alg ES256 over a MAC", |c| c.head("alg", "ES256"), 401, Code::TokenMalformed, "token-alg"),
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
    ("a MAC by no key", |c| sent(c.token().mac(&MacKey::new(&[]))), 401, Code::TokenSignature, "token-signature"),
    ("no MAC", |c| sent(c.token().unsigned()), 401, Code::TokenMalformed, "token-shape"),
    (
        "a short MAC",
        |c| sent(format!("{}AAAA", c.token().unsigned())),
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    ("crit", |c| c.head("crit", json!(["exp"])), 401, Code::TokenMalformed, "token-crit"),
    ("b64 false", |c| c.head("crit", json!(["b64"])), 401, Code::TokenMalformed, "token-crit"),
    ("an embedded jwk", |c| c.head("jwk", json!({"kty": "oct"})), 401, Code::TokenMalformed, "token-embedded-key"),
    ("jku", |c| c.head("jku", "https://evil.example"), 401, Code::TokenMalformed, "token-embedded-key"),
    ("x5c", |c| c.head("x5c", json!(["AA=="])), 401, Code::TokenMalformed, "token-embedded-key"),
    ("x5u", |c| c.head("x5u", "https://evil.example"), 401, Code::TokenMalformed, "token-embedded-key"),
    ("another typ", |c| c.head("typ", "JWT"), 401, Code::TokenMalformed, "token-typ"),
    ("no typ", |c| c.head("typ", Value::Null), 401, Code::TokenMalformed, "token-typ"),
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
    ("a changed payload", |c| sent(flipped(&c.whole(), 1)), 401, Code::TokenSignature, "token-signature"),
    ("a changed MAC", |c| sent(flipped(&c.whole(), 2)), 401, Code::TokenSignature, "token-signature"),
    ("a ticket of another fleet", foreign, 401, Code::TicketUnknown, "ticket-sealed"),
    (
        "the ticket of another device",
        |c| c.own(&c.token().header("kid", c.others.ticket.reveal().clone())),
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    ("no ticket", |c| c.head("kid", Value::Null), 401, Code::TicketUnknown, "token-key-unknown"),
    ("a ticket that is none", |c| c.head("kid", "key-1"), 401, Code::TokenMalformed, "ticket-malformed"),
    ("another audience", |c| c.claim("aud", "https://shop.example"), 401, Code::TokenAudience, "token-audience"),
    (
        "from the future",
        |c| c.own(&c.token().claim("iat", START_S + 3600).claim("exp", START_S + 3660)),
        401,
        Code::TokenTime,
        "token-not-yet-valid",
    ),
    ("ending before it begins", |c| c.claim("iat", START_S + 61), 401, Code::TokenTime, "token-lifetime"),
    ("not valid before later", |c| c.claim("nbf", START_S + 3600), 401, Code::TokenTime, "token-not-yet-valid"),
    (
        "past its end",
        |c| c.own(&c.token().claim("iat", START_S - 3600).claim("exp", START_S - 3540)),
        401,
        Code::TokenTime,
        "token-expired",
    ),
    ("living for a day", |c| c.claim("exp", START_S + 86_400), 401, Code::TokenTime, "token-lifetime"),
    ("a short id", |c| c.claim("jti", "1"), 401, Code::TokenTime, "token-jti"),
    ("no id", |c| c.claim("jti", Value::Null), 401, Code::TokenMalformed, "token-json"),
    ("a negative time", |c| c.claim("iat", -1), 401, Code::TokenMalformed, "token-json"),
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
            let proof = c.attacker.proof_token(&c.session, &c.attacker.claims(&Request::login(), START_S));
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
    assert_eq!(reply.status, 200, "an unspoiled token must pass, or the table proves nothing");
    scene.backend.only();
    for (what, spoil, status, code, reason) in SESSION_ROWS {
        let reply = login.send(&client, &spoil(&cast)).await;
        scene.refuses(what, &reply, *status, *code, "login", reason);
    }
}

/// The parts of a good proof token for a payment.
struct Proof {
    attestation: RawJws,
    whole_attestation: String,
    proof: RawJws,
    whole_proof: String,
}

impl Proof {
    fn of(attacker: &Attacker, session: &Session) -> Self {
        let headers = attacker.proof_token(session, &attacker.claims(&Request::payment(), START_S));
        let (whole_attestation, whole_proof) = (value(&headers, ATTESTATION_HEADER), value(&headers, PROOF_HEADER));
        Self {
            attestation: RawJws::read(&whole_attestation),
            proof: RawJws::read(&whole_proof),
            whole_attestation,
            whole_proof,
        }
    }
}

fn pair(attestation: impl Into<String>, proof: impl Into<String>) -> Headers {
    vec![(ATTESTATION_HEADER.to_owned(), attestation.into()), (PROOF_HEADER.to_owned(), proof.into())]
}

fn own_key() -> SigningKey {
    SigningKey::generate(&SystemRandom::new()).unwrap()
}

/// An attestation by a key of the attacker's own, for a device key of their own.
fn self_made(cast: &Cast, kid: Option<&str>) -> Headers {
    let key = own_key();
    let result = genuine_result(cast);
    let own_kid = thumbprint(&key.public_point());
    let unsigned = attestation::prepare(
        &cast.attacker.origin,
        kid.unwrap_or(&own_kid),
        &cast.attacker.key.public_point(),
        &result,
    );
    let unsigned = unsigned.unwrap();
    let signature = key.sign(unsigned.signing_input(), &SystemRandom::new()).unwrap();
    pair(unsigned.attach(&signature), Proof::of(&cast.attacker, &cast.session).whole_proof)
}

fn genuine_result(cast: &Cast) -> AppraisalResult {
    AppraisalResult {
        environment: Environment::Development,
        audience: cast.attacker.origin.clone(),
        app: "bank-android".to_owned(),
        app_version: "4.2.0".to_owned(),
        platform: Platform::Android,
        device: cast.session.device,
        generation: 1,
        key_level: KeyLevel::Hardware,
        evidence_class: EvidenceClass::Software,
        evidence_at_s: START_S,
        enrolled_at_s: START_S,
        policy_version: 1,
        findings: Findings::default(),
        issued_at_s: START_S,
        expires_at_s: START_S + 900,
    }
}

fn issuer_kid(cast: &Cast) -> String {
    let header = Proof::of(&cast.attacker, &cast.session).attestation.header;
    let header: Value = serde_json::from_str(&header).unwrap();
    header.get("kid").and_then(Value::as_str).unwrap().to_owned()
}

fn proof_claim(cast: &Cast, name: &str, value: impl Into<Value>) -> Headers {
    let good = Proof::of(&cast.attacker, &cast.session);
    pair(good.whole_attestation, good.proof.claim(name, value).sign(&cast.attacker.key))
}

const PROOF_ROWS: &[Row] = &[
    ("no token", |_| vec![], 401, Code::TokenMissing, "token-missing"),
    (
        "a session token",
        |c| c.attacker.session_token(&c.session, &c.attacker.claims(&Request::payment(), START_S)),
        401,
        Code::TokenTooWeak,
        "session-where-proof",
    ),
    (
        "a session token as the proof of possession",
        |c| {
            let claims = c.attacker.claims(&Request::payment(), START_S);
            let session = value(&c.attacker.session_token(&c.session, &claims), SESSION_HEADER);
            pair(c.session.attestation.reveal().clone(), session)
        },
        401,
        Code::TokenMalformed,
        "token-typ",
    ),
    (
        "a session token as the attestation",
        |c| {
            let good = Proof::of(&c.attacker, &c.session);
            pair(c.whole(), good.whole_proof)
        },
        401,
        Code::TokenMalformed,
        "token-typ",
    ),
    (
        "only the attestation",
        |c| vec![header(ATTESTATION_HEADER, c.session.attestation.reveal())],
        401,
        Code::TokenMalformed,
        "proof-token-half",
    ),
    (
        "only the proof",
        |c| vec![header(PROOF_HEADER, &Proof::of(&c.attacker, &c.session).whole_proof)],
        401,
        Code::TokenMalformed,
        "proof-token-half",
    ),
    (
        "two proofs",
        |c| {
            let good = Proof::of(&c.attacker, &c.session);
            let mut headers = pair(good.whole_attestation, good.whole_proof.clone());
            headers.push(header(PROOF_HEADER, &good.whole_proof));
            headers
        },
        401,
        Code::TokenDuplicate,
        "token-header-not-single",
    ),
    (
        "another device's attestation",
        |c| {
            let mine = Proof::of(&c.attacker, &c.session);
            pair(c.others.attestation.reveal().clone(), mine.whole_proof)
        },
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "another device's proof",
        |c| {
            let theirs = Proof::of(&c.other, &c.others);
            pair(c.session.attestation.reveal().clone(), theirs.whole_proof)
        },
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    ("an attestation of one's own make", |c| self_made(c, None), 401, Code::TicketUnknown, "token-key-unknown"),
    (
        "the same under the issuer's kid",
        |c| self_made(c, Some(&issuer_kid(c))),
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "a better key level written in",
        |c| {
            let good = Proof::of(&c.attacker, &c.session);
            let spoilt = good.attestation.payload.replace("software", "hardware");
            assert_ne!(spoilt, good.attestation.payload);
            let (head, rest) = good.whole_attestation.split_once('.').unwrap();
            let signature = rest.split_once('.').unwrap().1;
            pair(format!("{head}.{}.{signature}", base64url(spoilt)), good.whole_proof)
        },
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "a proof by alg none",
        |c| {
            let good = Proof::of(&c.attacker, &c.session);
            pair(good.whole_attestation, format!("{}AA", good.proof.header("alg", "none").unsigned()))
        },
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "a proof by HMAC with the public key",
        |c| {
            let good = Proof::of(&c.attacker, &c.session);
            let key = MacKey::new(&c.attacker.key.public_point());
            pair(good.whole_attestation, good.proof.header("alg", "HS256").mac(&key))
        },
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "a proof that brings its key",
        |c| {
            let (good, key) = (Proof::of(&c.attacker, &c.session), own_key());
            let jwk = serde_json::to_value(attest_core::jose::Jwk::p256(&key.public_point())).unwrap();
            pair(good.whole_attestation, good.proof.header("jwk", jwk).sign(&key))
        },
        401,
        Code::TokenMalformed,
        "token-embedded-key",
    ),
    ("for another audience", |c| proof_claim(c, "aud", "x"), 401, Code::TokenAudience, "token-audience"),
    (
        "from the future",
        |c| {
            let good = Proof::of(&c.attacker, &c.session);
            let proof = good.proof.claim("iat", START_S + 3600).claim("exp", START_S + 3660);
            pair(good.whole_attestation, proof.sign(&c.attacker.key))
        },
        401,
        Code::TokenTime,
        "token-not-yet-valid",
    ),
    (
        "past its end",
        |c| {
            let good = Proof::of(&c.attacker, &c.session);
            let proof = good.proof.claim("iat", START_S - 3600).claim("exp", START_S - 3540);
            pair(good.whole_attestation, proof.sign(&c.attacker.key))
        },
        401,
        Code::TokenTime,
        "token-expired",
    ),
    ("without bindings", |c| proof_claim(c, "bh", Value::Null), 401, Code::TokenTooWeak, "binding-missing"),
];

#[tokio::test]
async fn no_proof_token_that_was_spoiled_in_one_place_gets_through() {
    let scene = Scene::open().await;
    let cast = Cast::of(&scene).await;
    let (client, payment) = (scene.client(), Request::payment());
    let good = Proof::of(&cast.attacker, &cast.session);
    let reply = payment.send(&client, &pair(good.whole_attestation, good.whole_proof)).await;
    assert_eq!(reply.status, 200, "an unspoiled token must pass, or the table proves nothing");
    scene.backend.only();
    for (what, spoil, status, code, reason) in PROOF_ROWS {
        let reply = payment.send(&client, &spoil(&cast)).await;
        scene.refuses(what, &reply, *status, *code, "payments", reason);
    }
}

#[tokio::test]
async fn a_session_ends_when_its_clock_says_so() {
    let scene = Scene::open().await;
    let cast = Cast::of(&scene).await;
    let (client, login) = (scene.client(), Request::login());
    for (passes_s, status) in [(899, 200), (1, 401), (3600, 401)] {
        scene.clock.advance_s(passes_s);
        let now_s = attest_gateway::clock::Clock::now_s(&*scene.clock);
        let claims = cast.attacker.claims(&login, now_s);
        let reply = login.send(&client, &cast.attacker.session_token(&cast.session, &claims)).await;
        assert_eq!(reply.status, status, "after {} s", now_s - START_S);
        if status == 200 {
            scene.backend.only();
            continue;
        }
        scene.refuses("an ended session", &reply, 401, Code::SessionExpired, "login", "session-expired");
        let payment = Request::payment();
        let claims = cast.attacker.claims(&payment, now_s);
        let reply = payment.send(&client, &cast.attacker.proof_token(&cast.session, &claims)).await;
        scene.refuses("an ended attestation", &reply, 401, Code::SessionExpired, "payments", "session-expired");
    }
    scene.clock.advance_s(50 * 3600);
    let now_s = attest_gateway::clock::Clock::now_s(&*scene.clock);
    let claims = cast.attacker.claims(&login, now_s);
    let reply = login.send(&client, &cast.attacker.session_token(&cast.session, &claims)).await;
    scene.refuses("a session of another day", &reply, 401, Code::TicketUnknown, "login", "ticket-epoch");
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
        assert_eq!(arrived.headers.iter().filter(ours).count(), 1, "{what}: {:?}", arrived.headers);
    }
    let good = cast.attacker.session_token(&cast.session, &cast.attacker.claims(&request, START_S));
    let before = unattested();
    assert_eq!(request.send(&client, &good).await.status, 200);
    let arrived = scene.backend.only();
    assert_eq!((arrived.all("attest-decision"), unattested()), (vec!["allow"], before));
    assert_eq!(arrived.all("attest-app"), ["bank-android"]);
    assert_eq!(arrived.all("attest-device").len(), 1);
    assert!(!arrived.all("attest-device").contains(&cast.session.device.to_text().as_str()));
}
