//! What a verification cost, in numbers that do not depend on the machine.

/// Counted while verifying. Both are bounded whatever is presented: six certificates of 8 KiB, one extension, four signatures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes given to a parser.
    pub bytes_parsed: usize,
    /// Signatures that were verified or found forged.
    pub signatures_checked: usize,
}
