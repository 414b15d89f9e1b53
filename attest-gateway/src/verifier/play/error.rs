//! Every reason for which a Play Integrity token is refused, as data, each with the public word that it is reported by.

use attest_core::jose::JwsError;

use crate::verifier::VerdictCode;

/// Why a token was refused.
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
    /// Not five parts with four dots.
    #[error("not the five parts of a compact JWE")]
    Shape,
    /// A part is not canonical base64url, or not as long as its algorithm makes it.
    #[error("a part of the JWE is not base64url of its algorithm's length")]
    Part,
    /// The header is not a JSON object with `alg` and `enc`, or repeats a member.
    #[error("the JWE's header cannot be read")]
    Header,
    /// `alg` is not `A256KW`.
    #[error("`alg` is not A256KW")]
    KeyAlgorithm,
    /// `enc` is not `A256GCM`.
    #[error("`enc` is not A256GCM")]
    Encryption,
    /// `zip` or `crit` is present.
    #[error("`zip` or `crit` is present")]
    Extension,
    /// The content key was wrapped by another key.
    #[error("the content key does not unwrap with the decryption key")]
    KeyUnwrap,
    /// The content is not what was encrypted.
    #[error("the content does not decrypt")]
    Decryption,
    /// The inner JWS was refused.
    #[error("inner JWS: {0}")]
    Inner(#[from] JwsError),
    /// The payload is not JSON of the expected types, or repeats a member.
    #[error("the payload cannot be read")]
    Payload,
    /// A member without which nothing can be said is absent.
    #[error("`{member}` is absent")]
    Member {
        /// The member.
        member: &'static str,
    },
    /// A member is not of the form that it has.
    #[error("`{member}` is not of its form")]
    MemberForm {
        /// The member.
        member: &'static str,
    },
    /// A text or list is longer than any real one.
    #[error("`{member}` is longer than is read")]
    MemberTooLong {
        /// The member.
        member: &'static str,
    },
    /// Another package asked for the token.
    #[error("asked for by another package")]
    Package,
    /// The token is for another request.
    #[error("for another request hash, or for none")]
    RequestHash,
    /// The token is for another nonce.
    #[error("for another nonce, or for none")]
    Nonce,
    /// The token is from the future.
    #[error("from the future")]
    FromFuture,
    /// The token is older than is accepted.
    #[error("older than is accepted")]
    TooOld,
}

impl Error {
    /// The public word.
    #[must_use]
    pub const fn code(&self) -> VerdictCode {
        match self {
            Self::TooLong { .. } | Self::MemberTooLong { .. } => VerdictCode::Limit,
            Self::Shape
            | Self::Part
            | Self::Header
            | Self::Payload
            | Self::Member { .. }
            | Self::MemberForm { .. } => VerdictCode::Parse,
            Self::KeyAlgorithm | Self::Encryption | Self::Extension => VerdictCode::Unsupported,
            Self::KeyUnwrap | Self::Decryption => VerdictCode::Signature,
            Self::Inner(reason) => inner(*reason),
            Self::Package => VerdictCode::Application,
            Self::RequestHash | Self::Nonce => VerdictCode::Nonce,
            Self::FromFuture => VerdictCode::NotYetValid,
            Self::TooOld => VerdictCode::Expired,
        }
    }
}

/// What cannot be read is `parse`, which is also what a reason that is new there falls under.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "over the open set, the last arm can only refuse"
)]
const fn inner(reason: JwsError) -> VerdictCode {
    match reason {
        JwsError::Alg | JwsError::Crit | JwsError::EmbeddedKey => VerdictCode::Unsupported,
        JwsError::Signature => VerdictCode::Signature,
        JwsError::TooLarge => VerdictCode::Limit,
        _ => VerdictCode::Parse,
    }
}
