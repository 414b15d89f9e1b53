//! Device policy under a development root: only a root signs it, and every policy that may be published arrives.

use attest_core::bundle;
use attest_core::facts::Platform;
use attest_core::jose::{Jwk, JwkSet, jwk::thumbprint};
use attest_core::policy::{DevicePolicy, MAX_DEPTH, MAX_POLICY_BYTES, Variables};
use serde_json::{Value, json};

use super::samples::{Kind, World};
use super::world::{new_key, sign};

fn policy(detectors: Value) -> DevicePolicy {
    serde_json::from_value(json!({"version": 3, "environment": "development", "detectors": detectors}))
        .unwrap()
}

fn detector(id: &str, why: &str, when: Value) -> Value {
    json!({"id": id, "platform": "android", "category": "root", "severity": "low", "why": why, "when": when})
}

/// Through the bundle and back.
fn delivered(policy: &DevicePolicy) -> Result<DevicePolicy, &'static str> {
    let root = new_key();
    let published = Jwk::published(&root.public_point());
    let bundle = sign(
        bundle::prepare(policy, &thumbprint(&root.public_point())).unwrap(),
        &root,
    );
    bundle::verify(
        &bundle,
        &JwkSet {
            keys: vec![published],
        },
    )
    .map_err(|error| error.code())
}

#[test]
fn only_a_root_signs_policy() {
    let world = World::new();
    let token = world.sample(Kind::Bundle).token;
    let verify = |keys: Vec<Jwk>| bundle::verify(&token, &JwkSet { keys }).map(|policy| policy.version);
    let root = Jwk::published(&world.root.public_point());
    let stranger = Jwk::published(&new_key().public_point());
    let posing = Jwk {
        kid: root.kid.clone(),
        ..stranger.clone()
    };
    let check = |keys: Vec<Jwk>, expect: Result<u64, &'static str>| {
        assert_eq!(verify(keys).map_err(|error| error.code()), expect);
    };
    check(vec![root.clone()], Ok(12));
    check(vec![stranger.clone(), root], Ok(12));
    check(vec![stranger], Err("token-key-unknown"));
    check(vec![posing], Err("token-signature"));
    check(vec![], Err("token-key-unknown"));
}

#[test]
fn the_deepest_policy_arrives() {
    let except = json!({"op": "prefix", "value": "/a/b"});
    let leaf = json!({"fact": "maps.path", "op": "any_prefix", "value": ["/a"], "except": except});
    let deepest = (1..MAX_DEPTH).fold(leaf, |inner, _| json!({"at_least": {"n": 1, "of": [inner]}}));
    let policy = policy(json!([detector("deep", "as deep as it gets", deepest.clone())]));
    let compiled = policy.clone().compile(Platform::Android, Variables::default());
    assert!(compiled.is_ok(), "{:?}", compiled.err());
    assert_eq!(delivered(&policy), Ok(policy));

    let deeper = json!({"at_least": {"n": 1, "of": [deepest]}});
    let refused = self::policy(json!([detector("deeper", "too deep", deeper)]));
    assert!(refused.compile(Platform::Android, Variables::default()).is_err());
}

#[test]
fn the_largest_policy_arrives() {
    let when = || json!({"fact": "proc.tracer_pid", "op": "gt", "value": 0});
    let mut policy = policy(
        (0..400)
            .map(|id| detector(&format!("d.{id}"), &"w".repeat(2000), when()))
            .collect(),
    );
    let missing = MAX_POLICY_BYTES - serde_json::to_vec(&policy).unwrap().len();
    policy.detectors[0].why.push_str(&"w".repeat(missing));
    assert_eq!(serde_json::to_vec(&policy).unwrap().len(), MAX_POLICY_BYTES);
    assert_eq!(delivered(&policy).map(|policy| policy.version), Ok(3));
    policy.detectors[0].why.push_str(&"w".repeat(2 * 1024));
    assert_eq!(delivered(&policy), Err("token-too-large"));
}

#[test]
fn a_bundle_is_a_device_policy_and_nothing_else() {
    let world = World::new();
    for (what, member, value) in [
        ("an unknown member", "nonsense", json!(1)),
        ("no version", "version", json!(null)),
        ("a version as text", "version", json!("3")),
        ("an unknown environment", "environment", json!("staging")),
        ("gateway rules", "rules", json!([])),
    ] {
        let sample = world.sample(Kind::Bundle);
        let mut raw = sample.raw();
        super::raw::set(&mut raw.payload, member, value);
        assert_eq!(
            (sample.receive)(&raw.signed(sample.signer)),
            Err("token-json"),
            "{what}"
        );
    }
}
