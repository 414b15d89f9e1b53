//! Attestations that this core has verified, so that each proof token costs one signature instead of two. The whole text is the
//! key; expiry is compared again at each use, bans and policy are looked at by the layers above as always.

use std::collections::HashMap;

use attest_core::attestation::Attestation;
use attest_core::device::DeviceId;
use attest_core::environment::Environment;
use attest_core::jose::{JwkSet, JwsError};
use attest_core::token::TokenError;

/// Attestations of one generation; about 1 KiB each, so 8 MiB for both.
const GENERATION: usize = 4096;

/// Two generations: a full young one becomes the old one, and what was old is verified again when it comes back.
#[derive(Debug)]
pub(super) struct Attestations {
    issuer_keys: JwkSet,
    environment: Environment,
    young: HashMap<String, Attestation>,
    old: HashMap<String, Attestation>,
}

impl Attestations {
    /// Verifies by `issuer_keys`, which never change while this lives.
    pub(super) fn new(issuer_keys: JwkSet, environment: Environment) -> Self {
        Self {
            issuer_keys,
            environment,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// The device of the attestation in `text`, if it was verified before.
    pub(super) fn device(&self, text: &str) -> Option<DeviceId> {
        let known = self.young.get(text).or_else(|| self.old.get(text))?;
        Some(known.result().device)
    }

    /// The attestation in `text`. One that was verified before may have expired since; the proof's verification compares that.
    pub(super) fn verified(&mut self, text: &str, now_s: u64) -> Result<&Attestation, TokenError> {
        if !self.young.contains_key(text) {
            let attestation = match self.old.remove(text) {
                Some(known) => known,
                None => attest_core::attestation::verify(text, &self.issuer_keys, self.environment, now_s)?,
            };
            if self.young.len() >= GENERATION {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(text.to_owned(), attestation);
        }
        self.young.get(text).ok_or(TokenError::Jws(JwsError::UnknownKey))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use attest_core::device::{EvidenceClass, KeyLevel, Platform};
    use attest_core::finding::Findings;
    use attest_core::jose::{Jwk, SigningKey, jwk::thumbprint};
    use ring::rand::SystemRandom;

    #[test]
    fn it_is_bounded_and_never_takes_what_does_not_verify() {
        let rng = SystemRandom::new();
        let key = SigningKey::generate(&rng).unwrap();
        let issuer = thumbprint(&key.public_point());
        let sign = |n: u32, key: &SigningKey| {
            let result = attest_core::appraisal::AppraisalResult {
                environment: Environment::Development,
                audience: "https://a.example".to_owned(),
                app: "app".to_owned(),
                app_version: n.to_string(),
                platform: Platform::Android,
                device: DeviceId::from_bytes([0; 16]),
                generation: n,
                key_level: KeyLevel::Software,
                evidence_class: EvidenceClass::Software,
                platform_claims: attest_core::appraisal::PlatformClaims::default(),
                evidence_at_s: 0,
                enrolled_at_s: 0,
                policy_version: 1,
                findings: Findings::default(),
                issued_at_s: 1_000,
                expires_at_s: 2_000,
            };
            let unsigned =
                attest_core::attestation::prepare("https://a.example", &issuer, &key.public_point(), &result)
                    .unwrap();
            let signature = key.sign(unsigned.signing_input(), &rng).unwrap();
            unsigned.attach(&signature)
        };
        let keys = JwkSet {
            keys: vec![Jwk::published(&key.public_point())],
        };
        let mut attestations = Attestations::new(keys, Environment::Development);
        let first = sign(0, &key);
        assert_eq!(
            attestations.verified(&first, 1_500).unwrap().result().generation,
            0
        );
        for n in 1..=64 {
            assert!(attestations.verified(&sign(n, &key), 1_500).is_ok());
        }
        assert_eq!(attestations.young.len(), 65);
        let foreign = SigningKey::generate(&rng).unwrap();
        assert!(attestations.verified(&sign(1, &foreign), 1_500).is_err());
        assert!(attestations.verified(&first.replace('e', "f"), 1_500).is_err());
        assert!(matches!(
            attestations.verified(&sign(99, &key), 2_000),
            Err(TokenError::SessionExpired)
        ));
        assert_eq!(
            attestations.young.len() + attestations.old.len(),
            65,
            "nothing that was refused is kept"
        );
    }
}
