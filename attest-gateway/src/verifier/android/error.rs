//! Why an attestation is refused: one variant per reason, with the place where it was found, and one public code for each.

use super::key_description::{BootState, KeyDescriptionError, SecurityLevel};
use super::provisioning::Provisioning;
use crate::verifier::VerdictCode;
use crate::verifier::revocation::RevocationStatus;

/// Why an attestation is refused. Positions count from 0 for the leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More certificates than any phone sends. `limit`
    #[error("{certificates} certificates, at most {limit}")]
    ChainTooLong {
        /// How many.
        certificates: usize,
        /// The bound.
        limit: usize,
    },
    /// A certificate larger than any phone sends. `limit`
    #[error("certificate {position} has {bytes} bytes, at most {limit}")]
    CertificateTooLarge {
        /// Which.
        position: usize,
        /// Its length.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// Too few certificates for any kind of chain. `chain-shape`
    #[error("{certificates} certificates are no chain")]
    ChainTooShort {
        /// How many.
        certificates: usize,
    },
    /// A certificate is no DER of X.509, or has something behind it. `parse`
    #[error("certificate {position} cannot be read")]
    CertificateUnreadable {
        /// Which.
        position: usize,
    },
    /// A certificate has one extension twice. `parse`
    #[error("certificate {position} has an extension twice")]
    ExtensionRepeated {
        /// Which.
        position: usize,
    },
    /// The last certificate is no root: its issuer is somebody else. `chain-shape`
    #[error("the chain does not end with a root")]
    RootAbsent,
    /// The last certificate's key is not pinned. `anchor-unknown`
    #[error("the root is not trusted")]
    AnchorUnknown,
    /// A certificate above the leaf has a KeyDescription. `key-description-misplaced`
    #[error("certificate {position}, an issuer, attests its own key")]
    KeyDescriptionMisplaced {
        /// Which.
        position: usize,
    },
    /// The chain has not the length of its kind, or is of no kind. `chain-shape`
    #[error("{certificates} certificates are no chain of kind {provisioning:?}")]
    ChainShape {
        /// What the certificate under the root says.
        provisioning: Provisioning,
        /// How many.
        certificates: usize,
    },
    /// A certificate names another issuer than the next one. `name-chaining`
    #[error("certificate {position} names another issuer than the next one")]
    NameMismatch {
        /// Which.
        position: usize,
    },
    /// A certificate is signed in a way that no known issuer uses. `unsupported`
    #[error("certificate {position} has an unsupported signature algorithm or issuer key")]
    AlgorithmUnsupported {
        /// Which.
        position: usize,
    },
    /// A signature does not verify. `signature`
    #[error("the signature of certificate {position} does not verify")]
    SignatureForged {
        /// Which.
        position: usize,
    },
    /// An issuer is from the future. `not-yet-valid`
    #[error("certificate {position} is not yet valid")]
    NotYetValid {
        /// Which.
        position: usize,
    },
    /// An issuer is past its end. `expired`
    #[error("certificate {position} has expired")]
    Expired {
        /// Which.
        position: usize,
    },
    /// A certificate is on the revocation list. `revoked`
    #[error("certificate {position} is on the revocation list ({status:?})")]
    Revoked {
        /// Which.
        position: usize,
        /// The list's word.
        status: RevocationStatus,
    },
    /// The revocation list is too old to say that nothing is revoked. `revocation-stale`
    #[error("the revocation list is {age_s} s old")]
    RevocationStale {
        /// Its age.
        age_s: u64,
    },
    /// The leaf has no KeyDescription. `key-description-missing`
    #[error("the leaf has no KeyDescription")]
    KeyDescriptionMissing,
    /// The leaf has the attestation as an entity attestation token. `unsupported`
    #[error("the leaf's attestation is an EAT, extension 1.3.6.1.4.1.11129.2.1.25")]
    EatUnsupported,
    /// The KeyDescription cannot be read. `parse`
    #[error("KeyDescription: {0}")]
    KeyDescription(#[from] KeyDescriptionError),
    /// The KeyDescription has a tag that this release does not know. `unsupported`
    #[error("KeyDescription: unknown tag {tag}")]
    TagUnknown {
        /// The tag.
        tag: u32,
    },
    /// Key and attestation are not both of one hardware level. `software-level`
    #[error("attested by {attestation}, kept in {keymint}")]
    LevelNotHardware {
        /// Where the attestation was made.
        attestation: SecurityLevel,
        /// Where the key lives.
        keymint: SecurityLevel,
    },
    /// The hardware does not say that it generated the key. `origin`
    #[error("the key was not generated in the hardware")]
    NotGenerated,
    /// The hardware says nothing about the boot. `origin`
    #[error("no root of trust")]
    RootOfTrustAbsent,
    /// The attestation answers another challenge. `challenge`
    #[error("another challenge")]
    OtherChallenge,
    /// The attested packages do not include the expected one. `application`
    #[error("another app")]
    OtherApplication,
    /// The app has no signer, or one that is not accepted. `signer`
    #[error("another signer")]
    OtherSigner,
    /// The boot state is not accepted. `boot-state`
    #[error("{}", boot_words(*.state, *.locked))]
    BootNotAccepted {
        /// Who vouches for the system, where the hardware says so.
        state: Option<BootState>,
        /// Whether the bootloader is locked, where the hardware says so.
        locked: Option<bool>,
    },
    /// A part's patches are older than the floor, or of unknown age. `patch-level`
    #[error("patches of {part:?} are too old")]
    PatchTooOld {
        /// Which part.
        part: PatchedPart,
    },
    /// The key lives below the lowest level accepted. `software-level`
    #[error("kept in {level}")]
    LevelTooLow {
        /// Where it lives.
        level: SecurityLevel,
    },
    /// The leaf's key is not the device key. `key-use`
    #[error("the attested key is not the device key")]
    OtherKey,
    /// The key may do something else than sign, or may not sign. `key-use`
    #[error("the key's purposes are not those of a device key")]
    OtherPurpose,
    /// Every app may use the key. `key-use`
    #[error("every app may use the key")]
    AllApplications,
    /// The key is no EC P-256 key, or does not sign SHA-256. `key-use`
    #[error("the key does not sign with P-256 and SHA-256")]
    OtherAlgorithm,
}

/// What has patches of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchedPart {
    /// The operating system.
    Os,
    /// The vendor's part.
    Vendor,
    /// What boots.
    Boot,
}

