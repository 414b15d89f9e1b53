//! Challenges: 32 bytes that the service can verify without having stored them. Each is bound to its purpose, app,
//! environment and, for renewal, device; it is consumed once by the store.

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};

use crate::device::DeviceId;
use crate::encoding::{EncodingError, base64url, from_base64url_array, sha256};
use crate::environment::Environment;
use crate::fleet::{FleetSecret, KeyUse, RandomError, random_array};
use crate::jose::MacKey;

/// What a challenge is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A first or new registration.
    Enroll,
    /// A new session for an enrolled key.
    Renew,
}

impl Purpose {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Enroll => 1,
            Self::Renew => 2,
        }
    }
}

/// What a challenge is bound to.
#[derive(Debug, Clone, Copy)]
pub struct ChallengeScope<'a> {
    /// Enrolment or renewal.
    pub purpose: Purpose,
    /// The app's id.
    pub app: &'a str,
    /// The service's environment.
    pub environment: Environment,
    /// The registration to renew; `None` for enrolment.
    pub device: Option<&'a DeviceId>,
}

/// Issue time (4) ‖ random (12) ‖ MAC (16): exactly the 32 bytes that platforms take as a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// Reads 43 base64url characters.
    ///
    /// # Errors
    /// [`EncodingError`].
    pub fn parse(text: &str) -> Result<Self, EncodingError> {
        from_base64url_array(text).map(Self)
    }

    /// 43 base64url characters.
    #[must_use]
    pub fn to_text(&self) -> String {
        base64url(self.0)
    }

    /// The bytes, as platforms take them and as the store keys them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// SHA-256 of the challenge, the salt of session-key delivery.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        sha256(&[&self.0])
    }

    /// When it was issued, Unix seconds. Authentic only after [`ChallengeKey::verify`].
    #[must_use]
    pub fn issued_at_s(&self) -> u64 {
        let [a, b, c, d, ..] = self.0;
        u64::from(u32::from_be_bytes([a, b, c, d]))
    }
}

/// Why a challenge is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// Not made by this fleet for this purpose, app, environment and device.
    #[error("not made for this purpose, app, environment and device")]
    Foreign,
    /// Older than its lifetime, or from the future.
    #[error("older than its lifetime")]
    Expired,
}

impl ChallengeError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Foreign => "challenge-foreign",
            Self::Expired => "challenge-expired",
        }
    }
}

/// Issues and verifies challenges.
#[derive(Debug, Clone)]
pub struct ChallengeKey(MacKey);

impl ChallengeKey {
    /// From the fleet's challenge subkey.
    #[must_use]
    pub fn new(secret: &FleetSecret) -> Self {
        Self(MacKey::new(&secret.subkey(KeyUse::Challenge, 1)))
    }

    /// A new challenge for `scope`.
    ///
    /// # Errors
    /// [`RandomError`] if the generator failed.
    pub fn issue(
        &self,
        scope: ChallengeScope<'_>,
        now_s: u64,
        rng: &dyn SecureRandom,
    ) -> Result<Challenge, RandomError> {
        let random: [u8; 12] = random_array(rng)?;
        let issued = u32::try_from(now_s).unwrap_or(u32::MAX).to_be_bytes();
        let mut challenge = [0; 32];
        let (clear, tag) = challenge.split_at_mut(16);
        let (clear_time, clear_random) = clear.split_at_mut(4);
        clear_time.copy_from_slice(&issued);
        clear_random.copy_from_slice(&random);
        tag.copy_from_slice(&self.tag(scope, clear));
        Ok(Challenge(challenge))
    }

    /// Accepts a challenge of this fleet for `scope` that is at most `lifetime_s` old.
    ///
    /// # Errors
    /// [`ChallengeError`].
    ///
    /// # Security
    /// It does not tell whether the challenge was used before: only the store's atomic insert does.
    pub fn verify(
        &self,
        challenge: &Challenge,
        scope: ChallengeScope<'_>,
        lifetime_s: u64,
        now_s: u64,
    ) -> Result<(), ChallengeError> {
        let (clear, tag) = challenge.0.split_at(16);
        let expected = self.tag(scope, clear);
        // Both sides are MACed again under the same key, so that the comparison leaks nothing about `expected`.
        if self.0.tag(tag) != self.0.tag(&expected) {
            return Err(ChallengeError::Foreign);
        }
        let issued_at_s = challenge.issued_at_s();
        if issued_at_s > now_s.saturating_add(CLOCK_STEP_S) || now_s > issued_at_s.saturating_add(lifetime_s)
        {
            return Err(ChallengeError::Expired);
        }
        Ok(())
    }

    fn tag(&self, scope: ChallengeScope<'_>, clear: &[u8]) -> [u8; 16] {
        let absent = [0; 16];
        let device = scope.device.map_or(&absent, DeviceId::as_bytes);
        let tag = self.0.tag_parts(&[
            b"attest/v1/challenge",
            &[
                scope.purpose.to_byte(),
                scope.environment.to_byte(),
                u8::from(scope.device.is_some()),
            ],
            device,
            clear,
            scope.app.as_bytes(),
        ]);
        let mut half = [0; 16];
        half.copy_from_slice(tag.split_at(16).0);
        half
    }
}

/// Gateways of a fleet may disagree about the time by this much.
const CLOCK_STEP_S: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    #[test]
    fn bound_to_everything() {
        let key = ChallengeKey::new(&FleetSecret::new([1; 32]));
        let (a, b) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let scope = ChallengeScope {
            purpose: Purpose::Renew,
            app: "bank",
            environment: Environment::Production,
            device: Some(&a),
        };
        let challenge = key.issue(scope, 1_000_000, &SystemRandom::new()).unwrap();
        let verify = |scope, now| key.verify(&challenge, scope, 120, now);
        assert_eq!(verify(scope, 1_000_120), Ok(()));
        assert_eq!(verify(scope, 1_000_121), Err(ChallengeError::Expired));
        assert_eq!(verify(scope, 999_000), Err(ChallengeError::Expired));
        for other in [
            ChallengeScope {
                purpose: Purpose::Enroll,
                ..scope
            },
            ChallengeScope {
                app: "bank2",
                ..scope
            },
            ChallengeScope {
                environment: Environment::Development,
                ..scope
            },
            ChallengeScope {
                device: Some(&b),
                ..scope
            },
            ChallengeScope {
                device: None,
                ..scope
            },
        ] {
            assert_eq!(verify(other, 1_000_001), Err(ChallengeError::Foreign));
        }
        let other = ChallengeKey::new(&FleetSecret::new([2; 32]));
        assert_eq!(
            other.verify(&challenge, scope, 120, 1_000_001),
            Err(ChallengeError::Foreign)
        );
        assert_eq!(Challenge::parse(&challenge.to_text()), Ok(challenge));
    }
}
