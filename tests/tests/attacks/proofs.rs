//! Proof tokens whose halves are forged, swapped, foreign or untimely.

use attest_core::attestation;
use attest_core::encoding::base64url;
use attest_core::jose::jwk::thumbprint;
use attest_core::jose::{Jwk, MacKey, SigningKey};
use attest_core::problem::ProblemCode as Code;
use attest_core::response::Session;
use attest_core::token::{ATTESTATION_HEADER, PROOF_HEADER, SESSION_HEADER};
use attest_mobile::Headers;
use attest_tests::attacker::Attacker;
use attest_tests::raw_jws::RawJws;
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};
use ring::rand::SystemRandom;
use serde_json::Value;

use super::cast::{Cast, Row, genuine_result, value};

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
        let (whole_attestation, whole_proof) =
            (value(&headers, ATTESTATION_HEADER), value(&headers, PROOF_HEADER));
        Self {
            attestation: RawJws::read(&whole_attestation),
            proof: RawJws::read(&whole_proof),
            whole_attestation,
            whole_proof,
        }
    }
}

fn pair(attestation: impl Into<String>, proof: impl Into<String>) -> Headers {
    vec![
        (ATTESTATION_HEADER.to_owned(), attestation.into()),
        (PROOF_HEADER.to_owned(), proof.into()),
    ]
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
    pair(
        unsigned.attach(&signature),
        Proof::of(&cast.attacker, &cast.session).whole_proof,
    )
}

fn issuer_kid(cast: &Cast) -> String {
    let header = Proof::of(&cast.attacker, &cast.session).attestation.header;
    let header: Value = serde_json::from_str(&header).unwrap();
    header.get("kid").and_then(Value::as_str).unwrap().to_owned()
}

fn proof_claim(cast: &Cast, name: &str, value: impl Into<Value>) -> Headers {
    let good = Proof::of(&cast.attacker, &cast.session);
    pair(
        good.whole_attestation,
        good.proof.claim(name, value).sign(&cast.attacker.key),
    )
}

const PROOF_ROWS: &[Row] = &[
    ("no token", |_| vec![], 401, Code::TokenMissing, "token-missing"),
    (
        "a session token",
        |c| {
            c.attacker
                .session_token(&c.session, &c.attacker.claims(&Request::payment(), START_S))
        },
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
        |c| {
            vec![header(
                PROOF_HEADER,
                &Proof::of(&c.attacker, &c.session).whole_proof,
            )]
        },
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
    (
        "an attestation of one's own make",
        |c| self_made(c, None),
        401,
        Code::TicketUnknown,
        "token-key-unknown",
    ),
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
            pair(
                format!("{head}.{}.{signature}", base64url(spoilt)),
                good.whole_proof,
            )
        },
        401,
        Code::TokenSignature,
        "token-signature",
    ),
    (
        "a proof by alg none",
        |c| {
            let good = Proof::of(&c.attacker, &c.session);
            pair(
                good.whole_attestation,
                format!("{}AA", good.proof.header("alg", "none").unsigned()),
            )
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
            pair(
                good.whole_attestation,
                good.proof.header("alg", "HS256").mac(&key),
            )
        },
        401,
        Code::TokenMalformed,
        "token-alg",
    ),
    (
        "a proof that brings its key",
        |c| {
            let (good, key) = (Proof::of(&c.attacker, &c.session), own_key());
            let jwk = serde_json::to_value(Jwk::p256(&key.public_point())).unwrap();
            pair(good.whole_attestation, good.proof.header("jwk", jwk).sign(&key))
        },
        401,
        Code::TokenMalformed,
        "token-embedded-key",
    ),
    (
        "for another audience",
        |c| proof_claim(c, "aud", "x"),
        401,
        Code::TokenAudience,
        "token-audience",
    ),
    (
        "from the future",
        |c| {
            let good = Proof::of(&c.attacker, &c.session);
            let proof = good
                .proof
                .claim("iat", START_S + 3600)
                .claim("exp", START_S + 3660);
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
            let proof = good
                .proof
                .claim("iat", START_S - 3600)
                .claim("exp", START_S - 3540);
            pair(good.whole_attestation, proof.sign(&c.attacker.key))
        },
        401,
        Code::TokenTime,
        "token-expired",
    ),
    (
        "without bindings",
        |c| proof_claim(c, "bh", Value::Null),
        401,
        Code::TokenTooWeak,
        "binding-missing",
    ),
];

#[tokio::test]
async fn no_proof_token_that_was_spoiled_in_one_place_gets_through() {
    let scene = Scene::open().await;
    let cast = Cast::of(&scene).await;
    let (client, payment) = (scene.client(), Request::payment());
    let good = Proof::of(&cast.attacker, &cast.session);
    let reply = payment
        .send(&client, &pair(good.whole_attestation, good.whole_proof))
        .await;
    assert_eq!(
        reply.status, 200,
        "an unspoiled token must pass, or the table proves nothing"
    );
    scene.backend.only();
    for (what, spoil, status, code, reason) in PROOF_ROWS {
        let reply = payment.send(&client, &spoil(&cast)).await;
        scene.refuses(what, &reply, *status, *code, "payments", reason);
    }
}
