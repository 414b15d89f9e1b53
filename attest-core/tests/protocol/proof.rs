//! Proof tokens: the attestation, the proof of possession and the request, spoiled one at a time.

use attest_core::device::TokenKind;
use attest_core::environment::Environment;
use attest_core::jose::{JwkSet, SigningKey};
use attest_core::token::binding::Bound;
use attest_core::token::{TimeBounds, proof};
use serde_json::json;

use super::raw::{RawJws, Signer, set};
use super::samples::World;
use super::world::{NOW, Outcome, Payment, Phone, enrolled, minted, new_key};

/// A proof token on its way to a gateway, with the request it came with.
struct Case<'a> {
    world: &'a World,
    attestation: String,
    raw: RawJws,
    signer: Option<SigningKey>,
    request: Payment,
    keys: JwkSet,
    environment: Environment,
    bounds: TimeBounds,
    now_s: u64,
}

impl<'a> Case<'a> {
    fn new(world: &'a World) -> Self {
        let request = Payment::new();
        Self {
            world,
            attestation: world.session.attestation.reveal().clone(),
            raw: RawJws::read(&world.phone.proof(&request.claims(NOW))),
            signer: None,
            request,
            keys: world.service.keys(),
            environment: Environment::Development,
            bounds: TimeBounds::default(),
            now_s: NOW,
        }
    }

    fn claim(&mut self, name: &str, value: impl Into<serde_json::Value>) {
        set(&mut self.raw.payload, name, value);
    }

    fn outcome(&self) -> Outcome<Bound> {
        let key = self.signer.as_ref().unwrap_or(&self.world.phone.key);
        let token = self.raw.signed(Signer::Es256(key));
        let verified = proof::verify(
            &self.attestation,
            &token,
            &self.keys,
            self.environment,
            self.bounds,
            self.now_s,
        )
        .map_err(|error| error.code())?;
        assert_eq!(verified.kind(), TokenKind::Proof);
        self.request
            .received(|request| verified.bind(request).map_err(|error| error.code()))
    }
}

type Spoil = (&'static str, fn(&mut Case<'_>), Outcome);

#[test]
fn a_proof_is_refused_by_reason() {
    let spoils: &[Spoil] = &[
        ("nothing spoiled", |_| {}, Ok(())),
        (
            "the proof of another key",
            |c| c.signer = Some(new_key()),
            Err("token-signature"),
        ),
        (
            "the proof of the issuer",
            |c| {
                let key = &c.world.service.key;
                c.signer = Some(SigningKey::from_pkcs8(key.pkcs8(), &*super::world::RNG).unwrap());
            },
            Err("token-signature"),
        ),
        (
            "another phone's attestation",
            |c| {
                let other = enrolled(&c.world.service, &Phone::new(), NOW);
                c.attestation = other.attestation.reveal().clone();
            },
            Err("token-signature"),
        ),
        (
            "an attestation by an unknown key",
            |c| c.keys.keys.clear(),
            Err("token-key-unknown"),
        ),
        (
            "an attestation of a foreign service",
            |c| {
                let foreign = World::new();
                c.attestation = foreign.session.attestation.reveal().clone();
            },
            Err("token-key-unknown"),
        ),
        ("no attestation", |c| c.attestation.clear(), Err("token-shape")),
        (
            "a session token as attestation",
            |c| {
                c.attestation = minted(&c.world.session, &Payment::new().claims(NOW));
            },
            Err("token-typ"),
        ),
        (
            "a proof as attestation",
            |c| c.attestation = c.world.phone.proof(&c.request.claims(NOW)),
            Err("token-typ"),
        ),
        (
            "a production gateway",
            |c| c.environment = Environment::Production,
            Err("environment"),
        ),
        ("the last second of the attestation", |c| at(c, NOW + 899), Ok(())),
        (
            "the attestation's end",
            |c| at(c, NOW + 900),
            Err("session-expired"),
        ),
        (
            "before the attestation",
            |c| at(c, NOW - 61),
            Err("token-not-yet-valid"),
        ),
        (
            "from 61 s ahead",
            |c| {
                c.claim("iat", NOW + 61);
                c.claim("exp", NOW + 90);
            },
            Err("token-not-yet-valid"),
        ),
        (
            "ended 60 s ago",
            |c| {
                c.claim("iat", NOW - 90);
                c.claim("exp", NOW - 60);
            },
            Err("token-expired"),
        ),
        (
            "a longer life",
            |c| c.claim("exp", NOW + 301),
            Err("token-lifetime"),
        ),
        (
            "no exp, as foreign clients send",
            |c| c.claim("exp", json!(null)),
            Ok(()),
        ),
        (
            "nbf ahead",
            |c| c.claim("nbf", NOW + 61),
            Err("token-not-yet-valid"),
        ),
        (
            "another audience",
            |c| c.claim("aud", "https://api.other.example"),
            Err("token-audience"),
        ),
        ("a short jti", |c| c.claim("jti", "A"), Err("token-jti")),
        (
            "another method",
            |c| c.request.method = "GET".to_owned(),
            Err("binding-method"),
        ),
        (
            "another path",
            |c| c.request.path.push('x'),
            Err("binding-target"),
        ),
        ("another query", |c| c.request.query = None, Err("binding-query")),
        (
            "another body",
            |c| c.request.body = Some(Vec::new()),
            Err("binding-body"),
        ),
        (
            "another authorization",
            |c| c.request.authorization = None,
            Err("binding-authorization"),
        ),
        (
            "no body binding",
            |c| c.claim("bh", json!(null)),
            Err("binding-missing"),
        ),
        (
            "no binding at all, as foreign clients send",
            |c| {
                for name in ["htm", "htu", "qh", "bh", "ath"] {
                    c.claim(name, json!(null));
                }
            },
            Err("binding-method"),
        ),
    ];
    let world = World::new();
    for (what, spoil, expect) in spoils {
        let mut case = Case::new(&world);
        spoil(&mut case);
        assert_eq!(case.outcome().map(|_| ()), *expect, "{what}");
    }
}

fn at(case: &mut Case<'_>, now_s: u64) {
    case.claim("iat", now_s);
    case.claim("exp", now_s + 60);
    case.now_s = now_s;
}

/// A gateway keeps verified attestations; one that has ended since is not used again.
#[test]
fn a_kept_attestation_ends_in_time() {
    let world = World::new();
    let (text, keys) = (world.session.attestation.reveal(), world.service.keys());
    let attestation = attest_core::attestation::verify(text, &keys, Environment::Development, NOW).unwrap();
    let verify = |now_s| {
        let token = world.phone.proof(&Payment::new().claims(now_s));
        proof::verify_with(&attestation, &token, TimeBounds::default(), now_s)
            .map(|_| ())
            .map_err(|error| error.code())
    };
    assert_eq!(verify(NOW + 899), Ok(()));
    assert_eq!(verify(NOW + 900), Err("session-expired"));
}
