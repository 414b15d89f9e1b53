//! Keys that know their one algorithm. A signature is only ever tried with the algorithm of the key, never with the
//! algorithm that a token names.

use std::fmt;

use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use ring::{hmac, signature};

use crate::fleet::RandomError;

/// The two algorithms of this system's own tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// The JOSE `alg` value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256 => "ES256",
        }
    }
}

/// A 256-bit or longer MAC key; it mints and verifies HS256.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey([redacted])")
    }
}

impl MacKey {
    /// Prepares the key schedule once.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// HMAC-SHA256 over `message`.
    #[must_use]
    pub fn tag(&self, message: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.0, message).as_ref());
        out
    }

    /// HMAC-SHA256 over the parts one after the other.
    #[must_use]
    pub fn tag_parts(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }

    /// Whether `tag` is the MAC of `message`, in constant time.
    #[must_use]
    pub fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

/// A key that verifies signatures of exactly one algorithm.
#[derive(Debug, Clone)]
pub enum VerifyingKey {
    /// HS256.
    Mac(MacKey),
    /// ES256; the uncompressed SEC1 point.
    P256([u8; 65]),
}

impl VerifyingKey {
    /// The one algorithm this key verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Mac(_) => Algorithm::Hs256,
            Self::P256(_) => Algorithm::Es256,
        }
    }

    /// Whether `signature` over `message` is this key's.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Mac(key) => key.verifies(message, signature),
            Self::P256(point) => signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

/// An ES256 private key held in memory: a gateway's own key, or a simulated phone's.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    pkcs8: Box<[u8]>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

/// Key material that is not a PKCS #8 P-256 private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a PKCS #8 document with a P-256 private key and its public key")]
pub struct Pkcs8Error;

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`RandomError`] if the generator failed.
    pub fn generate(rng: &dyn SecureRandom) -> Result<Self, RandomError> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, rng).map_err(|_| RandomError)?;
        Self::from_pkcs8(document.as_ref(), rng).map_err(|Pkcs8Error| RandomError)
    }

    /// Reads a PKCS #8 v1 document.
    ///
    /// # Errors
    /// [`Pkcs8Error`] for anything else.
    pub fn from_pkcs8(document: &[u8], rng: &dyn SecureRandom) -> Result<Self, Pkcs8Error> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document, rng)
            .map_err(|_| Pkcs8Error)?;
        Ok(Self {
            pair,
            pkcs8: document.into(),
        })
    }

    /// The PKCS #8 document, for writing a key file.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The uncompressed SEC1 public point.
    #[must_use]
    pub fn public_point(&self) -> [u8; 65] {
        let mut point = [0; 65];
        point.copy_from_slice(self.pair.public_key().as_ref());
        point
    }

    /// An ES256 signature (r ‖ s) over `message`.
    ///
    /// # Errors
    /// [`RandomError`] if the generator failed.
    pub fn sign(&self, message: &[u8], rng: &dyn SecureRandom) -> Result<[u8; 64], RandomError> {
        let signature = self.pair.sign(rng, message).map_err(|_| RandomError)?;
        let mut out = [0; 64];
        out.copy_from_slice(signature.as_ref());
        Ok(out)
    }
}
