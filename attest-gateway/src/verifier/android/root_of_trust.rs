//! How the phone booted, as its hardware saw it.

use serde::Serialize;

use super::der::{Reader, Tag};
use super::key_description::KeyDescriptionError;

/// What verified boot found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootOfTrust<'a> {
    /// The key that the system image was verified with; zeros where there was none.
    pub key: &'a [u8],
    /// The bootloader is locked.
    pub locked: bool,
    /// Who vouches for the system image.
    pub state: BootState,
    /// A digest over all that was verified; versions 1 and 2 have none.
    pub hash: Option<&'a [u8]>,
}

/// Who vouches for the system image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootState {
    /// The phone's maker.
    Verified,
    /// Whoever installed a key of their own.
    SelfSigned,
    /// Nobody: the bootloader is unlocked.
    Unverified,
    /// Nobody: verification failed.
    Failed,
}

impl<'a> RootOfTrust<'a> {
    pub(super) fn read(value: &mut Reader<'a>) -> Result<Self, KeyDescriptionError> {
        let mut fields = value.nested(Tag::SEQUENCE)?;
        let key = fields.expect(Tag::OCTET_STRING)?;
        let locked = fields.boolean()?;
        let state = match fields.enumerated()? {
            0 => BootState::Verified,
            1 => BootState::SelfSigned,
            2 => BootState::Unverified,
            3 => BootState::Failed,
            value => return Err(KeyDescriptionError::BootState { value }),
        };
        let hash = if fields.is_empty() {
            None
        } else {
            Some(fields.expect(Tag::OCTET_STRING)?)
        };
        fields.finish()?;
        Ok(Self {
            key,
            locked,
            state,
            hash,
        })
    }
}
