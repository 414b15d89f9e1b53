//! The gateway's keys: the fleet secret, the two signing keys, and in development the policy root. They are read once; key
//! files are created with mode 0600 and never overwritten.

mod files;

use std::path::Path;

use attest_core::fleet::FleetSecret;
use attest_core::jose::{Jwk, JwkSet, SigningKey, jwk::thumbprint};
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};

pub use files::{KeyFileError, write_private};

/// File names inside the key directory.
pub const FLEET_FILE: &str = "fleet.json";
/// PKCS #8 PEM of the attestation signing key.
pub const ATTESTATION_FILE: &str = "attestation.pem";
/// PKCS #8 PEM of the assertion signing key.
pub const ASSERTION_FILE: &str = "assertion.pem";
/// PKCS #8 PEM of the development policy root.
pub const POLICY_ROOT_FILE: &str = "policy-root.pem";
/// The public half of the development policy root, for phones.
pub const POLICY_ROOT_PUBLIC_FILE: &str = "policy-root.jwk.json";

/// Which generations of one subkey are in use. A new one is accepted everywhere before it is used anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generations {
    /// The generation that new tickets or codes are made under.
    pub current: u16,
    /// The generations that are accepted; contains `current`.
    pub accepted: Vec<u16>,
}

impl Default for Generations {
    fn default() -> Self {
        Self {
            current: 1,
            accepted: vec![1],
        }
    }
}

/// A signing key with the id under which its public half is published.
#[derive(Debug)]
pub struct NamedKey {
    /// The private key.
    pub key: SigningKey,
    /// RFC 7638 thumbprint.
    pub kid: String,
}

impl NamedKey {
    /// Names a key by its thumbprint.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        let kid = thumbprint(&key.public_point());
        Self { key, kid }
    }

    /// The public half as a published JWK.
    #[must_use]
    pub fn public(&self) -> Jwk {
        Jwk::published(&self.key.public_point())
    }
}

/// Everything secret that a gateway holds.
#[derive(Debug)]
pub struct Keys {
    /// Parent of all symmetric keys.
    pub fleet: FleetSecret,
    /// Ticket key ids.
    pub ticket: Generations,
    /// Support code keys.
    pub support: Generations,
    /// Signs attestations and responses.
    pub attestation: NamedKey,
    /// Signs assertions for backends.
    pub assertion: NamedKey,
    /// Signs the device policy in development; absent in production.
    pub policy_root: Option<NamedKey>,
}

impl Keys {
    /// New keys, with a development policy root.
    ///
    /// # Errors
    /// [`KeyFileError::Random`] if the generator failed.
    pub fn generate(rng: &dyn SecureRandom) -> Result<Self, KeyFileError> {
        let named = || {
            SigningKey::generate(rng)
                .map(NamedKey::new)
                .map_err(|_| KeyFileError::Random)
        };
        Ok(Self {
            fleet: FleetSecret::generate(rng).map_err(|_| KeyFileError::Random)?,
            ticket: Generations::default(),
            support: Generations::default(),
            attestation: named()?,
            assertion: named()?,
            policy_root: Some(named()?),
        })
    }

    /// Reads the keys of a directory. The policy root may be absent.
    ///
    /// # Errors
    /// [`KeyFileError`] names the file and what is wrong with it.
    pub fn read(directory: &Path, rng: &dyn SecureRandom) -> Result<Self, KeyFileError> {
        files::read(directory, rng)
    }

    /// Writes all key files into an existing directory; none may be there yet.
    ///
    /// # Errors
    /// [`KeyFileError`] names the file.
    pub fn write(&self, directory: &Path) -> Result<(), KeyFileError> {
        files::write(self, directory)
    }

    /// Public keys that verify attestations and responses.
    #[must_use]
    pub fn attestation_jwks(&self) -> JwkSet {
        JwkSet {
            keys: vec![self.attestation.public()],
        }
    }

    /// The key that new assertions are signed with.
    #[must_use]
    pub const fn assertion_signer(&self) -> &NamedKey {
        &self.assertion
    }

    /// Public keys that verify assertions.
    #[must_use]
    pub fn assertion_jwks(&self) -> JwkSet {
        JwkSet {
            keys: vec![self.assertion.public()],
        }
    }
}

#[cfg(test)]
mod tests;
