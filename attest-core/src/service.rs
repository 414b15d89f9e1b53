//! Bodies of the attestation service's calls, as JSON. Both sides read them from here.

use serde::{Deserialize, Serialize};

use crate::challenge::Purpose;
use crate::device::DeviceId;
use crate::json::{FromJson, Json, Members};
use crate::sorted::Sorted;

/// `POST challenge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRequest {
    /// Enrolment or renewal.
    pub purpose: Purpose,
    /// The app's id.
    pub app: String,
    /// The registration to renew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
}

/// Answer to `POST challenge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeResponse {
    /// 43 base64url characters.
    pub challenge: String,
    /// Seconds until it is refused.
    pub expires_in_s: u64,
}

/// What the platform says about the key and the app, beside the evidence JWS. One member names the kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PlatformEvidence {
    /// Nothing vouches for the key: development only.
    Software {},
    /// Android Key Attestation: certificates in base64, leaf first.
    AndroidKey {
        /// DER certificates, standard base64.
        chain: Vec<String>,
    },
    /// Apple App Attest.
    AppAttest {
        /// CBOR attestation object over the evidence's client data hash, base64url.
        object: String,
        /// Key id, base64.
        key_id: String,
    },
    /// An assertion by the App Attest key of the registration, at renewal.
    AppAttestAssertion {
        /// CBOR assertion over the evidence's client data hash, base64url.
        object: String,
    },
}

/// `POST enroll` and `POST renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRequest {
    /// The evidence JWS.
    pub evidence: String,
    /// The platform's proof; absent at renewal where the platform needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformEvidence>,
    /// A Play Integrity token whose request hash is the evidence's client data hash in base64url, beside any other proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub play_integrity: Option<String>,
}

/// Answer to `POST enroll` and `POST renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceResponse {
    /// The response JWS.
    pub response: String,
}

/// Answer to `GET policy/bundle?root=N`: what a phone that trusts root N lacks, as the exact texts that were signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyBundle {
    /// The roots N+1, N+2, … in order; not more than [`MAX_BUNDLE_ROOTS`](crate::bundle::MAX_BUNDLE_ROOTS).
    #[serde(default)]
    pub roots: Vec<String>,
    /// There are more roots than these: ask again by the version of the last one.
    #[serde(default)]
    pub more: bool,
    /// The timestamp.
    pub timestamp: String,
    /// The snapshot that it names.
    pub snapshot: String,
    /// The targets metadata that the snapshot names.
    pub targets: String,
    /// Metadata of delegated roles that phones need, by role.
    #[serde(default)]
    pub delegated: Sorted<String, String>,
    /// The targets that phones need, by name.
    pub artifacts: Sorted<String, String>,
}

impl FromJson for ChallengeResponse {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            challenge: members.take("challenge")?,
            expires_in_s: members.take("expires_in_s")?,
        })
    }
}

impl FromJson for EvidenceResponse {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            response: members.take("response")?,
        })
    }
}

impl FromJson for PolicyBundle {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            roots: members.take_or("roots", Vec::new())?,
            more: members.take_or("more", false)?,
            timestamp: members.take("timestamp")?,
            snapshot: members.take("snapshot")?,
            targets: members.take("targets")?,
            delegated: members.take_or("delegated", Sorted::default())?,
            artifacts: members.take("artifacts")?,
        })
    }
}
