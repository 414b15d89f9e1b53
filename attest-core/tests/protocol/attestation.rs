//! Attestations: what the verifier concluded, as any backend verifies it, spoiled one member at a time.

use attest_core::appraisal::AppraisalResult;
use attest_core::attestation;
use attest_core::environment::Environment;
use attest_core::jose::{Jwk, JwkSet};
use serde_json::{Value, json};

use super::raw::{RawJws, Signer, set};
use super::samples::World;
use super::world::{NOW, Outcome, new_key};

/// An attestation on its way to a backend.
struct Case {
    raw: RawJws,
    keys: JwkSet,
    environment: Environment,
    now_s: u64,
}

impl Case {
    fn claim(&mut self, name: &str, value: impl Into<Value>) {
        set(&mut self.raw.payload, name, value);
    }

    /// Changes a member within a member.
    fn within(&mut self, outer: &str, change: impl FnOnce(&mut Value)) {
        let mut claims: Value = serde_json::from_str(&self.raw.payload).unwrap();
        change(&mut claims[outer]);
        self.raw.payload = claims.to_string();
    }
}

type Spoil = (&'static str, fn(&mut Case), Outcome);

#[test]
fn an_attestation_is_refused_by_reason() {
    let spoils: &[Spoil] = &[
        ("nothing spoiled", |_| {}, Ok(())),
        (
            "a production backend",
            |c| c.environment = Environment::Production,
            Err("environment"),
        ),
        ("the last second", |c| c.now_s = NOW + 899, Ok(())),
        ("its end", |c| c.now_s = NOW + 900, Err("session-expired")),
        ("a minute before it was issued", |c| c.now_s = NOW - 60, Ok(())),
        (
            "earlier than that",
            |c| c.now_s = NOW - 61,
            Err("token-not-yet-valid"),
        ),
        (
            "another end outside",
            |c| c.claim("exp", NOW + 10_000),
            Err("token-json"),
        ),
        (
            "another end inside",
            |c| c.within("attest", |result| result["exp"] = json!(NOW + 10_000)),
            Err("token-json"),
        ),
        (
            "another beginning",
            |c| c.claim("iat", NOW - 1),
            Err("token-json"),
        ),
        (
            "another subject",
            |c| c.claim("sub", "com.example.other"),
            Err("token-json"),
        ),
        (
            "no confirmation",
            |c| c.claim("cnf", json!(null)),
            Err("token-json"),
        ),
        (
            "a confirmation of another kind",
            |c| c.claim("cnf", json!({"jkt": "x"})),
            Err("token-json"),
        ),
        (
            "a symmetric key",
            |c| {
                c.claim("cnf", json!({"jwk": {"kty": "oct", "k": "A".repeat(43)}}));
            },
            Err("token-json"),
        ),
        (
            "a key for encryption",
            |c| c.within("cnf", |cnf| cnf["jwk"]["use"] = json!("enc")),
            Err("token-json"),
        ),
        (
            "a key that only signs",
            |c| c.within("cnf", |cnf| cnf["jwk"]["key_ops"] = json!(["sign"])),
            Err("token-json"),
        ),
        (
            "a key of another algorithm",
            |c| c.within("cnf", |cnf| cnf["jwk"]["alg"] = json!("HS256")),
            Err("token-json"),
        ),
        (
            "a key that says all of it",
            |c| {
                c.within("cnf", |cnf| {
                    cnf["jwk"]["use"] = json!("sig");
                    cnf["jwk"]["alg"] = json!("ES256");
                    cnf["jwk"]["key_ops"] = json!(["verify"]);
                });
            },
            Ok(()),
        ),
        (
            "a level that does not exist",
            |c| c.within("attest", |result| result["lvl"] = json!("magic")),
            Err("token-json"),
        ),
        (
            "a device id that is none",
            |c| c.within("attest", |result| result["dev"] = json!("x")),
            Err("token-json"),
        ),
        (
            "no environment",
            |c| c.within("attest", |result| result["env"] = json!(null)),
            Err("token-json"),
        ),
        (
            "an issuer key for encryption",
            |c| c.keys.keys[0].key_use = Some("enc".to_owned()),
            Err("token-key-unknown"),
        ),
        (
            "an issuer key of another algorithm",
            |c| c.keys.keys[0].alg = Some("HS256".to_owned()),
            Err("token-key-unknown"),
        ),
        (
            "an issuer key that may not verify",
            |c| c.keys.keys[0].key_ops = Some(Vec::new()),
            Err("token-key-unknown"),
        ),
        (
            "a withdrawn issuer key",
            |c| c.keys.keys[0] = Jwk::published(&new_key().public_point()),
            Err("token-key-unknown"),
        ),
    ];
    let world = World::new();
    for (what, spoil, expect) in spoils {
        let mut case = Case {
            raw: RawJws::read(world.session.attestation.reveal()),
            keys: world.service.keys(),
            environment: Environment::Development,
            now_s: NOW,
        };
        spoil(&mut case);
        let token = case.raw.signed(Signer::Es256(&world.service.key));
        let outcome = attestation::verify(&token, &case.keys, case.environment, case.now_s);
        assert_eq!(
            outcome.map(|_| ()).map_err(|error| error.code()),
            *expect,
            "{what}"
        );
    }
}

#[test]
fn it_says_what_was_concluded() {
    let world = World::new();
    let (_, result) = {
        let pending = super::world::Pending::new(&world.service, &world.phone, None, NOW);
        world.service.appraise(&pending.evidence, NOW).unwrap()
    };
    let result = AppraisalResult {
        generation: 7,
        ..result
    };
    let point = world.phone.key.public_point();
    let token = world.service.attest(&point, &result);
    let attestation =
        attestation::verify(&token, &world.service.keys(), Environment::Development, NOW).unwrap();
    assert_eq!(
        (attestation.device_key(), attestation.result()),
        (&point, &result)
    );
}
