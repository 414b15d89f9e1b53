//! The result of appraising evidence: what the verifier concluded about one device, as it is sealed in tickets and signed in
//! attestations. One struct, so that both token kinds mean the same.

mod packages;
mod patch;
mod platform;
mod play;

pub use self::{
    packages::{AttestedPackages, MAX_PACKAGES, MAX_PACKAGES_BYTES},
    patch::PatchLevel,
    platform::{AppleClaims, MAX_BUNDLE_VERSION_BYTES, PlatformClaims, android_version_text},
    play::{MAX_VERDICT_BYTES, MAX_VERDICTS, PlayClaims, Verdict, Verdicts},
};

use serde::{Deserialize, Serialize};

use crate::device::{DeviceId, EvidenceClass, KeyLevel, Platform};
use crate::environment::Environment;
use crate::finding::Findings;

/// What a verifier concluded at enrolment or renewal. Times are Unix seconds of the verifier's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppraisalResult {
    /// The environment of the verifier.
    #[serde(rename = "env")]
    pub environment: Environment,
    /// The relying party that tokens are for: the first public origin of the policy.
    #[serde(rename = "aud")]
    pub audience: String,
    /// The app's id in policy.
    pub app: String,
    /// The app's version as the evidence states it.
    #[serde(rename = "ver")]
    pub app_version: String,
    /// The operating system.
    #[serde(rename = "os")]
    pub platform: Platform,
    /// The registration.
    #[serde(rename = "dev")]
    pub device: DeviceId,
    /// Grows with each re-enrolment of the same registration.
    #[serde(rename = "gen")]
    pub generation: u32,
    /// How well the device key is kept.
    #[serde(rename = "lvl")]
    pub key_level: KeyLevel,
    /// What vouched for it.
    #[serde(rename = "evc")]
    pub evidence_class: EvidenceClass,
    /// What the platform's proof says beyond that; empty for software evidence.
    #[serde(rename = "plt", default, skip_serializing_if = "PlatformClaims::is_empty")]
    pub platform_claims: PlatformClaims,
    /// When the platform evidence was appraised.
    #[serde(rename = "eva")]
    pub evidence_at_s: u64,
    /// When the registration was made.
    #[serde(rename = "enr")]
    pub enrolled_at_s: u64,
    /// Version of the device policy that the phone evaluated.
    #[serde(rename = "pol")]
    pub policy_version: u64,
    /// Findings reported then, signed by the device key.
    #[serde(rename = "fnd")]
    pub findings: Findings,
    /// When the session began.
    #[serde(rename = "iat")]
    pub issued_at_s: u64,
    /// When the session ends.
    #[serde(rename = "exp")]
    pub expires_at_s: u64,
}

#[cfg(test)]
pub(crate) fn sample() -> AppraisalResult {
    AppraisalResult {
        environment: Environment::Development,
        audience: "https://api.bank.example".to_owned(),
        app: "com.example.bank".to_owned(),
        app_version: "4.2.0".to_owned(),
        platform: Platform::Android,
        device: DeviceId::from_bytes([7; 16]),
        generation: 1,
        key_level: KeyLevel::Hardware,
        evidence_class: EvidenceClass::AndroidKey,
        platform_claims: PlatformClaims::default(),
        evidence_at_s: 1_800_000_000,
        enrolled_at_s: 1_790_000_000,
        policy_version: 12,
        findings: Findings {
            evaluated: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            hit: vec!["clone.data-dir".to_owned()],
            inconclusive: vec!["root.mounts".to_owned()],
            inconclusive_more: 3,
        },
        issued_at_s: 1_800_000_000,
        expires_at_s: 1_800_000_900,
    }
}
