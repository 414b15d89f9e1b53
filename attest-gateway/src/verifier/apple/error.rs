//! Every reason for which App Attest evidence is refused, as data, each with the public word that it is reported by.

use super::authenticator::AppleEnvironment;
use crate::verifier::VerdictCode;

/// Why an attestation or assertion was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Longer than any real one; nothing was read.
    #[error("{found} bytes where at most {limit} are read")]
    TooLong {
        /// The length.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// CBOR nests deeper than is read.
    #[error("CBOR nested deeper than {limit}")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// A CBOR map has more members than are read.
    #[error("a CBOR map of {found} members where at most {limit} are read")]
    TooManyMembers {
        /// The number of members.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// Not CBOR, or cut short.
    #[error("not CBOR, or cut short")]
    Cbor,
    /// A CBOR map has the same key twice, or a key that is neither text nor an integer.
    #[error("a CBOR map repeats a key or has one that is neither text nor an integer")]
    AmbiguousMap,
    /// Something follows where the evidence ends.
    #[error("bytes behind the end")]
    TrailingBytes,
    /// A member is absent or of another type.
    #[error("`{member}` is absent or of another type")]
    Member {
        /// The member.
        member: &'static str,
    },
    /// The attestation statement is of another format than `apple-appattest`.
    #[error("not of the format `apple-appattest`")]
    Format,
    /// The chain is not a leaf and its issuer.
    #[error("{found} certificates instead of a leaf and its issuer")]
    ChainLength {
        /// How many came.
        found: usize,
    },
    /// The authenticator data is cut short.
    #[error("authenticator data cut short")]
    AuthenticatorData,
    /// The authenticator data names none of the expected apps.
    #[error("the authenticator data is about another app")]
    Application,
    /// The leaf names another app than the authenticator data.
    #[error("the leaf is about another app than the authenticator data")]
    LeafApplication,
    /// An attestation's counter is not 0.
    #[error("the counter of an attestation is {found}")]
    CounterNotZero {
        /// The counter.
        found: u32,
    },
    /// An assertion's counter is not above the last one.
    #[error("counter {found} is not above {floor}")]
    CounterNotAbove {
        /// The counter.
        found: u32,
        /// The last one seen.
        floor: u32,
    },
    /// The AAGUID is none of App Attest's.
    #[error("an AAGUID that is not App Attest's")]
    UnknownEnvironment,
    /// The key is from the other App Attest environment.
    #[error("from the App Attest environment `{found}`")]
    OtherEnvironment {
        /// Where it is from.
        found: AppleEnvironment,
    },
    /// The credential id is not the key id that was presented.
    #[error("the credential id is not the key id")]
    CredentialId,
    /// The key id that was presented is not SHA-256 of the leaf's key.
    #[error("the key id is not that of the leaf's key")]
    KeyId,
    /// The public key in the authenticator data is not the attested one.
    #[error("the credential's public key is not the attested key")]
    CredentialKey,
    /// The nonce in the leaf is not that of this authenticator data and client data.
    #[error("the leaf's nonce is for other data")]
    Nonce,
    /// The leaf has no nonce, or one of another shape.
    #[error("the leaf has no nonce of the known shape")]
    NonceMissing,
    /// A certificate cannot be read.
    #[error("certificate {position} cannot be read")]
    Certificate {
        /// 0 for the leaf.
        position: usize,
    },
    /// The attested key is of a kind that this release does not know.
    #[error("the attested key is not on P-256")]
    KeyType,
    /// The leaf was issued by another name than the second certificate carries.
    #[error("the second certificate is not the leaf's issuer by name")]
    NameChaining,
    /// The chain ends at a name that is not among the anchors.
    #[error("the chain does not end at a trusted root")]
    AnchorUnknown,
    /// A certificate is past its end.
    #[error("a certificate is past its end")]
    Expired,
    /// A certificate is not yet valid.
    #[error("a certificate is not yet valid")]
    NotYetValid,
    /// A certificate was not signed by its issuer's key.
    #[error("a certificate is not signed by its issuer")]
    CertificateSignature,
    /// The path breaks another rule of RFC 5280 section 6.
    #[error("the chain breaks a rule of RFC 5280")]
    Path,
    /// The assertion was not signed by the key over this data.
    #[error("the assertion is not the key's over this data")]
    AssertionSignature,
}

impl Error {
    /// The public word.
    #[must_use]
    pub const fn code(&self) -> VerdictCode {
        match self {
            Self::TooLong { .. } | Self::TooDeep { .. } | Self::TooManyMembers { .. } => VerdictCode::Limit,
            Self::Cbor
            | Self::AmbiguousMap
            | Self::TrailingBytes
            | Self::Member { .. }
            | Self::AuthenticatorData
            | Self::Certificate { .. } => VerdictCode::Parse,
            Self::Format | Self::KeyType => VerdictCode::Unsupported,
            Self::ChainLength { .. } | Self::Path => VerdictCode::ChainShape,
            Self::Application | Self::LeafApplication => VerdictCode::Application,
            Self::CounterNotZero { .. } | Self::CounterNotAbove { .. } => VerdictCode::Counter,
            Self::UnknownEnvironment | Self::OtherEnvironment { .. } => VerdictCode::Environment,
            Self::CredentialId | Self::KeyId | Self::CredentialKey => VerdictCode::KeyId,
            Self::Nonce | Self::NonceMissing => VerdictCode::Nonce,
            Self::NameChaining => VerdictCode::NameChaining,
            Self::AnchorUnknown => VerdictCode::AnchorUnknown,
            Self::Expired => VerdictCode::Expired,
            Self::NotYetValid => VerdictCode::NotYetValid,
            Self::CertificateSignature | Self::AssertionSignature => VerdictCode::Signature,
        }
    }
}
