//! The records a store keeps and the commits it takes. Their serialized form is versioned and frozen by a snapshot test.
//!
//! No hardware identifier, address or token is ever part of a record.

use attest_core::appraisal::PlatformClaims;
use serde::{Deserialize, Serialize};

use super::CertificateHash;

/// A registered device of one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// Random id of the registration.
    pub id: String,
    /// The app's id in policy.
    pub app: String,
    /// JWK thumbprint (RFC 7638, base64url) of the device key.
    pub thumbprint: String,
    /// The device key, SEC1 uncompressed, 65 bytes.
    #[serde(with = "base64url")]
    pub public_key: Vec<u8>,
    /// Where the key lives, in policy's words.
    pub key_level: String,
    /// What kind of evidence vouched for it, in policy's words.
    pub evidence_class: String,
    /// First enrolment, Unix seconds.
    pub enrolled_at_s: u64,
    /// Newest accepted platform evidence, Unix seconds.
    pub evidence_at_s: u64,
    /// Counts enrolments of this id.
    pub generation: u32,
    /// Newest enrolment or renewal, Unix seconds.
    pub last_renewed_at_s: u64,
    /// Device policy version at the newest enrolment or renewal.
    pub policy_version: u64,
    /// What the platform's proof left behind; `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofRecord>,
}

/// What has to be known of a platform's proof after the enrolment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofRecord {
    /// Keyed hashes of the serials of the certificates between root and leaf, the one that vouched for the key first.
    #[serde(with = "hashes", default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateHash>,
    /// Through which Unix second they are kept.
    #[serde(default)]
    pub certificates_until_s: u64,
    /// What else the platform said.
    #[serde(default, skip_serializing_if = "PlatformClaims::is_empty")]
    pub claims: PlatformClaims,
    /// The App Attest key of an iOS app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_attest: Option<AppAttestRecord>,
}

/// An App Attest key and how often it has signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppAttestRecord {
    /// SEC1 uncompressed, 65 bytes.
    #[serde(with = "base64url")]
    pub public_key: Vec<u8>,
    /// The highest counter of an accepted assertion; 0 before the first.
    pub counter: u32,
}

/// An appraised enrolment, ready to become durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollCommit {
    /// Hash of the challenge that this enrolment spends.
    pub challenge: [u8; 32],
    /// Until when the challenge could be shown again.
    pub challenge_expires_s: u64,
    /// Hash of the evidence: the key of idempotence.
    pub evidence_hash: [u8; 32],
    /// The device as it is to be registered.
    pub device: DeviceRecord,
    /// The signed answer, repeated to whoever shows the same evidence again.
    pub response: Vec<u8>,
    /// Until when the answer is repeated.
    pub response_expires_s: u64,
}

/// An appraised renewal, ready to become durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewCommit {
    /// Hash of the challenge that this renewal spends.
    pub challenge: [u8; 32],
    /// Until when the challenge could be shown again.
    pub challenge_expires_s: u64,
    /// Hash of the evidence: the key of idempotence.
    pub evidence_hash: [u8; 32],
    /// The device that renews.
    pub device_id: String,
    /// Thumbprint of the key that signed the evidence; it must still be the device's.
    pub thumbprint: String,
    /// When, Unix seconds.
    pub renewed_at_s: u64,
    /// Device policy version of the renewal.
    pub policy_version: u64,
    /// The counter of the App Attest assertion that came with it; it must be above the one that is kept, and takes its place.
    pub counter: Option<u32>,
    /// The signed answer, repeated to whoever shows the same evidence again.
    pub response: Vec<u8>,
    /// Until when the answer is repeated.
    pub response_expires_s: u64,
}

/// Whom a ban concerns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BanScope {
    /// One device, by its id.
    Device(String),
    /// Every device of an app.
    App(String),
    /// Everyone.
    All,
}

/// What a ban does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BanKind {
    /// Refuses every request, enrolment and renewal.
    Banned,
    /// Refuses sessions issued before this Unix second; a renewal gives a new one.
    SessionsNotBefore(u64),
}

/// A ban, as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Whom it concerns.
    pub scope: BanScope,
    /// What it does.
    pub kind: BanKind,
    /// Why, in the operator's words; never shown to a client.
    pub reason: String,
    /// Since when, Unix seconds.
    pub at_s: u64,
    /// Through which Unix second; without it, until lifted.
    pub until_s: Option<u64>,
}

/// Something the operator may want to look up later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, Unix seconds.
    pub at_s: u64,
    /// What happened, a kebab-case word such as `enrolled` or `refused`.
    pub kind: String,
    /// The device concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The app concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The stable code of the outcome.
    pub code: String,
    /// Anything else worth reading, free of secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The name of the operator's token, where an operator did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// A keyed hash of the operator's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

mod hashes {
    use attest_core::encoding::{base64url, from_base64url_array};
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer, de::Error};

    use super::CertificateHash;

    pub(super) fn serialize<S: Serializer>(hashes: &[CertificateHash], to: S) -> Result<S::Ok, S::Error> {
        hashes.iter().map(base64url).collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<CertificateHash>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let hash = |text: &String| from_base64url_array(text).map_err(D::Error::custom);
        texts.iter().map(hash).collect()
    }
}

mod base64url {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        URL_SAFE_NO_PAD.decode(text).map_err(D::Error::custom)
    }
}
