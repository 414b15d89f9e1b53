//! Delivery of the session key: P-256 ECDH with shares that are fresh on both sides, HKDF-SHA256 bound to the challenge and
//! the device key, AES-256-GCM. A TLS interceptor that sees every byte cannot read the session key; the response signature
//! keeps it from swapping one.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SecureRandom;

use crate::challenge::Challenge;
use crate::fleet::{RandomError, derive_key};
use crate::redacted::Redacted;

const LABEL: &[u8] = b"attest/v1/session-key";

/// Why a session key could not be delivered or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The other side's share is not a point of P-256.
    #[error("the other side's share is not a P-256 point")]
    Share,
    /// The sealed key does not open: altered, or meant for another phone, key or challenge.
    #[error("the session key does not open for this phone and challenge")]
    Sealed,
    /// The generator failed.
    #[error("the source of randomness failed")]
    Random,
}

impl DeliveryError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Share => "delivery-share",
            Self::Sealed => "delivery-sealed",
            Self::Random => "random",
        }
    }
}

impl From<RandomError> for DeliveryError {
    fn from(RandomError: RandomError) -> Self {
        Self::Random
    }
}

/// The phone's half of one delivery. It is used at most once: receiving consumes it.
pub struct DeliveryShare {
    private: EphemeralPrivateKey,
    public: [u8; 65],
}

impl std::fmt::Debug for DeliveryShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeliveryShare([redacted])")
    }
}

/// What the service sends back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSessionKey {
    /// The service's fresh share.
    pub share: [u8; 65],
    /// Ciphertext and tag.
    pub sealed: Vec<u8>,
}

impl DeliveryShare {
    /// A fresh share.
    ///
    /// # Errors
    /// [`RandomError`] if the generator failed.
    pub fn generate(rng: &dyn SecureRandom) -> Result<Self, RandomError> {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, rng).map_err(|_| RandomError)?;
        let mut public = [0; 65];
        public.copy_from_slice(private.compute_public_key().map_err(|_| RandomError)?.as_ref());
        Ok(Self { private, public })
    }

    /// The public half, which travels inside the signed evidence.
    #[must_use]
    pub const fn public(&self) -> &[u8; 65] {
        &self.public
    }

    /// Opens the session key that was sealed to this share.
    ///
    /// # Errors
    /// [`DeliveryError::Share`] and [`DeliveryError::Sealed`].
    pub fn receive(
        self,
        delivered: &SealedSessionKey,
        challenge: &Challenge,
        device_thumbprint: &str,
    ) -> Result<Redacted<[u8; 32]>, DeliveryError> {
        let key = agree(
            self.private,
            &delivered.share,
            challenge,
            device_thumbprint,
            &self.public,
            &delivered.share,
        )?;
        let mut sealed = delivered.sealed.clone();
        let plain = key
            .open_in_place(only_nonce(), Aad::from(LABEL), &mut sealed)
            .map_err(|_| DeliveryError::Sealed)?;
        <[u8; 32]>::try_from(&*plain)
            .map(Redacted::new)
            .map_err(|_| DeliveryError::Sealed)
    }
}

/// Seals `session_key` to the phone's share for one challenge and device key.
///
/// # Errors
/// [`DeliveryError::Share`] if the phone's share is not a P-256 point, [`DeliveryError::Random`].
pub fn deliver(
    phone_share: &[u8; 65],
    challenge: &Challenge,
    device_thumbprint: &str,
    session_key: &Redacted<[u8; 32]>,
    rng: &dyn SecureRandom,
) -> Result<SealedSessionKey, DeliveryError> {
    let DeliveryShare { private, public } = DeliveryShare::generate(rng)?;
    let key = agree(
        private,
        phone_share,
        challenge,
        device_thumbprint,
        phone_share,
        &public,
    )?;
    let mut sealed = session_key.reveal().to_vec();
    key.seal_in_place_append_tag(only_nonce(), Aad::from(LABEL), &mut sealed)
        .map_err(|_| DeliveryError::Sealed)?;
    Ok(SealedSessionKey {
        share: public,
        sealed,
    })
}

/// The derived key encrypts one message in its life, so the nonce may be constant.
fn only_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn agree(
    private: EphemeralPrivateKey,
    peer: &[u8; 65],
    challenge: &Challenge,
    device_thumbprint: &str,
    phone_share: &[u8; 65],
    service_share: &[u8; 65],
) -> Result<LessSafeKey, DeliveryError> {
    let key = agree_ephemeral(private, &UnparsedPublicKey::new(&ECDH_P256, peer), |secret| {
        derive_key(
            secret,
            &challenge.digest(),
            &[
                LABEL,
                b"\0",
                device_thumbprint.as_bytes(),
                b"\0",
                phone_share,
                service_share,
            ],
        )
    })
    .map_err(|_| DeliveryError::Share)?;
    UnboundKey::new(&AES_256_GCM, &key)
        .map(LessSafeKey::new)
        .map_err(|_| DeliveryError::Sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    #[test]
    fn only_the_right_phone_challenge_and_key_open_it() {
        let rng = SystemRandom::new();
        let key = Redacted::new([9; 32]);
        let challenge = Challenge::parse(&"A".repeat(43)).unwrap();
        let other = Challenge::parse(&("A".repeat(42) + "E")).unwrap();
        let exchange = |receive_challenge: &Challenge, thumbprint: &str, spoil: bool| {
            let phone = DeliveryShare::generate(&rng).unwrap();
            let mut delivered = deliver(phone.public(), &challenge, "thumb", &key, &rng).unwrap();
            if spoil {
                delivered.sealed[3] ^= 1;
            }
            phone.receive(&delivered, receive_challenge, thumbprint)
        };
        assert_eq!(exchange(&challenge, "thumb", false), Ok(key));
        assert_eq!(exchange(&other, "thumb", false), Err(DeliveryError::Sealed));
        assert_eq!(exchange(&challenge, "thumc", false), Err(DeliveryError::Sealed));
        assert_eq!(exchange(&challenge, "thumb", true), Err(DeliveryError::Sealed));
        assert_eq!(
            deliver(&[4; 65], &challenge, "thumb", &key, &rng),
            Err(DeliveryError::Share)
        );
    }
}
