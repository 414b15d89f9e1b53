//! Which app asked for the key, as the operating system says: its packages and who signed them.
//!
//! The hardware signs these bytes without knowing what they mean. They are as true as the system that booted.

use super::der::{Reader, Tag};
use super::key_description::KeyDescriptionError;

/// The packages that share the app's user id, and the signers of the app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplicationId<'a> {
    /// The packages: more than one where apps share a user id.
    pub packages: Vec<Package<'a>>,
    /// SHA-256 digests of the signing certificates, as long as they say. Some phones have none.
    pub signers: Vec<&'a [u8]>,
}

/// One package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version code.
    pub version: u64,
}

impl<'a> ApplicationId<'a> {
    pub(super) fn read(encoding: &'a [u8]) -> Result<Self, KeyDescriptionError> {
        let mut outer = Reader::new(encoding);
        let mut fields = outer.nested(Tag::SEQUENCE)?;
        outer.finish()?;
        let mut id = Self::default();
        let mut packages = fields.nested(Tag::SET)?;
        while !packages.is_empty() {
            let mut package = packages.nested(Tag::SEQUENCE)?;
            let name = package.expect(Tag::OCTET_STRING)?;
            let name = std::str::from_utf8(name).map_err(|_| KeyDescriptionError::PackageName)?;
            let version = package.integer()?;
            package.finish()?;
            id.packages.push(Package { name, version });
        }
        let mut signers = fields.nested(Tag::SET)?;
        while !signers.is_empty() {
            id.signers.push(signers.expect(Tag::OCTET_STRING)?);
        }
        fields.finish()?;
        Ok(id)
    }
}
