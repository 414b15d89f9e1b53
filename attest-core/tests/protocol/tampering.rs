//! Properties: what is changed on its way never verifies, and no text makes a reader panic.

use attest_core::challenge::Challenge;
use attest_core::delivery::DeliveryShare;
use attest_core::evidence::PresentedEvidence;
use attest_core::finding::Findings;
use attest_core::jose::jws::MAX_TOKEN_BYTES;
use attest_core::jose::{Compact, Jwk, JwkSet};
use attest_core::token::binding::BindingClaims;
use attest_core::token::claims::TokenClaims;
use attest_core::token::{TimeBounds, proof, session};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::samples::{Kind, World};
use super::world::{NOW, ORIGIN, RNG};

fn cases(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

#[test]
fn a_changed_byte_never_verifies() {
    let world = World::new();
    for kind in Kind::ALL {
        let change = (any::<prop::sample::Index>(), 0u8..128);
        cases(300)
            .run(&change, |(at, put)| {
                let sample = world.sample(kind);
                let mut bytes = sample.token.clone().into_bytes();
                let at = at.index(bytes.len());
                prop_assume!(bytes[at] != put);
                bytes[at] = put;
                let outcome = (sample.receive)(&String::from_utf8(bytes).unwrap());
                prop_assert!(outcome.is_err(), "{kind:?} with {put} at {at}: {outcome:?}");
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_cut_doubled_or_swapped_token_never_verifies() {
    let world = World::new();
    for kind in Kind::ALL {
        let (first, second) = (world.sample(kind).token, world.sample(kind).token);
        let halves = |token: &str| -> [String; 2] {
            let (input, signature) = token.rsplit_once('.').unwrap();
            [input.to_owned(), signature.to_owned()]
        };
        let ([input, _], [_, signature]) = (halves(&first), halves(&second));
        let mut spoilt = vec![format!("{first}{first}"), format!("{first},{second}")];
        // An attestation, and a step-up of one moment, are the same text each time but for ES256's own randomness.
        if input != halves(&second)[0] {
            spoilt.push(format!("{input}.{signature}"));
        }
        spoilt.extend(
            (0..first.len())
                .step_by(7)
                .filter_map(|at| first.get(..at).map(str::to_owned)),
        );
        for token in spoilt {
            let outcome = (world.sample(kind).receive)(&token);
            assert!(outcome.is_err(), "{kind:?}: {token}");
        }
    }
}

fn detector_ids() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z0-9._-]{1,64}", 0..8)
}

prop_compose! {
    fn findings()(evaluated in "([A-Za-z0-9_-]{22})?", hit in detector_ids(), inconclusive in detector_ids(), more: u32)
        -> Findings {
        Findings { evaluated, hit, inconclusive, inconclusive_more: more }
    }
}

prop_compose! {
    fn binding()(htm in "[A-Z]{0,8}", htu in "(https://[a-z.]{1,20}/[ -~]{0,40})?", digests in any::<[Option<u128>; 3]>())
        -> BindingClaims {
        let [query, body, authorization] = digests.map(|digest| digest.map(|digest| digest.to_string()));
        BindingClaims { htm, htu, query, body, authorization }
    }
}

prop_compose! {
    /// Claims that a verifier at [`NOW`] accepts, at the edges of its bounds too.
    fn claims()(iat in NOW - 359..=NOW + 60, life in 0u64..=300, nbf in prop::option::of(0..=NOW + 60), with_exp: bool,
        jti in "[A-Za-z0-9_-]{16,64}", policy_version: u64, findings in findings(), binding in binding()) -> TokenClaims {
        let ends = if with_exp { iat + life } else { iat + 300 };
        let iat = if ends + 60 <= NOW { NOW } else { iat };
        TokenClaims {
            aud: ORIGIN.to_owned(), iat, exp: with_exp.then_some(iat + life), nbf, jti, policy_version, findings, binding,
        }
    }
}

#[test]
fn what_is_minted_verifies_and_says_the_same() {
    let world = World::new();
    let (session, service) = (&world.session, &world.service);
    cases(256)
        .run(&claims(), |claims| {
            let token = session::mint(session.ticket.reveal(), &session.key, &claims).unwrap();
            let verified = session::verify(&token, &mut service.tickets(), TimeBounds::default(), NOW);
            prop_assert_eq!(verified.as_ref().map(|token| token.claims()), Ok(&claims));
            let (attestation, token) = (session.attestation.reveal(), world.phone.proof(&claims));
            let (keys, environment) = (service.keys(), service.environment);
            let verified = proof::verify(
                attestation,
                &token,
                &keys,
                environment,
                TimeBounds::default(),
                NOW,
            );
            prop_assert_eq!(verified.as_ref().map(|token| token.claims()), Ok(&claims));
            Ok(())
        })
        .unwrap();
}

/// Text that gets past the first looks: three parts, often with a header that is nearly ours.
fn near_token() -> impl Strategy<Value = String> {
    let json = prop_oneof![
        "\\PC{0,80}",
        r#"\{"alg":"(HS256|ES256|none)","typ":"[a-z+-]{0,30}","kid":"[A-Za-z0-9_-]{0,90}"\}"#,
        r#"\{"(alg|typ|iat|exp|aud|jwk|challenge)":("[a-z]{0,9}"|[0-9]{1,25}|null|\[\]|\{\})\}"#,
    ];
    let part = prop_oneof![
        3 => json.prop_map(attest_core::encoding::base64url),
        1 => "\\PC{0,40}",
    ];
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("."))
}

#[test]
fn no_text_makes_a_reader_panic_or_passes() {
    let world = World::new();
    let text = prop_oneof![near_token(), "\\PC{0,200}"];
    cases(500)
        .run(&text, |text| {
            for kind in Kind::ALL {
                prop_assert!((world.sample(kind).receive)(&text).is_err(), "{kind:?}");
            }
            drop(Compact::parse(&text, MAX_TOKEN_BYTES));
            drop(PresentedEvidence::parse(&text));
            let _ = Challenge::parse(&text).map(|challenge| challenge.issued_at_s());
            drop(Jwk::parse(text.as_bytes()).and_then(|jwk| jwk.verifying_key()));
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_share_of_rubbish_is_refused() {
    use attest_core::delivery::{DeliveryError, SealedSessionKey, deliver};
    use attest_core::redacted::Redacted;
    let challenge = Challenge::parse(&"A".repeat(43)).unwrap();
    let key = Redacted::new([1; 32]);
    proptest!(|(bytes: [u8; 32], sealed: Vec<u8>)| {
        let mut share = [4; 65];
        share[1..33].copy_from_slice(&bytes);
        // x and y of a point have no reason to fit together.
        prop_assert_eq!(deliver(&share, &challenge, "thumb", &key, &*RNG), Err(DeliveryError::Share));
        let phone = DeliveryShare::generate(&*RNG).unwrap();
        prop_assert_eq!(phone.receive(&SealedSessionKey { share, sealed: sealed.clone() }, &challenge, "thumb"),
            Err(DeliveryError::Share));
        let (phone, service) = (DeliveryShare::generate(&*RNG).unwrap(), DeliveryShare::generate(&*RNG).unwrap());
        let delivered = SealedSessionKey { share: *service.public(), sealed };
        prop_assert_eq!(phone.receive(&delivered, &challenge, "thumb"), Err(DeliveryError::Sealed));
    });
}

proptest! {
    #[test]
    fn claims_parse_what_they_print(claims in claims()) {
        let text = serde_json::to_string(&claims).unwrap();
        prop_assert_eq!(serde_json::from_str::<TokenClaims>(&text).unwrap(), claims);
    }

    #[test]
    fn jwks_parse_what_they_print(x: [u8; 32], y: [u8; 32]) {
        let mut point = [4; 65];
        point[1..33].copy_from_slice(&x);
        point[33..].copy_from_slice(&y);
        let set = JwkSet { keys: vec![Jwk::published(&point), Jwk::p256(&point)] };
        let text = serde_json::to_string(&set).unwrap();
        let read: JwkSet = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.keys[0].point(), Ok(point));
        prop_assert_eq!(read, set);
    }

    #[test]
    fn compacting_never_loses_a_hit(findings in findings()) {
        let compact = findings.clone().compact();
        prop_assert_eq!(&compact.hit, &findings.hit);
        let count = |findings: &Findings| findings.inconclusive.len() as u64 + u64::from(findings.inconclusive_more);
        prop_assert_eq!(count(&compact), count(&findings).min(count(&compact).max(u64::from(u32::MAX))));
    }
}
