//! The two keys that the Play Console shows for an app: one decrypts, one verifies. They are never printed.

use std::fmt;

use aes_kw::{KeyInit as _, KwAes256};
use attest_core::jose::VerifyingKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::verifier::p256::point_of_spki;

/// Why a text is not one of the two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlayKeysError {
    /// The decryption key is not base64 of 32 bytes.
    #[error("the decryption key is not base64 of 32 bytes")]
    Decryption,
    /// The verification key is not base64 of a P-256 public key in DER.
    #[error("the verification key is not base64 of a P-256 public key in DER")]
    Verification,
}

/// An app's keys for Play Integrity.
#[derive(Clone)]
pub struct PlayKeys {
    decryption: KwAes256,
    verification: VerifyingKey,
}

impl fmt::Debug for PlayKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlayKeys([redacted])")
    }
}

impl PlayKeys {
    /// The keys as the Play Console shows them: base64 of 32 bytes, and of a DER `SubjectPublicKeyInfo`. White space counts for
    /// nothing.
    ///
    /// # Errors
    /// [`PlayKeysError`].
    pub fn from_base64(decryption: &str, verification: &str) -> Result<Self, PlayKeysError> {
        let decode = |text: &str| STANDARD.decode(text.split_ascii_whitespace().collect::<String>());
        let decryption = decode(decryption).map_err(|_| PlayKeysError::Decryption)?;
        let verification = decode(verification).map_err(|_| PlayKeysError::Verification)?;
        Ok(Self {
            decryption: KwAes256::new_from_slice(&decryption).map_err(|_| PlayKeysError::Decryption)?,
            verification: VerifyingKey::P256(
                point_of_spki(&verification).ok_or(PlayKeysError::Verification)?,
            ),
        })
    }

    pub(super) const fn decryption(&self) -> &KwAes256 {
        &self.decryption
    }

    pub(super) const fn verifying(&self) -> &VerifyingKey {
        &self.verification
    }
}
