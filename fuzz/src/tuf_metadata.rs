//! TUF metadata as a root that a client begins with.

use std::sync::LazyLock;

use attest_core::encoding::hex;
use attest_core::tuf::TrustedSet;
use attest_policy::repository::{KeyKind, RoleKey, canonical};
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use crate::fixture::NOW_S;

static KEY: LazyLock<Option<RoleKey>> =
    LazyLock::new(|| RoleKey::generate(KeyKind::Ed25519, &SystemRandom::new()).ok());

/// The content of a root, in which `KEYID` and `PUBLIC` stand for a key, is trusted in any layout once that key signed it; with
/// another version, without the signature, or with it twice it never is.
pub fn tuf_metadata(data: &[u8]) -> bool {
    let text = crate::text(data);
    // Whatever the bytes are, reading them ends.
    let as_it_is = TrustedSet::new(data, NOW_S);
    let Some(key) = &*KEY else { return as_it_is.is_ok() };
    let text = text.replace("KEYID", &key.id()).replace("PUBLIC", &key.public().keyval.public);
    let Ok(content) = serde_json::from_str::<Value>(&text) else { return false };
    let Some(message) = canonical(&content) else { return false };
    let Ok(signature) = key.sign(&message, &SystemRandom::new()) else { return false };
    let signature = json!({"keyid": key.id(), "sig": hex(signature)});
    let trusted = |content: &Value, signatures: &[&Value]| {
        let metadata = json!({"signed": content, "signatures": signatures});
        TrustedSet::new(metadata.to_string().as_bytes(), NOW_S).map(|set| set.root_version())
    };
    let Ok(version) = trusted(&content, &[&signature]) else { return false };
    let spread = serde_json::to_vec_pretty(&json!({"signatures": [signature], "signed": content})).unwrap_or_default();
    assert_eq!(
        TrustedSet::new(&spread, NOW_S).map(|set| set.root_version()),
        Ok(version),
        "layout decides"
    );
    assert!(trusted(&content, &[]).is_err(), "trusted unsigned");
    assert!(trusted(&content, &[&signature, &signature]).is_err(), "a key id twice");
    let mut other = content;
    if let Some(written) = other.get_mut("version") {
        *written = json!(version ^ 1);
    }
    assert!(trusted(&other, &[&signature]).is_err(), "a changed root verified");
    true
}
