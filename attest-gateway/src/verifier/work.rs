//! What verifying one piece of evidence has cost. It never decides; tests hold it against bounds.

/// The work that one verification has done so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Bytes handed to a parser, each time one of them was.
    pub bytes: usize,
    /// Signatures verified, good or bad.
    pub signatures: usize,
}

impl Work {
    /// Counts what a parser is about to look at.
    pub(super) const fn read(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len());
    }

    /// Counts signatures that are or were verified.
    pub(super) const fn verified(&mut self, signatures: usize) {
        self.signatures = self.signatures.saturating_add(signatures);
    }
}
