//! What the leaf certificate says about its key: Android's KeyDescription, extension 1.3.6.1.4.1.11129.2.1.17.
//!
//! Borrowed from the certificate and read once. Identifiers of hardware (tags 710 to 717 and 723) and the unique id are skipped
//! without being looked at, so that nothing downstream can keep them.
//!
//! Source: <https://source.android.com/docs/security/features/keystore/attestation#schema>.

use std::fmt;

use serde::Serialize;

pub use super::application_id::{ApplicationId, Package};
pub use super::authorization_list::AuthorizationList;
pub use super::der::DerError;
use super::der::{Reader, Tag};
pub use super::root_of_trust::{BootState, RootOfTrust};

/// The attested properties of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription<'a> {
    /// The version of this structure: 1 to 4, then hundreds.
    pub attestation_version: u32,
    /// Where the attestation was made.
    pub attestation_level: SecurityLevel,
    /// The version of the key store.
    pub keymint_version: u32,
    /// Where the key lives.
    pub keymint_level: SecurityLevel,
    /// What the attestation answers.
    pub challenge: &'a [u8],
    /// What the operating system vouches for.
    pub software: AuthorizationList<'a>,
    /// What the hardware vouches for.
    pub hardware: AuthorizationList<'a>,
}

/// Where a key lives, from weakest to strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecurityLevel {
    /// In the operating system.
    Software,
    /// In the trusted execution environment.
    Hardware,
    /// In a chip of its own.
    StrongBox,
}

/// Reads a KeyDescription, all of it. Tags that this release does not know are collected, not refused.
///
/// # Errors
///
/// [`KeyDescriptionError`].
pub fn parse(extension: &[u8]) -> Result<KeyDescription<'_>, KeyDescriptionError> {
    let mut outer = Reader::new(extension);
    let mut fields = outer.nested(Tag::SEQUENCE)?;
    outer.finish()?;
    let attestation_version = fields.integer_u32()?;
    let attestation_level = SecurityLevel::read(&mut fields)?;
    let keymint_version = fields.integer_u32()?;
    let keymint_level = SecurityLevel::read(&mut fields)?;
    let challenge = fields.expect(Tag::OCTET_STRING)?;
    let _unique_id = fields.expect(Tag::OCTET_STRING)?;
    let software = AuthorizationList::read(fields.nested(Tag::SEQUENCE)?)?;
    let hardware = AuthorizationList::read(fields.nested(Tag::SEQUENCE)?)?;
    fields.finish()?;
    Ok(KeyDescription {
        attestation_version,
        attestation_level,
        keymint_version,
        keymint_level,
        challenge,
        software,
        hardware,
    })
}

impl SecurityLevel {
    fn read(fields: &mut Reader<'_>) -> Result<Self, KeyDescriptionError> {
        match fields.enumerated()? {
            0 => Ok(Self::Software),
            1 => Ok(Self::Hardware),
            2 => Ok(Self::StrongBox),
            value => Err(KeyDescriptionError::SecurityLevel { value }),
        }
    }
}

impl fmt::Display for SecurityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Software => "software",
            Self::Hardware => "hardware",
            Self::StrongBox => "strongbox",
        })
    }
}

/// Why a KeyDescription cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyDescriptionError {
    /// It is not DER of the published schema.
    #[error("not of the schema: {0}")]
    Encoding(#[from] DerError),
    /// A security level that the schema does not have.
    #[error("unknown security level {value}")]
    SecurityLevel {
        /// The number.
        value: u64,
    },
    /// A state of verified boot that the schema does not have.
    #[error("unknown boot state {value}")]
    BootState {
        /// The number.
        value: u64,
    },
    /// A list says the same thing twice.
    #[error("tag {tag} appears twice in a list")]
    Repeated {
        /// The tag.
        tag: u32,
    },
    /// A list holds something else than explicit context tags.
    #[error("an element of a list has no explicit tag")]
    Untagged,
    /// A package is not named in UTF-8.
    #[error("a package's name is not UTF-8")]
    PackageName,
}

impl KeyDescriptionError {
    /// The stable word.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Encoding(_) => "key-description-encoding",
            Self::SecurityLevel { .. } => "key-description-security-level",
            Self::BootState { .. } => "key-description-boot-state",
            Self::Repeated { .. } => "key-description-repeated",
            Self::Untagged => "key-description-untagged",
            Self::PackageName => "key-description-package-name",
        }
    }
}
