//! Little-endian numbers and length-prefixed parts; never past the end.

/// What is left of a structure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    /// The bytes behind a 32-bit length.
    pub(super) fn prefixed(&mut self) -> Option<&'a [u8]> {
        let mut after = *self;
        let length = usize::try_from(after.u32()?).ok()?;
        let (part, rest) = after.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }
}
