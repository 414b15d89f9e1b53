//! A TUF client that is given one file after the other by whoever holds every key below the root.

use std::sync::LazyLock;

use attest_core::encoding::hex;
use attest_core::tuf::{Bounds, RoleName, Supply, Updater, Want, expiry_text};
use attest_policy::repository::{KeyKind, RoleKey, canonical};
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use crate::fixture::NOW_S;

/// The target that is sought.
const TARGET: &str = "feeds/x.json";

static KEY: LazyLock<Option<RoleKey>> =
    LazyLock::new(|| RoleKey::generate(KeyKind::Ed25519, &SystemRandom::new()).ok());

/// A client that trusts the root of that key.
static CLIENT: LazyLock<Option<Updater>> =
    LazyLock::new(|| Updater::new(&root(KEY.as_ref()?)?, NOW_S, Bounds::PHONE).ok());

fn signed(key: &RoleKey, content: &Value) -> Option<Vec<u8>> {
    let signature = key.sign(&canonical(content)?, &SystemRandom::new()).ok()?;
    let signatures = json!([{"keyid": key.id(), "sig": hex(signature)}]);
    Some(json!({"signed": content, "signatures": signatures}).to_string().into_bytes())
}

fn root(key: &RoleKey) -> Option<Vec<u8>> {
    let holders = json!({"keyids": [key.id()], "threshold": 1});
    let content = json!({
        "_type": "root", "spec_version": "1.0.31", "version": 1, "expires": expiry_text(NOW_S + 1)?, "consistent_snapshot": true,
        "keys": {key.id(): key.public()},
        "roles": {"root": holders, "timestamp": holders, "snapshot": holders, "targets": holders},
    });
    signed(key, &content)
}

/// Each line is the next file: the content of metadata, which is signed (`KEYID` and `PUBLIC` stand for the key); `-` is one that is not
/// there, `!` one that could not be fetched, and what is no JSON comes as it is. A refresh and a search end within the bounds, ask for
/// no more than the bounds allow, and never trust a version below one that was trusted.
pub fn tuf_updater(data: &[u8]) -> bool {
    let (Some(key), Some(mut updater)) = (&*KEY, CLIENT.clone()) else { return false };
    let text = crate::text(data).replace("KEYID", &key.id()).replace("PUBLIC", &key.public().keyval.public);
    let mut lines = text.lines();
    if !runs(&mut updater, &mut lines, key) {
        return false;
    }
    let refreshed = [RoleName::Root, RoleName::Timestamp, RoleName::Snapshot, RoleName::Targets];
    assert!(
        refreshed.iter().all(|role| updater.trusted().version(role).is_some()),
        "complete without a role"
    );
    assert!(updater.trusted().expires_s() > NOW_S, "trusts what has expired");
    updater.seek(TARGET);
    runs(&mut updater, &mut lines, key) && updater.found().is_ok()
}

/// Whether the updater came to an end without a refusal.
fn runs<'a>(updater: &mut Updater, lines: &mut impl Iterator<Item = &'a str>, key: &RoleKey) -> bool {
    let bounds = Bounds::PHONE;
    let rotations = usize::try_from(bounds.root_rotations).unwrap_or(usize::MAX);
    let mut steps = 0..rotations + 2 * bounds.delegations + 8;
    loop {
        assert!(steps.next().is_some(), "it does not end");
        let Ok(want) = updater.want() else { return false };
        let supplied = match &want {
            Want::Nothing => return true,
            Want::Kept(_) => updater.supply(Supply::Missing),
            Want::Fetch { max_bytes, role, .. } => {
                assert!(*max_bytes <= bounds.targets_bytes, "asks for {max_bytes} bytes of {role}");
                let line = lines.next().unwrap_or("!");
                let before = updater.trusted().version(role);
                let content = serde_json::from_str(line).ok();
                let bytes = content.and_then(|content| signed(key, &content));
                let supplied = updater.supply(match line {
                    "-" => Supply::Missing,
                    "!" => Supply::Failed,
                    other => Supply::Bytes(bytes.as_deref().unwrap_or(other.as_bytes())),
                });
                assert!(updater.trusted().version(role) >= before, "{role} went back");
                supplied
            }
        };
        if supplied.is_err() {
            return false;
        }
    }
}
