//! One of the two lists of a KeyDescription: what the operating system, or the hardware, vouches for.
//!
//! Tags may come in any order, each once. What is not reported is skipped unread; what is unknown is told by its number.

use std::collections::BTreeSet;

use super::application_id::ApplicationId;
use super::der::{Reader, Tag};
use super::key_description::KeyDescriptionError;
use super::root_of_trust::RootOfTrust;

/// The authorizations that are looked at. Numbers are those of KeyMint's `Tag.aidl` and of the enumerations beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizationList<'a> {
    /// Tag 1: what the key may do.
    pub purposes: Vec<u32>,
    /// Tag 2: RSA 1, EC 3, ML-DSA 4.
    pub algorithm: Option<u32>,
    /// Tag 5: the digests that it signs with.
    pub digests: Vec<u32>,
    /// Tag 10: the curve.
    pub ec_curve: Option<u32>,
    /// Tag 11: the parameter set of ML-DSA.
    pub mldsa_variant: Option<u32>,
    /// Tag 600: every app may use it.
    pub all_applications: bool,
    /// Tag 702: how the key came to be.
    pub origin: Option<u32>,
    /// Tag 704: how the phone booted.
    pub root_of_trust: Option<RootOfTrust<'a>>,
    /// Tag 705: the system's version, like 140000.
    pub os_version: Option<u32>,
    /// Tag 706: the system's patch level.
    pub os_patch: Option<u32>,
    /// Tag 709: the app that asked for the key.
    pub application_id: Option<ApplicationId<'a>>,
    /// Tag 718: the patch level of the vendor's part.
    pub vendor_patch: Option<u32>,
    /// Tag 719: the patch level of what boots.
    pub boot_patch: Option<u32>,
    /// Tag 724: a digest over the system's modules.
    pub module_hash: Option<&'a [u8]>,
    /// Tags that this release does not know, ascending.
    pub unknown_tags: Vec<u32>,
}

impl<'a> AuthorizationList<'a> {
    pub(super) fn read(mut elements: Reader<'a>) -> Result<Self, KeyDescriptionError> {
        let mut list = Self::default();
        let mut seen = BTreeSet::new();
        while !elements.is_empty() {
            let element = elements.element()?;
            let tag = element.tag.explicit().ok_or(KeyDescriptionError::Untagged)?;
            if !seen.insert(tag) {
                return Err(KeyDescriptionError::Repeated { tag });
            }
            list.take(tag, Reader::new(element.content))?;
        }
        list.unknown_tags = seen.into_iter().filter(|tag| !is_known(*tag)).collect();
        Ok(list)
    }

    fn take(&mut self, tag: u32, mut value: Reader<'a>) -> Result<(), KeyDescriptionError> {
        match tag {
            1 => self.purposes = numbers(&mut value)?,
            2 => self.algorithm = Some(value.integer_u32()?),
            5 => self.digests = numbers(&mut value)?,
            10 => self.ec_curve = Some(value.integer_u32()?),
            11 => self.mldsa_variant = Some(value.integer_u32()?),
            600 => {
                self.all_applications = true;
                return Ok(());
            }
            702 => self.origin = Some(value.integer_u32()?),
            704 => self.root_of_trust = Some(RootOfTrust::read(&mut value)?),
            705 => self.os_version = Some(value.integer_u32()?),
            706 => self.os_patch = Some(value.integer_u32()?),
            709 => self.application_id = Some(ApplicationId::read(value.expect(Tag::OCTET_STRING)?)?),
            718 => self.vendor_patch = Some(value.integer_u32()?),
            719 => self.boot_patch = Some(value.integer_u32()?),
            724 => self.module_hash = Some(value.expect(Tag::OCTET_STRING)?),
            _ => return Ok(()),
        }
        Ok(value.finish()?)
    }
}

/// A SET OF INTEGER in whatever order it comes.
fn numbers(value: &mut Reader<'_>) -> Result<Vec<u32>, KeyDescriptionError> {
    let mut set = value.nested(Tag::SET)?;
    let mut numbers = Vec::new();
    while !set.is_empty() {
        numbers.push(set.integer_u32()?);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// Whether KeyMint's `Tag.aidl` or an older Keymaster has the tag.
const fn is_known(tag: u32) -> bool {
    matches!(
        tag,
        1..=11 | 200..=203 | 301..=305 | 400..=405 | 500..=509 | 600..=601 | 700..=706 | 708..=724
    )
}
