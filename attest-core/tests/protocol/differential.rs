//! Our strict JOSE beside a general JWT library: what one mints the other verifies, both refuse what is wrong, and each
//! place where only one of them refuses is listed with its reason.

use attest_core::encoding::base64url;
use attest_core::jose::jws::{MAX_TOKEN_BYTES, read_claims};
use attest_core::jose::{Algorithm, Compact, MacKey, SigningKey, Unsigned, VerifyingKey};
use attest_core::token::{TimeBounds, proof, session};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::raw::{RawJws, Signer, prepend, sealed, set};
use super::samples::{Kind, World};
use super::world::{NOW, Payment, RNG, new_key};

const SECRET: [u8; 32] = [7; 32];
const TYP: &str = "example+jwt";

/// One algorithm with the same key for both libraries.
struct Both {
    alg: Algorithm,
    es256: SigningKey,
    mac: MacKey,
}

impl Both {
    fn new(alg: Algorithm) -> Self {
        Self {
            alg,
            es256: new_key(),
            mac: MacKey::new(&SECRET),
        }
    }

    const fn signer(&self) -> Signer<'_> {
        match self.alg {
            Algorithm::Hs256 => Signer::Mac(&self.mac),
            Algorithm::Es256 => Signer::Es256(&self.es256),
        }
    }

    const fn theirs(&self) -> jsonwebtoken::Algorithm {
        match self.alg {
            Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        }
    }

    fn we_mint(&self, claims: &Value) -> String {
        let unsigned = Unsigned::new(self.alg, TYP, None, claims).unwrap();
        sealed(
            std::str::from_utf8(unsigned.signing_input()).unwrap(),
            self.signer(),
        )
    }

    fn they_mint(&self, claims: &Value) -> String {
        let header = Header {
            typ: Some(TYP.to_owned()),
            ..Header::new(self.theirs())
        };
        let key = match self.alg {
            Algorithm::Hs256 => EncodingKey::from_secret(&SECRET),
            Algorithm::Es256 => EncodingKey::from_ec_der(self.es256.pkcs8()),
        };
        encode(&header, claims, &key).unwrap()
    }

    fn we_read(&self, token: &str) -> Result<Value, &'static str> {
        let key = match self.alg {
            Algorithm::Hs256 => VerifyingKey::Mac(self.mac.clone()),
            Algorithm::Es256 => VerifyingKey::P256(self.es256.public_point()),
        };
        let read = || {
            let jws = Compact::parse(token, MAX_TOKEN_BYTES)?;
            jws.header().expect_typ(TYP)?;
            read_claims(&jws.verify(&key)?)
        };
        read().map_err(|error: attest_core::jose::JwsError| error.code())
    }

    fn they_read(&self, token: &str) -> Option<Value> {
        let key = match self.alg {
            Algorithm::Hs256 => DecodingKey::from_secret(&SECRET),
            Algorithm::Es256 => theirs(&self.es256),
        };
        read_by_library(token, &key, self.theirs())
    }
}

fn theirs(key: &SigningKey) -> DecodingKey {
    let point = key.public_point();
    DecodingKey::from_ec_components(&base64url(&point[1..33]), &base64url(&point[33..])).unwrap()
}

/// Signature only: the library would compare times with the clock of the machine.
fn read_by_library(token: &str, key: &DecodingKey, alg: jsonwebtoken::Algorithm) -> Option<Value> {
    let mut validation = Validation::new(alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    decode::<Value>(token, key, &validation)
        .ok()
        .map(|token| token.claims)
}

const BOTH: [Algorithm; 2] = [Algorithm::Hs256, Algorithm::Es256];

fn cases(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

fn claims() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ];
    prop::collection::btree_map("[a-z]{1,8}", leaf, 0..6).prop_map(|members| json!(members))
}

#[test]
fn each_verifies_what_the_other_minted() {
    for alg in BOTH {
        let both = Both::new(alg);
        cases(64)
            .run(&claims(), |claims| {
                prop_assert_eq!(both.they_read(&both.we_mint(&claims)), Some(claims.clone()));
                prop_assert_eq!(both.we_read(&both.they_mint(&claims)), Ok(claims));
                Ok(())
            })
            .unwrap();
    }
}

