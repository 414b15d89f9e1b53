//! The gateway's keys: the fleet secret, the generations of what rotates, and in development the policy root. Reading takes all
//! of them or none; key files have mode 0600, and but for `fleet.json`, which says what is in use, none is ever overwritten.

mod disk;
mod family;
mod files;
mod generations;
mod play;
mod rotate;

use std::collections::BTreeMap;
use std::path::Path;

use attest_core::environment::Environment;
use attest_core::fleet::FleetSecret;
use attest_core::jose::{Jwk, JwkSet, SigningKey, jwk::thumbprint};
use attest_core::support_code::SupportCodes;
use attest_core::ticket::{TicketKeys, TicketSealer};
use ring::rand::SecureRandom;

use crate::verifier::play::PlayKeys;

pub use family::{Family, Overlap};
pub use files::{KeyFileError, write_private};
pub use generations::{Generations, Phase, Step, StepError};
pub use play::PLAY_FOLDER;
pub use rotate::{RotateError, Rotated, Rotation};

/// File names inside the key directory.
pub const FLEET_FILE: &str = "fleet.json";
/// PKCS #8 PEM of the first attestation signing key.
pub const ATTESTATION_FILE: &str = "attestation.pem";
/// PKCS #8 PEM of the first assertion signing key.
pub const ASSERTION_FILE: &str = "assertion.pem";
/// PKCS #8 PEM of the development policy root.
pub const POLICY_ROOT_FILE: &str = "policy-root.pem";
/// The development policy root as metadata: what apps are built with.
pub const POLICY_ROOT_PUBLIC_FILE: &str = "policy-root.json";

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

/// The signing keys of one kind: one signs, all are published.
#[derive(Debug)]
pub struct SigningKeys {
    /// Signs.
    pub current: NamedKey,
    others: Vec<(u16, NamedKey)>,
    generations: Generations,
}

impl SigningKeys {
    /// One key of the first generation.
    #[must_use]
    pub fn new(current: NamedKey) -> Self {
        Self {
            current,
            others: Vec::new(),
            generations: Generations::default(),
        }
    }

    /// Which generations there are.
    #[must_use]
    pub const fn generations(&self) -> &Generations {
        &self.generations
    }

    /// The key id of an accepted generation.
    #[must_use]
    pub fn kid(&self, generation: u16) -> Option<&str> {
        if generation == self.generations.current {
            return Some(&self.current.kid);
        }
        let (_, key) = self.others.iter().find(|(number, _)| *number == generation)?;
        Some(&key.kid)
    }

    /// The public halves, the one that signs first.
    #[must_use]
    pub fn public(&self) -> JwkSet {
        let others = self.others.iter().map(|(_, key)| key);
        JwkSet {
            keys: std::iter::once(&self.current)
                .chain(others)
                .map(NamedKey::public)
                .collect(),
        }
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
    /// Sign attestations and responses.
    pub attestation: SigningKeys,
    /// Sign assertions for backends.
    pub assertion: SigningKeys,
    /// Signs the device policy in development; absent in production.
    pub policy_root: Option<NamedKey>,
    /// Keys of the Play Console, by app id.
    pub play: BTreeMap<String, PlayKeys>,
    /// Symmetric generations after the first have a secret of their own.
    own: Vec<(Family, u16, FleetSecret)>,
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
            attestation: SigningKeys::new(named()?),
            assertion: SigningKeys::new(named()?),
            policy_root: Some(named()?),
            play: BTreeMap::new(),
            own: Vec::new(),
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
        self.attestation.public()
    }

    /// The key that new assertions are signed with.
    #[must_use]
    pub const fn assertion_signer(&self) -> &NamedKey {
        &self.assertion.current
    }

    /// Public keys that verify assertions.
    #[must_use]
    pub fn assertion_jwks(&self) -> JwkSet {
        self.assertion.public()
    }

    /// Which generations of a kind there are.
    #[must_use]
    pub const fn generations(&self, family: Family) -> &Generations {
        match family {
            Family::Ticket => &self.ticket,
            Family::Attestation => self.attestation.generations(),
            Family::Assertion => self.assertion.generations(),
            Family::Support => &self.support,
        }
    }

    /// The secret behind one generation of a symmetric kind.
    pub(crate) fn secret(&self, family: Family, generation: u16) -> &FleetSecret {
        let own = self
            .own
            .iter()
            .find(|(of, number, _)| (*of, *number) == (family, generation));
        own.map_or(&self.fleet, |(_, _, secret)| secret)
    }

    /// Opens tickets of every accepted generation.
    pub(crate) fn ticket_keys(&self, environment: Environment) -> TicketKeys {
        let none = TicketKeys::new(&self.fleet, &[], environment);
        self.ticket.accepted.iter().fold(none, |keys, number| {
            keys.accepting(self.secret(Family::Ticket, *number), *number)
        })
    }

    /// Seals tickets under the current generation.
    pub(crate) fn ticket_sealer(&self, environment: Environment) -> TicketSealer {
        let number = self.ticket.current;
        TicketSealer::new(self.secret(Family::Ticket, number), number, environment)
    }

    /// Support codes of one generation; see [`SupportCodes::new`].
    pub(crate) fn support_codes(&self, generation: u16) -> Option<SupportCodes> {
        SupportCodes::new(self.secret(Family::Support, generation), generation)
    }

    /// Whether tickets sealed by both are sealed with one key.
    pub(crate) fn seals_as(&self, other: &Self) -> bool {
        let secret = |keys: &Self| *keys.secret(Family::Ticket, keys.ticket.current).reveal();
        self.ticket.current == other.ticket.current && secret(self) == secret(other)
    }
}

#[cfg(test)]
mod tests;
