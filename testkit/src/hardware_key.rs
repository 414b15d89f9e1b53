//! A simulated phone's device key that its hardware vouches for. The key itself lives in memory: what is simulated is who says what
//! about it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use attest_core::challenge::Purpose;
use attest_core::encoding::base64url;
use attest_core::service::PlatformEvidence;
use attest_mobile::foreign::{BoxFuture, DeviceKey, KeyError, Vouched};
use attest_mobile::host::SoftwareKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::evidence::BuildError;
use crate::evidence::simulated::Hardware;

/// A P-256 key with the proofs of a phone.
#[derive(Debug)]
pub struct HardwareKey {
    key: SoftwareKey,
    hardware: Hardware,
    /// Android: what was said when the key was made.
    chain: Mutex<Option<Vec<Vec<u8>>>>,
}

impl HardwareKey {
    /// A phone with this hardware and no key yet.
    #[must_use]
    pub fn new(hardware: Hardware) -> Self {
        Self {
            key: SoftwareKey::default(),
            hardware,
            chain: Mutex::new(None),
        }
    }

    /// The phone's hardware.
    #[must_use]
    pub const fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    fn chain(&self) -> MutexGuard<'_, Option<Vec<Vec<u8>>>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn proof(
        &self,
        purpose: Purpose,
        client_data_hash: &[u8; 32],
    ) -> Result<Option<PlatformEvidence>, BuildError> {
        match (self.hardware.attests_keys(), purpose) {
            (true, Purpose::Enroll) => {
                let chain = self.chain();
                let chain = chain.as_ref().ok_or(BuildError::Unavailable)?;
                Ok(Some(PlatformEvidence::AndroidKey {
                    chain: chain.iter().map(|der| STANDARD.encode(der)).collect(),
                }))
            }
            (true, Purpose::Renew) => Ok(None),
            (false, Purpose::Enroll) => match self.hardware.app_attest(client_data_hash) {
                Ok(attested) => Ok(Some(PlatformEvidence::AppAttest {
                    object: base64url(attested.object),
                    key_id: STANDARD.encode(attested.key_id),
                })),
                // As apps in a simulator do.
                Err(BuildError::Unavailable) => Ok(Some(PlatformEvidence::Software {})),
                Err(error) => Err(error),
            },
            (false, Purpose::Renew) => match self.hardware.assertion(client_data_hash) {
                Ok(object) => Ok(Some(PlatformEvidence::AppAttestAssertion {
                    object: base64url(object),
                })),
                Err(BuildError::Unavailable) if !self.hardware.has_app_attest() => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}

impl DeviceKey for HardwareKey {
    fn generate<'a>(&'a self, challenge: &'a [u8; 32]) -> BoxFuture<'a, Result<[u8; 65], KeyError>> {
        Box::pin(async move {
            let point = self.key.generate(challenge).await?;
            let chain = match self.hardware.attests_keys() {
                true => Some(
                    self.hardware
                        .android_chain(challenge, &point)
                        .map_err(|_| KeyError::Failed)?,
                ),
                false => None,
            };
            *self.chain() = chain;
            Ok(point)
        })
    }

    fn public_key(&self) -> BoxFuture<'_, Result<[u8; 65], KeyError>> {
        self.key.public_key()
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], KeyError>> {
        self.key.sign(signing_input)
    }

    fn vouch<'a>(
        &'a self,
        purpose: Purpose,
        client_data_hash: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Vouched, KeyError>> {
        let platform = self
            .proof(purpose, client_data_hash)
            .map_err(|error| match error {
                BuildError::Unavailable => KeyError::Gone,
                BuildError::Certificate(_)
                | BuildError::Cryptography
                | BuildError::PublicKeyOnly
                | BuildError::EditMissed
                | BuildError::Encoding
                | BuildError::Roots => KeyError::Failed,
            });
        let vouched = platform.map(|platform| Vouched {
            platform,
            ..Vouched::default()
        });
        Box::pin(std::future::ready(vouched))
    }

    fn delete(&self) -> BoxFuture<'_, Result<(), KeyError>> {
        *self.chain() = None;
        self.key.delete()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::TestRoots;
    use crate::evidence::simulated::Chip;
    use crate::profile::Profile;
    use attest_core::device::Platform;

    const CHALLENGE: [u8; 32] = [1; 32];
    const HASH: [u8; 32] = [2; 32];

    fn key(platform: Platform, profile: Profile) -> HardwareKey {
        let roots = TestRoots::generate().unwrap();
        HardwareKey::new(
            Hardware::new(platform, profile, Chip::TrustedEnvironment, &roots, 1_795_000_000).unwrap(),
        )
    }

    async fn proof(key: &HardwareKey, purpose: Purpose) -> Result<Option<PlatformEvidence>, KeyError> {
        key.vouch(purpose, &HASH).await.map(|vouched| vouched.platform)
    }

    #[tokio::test]
    async fn android_vouches_once_and_at_generation() {
        let key = key(Platform::Android, Profile::Genuine);
        assert_eq!(proof(&key, Purpose::Enroll).await, Err(KeyError::Gone));
        key.generate(&CHALLENGE).await.unwrap();
        let Ok(Some(PlatformEvidence::AndroidKey { chain })) = proof(&key, Purpose::Enroll).await else {
            panic!("a chain");
        };
        assert_eq!(chain.len(), 5);
        assert_eq!(proof(&key, Purpose::Renew).await, Ok(None));
        key.delete().await.unwrap();
        assert_eq!(proof(&key, Purpose::Enroll).await, Err(KeyError::Gone));
    }

    #[tokio::test]
    async fn ios_attests_at_enrolment_and_asserts_at_renewal() {
        let key = key(Platform::Ios, Profile::Genuine);
        key.generate(&CHALLENGE).await.unwrap();
        assert_eq!(proof(&key, Purpose::Renew).await, Err(KeyError::Gone));
        let enrolled = proof(&key, Purpose::Enroll).await.unwrap().unwrap();
        assert!(matches!(enrolled, PlatformEvidence::AppAttest { .. }));
        let renewed = proof(&key, Purpose::Renew).await.unwrap().unwrap();
        assert!(matches!(renewed, PlatformEvidence::AppAttestAssertion { .. }));
        key.hardware().reinstall();
        assert_eq!(proof(&key, Purpose::Renew).await, Err(KeyError::Gone));
    }

    #[tokio::test]
    async fn a_simulator_has_software_alone() {
        let key = key(Platform::Ios, Profile::Emulator);
        key.generate(&CHALLENGE).await.unwrap();
        assert_eq!(
            proof(&key, Purpose::Enroll).await,
            Ok(Some(PlatformEvidence::Software {}))
        );
        assert_eq!(proof(&key, Purpose::Renew).await, Ok(None));
    }
}