impl Error {
    /// The stable word.
    #[must_use]
    pub const fn code(&self) -> VerdictCode {
        match self {
            Self::ChainTooLong { .. } | Self::CertificateTooLarge { .. } => VerdictCode::Limit,
            Self::ChainTooShort { .. } | Self::RootAbsent | Self::ChainShape { .. } => {
                VerdictCode::ChainShape
            }
            Self::CertificateUnreadable { .. } | Self::ExtensionRepeated { .. } | Self::KeyDescription(_) => {
                VerdictCode::Parse
            }
            Self::AnchorUnknown => VerdictCode::AnchorUnknown,
            Self::KeyDescriptionMisplaced { .. } => VerdictCode::KeyDescriptionMisplaced,
            Self::NameMismatch { .. } => VerdictCode::NameChaining,
            Self::AlgorithmUnsupported { .. } | Self::EatUnsupported | Self::TagUnknown { .. } => {
                VerdictCode::Unsupported
            }
            Self::SignatureForged { .. } => VerdictCode::Signature,
            Self::NotYetValid { .. } => VerdictCode::NotYetValid,
            Self::Expired { .. } => VerdictCode::Expired,
            Self::Revoked { .. } => VerdictCode::Revoked,
            Self::RevocationStale { .. } => VerdictCode::RevocationStale,
            Self::KeyDescriptionMissing => VerdictCode::KeyDescriptionMissing,
            Self::LevelNotHardware { .. } | Self::LevelTooLow { .. } => VerdictCode::SoftwareLevel,
            Self::NotGenerated | Self::RootOfTrustAbsent => VerdictCode::Origin,
            Self::OtherChallenge => VerdictCode::Challenge,
            Self::OtherApplication => VerdictCode::Application,
            Self::OtherSigner => VerdictCode::Signer,
            Self::BootNotAccepted { .. } => VerdictCode::BootState,
            Self::PatchTooOld { .. } => VerdictCode::PatchLevel,
            Self::OtherKey | Self::OtherPurpose | Self::AllApplications | Self::OtherAlgorithm => {
                VerdictCode::KeyUse
            }
        }
    }
}

fn boot_words(state: Option<BootState>, locked: Option<bool>) -> String {
    let lock = match locked {
        Some(true) => "locked",
        Some(false) => "unlocked",
        None => return "the hardware says nothing about the boot".to_owned(),
    };
    let system = match state {
        Some(BootState::Verified) => "the maker's",
        Some(BootState::SelfSigned) => "signed by a key that is not accepted",
        Some(BootState::Unverified) => "not verified",
        Some(BootState::Failed) => "one that failed verification",
        None => "unknown",
    };
    format!("the bootloader is {lock}, the system is {system}")
}
