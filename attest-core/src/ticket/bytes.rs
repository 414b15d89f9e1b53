//! Bytes of fixed order: big-endian integers, texts and lists with one-byte lengths. Reading never panics and never reads past
//! the end.

use super::TicketError;

/// Bytes being written.
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), TicketError> {
        self.0
            .push(u8::try_from(text.len()).map_err(|_| TicketError::TooLarge)?);
        self.bytes(text.as_bytes());
        Ok(())
    }

    pub(super) fn texts(&mut self, texts: &[String]) -> Result<(), TicketError> {
        self.0
            .push(u8::try_from(texts.len()).map_err(|_| TicketError::TooLarge)?);
        texts.iter().try_for_each(|text| self.text(text))
    }
}

/// Bytes not read yet.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], TicketError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(TicketError::Malformed)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, TicketError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, TicketError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, TicketError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn text(&mut self) -> Result<String, TicketError> {
        self.str().map(str::to_owned)
    }

    pub(super) fn str(&mut self) -> Result<&'a str, TicketError> {
        let len = self.byte()?;
        self.str_of(usize::from(len))
    }

    pub(super) fn str_of(&mut self, len: usize) -> Result<&'a str, TicketError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(TicketError::Malformed)?;
        self.0 = rest;
        std::str::from_utf8(head).map_err(|_| TicketError::Malformed)
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>, TicketError> {
        let count = self.byte()?;
        (0..count).map(|_| self.text()).collect()
    }
}
