//! Evidence: what a phone presents to enrol or renew, as a JWS signed by the device key. Platform proofs travel beside it,
//! never inside, because they may have to cover its digest.

use serde::{Deserialize, Serialize};

use crate::challenge::{Challenge, Purpose};
use crate::device::{DeviceId, Platform};
use crate::encoding::{base64url, from_base64url_array, sha256};
use crate::environment::Environment;
use crate::finding::Findings;
use crate::jose::jws::read_claims;
use crate::jose::{Algorithm, Compact, Jwk, JwsError, Unsigned, VerifyingKey, jwk};

/// Media type of evidence.
pub const TYP: &str = "attest-evidence+jwt";
/// Evidence beyond this is refused unread.
pub const MAX_EVIDENCE_BYTES: usize = 16 * 1024;
/// Longest app id and app version.
const MAX_NAME_BYTES: usize = 128;

/// What the phone states. `iat` is the phone's clock, for information only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceClaims {
    /// Enrolment or renewal.
    pub purpose: Purpose,
    /// The challenge being answered.
    pub challenge: String,
    /// The app's id in policy.
    pub app: String,
    /// The app's version.
    #[serde(rename = "ver")]
    pub app_version: String,
    /// The operating system.
    #[serde(rename = "os")]
    pub platform: Platform,
    /// The environment that the app was configured for.
    #[serde(rename = "env")]
    pub environment: Environment,
    /// The registration to renew; absent at enrolment.
    #[serde(rename = "dev", default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The device key; at renewal its thumbprint must be the registered one.
    pub jwk: Jwk,
    /// The phone's share of the session key delivery, base64url of an uncompressed point.
    pub share: String,
    /// Version of the device policy that was evaluated; 0 before the first.
    #[serde(rename = "pol")]
    pub policy_version: u64,
    /// Findings of the scan.
    #[serde(rename = "fnd")]
    pub findings: Findings,
    /// The phone's clock, Unix seconds.
    pub iat: u64,
}

impl EvidenceClaims {
    /// The evidence JWS, lacking the device key's signature.
    ///
    /// # Errors
    /// [`JwsError::Json`] if it cannot be written.
    pub fn prepare(&self) -> Result<Unsigned, JwsError> {
        Unsigned::new(Algorithm::Es256, TYP, None, self)
    }
}

/// Why evidence is refused before any platform proof is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The JWS: shape, type or signature.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// A member is missing, too long, or not what it should be.
    #[error("a claim is missing, too long or not of its type")]
    Claims,
}

impl EvidenceError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Jws(error) => error.code(),
            Self::Claims => "evidence-claims",
        }
    }
}

/// Evidence whose claims were read but whose signature was not verified: enough for the cheap refusals that come first.
#[derive(Debug, Clone)]
pub struct PresentedEvidence<'a> {
    jws: Compact<'a>,
    claims: EvidenceClaims,
    challenge: Challenge,
    device_key: [u8; 65],
    share: [u8; 65],
    digest: [u8; 32],
}

impl<'a> PresentedEvidence<'a> {
    /// Reads the claims of a JWS of at most [`MAX_EVIDENCE_BYTES`].
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn parse(text: &'a str) -> Result<Self, EvidenceError> {
        let jws = Compact::parse(text, MAX_EVIDENCE_BYTES)?;
        jws.header().expect_typ(TYP)?;
        let claims: EvidenceClaims = read_claims(&jws.unverified_payload()?)?;
        let short = |text: &str| !text.is_empty() && text.len() <= MAX_NAME_BYTES;
        if !short(&claims.app) || !short(&claims.app_version) || claims.findings.bounded().is_err() {
            return Err(EvidenceError::Claims);
        }
        let challenge = Challenge::parse(&claims.challenge).map_err(|_| EvidenceError::Claims)?;
        let device_key = claims.jwk.verifying_point().map_err(|_| EvidenceError::Claims)?;
        let share = from_base64url_array(&claims.share).map_err(|_| EvidenceError::Claims)?;
        if (claims.purpose == Purpose::Renew) != claims.device.is_some() {
            return Err(EvidenceError::Claims);
        }
        let digest = sha256(&[text.as_bytes()]);
        Ok(Self {
            jws,
            claims,
            challenge,
            device_key,
            share,
            digest,
        })
    }

