//! What a platform's proof says beyond key and app, as far as rules may ask for it. Everything is optional: a platform that does
//! not say a thing leaves it out, and a rule then cannot be decided by it.
//!
//! Never here: identifiers of hardware, serials, the boot key (a system that somebody signed alone would name that person).

use serde::{Deserialize, Serialize};

use super::{AttestedPackages, PatchLevel, PlayClaims};
use crate::device::{BootState, KeyProvisioning};
use crate::facts::TextList as _;

/// The longest bundle version, in bytes; a longer one is cut.
pub const MAX_BUNDLE_VERSION_BYTES: usize = 32;

/// What the platform's proof says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlatformClaims {
    /// Android: the packages that the proof names.
    #[serde(rename = "pkg", skip_serializing_if = "AttestedPackages::is_empty")]
    pub attested_packages: AttestedPackages,
    /// Android: the app's version code as the proof states it.
    #[serde(rename = "vc", skip_serializing_if = "Option::is_none")]
    pub app_version_code: Option<u64>,
    /// Android: how the attestation keys came into the phone.
    #[serde(rename = "prv", skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<KeyProvisioning>,
    /// Android: what the boot loader vouches for.
    #[serde(rename = "bs", skip_serializing_if = "Option::is_none")]
    pub boot_state: Option<BootState>,
    /// Android: whether the boot loader is locked.
    #[serde(rename = "bl", skip_serializing_if = "Option::is_none")]
    pub boot_locked: Option<bool>,
    /// Android: the system's version, as the number of the proof; see [`android_version_text`].
    #[serde(rename = "ov", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<u32>,
    /// Android: the system's patch level.
    #[serde(rename = "op", skip_serializing_if = "Option::is_none")]
    pub os_patch: Option<PatchLevel>,
    /// Android: the vendor image's patch level.
    #[serde(rename = "vp", skip_serializing_if = "Option::is_none")]
    pub vendor_patch: Option<PatchLevel>,
    /// Android: the boot image's patch level.
    #[serde(rename = "bp", skip_serializing_if = "Option::is_none")]
    pub boot_patch: Option<PatchLevel>,
    /// How many devices the certificate that vouched for this key had vouched for, this one included, when the session was made.
    #[serde(rename = "cd", skip_serializing_if = "Option::is_none")]
    pub certificate_devices: Option<u32>,
    /// What Play Integrity said, if it was asked.
    #[serde(rename = "pl", skip_serializing_if = "Option::is_none")]
    pub play: Option<Box<PlayClaims>>,
    /// What App Attest says beyond key and app.
    #[serde(rename = "ap", skip_serializing_if = "Option::is_none")]
    pub apple: Option<Box<AppleClaims>>,
}

/// What App Attest says from iOS 27 on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppleClaims {
    /// How the running code was signed and came to the phone, as Apple numbers it.
    #[serde(rename = "vc", default, skip_serializing_if = "Option::is_none")]
    pub validation_category: Option<u32>,
    /// The bundle version of the running code.
    #[serde(rename = "bv", default, skip_serializing_if = "Option::is_none")]
    pub bundle_version: Option<String>,
}

impl PlatformClaims {
    /// True if the platform said nothing of this.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl AppleClaims {
    /// These claims; a bundle version longer than any is cut.
    #[must_use]
    pub fn new(validation_category: Option<u32>, bundle_version: Option<&str>) -> Self {
        let cut = |text: &str| {
            text.split_at(text.floor_char_boundary(MAX_BUNDLE_VERSION_BYTES))
                .0
                .to_owned()
        };
        Self {
            validation_category,
            bundle_version: bundle_version.map(cut),
        }
    }
}

/// The dotted version of an attestation's number: two digits each for major, minor and sub-minor version.
#[must_use]
pub fn android_version_text(number: u32) -> String {
    format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_bounds() {
        let check = |number: u32, expect: &str| assert_eq!(android_version_text(number), expect);
        check(140_000, "14.0.0");
        check(80_100, "8.1.0");
        check(u32::MAX, "429496.72.95");
        let apple = AppleClaims::new(Some(4), Some(&"7".repeat(90)));
        assert_eq!(apple.bundle_version.unwrap().len(), MAX_BUNDLE_VERSION_BYTES);
        assert!(PlatformClaims::default().is_empty());
        assert_eq!(serde_json::to_string(&PlatformClaims::default()).unwrap(), "{}");
    }
}