/// The tokens of this system as they are, not only its JWS.
#[test]
fn the_library_reads_our_tokens_and_we_read_its() {
    let world = World::new();
    let es256 = jsonwebtoken::Algorithm::ES256;
    for (kind, key) in [
        (Kind::Proof, &world.phone.key),
        (Kind::Attestation, &world.service.key),
        (Kind::Evidence, &world.phone.key),
        (Kind::Response, &world.service.key),
        (Kind::StepUp, &world.bank),
        (Kind::Assertion, &world.service.key),
    ] {
        let sample = world.sample(kind);
        let payload: Value = serde_json::from_str(&sample.raw().payload).unwrap();
        assert_eq!(
            read_by_library(&sample.token, &theirs(key), es256),
            Some(payload),
            "{kind:?}"
        );
    }

    // The session key itself is nowhere to be had, so the library's session token is made from a ticket of known key.
    let claims = Payment::new().claims(NOW);
    let mut body = world
        .service
        .tickets()
        .open(world.session.ticket.reveal(), NOW)
        .unwrap();
    body.session_key = attest_core::redacted::Redacted::new(SECRET);
    let sealer = attest_core::ticket::TicketSealer::new(
        &world.service.fleet,
        super::world::KEY_ID,
        world.service.environment,
    );
    let header = Header {
        typ: Some(session::TYP.to_owned()),
        kid: Some(sealer.seal(&body, NOW, &*RNG).unwrap()),
        ..Header::new(jsonwebtoken::Algorithm::HS256)
    };
    let token = encode(&header, &claims, &EncodingKey::from_secret(&SECRET)).unwrap();
    let verified = session::verify(&token, &mut world.service.tickets(), TimeBounds::default(), NOW).unwrap();
    assert_eq!(verified.claims(), &claims);

    let header = Header {
        typ: Some(proof::TYP.to_owned()),
        ..Header::new(es256)
    };
    let token = encode(
        &header,
        &claims,
        &EncodingKey::from_ec_der(world.phone.key.pkcs8()),
    )
    .unwrap();
    let attestation = world.session.attestation.reveal();
    let (keys, environment) = (world.service.keys(), world.service.environment);
    let verified = proof::verify(
        attestation,
        &token,
        &keys,
        environment,
        TimeBounds::default(),
        NOW,
    )
    .unwrap();
    assert_eq!(verified.claims(), &claims);
}

/// What is done to a good token, our code, and why the library accepts it where it does.
type Mutation = (
    &'static str,
    fn(&Both) -> String,
    &'static str,
    Option<&'static str>,
);

fn header(both: &Both, change: impl FnOnce(&mut String)) -> String {
    let mut raw = good(both);
    change(&mut raw.header);
    raw.signed(both.signer())
}

fn payload(both: &Both, change: impl FnOnce(&mut String)) -> String {
    let mut raw = good(both);
    change(&mut raw.payload);
    raw.signed(both.signer())
}

fn good(both: &Both) -> RawJws {
    RawJws::read(&both.we_mint(&json!({"sub": "phone", "n": 1})))
}

