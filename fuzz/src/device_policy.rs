//! A device policy as a phone reads it.

use attest_core::facts::Platform;
use attest_core::policy::{DevicePolicy, MAX_POLICY_BYTES, Variables};

/// Whatever is read is within the bound and reads the same once written in its canonical form, and is written the same
/// again; compiling it ends, with or without problems.
pub fn device_policy(data: &[u8]) -> bool {
    let Ok(policy) = DevicePolicy::from_json(data) else { return false };
    assert!(data.len() <= MAX_POLICY_BYTES, "an oversized policy was read");
    let written = crate::canonical(&policy);
    let again = DevicePolicy::from_json(written.as_bytes());
    let grown = written.len() > MAX_POLICY_BYTES;
    let same = |again: DevicePolicy| again == policy && crate::canonical(&again) == written;
    assert!(grown || again.is_ok_and(same), "another policy after writing");
    drop(policy.lint());
    for platform in [Platform::Android, Platform::Ios] {
        drop(policy.clone().compile(platform, Variables::default()));
    }
    true
}
