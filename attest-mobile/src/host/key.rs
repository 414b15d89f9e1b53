//! A device key in memory. It vouches as software, which only gateways of environment development accept.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attest_core::challenge::Purpose;
use attest_core::jose::SigningKey;
use attest_core::service::PlatformEvidence;
use ring::rand::SystemRandom;

use crate::foreign::{BoxFuture, DeviceKey, KeyError, Vouched};

/// A P-256 key that is no better kept than the process.
#[derive(Debug, Default)]
pub struct SoftwareKey(Mutex<Option<Arc<SigningKey>>>);

impl SoftwareKey {
    /// A holder of `key`, as a phone that was enrolled before.
    #[must_use]
    pub fn holding(key: SigningKey) -> Self {
        Self(Mutex::new(Some(Arc::new(key))))
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<SigningKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> Result<Arc<SigningKey>, KeyError> {
        self.slot().clone().ok_or(KeyError::Gone)
    }
}

impl DeviceKey for SoftwareKey {
    fn generate<'a>(&'a self, _: &'a [u8; 32]) -> BoxFuture<'a, Result<[u8; 65], KeyError>> {
        let made = SigningKey::generate(&SystemRandom::new())
            .map_err(|_| KeyError::Failed)
            .map(|key| {
                let point = key.public_point();
                *self.slot() = Some(Arc::new(key));
                point
            });
        Box::pin(ready(made))
    }

    fn public_key(&self) -> BoxFuture<'_, Result<[u8; 65], KeyError>> {
        Box::pin(ready(self.held().map(|key| key.public_point())))
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], KeyError>> {
        let sign = |key: Arc<SigningKey>| {
            key.sign(signing_input, &SystemRandom::new())
                .map_err(|_| KeyError::Failed)
        };
        Box::pin(ready(self.held().and_then(sign)))
    }

    fn vouch<'a>(&'a self, purpose: Purpose, _: &'a [u8; 32]) -> BoxFuture<'a, Result<Vouched, KeyError>> {
        let platform = match purpose {
            Purpose::Enroll => Some(PlatformEvidence::Software {}),
            Purpose::Renew => None,
        };
        Box::pin(ready(Ok(Vouched {
            platform,
            ..Vouched::default()
        })))
    }

    fn delete(&self) -> BoxFuture<'_, Result<(), KeyError>> {
        *self.slot() = None;
        Box::pin(ready(Ok(())))
    }
}
