//! A development gateway's own repository: its `policy-root.pem` signs every role of what the watched file compiles to.
//!
//! Versions of metadata only go up, across restarts and while the policy's own version stays: phones refuse older ones. A production
//! gateway never signs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use attest_core::bundle::DEVICE_TARGET;
use attest_policy::Compiled;
use attest_policy::repository::{RoleKey, development};
use ring::rand::SecureRandom;

use super::active::read_key;
use super::{ActivationError, Published};
use crate::clock::Clock;
use crate::keys::{Keys, NamedKey};

/// 2100-01-01: what expires in development is the policy, by its own `expires_at`.
const EXPIRES_S: u64 = 4_102_444_800;
/// The file beside the store that keeps the last version.
const VERSION_FILE: &str = "policy.metadata-version";

/// The root that a development gateway's phones are configured with: version 1, the same keys whenever it is made.
///
/// # Errors
/// [`ActivationError::NotSigned`].
pub fn development_root(root: &NamedKey, rng: &dyn SecureRandom) -> Result<Vec<u8>, ActivationError> {
    let key = RoleKey::from_pkcs8(root.key.pkcs8(), rng)?;
    let made = development(&key, BTreeMap::new(), 1, EXPIRES_S, rng)?;
    Ok(made.roots.into_values().next().unwrap_or_default())
}

/// What `compiled` is published as, signed by the development root, with the keys of this gateway's responses in it.
pub(super) fn publish(
    compiled: &Compiled,
    keys: &Keys,
    version: u64,
    rng: &dyn SecureRandom,
) -> Result<Published, ActivationError> {
    let root = keys.policy_root.as_ref().ok_or(ActivationError::NoRoot)?;
    let mut device = compiled.device.clone();
    for (at, key) in device.response_keys.iter().enumerate() {
        read_key(key).map_err(|reason| ActivationError::Key {
            place: format!("response_keys[{at}]"),
            reason,
        })?;
    }
    for key in keys.attestation_jwks().keys {
        let key = serde_json::to_value(key).map_err(|_| ActivationError::Signing)?;
        device.response_keys.push(key);
    }
    let device = attest_policy::to_canonical_json(&device);
    let texts = [
        (DEVICE_TARGET, device),
        ("gateway.json", compiled.gateway_json()),
        ("tests.json", compiled.tests_json()),
    ];
    let mut artifacts = BTreeMap::new();
    for (name, text) in texts {
        let text = text.map_err(|_| ActivationError::Signing)?;
        artifacts.insert(name.to_owned(), text.into_bytes());
    }
    let key = RoleKey::from_pkcs8(root.key.pkcs8(), rng)?;
    let repository = development(&key, artifacts, version, EXPIRES_S, rng)?;
    Ok(Published::new(&repository)?)
}

/// Versions of a development gateway's metadata: the time in milliseconds, and always more than the last.
#[derive(Debug)]
pub(super) struct Versions {
    file: PathBuf,
    clock: Arc<dyn Clock>,
    last: u64,
}

impl Versions {
    pub(super) fn beside(state_folder: &Path, clock: Arc<dyn Clock>) -> Self {
        let file = state_folder.join(VERSION_FILE);
        let last = fs::read_to_string(&file)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        Self {
            file,
            clock,
            last: last.unwrap_or(0),
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.last = (self.clock.now_us() / 1000).max(self.last.saturating_add(1));
        let next = self.file.with_extension("next");
        // A full disk stops nothing: what is not kept matters only if the clock is put back as well.
        let _kept = fs::write(&next, self.last.to_string()).and_then(|()| fs::rename(&next, &self.file));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn versions_only_go_up() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_000));
        let begin = || Versions::beside(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>);
        let mut versions = begin();
        assert_eq!([versions.next(), versions.next()], [1_000_000, 1_000_001]);
        clock.set_s(2_000);
        assert_eq!(versions.next(), 2_000_000);
        // The clock is put back, and the gateway starts again.
        clock.set_s(500);
        assert_eq!(versions.next(), 2_000_001);
        assert_eq!(begin().next(), 2_000_002);
        fs::write(folder.path().join(VERSION_FILE), "rubbish").unwrap();
        assert_eq!(begin().next(), 500_000);
    }
}
