//! Why a signing block cannot be read. Data only; `code()` is stable.

use super::{ReadError, SchemeKind};

/// Why a signing block cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningBlockError {
    /// The file could not be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// There is no end-of-central-directory record, so this is no ZIP archive.
    #[error("no ZIP archive: no end of central directory")]
    NotZip,
    /// The archive is ZIP64, which Android installs no app from.
    #[error("the archive is ZIP64, which no APK is")]
    Zip64,
    /// The central directory is not where its end says.
    #[error("the ZIP central directory does not lie where its end says")]
    CentralDirectory,
    /// There is no signing block: the app is signed by v1 only, or not at all.
    #[error("there is no APK Signing Block: signed by v1 only, or not at all")]
    Absent,
    /// The two sizes of the block differ, or it does not fit before the central directory.
    #[error("the APK Signing Block's sizes do not agree with each other or with the file")]
    BlockSize,
    /// An entry does not fit into the block.
    #[error("entry {index} of the APK Signing Block does not fit into it")]
    EntrySize {
        /// Its position, from 0.
        index: usize,
    },
    /// There are more entries than [`Limits::ENTRIES`](super::Limits::ENTRIES).
    #[error("the APK Signing Block has more entries than are read")]
    TooManyEntries,
    /// A scheme is there twice, so that two readers could read two signers.
    #[error("entry {id:#010x} is in the APK Signing Block twice")]
    Duplicate {
        /// The id.
        id: u32,
    },
    /// A scheme's entry is larger than [`Limits::SCHEME_BYTES`](super::Limits::SCHEME_BYTES).
    #[error("the {} entry has {bytes} bytes, more than are read", scheme.as_str())]
    TooLarge {
        /// The scheme.
        scheme: SchemeKind,
        /// The bytes that it claims.
        bytes: u64,
    },
    /// A structure ends before its parts do.
    #[error("the {} entry breaks off in its {part}", scheme.as_str())]
    Truncated {
        /// The scheme.
        scheme: SchemeKind,
        /// Where.
        part: &'static str,
    },
    /// There are more parts of a kind than [`Limits`](super::Limits) allows.
    #[error("the {} entry has more {part} than are read", scheme.as_str())]
    TooMany {
        /// The scheme.
        scheme: SchemeKind,
        /// Of what.
        part: &'static str,
    },
    /// What has to be there at least once is not.
    #[error("the {} entry has no {part}", scheme.as_str())]
    Missing {
        /// The scheme.
        scheme: SchemeKind,
        /// What.
        part: &'static str,
    },
    /// The signed range of Android versions is not the unsigned one.
    #[error("the {} entry has two ranges of Android versions that differ", scheme.as_str())]
    SdkRange {
        /// The scheme.
        scheme: SchemeKind,
    },
    /// The lineage is there twice, names a certificate twice, or does not end at the signer.
    #[error("the {} entry's lineage does not lead to its signer", scheme.as_str())]
    Lineage {
        /// The scheme.
        scheme: SchemeKind,
    },
}

impl SigningBlockError {
    /// The stable word for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::NotZip => "not-zip",
            Self::Zip64 => "zip64",
            Self::CentralDirectory => "central-directory",
            Self::Absent => "signing-block-absent",
            Self::BlockSize => "signing-block-size",
            Self::EntrySize { .. } => "signing-block-entry-size",
            Self::TooManyEntries => "signing-block-entries",
            Self::Duplicate { .. } => "signing-block-duplicate",
            Self::TooLarge { .. } => "signing-block-too-large",
            Self::Truncated { .. } => "signing-block-truncated",
            Self::TooMany { .. } => "signing-block-too-many",
            Self::Missing { .. } => "signing-block-missing",
            Self::SdkRange { .. } => "signing-block-sdk-range",
            Self::Lineage { .. } => "signing-block-lineage",
        }
    }
}
