//! Every device policy that can be published arrives at a phone: repositories that are made here, read by the phone's reader.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::collections::BTreeMap;

use attest_core::bundle::{DEVICE_TARGET, Kept, MAX_BUNDLE_BYTES, Offered, take};
use attest_core::facts::Platform;
use attest_core::policy::{DevicePolicy, MAX_DEPTH, MAX_POLICY_BYTES, Variables};
use attest_core::service::PolicyBundle;
use attest_core::sorted::Sorted;
use attest_policy::repository::{KeyKind, RoleKey, development};
use ring::rand::SystemRandom;
use serde_json::{Value, json};

const EXPIRES_S: u64 = 2_000_000_000;

fn policy(detectors: Value) -> DevicePolicy {
    serde_json::from_value(json!({"version": 3, "environment": "development", "detectors": detectors}))
        .unwrap()
}

fn detector(id: &str, why: &str, when: Value) -> Value {
    json!({"id": id, "platform": "android", "category": "root", "severity": "low", "why": why, "when": when})
}

/// Through a repository under a key of this kind, the bundle's JSON and the phone's reader.
fn delivered(device: &[u8], kind: KeyKind) -> Result<Vec<u8>, &'static str> {
    let rng = SystemRandom::new();
    let key = RoleKey::generate(kind, &rng).unwrap();
    let artifacts = BTreeMap::from([(DEVICE_TARGET.to_owned(), device.to_vec())]);
    let made = development(&key, artifacts, 9, EXPIRES_S, &rng).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let bundle = PolicyBundle {
        timestamp: text(&made.timestamp),
        snapshot: text(&made.snapshot),
        targets: text(&made.metadata["targets"]),
        artifacts: Sorted::from([(DEVICE_TARGET.to_owned(), text(device))]),
        ..PolicyBundle::default()
    };
    let sent = serde_json::to_string(&bundle).unwrap();
    assert!(sent.len() <= MAX_BUNDLE_BYTES);
    let kept = Kept {
        since: 1,
        ..Kept::default()
    };
    let taken = take(
        &made.roots[&1],
        kept,
        &serde_json::from_str(&sent).unwrap(),
        EXPIRES_S - 1,
    );
    match taken.outcome {
        Ok(Offered::Policy { vouched, expires_s }) => {
            assert_eq!(expires_s, EXPIRES_S);
            Ok(vouched.device.into_bytes())
        }
        Ok(Offered::More) => Err("more"),
        Err(error) => Err(error.code()),
    }
}

#[test]
fn the_deepest_policy_arrives() {
    let except = json!({"op": "prefix", "value": "/a/b"});
    let leaf = json!({"fact": "maps.path", "op": "any_prefix", "value": ["/a"], "except": except});
    let deepest = (1..MAX_DEPTH).fold(leaf, |inner, _| json!({"at_least": {"n": 1, "of": [inner]}}));
    let policy = policy(json!([detector("deep", "as deep as it gets", deepest)]));
    let compiled = policy.clone().compile(Platform::Android, Variables::default());
    assert!(compiled.is_ok(), "{:?}", compiled.err());
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let arrived = delivered(&serde_json::to_vec(&policy).unwrap(), kind).unwrap();
        assert_eq!(DevicePolicy::from_json(&arrived).unwrap(), policy);
    }
}

#[test]
fn the_largest_policy_arrives() {
    // Quotes and backslashes are what a JSON string makes longer.
    let mut largest = policy(json!([]));
    let when = || json!({"fact": "proc.tracer_pid", "op": "gt", "value": 0});
    largest.detectors = (0..400)
        .map(|id| detector(&format!("d.{id}"), &"\"\\".repeat(600), when()))
        .map(|detector| serde_json::from_value(detector).unwrap())
        .collect();
    let missing = MAX_POLICY_BYTES - serde_json::to_vec(&largest).unwrap().len();
    largest.detectors[0].why.push_str(&"w".repeat(missing));
    let bytes = serde_json::to_vec(&largest).unwrap();
    assert_eq!(bytes.len(), MAX_POLICY_BYTES);
    let arrived = delivered(&bytes, KeyKind::Ed25519).unwrap();
    assert_eq!(DevicePolicy::from_json(&arrived).unwrap(), largest);
}
