//! What can be wrong with a repository, a key or metadata that is read or made here. Nothing half-made is returned beside it.

use std::{io, path::PathBuf};

/// Why a repository, a key or metadata could not be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The source of randomness, or the signing itself, failed.
    #[error("the source of randomness failed")]
    Random,
    /// No private key of a kind that is used here.
    #[error("expected one PKCS #8 private key, Ed25519 or P-256")]
    Key,
    /// No JSON, or not what such metadata has.
    #[error("{what} cannot be read: {reason}")]
    Malformed {
        /// The file or role.
        what: String,
        /// Where and why.
        reason: String,
    },
    /// A number with a fraction, which has no canonical form.
    #[error("{what} holds a number with a fraction, which cannot be signed")]
    Fraction {
        /// The role.
        what: String,
    },
    /// A time that metadata cannot have.
    #[error("expiry {0} is beyond the year 9999")]
    Expiry(u64),
    /// A name that would not be a file of the repository.
    #[error("`{0}` cannot be the name of a file in a repository")]
    Name(String),
    /// A file that the repository names and does not have.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    /// Larger than any client reads.
    #[error("{} has more than {max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
    /// A target that no role describes, or whose content is not the one described.
    #[error("target `{0}` is not the one that a role of this repository describes")]
    Target(String),
    /// It could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RepositoryError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Random => "repository-random",
            Self::Key => "repository-key",
            Self::Malformed { .. } => "repository-malformed",
            Self::Fraction { .. } => "repository-fraction",
            Self::Expiry(_) => "repository-expiry",
            Self::Name(_) => "repository-name",
            Self::Missing(_) => "repository-missing",
            Self::TooLarge { .. } => "repository-too-large",
            Self::Target(_) => "repository-target",
            Self::File { .. } => "repository-file",
        }
    }
}