    /// The claims; not authentic yet.
    #[must_use]
    pub const fn claims(&self) -> &EvidenceClaims {
        &self.claims
    }

    /// The challenge; not authentic yet.
    #[must_use]
    pub const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// SHA-256 of the compact JWS: the identity of this evidence for idempotence.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Verifies that the key which the evidence names signed it.
    ///
    /// # Errors
    /// [`EvidenceError::Jws`].
    ///
    /// # Security
    /// Proof of possession only. Whether the key may be trusted is for the platform proof at enrolment and for the registered
    /// thumbprint at renewal.
    pub fn verify(self) -> Result<Evidence, EvidenceError> {
        self.jws.verify(&VerifyingKey::P256(self.device_key))?;
        Ok(Evidence {
            thumbprint: jwk::thumbprint(&self.device_key),
            challenge: self.challenge,
            device_key: self.device_key,
            share: self.share,
            digest: self.digest,
            client_data_hash: client_data_hash(self.claims.purpose, self.jws.signing_input().as_bytes()),
            claims: self.claims,
        })
    }
}

/// Witness: evidence signed by the key that it names.
#[derive(Debug, Clone)]
pub struct Evidence {
    claims: EvidenceClaims,
    challenge: Challenge,
    device_key: [u8; 65],
    thumbprint: String,
    share: [u8; 65],
    digest: [u8; 32],
    client_data_hash: [u8; 32],
}

impl Evidence {
    /// What the phone states.
    #[must_use]
    pub const fn claims(&self) -> &EvidenceClaims {
        &self.claims
    }

    /// The challenge being answered.
    #[must_use]
    pub const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The device key as an uncompressed point.
    #[must_use]
    pub const fn device_key(&self) -> &[u8; 65] {
        &self.device_key
    }

    /// RFC 7638 thumbprint of the device key.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The phone's delivery share.
    #[must_use]
    pub const fn share(&self) -> &[u8; 65] {
        &self.share
    }

    /// What a platform's proof beside it has to cover: [`client_data_hash`].
    #[must_use]
    pub const fn client_data_hash(&self) -> &[u8; 32] {
        &self.client_data_hash
    }

    /// SHA-256 of the compact JWS.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// What platforms that sign a hash of the caller's are given to sign: it covers everything that the evidence states, and says
/// whether that enrols or renews.
#[must_use]
pub fn client_data_hash(purpose: Purpose, signing_input: &[u8]) -> [u8; 32] {
    let label: &[u8] = match purpose {
        Purpose::Enroll => b"attest-enroll-v1",
        Purpose::Renew => b"attest-renew-v1",
    };
    sha256(&[label, &sha256(&[signing_input])])
}

/// The digest under which phone and service know one piece of evidence, base64url.
#[must_use]
pub fn digest_text(evidence: &str) -> String {
    base64url(sha256(&[evidence.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_of_one_purpose_never_pass_for_another() {
        let hex = |hash: [u8; 32]| hash.map(|byte| format!("{byte:02x}")).concat();
        let check = |purpose, input: &[u8], expect: &str| {
            assert_eq!(hex(client_data_hash(purpose, input)), expect, "{purpose:?}");
        };
        check(Purpose::Enroll, b"a.b", ENROLL);
        check(Purpose::Renew, b"a.b", RENEW);
    }

    // printf '%s' 'a.b' | sha256sum, then the label and those 32 bytes.
    const ENROLL: &str = "a059cd509b5f692788284aaf3440c52116aaa36cf662c87c59bc5b965eec7a13";
    const RENEW: &str = "980105de1e21582f6260c2c7a74c3ca6f85774c56385a04c53452fbd306e19a1";
}
