//! The fleet secret and its subkeys: one labelled HKDF subkey per use and generation, so that no key serves two purposes
//! and each use can be rotated alone.

use ring::hkdf;
use ring::rand::SecureRandom;

use crate::redacted::Redacted;

/// What a subkey is for. The label is part of the derivation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyUse {
    /// Parent of the hourly ticket keys.
    Ticket,
    /// MAC of attestation challenges.
    Challenge,
    /// Encryption of support codes.
    SupportCode,
    /// Pairwise device pseudonyms.
    Pseudonym,
    /// Sticky roll-out of rules.
    Rollout,
    /// MAC of step-up identifiers.
    StepUp,
    /// Hash of operators' addresses in audit events.
    AuditSource,
    /// Hash of the serials of attestation certificates.
    CertificateSerial,
}

impl KeyUse {
    const fn label(self) -> &'static str {
        match self {
            Self::Ticket => "attest/v1/ticket",
            Self::Challenge => "attest/v1/challenge",
            Self::SupportCode => "attest/v1/support-code",
            Self::Pseudonym => "attest/v1/pseudonym",
            Self::Rollout => "attest/v1/rollout",
            Self::StepUp => "attest/v1/step-up",
            Self::AuditSource => "attest/v1/audit-source",
            Self::CertificateSerial => "attest/v1/certificate-serial",
        }
    }
}

/// 256 bits shared by the gateways of one deployment.
#[derive(Debug, Clone)]
pub struct FleetSecret(Redacted<[u8; 32]>);

impl FleetSecret {
    /// Wraps 32 bytes read from a key file.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(Redacted::new(secret))
    }

    /// A new secret.
    ///
    /// # Errors
    /// [`RandomError`] if the source of randomness failed.
    pub fn generate(rng: &dyn SecureRandom) -> Result<Self, RandomError> {
        random_array(rng).map(Self::new)
    }

    /// The bytes, for writing a key file.
    #[must_use]
    pub const fn reveal(&self) -> &[u8; 32] {
        self.0.reveal()
    }

    /// The subkey of one use and generation.
    #[must_use]
    pub fn subkey(&self, key_use: KeyUse, generation: u16) -> [u8; 32] {
        derive_key(
            self.0.reveal(),
            &[],
            &[key_use.label().as_bytes(), &generation.to_be_bytes()],
        )
    }
}

/// The system's source of randomness failed; nothing was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness failed")]
pub struct RandomError;

/// `N` bytes from the caller's generator.
///
/// # Errors
/// [`RandomError`] if the generator failed.
pub fn random_array<const N: usize>(rng: &dyn SecureRandom) -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    rng.fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// HKDF-SHA256 of `secret` to one 256-bit key. Info parts are concatenated; callers keep them unambiguous.
#[must_use]
pub(crate) fn derive_key(secret: &[u8], salt: &[u8], info: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    // `expand` fails only above 255 hash lengths of output or info near usize::MAX; both are excluded by the types here.
    if let Ok(okm) = prk.expand(info, hkdf::HKDF_SHA256) {
        let filled = okm.fill(&mut out);
        debug_assert!(filled.is_ok());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_use_and_generation_has_its_own_key() {
        let secret = FleetSecret::new([7; 32]);
        let uses = [
            KeyUse::Ticket,
            KeyUse::Challenge,
            KeyUse::SupportCode,
            KeyUse::Pseudonym,
            KeyUse::Rollout,
            KeyUse::StepUp,
            KeyUse::AuditSource,
        ];
        let keys: HashSet<_> = uses
            .iter()
            .flat_map(|u| [1, 2].map(|generation| secret.subkey(*u, generation)))
            .collect();
        assert_eq!(keys.len(), uses.len() * 2);
        assert!(!keys.contains(&[0; 32]));
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert!(!format!("{:?}", FleetSecret::new([7; 32])).contains('7'));
    }
}
