//! Why bytes of a binary format were not read. Data only; `code()` is stable.

/// Why bytes of a binary format were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The bytes do not begin with what marks the format.
    #[error("the bytes are of another format")]
    OtherFormat,
    /// A variant of the format that no phone has, or that is not read.
    #[error("the bytes are of a variant of the format that is not read")]
    Variant,
    /// A structure does not fit into the bytes.
    #[error("the bytes end within a structure")]
    Short,
    /// Two statements of the bytes contradict each other, or one contradicts the format.
    #[error("the bytes contradict themselves or their format")]
    Contradiction,
    /// More is claimed or nested than is read.
    #[error("there is more than is read")]
    Bound,
    /// The file could not be read at a place within its length.
    #[error("the file could not be read")]
    Unreadable,
}

impl ParseError {
    /// The stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherFormat => "other-format",
            Self::Variant => "variant",
            Self::Short => "short",
            Self::Contradiction => "contradiction",
            Self::Bound => "bound",
            Self::Unreadable => "unreadable",
        }
    }
}
