//! Android Key Attestation: chains of every shape that phones send, valid as built, and a description of the key in the leaf.
//!
//! ```
//! use attest_testkit::evidence::TestRoots;
//! use attest_testkit::evidence::android::{ChainBuilder, Shape};
//!
//! # fn main() -> Result<(), attest_testkit::evidence::BuildError> {
//! let roots = TestRoots::generate()?;
//! let valid = ChainBuilder::new(&roots.android, Shape::Rkp, b"challenge", &[4; 65])?;
//! let unlocked = valid.clone().with(|chain| chain.description.root_of_trust(|root| root.locked = 0));
//! assert_eq!((valid.build()?.len(), unlocked.build()?.len()), (5, 5));
//! # Ok(())
//! # }
//! ```

mod description;
pub mod tag;

pub use self::description::{ApplicationId, AuthorizationList, KeyDescription, RootOfTrust};

use ciborium::Value;

use super::certificate::{SubjectKey, Template, TestKey, chain, name};
use super::{BuildError, Root, cbor};

/// KeyDescription.
pub const DESCRIPTION_OID: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 17];
/// The description as an entity attestation token.
pub const EAT_OID: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 25];
/// What the provisioning service says about the phone.
pub const PROVISIONING_OID: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 30];

/// How a phone got its attestation key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// In the factory: root, intermediate and batch named by serial numbers, leaf.
    Factory,
    /// Remotely: root, `Droid CA2`, `Droid CA3`, the phone, leaf.
    Rkp,
    /// Not at all: root, intermediate, leaf, and a description that claims nothing of hardware.
    Software,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 3] = [Self::Factory, Self::Rkp, Self::Software];

    /// Certificates with the root.
    #[must_use]
    pub const fn certificates(self) -> usize {
        match self {
            Self::Factory => 4,
            Self::Rkp => 5,
            Self::Software => 3,
        }
    }
}

/// A chain to be built, valid until something in it is changed.
#[derive(Debug, Clone)]
pub struct ChainBuilder {
    /// Where it ends.
    pub root: Root,
    /// The certificates below the root, leaf first. Keep [`Template::extensions`] for further ones: description and
    /// provisioning are added when the chain is built.
    pub certificates: Vec<Template>,
    /// What the leaf says about its key.
    pub description: KeyDescription,
    /// Written instead of [`Self::description`].
    pub description_der: Option<Vec<u8>>,
    /// The extension that holds it.
    pub description_oid: Vec<u64>,
    /// Positions, from the leaf, of the certificates that carry it.
    pub described: Vec<usize>,
    /// CBOR of the provisioning service in the second certificate; `None` for none.
    pub provisioning: Option<Vec<u8>>,
}

impl ChainBuilder {
    /// A chain of this shape under this root, for a P-256 device key (an uncompressed point) that was made for this challenge.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn new(
        root: &Root,
        shape: Shape,
        challenge: &[u8],
        device_key: &[u8; 65],
    ) -> Result<Self, BuildError> {
        let mut leaf = Template::leaf(
            name(&[("CN", "Android Keystore Key")]),
            SubjectKey::Point(*device_key),
        );
        leaf.serial = Some(vec![1]);
        let issuer = |parts: &[(&str, &str)]| Ok(Template::issuer(name(parts), TestKey::p256()?));
        let issuers: &[&[(&str, &str)]] = match shape {
            Shape::Factory => &[
                &[("serialNumber", "2ad1f52ce58373c5")],
                &[("serialNumber", "5b0359cca8879cb5")],
            ],
            Shape::Rkp => &[
                &[("CN", "f165849ef08b4658dd0a8ab95be53006"), ("O", "TEE")],
                &[("O", "Google LLC"), ("CN", "Droid CA3")],
                &[("O", "Google LLC"), ("CN", "Droid CA2")],
            ],
            Shape::Software => &[&[("CN", "Android Keystore Software Attestation Intermediate")]],
        };
        let issuers = issuers.iter().copied().map(issuer);
        let certificates = std::iter::once(Ok(leaf))
            .chain(issuers)
            .collect::<Result<_, BuildError>>()?;
        let description = match shape {
            Shape::Factory | Shape::Rkp => KeyDescription::hardware(300, challenge),
            Shape::Software => KeyDescription::software(4, challenge),
        };
        Ok(Self {
            root: root.clone(),
            certificates,
            description,
            description_der: None,
            description_oid: DESCRIPTION_OID.to_vec(),
            described: vec![0],
            provisioning: match shape {
                Shape::Rkp => Some(provisioning(64, "Google")?),
                Shape::Factory | Shape::Software => None,
            },
        })
    }

    /// Changes anything.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Changes the certificate at this position from the leaf; nothing if there is none.
    #[must_use]
    pub fn certificate(mut self, position: usize, change: impl FnOnce(&mut Template)) -> Self {
        if let Some(template) = self.certificates.get_mut(position) {
            change(template);
        }
        self
    }

    /// Makes it about another device key.
    #[must_use]
    pub fn about(self, device_key: [u8; 65]) -> Self {
        self.certificate(0, |leaf| leaf.key = SubjectKey::Point(device_key))
    }

    /// The chain: DER, leaf first, the root last.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(&self) -> Result<Vec<Vec<u8>>, BuildError> {
        let mut certificates = self.certificates.clone();
        let description = self
            .description_der
            .clone()
            .unwrap_or_else(|| self.description.to_der());
        for position in &self.described {
            if let Some(template) = certificates.get_mut(*position) {
                template.extend(&self.description_oid, description.clone());
            }
        }
        if let (Some(provisioning), Some(template)) = (&self.provisioning, certificates.get_mut(1)) {
            template.extend(PROVISIONING_OID, provisioning.clone());
        }
        chain(&self.root, &certificates)
    }
}

/// What the provisioning service writes: certificates that it gave this phone in the last 30 days, and who made the phone.
///
/// # Errors
/// [`BuildError::Encoding`].
pub fn provisioning(certificates_issued: u64, manufacturer: &str) -> Result<Vec<u8>, BuildError> {
    cbor(&Value::Map(vec![
        (Value::from(1), Value::from(certificates_issued)),
        (Value::from(2), Value::from(true)),
        (Value::from(3), Value::from(manufacturer)),
    ]))
}

#[cfg(test)]
mod tests;
