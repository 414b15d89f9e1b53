//! The signed answer to enrolment and renewal. The phone uses nothing in it before a key of its device policy verified it and
//! before it matches the evidence that the phone sent.

use serde::{Deserialize, Serialize};

use crate::challenge::Challenge;
use crate::delivery::{DeliveryError, DeliveryShare, SealedSessionKey};
use crate::device::DeviceId;
use crate::encoding::{base64url, from_base64url, from_base64url_array, sha256_base64url};
use crate::jose::jws::read_tree;
use crate::jose::{Algorithm, Compact, JwkSet, JwsError, MacKey, Unsigned};
use crate::json::{FromJson, Json, Members};
use crate::redacted::Redacted;

/// Media type of a response.
pub const TYP: &str = "attest-response+jwt";
/// A response beyond this is refused unread.
pub const MAX_RESPONSE_BYTES: usize = 16 * 1024;

/// What the service answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseClaims {
    /// SHA-256 of the evidence JWS, base64url.
    #[serde(rename = "evh")]
    pub evidence_digest: String,
    /// Thumbprint of the device key.
    #[serde(rename = "jkt")]
    pub device_thumbprint: String,
    /// SHA-256 of the ticket text, base64url.
    #[serde(rename = "tkh")]
    pub ticket_digest: String,
    /// The service's clock, Unix seconds.
    pub iat: u64,
    /// When the session ends, Unix seconds.
    pub exp: u64,
    /// Seconds after which the phone should renew.
    pub renew_after_s: u64,
    /// Seconds from now until the platform evidence must be renewed with a new key.
    pub enroll_after_s: u64,
    /// The registration.
    #[serde(rename = "dev")]
    pub device: DeviceId,
    /// The `aud` of tokens.
    #[serde(rename = "aud")]
    pub audience: String,
    /// Version of the device policy that the service enforces.
    #[serde(rename = "pol")]
    pub policy_version: u64,
    /// The ticket.
    pub ticket: String,
    /// The service's delivery share, base64url.
    pub share: String,
    /// The sealed session key, base64url.
    pub sealed: String,
    /// The attestation.
    pub attestation: String,
}

impl ResponseClaims {
    /// The response JWS, lacking the service's signature.
    ///
    /// # Errors
    /// [`JwsError::Json`] if it cannot be written.
    pub fn prepare(&self, kid: &str) -> Result<Unsigned, JwsError> {
        Unsigned::new(Algorithm::Es256, TYP, Some(kid), self)
    }
}

impl FromJson for ResponseClaims {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            evidence_digest: members.take("evh")?,
            device_thumbprint: members.take("jkt")?,
            ticket_digest: members.take("tkh")?,
            iat: members.take("iat")?,
            exp: members.take("exp")?,
            renew_after_s: members.take("renew_after_s")?,
            enroll_after_s: members.take("enroll_after_s")?,
            device: members.take("dev")?,
            audience: members.take("aud")?,
            policy_version: members.take("pol")?,
            ticket: members.take("ticket")?,
            share: members.take("share")?,
            sealed: members.take("sealed")?,
            attestation: members.take("attestation")?,
        })
    }
}

/// Why a phone refuses a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The JWS: shape, type, key or signature.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// It answers other evidence, another key, or carries another ticket than it signs.
    #[error("it answers other evidence or another key")]
    Mismatch,
    /// The session key does not open.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
}

impl ResponseError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Jws(error) => error.code(),
            Self::Mismatch => "response-mismatch",
            Self::Delivery(_) => "response-delivery",
        }
    }
}

/// A session as the phone holds it, in memory only.
#[derive(Debug, Clone)]
pub struct Session {
    /// The registration.
    pub device: DeviceId,
    /// The ticket.
    pub ticket: Redacted<String>,
    /// Prepared MAC key.
    pub key: MacKey,
    /// The attestation, for proof tokens.
    pub attestation: Redacted<String>,
    /// The `aud` of tokens.
    pub audience: String,
    /// The service's clock when it answered, Unix seconds.
    pub server_time_s: u64,
    /// When the session ends by the service's clock, Unix seconds.
    pub expires_at_s: u64,
    /// Seconds after `server_time_s` at which to renew.
    pub renew_after_s: u64,
    /// Seconds after `server_time_s` at which to enrol a new key.
    pub enroll_after_s: u64,
    /// Version of the device policy that the service enforces.
    pub policy_version: u64,
}

/// What the phone sent and expects to be answered.
#[derive(Debug)]
pub struct Expected<'a> {
    /// SHA-256 of the evidence JWS, base64url.
    pub evidence_digest: &'a str,
    /// The challenge that the evidence answered.
    pub challenge: &'a Challenge,
    /// Thumbprint of the phone's own device key.
    pub device_thumbprint: &'a str,
    /// Response keys of the device policy.
    pub response_keys: &'a JwkSet,
}

/// Verifies a response and opens the session in it. The delivery share is consumed.
///
/// # Errors
/// [`ResponseError`]; nothing of the response may be used then.
pub fn open(text: &str, share: DeliveryShare, expected: &Expected<'_>) -> Result<Session, ResponseError> {
    let claims = verify(text, expected)?;
    let delivered = SealedSessionKey {
        share: from_base64url_array(&claims.share).map_err(|_| JwsError::Base64)?,
        sealed: from_base64url(&claims.sealed).map_err(|_| JwsError::Base64)?,
    };
    let key = share.receive(&delivered, expected.challenge, expected.device_thumbprint)?;
    Ok(Session {
        device: claims.device,
        ticket: Redacted::new(claims.ticket),
        key: MacKey::new(key.reveal()),
        attestation: Redacted::new(claims.attestation),
        audience: claims.audience,
        server_time_s: claims.iat,
        expires_at_s: claims.exp,
        renew_after_s: claims.renew_after_s,
        enroll_after_s: claims.enroll_after_s,
        policy_version: claims.policy_version,
    })
}

fn verify(text: &str, expected: &Expected<'_>) -> Result<ResponseClaims, ResponseError> {
    let jws = Compact::parse(text, MAX_RESPONSE_BYTES)?;
    jws.header().expect_typ(TYP)?;
    let kid = jws.header().kid.as_deref().ok_or(JwsError::UnknownKey)?;
    let key = expected.response_keys.find(kid).ok_or(JwsError::UnknownKey)?;
    let claims = ResponseClaims::from_json(read_tree(&jws.verify(&key)?)?).ok_or(JwsError::Json)?;
    let matches = claims.evidence_digest == expected.evidence_digest
        && claims.device_thumbprint == expected.device_thumbprint
        && claims.ticket_digest == sha256_base64url(claims.ticket.as_bytes());
    if matches {
        Ok(claims)
    } else {
        Err(ResponseError::Mismatch)
    }
}

/// The two delivery members of a response.
#[must_use]
pub fn delivery_members(delivered: &SealedSessionKey) -> (String, String) {
    (base64url(delivered.share), base64url(&delivered.sealed))
}