const MUTATIONS: &[Mutation] = &[
    (
        "none",
        |b| header(b, |h| set(h, "alg", "none")),
        "token-alg",
        None,
    ),
    (
        "HS512",
        |b| header(b, |h| set(h, "alg", "HS512")),
        "token-alg",
        None,
    ),
    (
        "no alg",
        |b| header(b, |h| set(h, "alg", Value::Null)),
        "token-json",
        None,
    ),
    (
        "a header twice",
        |b| header(b, |h| prepend(h, r#""typ":"x""#)),
        "token-ambiguous",
        None,
    ),
    (
        "alg twice",
        |b| header(b, |h| prepend(h, r#""alg":"HS256""#)),
        "token-ambiguous",
        None,
    ),
    (
        "a registered claim twice",
        |b| payload(b, |p| prepend(p, r#""sub":"other""#)),
        "token-ambiguous",
        None,
    ),
    (
        "a list as header",
        |b| header(b, |h| "[]".clone_into(h)),
        "token-json",
        None,
    ),
    (
        "a payload that is no JSON",
        |b| payload(b, |p| p.push('}')),
        "token-json",
        None,
    ),
    (
        "another signature",
        |b| {
            RawJws::read(&b.we_mint(&json!({}))).signing_input()
                + &b.we_mint(&json!({"a": 1}))
                    .rsplit_once('.')
                    .map(|(_, signature)| format!(".{signature}"))
                    .unwrap()
        },
        "token-signature",
        None,
    ),
    (
        "a cut signature",
        |b| {
            let input = good(b).signing_input();
            let signature = b.signer().signature(&input);
            format!("{input}.{}", base64url(&signature[..24]))
        },
        "token-signature",
        None,
    ),
    (
        "no signature",
        |b| good(b).signing_input() + ".",
        "token-shape",
        None,
    ),
    ("two parts", |b| good(b).signing_input(), "token-shape", None),
    (
        "four parts",
        |b| b.we_mint(&json!({})) + ".AA",
        "token-shape",
        None,
    ),
    ("padding", |b| b.we_mint(&json!({})) + "=", "token-base64", None),
    (
        "white space",
        |b| b.we_mint(&json!({})) + " ",
        "token-base64",
        None,
    ),
    (
        "a padded header, signed so",
        |b| {
            let input = good(b).signing_input();
            let (header, payload) = input.split_once('.').unwrap();
            sealed(&format!("{header}=.{payload}"), b.signer())
        },
        "token-base64",
        None,
    ),
    (
        "another type",
        |b| header(b, |h| set(h, "typ", "other+jwt")),
        "token-typ",
        Some("the library does not compare `typ`; we do, so that no token passes for another kind"),
    ),
    (
        "no type",
        |b| header(b, |h| set(h, "typ", Value::Null)),
        "token-typ",
        Some("the library does not compare `typ`"),
    ),
    (
        "crit",
        |b| header(b, |h| set(h, "crit", json!(["exp"]))),
        "token-crit",
        Some("the library ignores `crit`; RFC 7515 section 4.1.11 refuses what is not understood"),
    ),
    (
        "b64",
        |b| header(b, |h| set(h, "b64", false)),
        "token-crit",
        Some("the library does not know RFC 7797 and would read the payload as base64url all the same"),
    ),
    (
        "an embedded key",
        |b| header(b, |h| set(h, "jwk", json!({"kty": "oct", "k": "AAAA"}))),
        "token-embedded-key",
        Some("the library reads and ignores it; we leave no key to be tempted by"),
    ),
    (
        "a pointer to a key",
        |b| header(b, |h| set(h, "jku", "https://evil.example")),
        "token-embedded-key",
        Some("the library reads and ignores it"),
    ),
    (
        "a claim twice",
        |b| payload(b, |p| prepend(p, r#""n":2"#)),
        "token-ambiguous",
        Some("the library takes the last one; RFC 8725 section 2.9: two readers must not see two values"),
    ),
    (
        "a nested claim twice",
        |b| payload(b, |p| prepend(p, r#""x":{"y":1,"y":2}"#)),
        "token-ambiguous",
        Some("the library takes the last one"),
    ),
    (
        "an unknown header twice",
        |b| header(b, |h| prepend(h, r#""x":"1","x":"2""#)),
        "token-ambiguous",
        Some("the library takes the last one"),
    ),
    (
        "a claim that nests too deeply",
        |b| {
            payload(b, |p| {
                prepend(p, &format!(r#""x":{}{}"#, "[".repeat(70), "]".repeat(70)))
            })
        },
        "token-ambiguous",
        Some("the library's bound is that of its JSON reader, ours is lower"),
    ),
    (
        "a token of 5 KiB",
        |b| b.we_mint(&json!({"x": "x".repeat(5000)})),
        "token-too-large",
        Some("the library has no bound"),
    ),
];

#[test]
fn both_refuse_and_where_only_we_do_there_is_a_reason() {
    for alg in BOTH {
        let both = Both::new(alg);
        let untouched = good(&both).signed(both.signer());
        assert!(both.we_read(&untouched).is_ok() && both.they_read(&untouched).is_some());
        for (what, mutate, code, only_ours) in MUTATIONS {
            let token = mutate(&both);
            assert_eq!(both.we_read(&token), Err(*code), "{alg:?}: {what}");
            let accepted = both.they_read(&token).is_some();
            assert_eq!(
                accepted,
                only_ours.is_some(),
                "{alg:?}: {what}, the library accepts it: {accepted}"
            );
        }
    }
}

/// Not one text is found that we accept and the library refuses or reads differently.
#[test]
fn we_accept_nothing_that_the_library_refuses() {
    for alg in BOTH {
        let both = Both::new(alg);
        let change = (
            claims(),
            any::<prop::sample::Index>(),
            0u8..128,
            any::<bool>(),
            any::<bool>(),
        );
        cases(400)
            .run(&change, |(claims, at, put, in_header, signed_again)| {
                let mut raw = RawJws::read(&both.we_mint(&claims));
                let token = if signed_again {
                    let text = if in_header {
                        &mut raw.header
                    } else {
                        &mut raw.payload
                    };
                    let mut bytes = text.clone().into_bytes();
                    let at = at.index(bytes.len());
                    bytes[at] = put;
                    *text = String::from_utf8(bytes).unwrap_or_default();
                    raw.signed(both.signer())
                } else {
                    let mut bytes = both.we_mint(&claims).into_bytes();
                    let at = at.index(bytes.len());
                    bytes[at] = put;
                    String::from_utf8(bytes).unwrap()
                };
                if let Ok(ours) = both.we_read(&token) {
                    prop_assert_eq!(both.they_read(&token), Some(ours));
                }
                Ok(())
            })
            .unwrap();
    }
}
