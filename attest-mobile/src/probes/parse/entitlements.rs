//! The embedded code signature of a Mach-O file: who signed it as what, and with which entitlements.
//!
//! Says what the signature states; verifies none of it. Entitlements are there twice, as XML and as DER: the two are read apart,
//! because which of them counts depends on the system's version.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::bytes::{be32, part, place, sum, until_nul};
use super::plist::{self, Value};
use super::{ParseError, lines};

/// Bytes of a signature: a hash per page of the program.
pub const MAX_BYTES: usize = 1 << 26;
/// Parts of a signature.
pub const MAX_PARTS: u32 = 64;
/// Entitlements that are read; apps have some ten.
pub const MAX_ENTITLEMENTS: usize = 1 << 10;
/// Bytes of an identifier.
pub const MAX_IDENTIFIER_BYTES: usize = 1 << 10;

const SUPER_BLOB: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
const XML: u32 = 0xfade_7171;
const DER: u32 = 0xfade_7172;
const HEAD_BYTES: usize = 8;
/// The first version of a code directory that names a team.
const VERSION_WITH_TEAM: u32 = 0x2_0200;

/// What a signature states.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature<'a> {
    /// The identifier, for an app its bundle's.
    pub identifier: Option<Cow<'a, str>>,
    /// The team: the fact `id.team`.
    pub team: Option<Cow<'a, str>>,
    /// The names of the entitlements in XML; `None` without that part.
    pub xml: Option<BTreeSet<String>>,
    /// The names of the entitlements in DER; `None` without that part.
    pub der: Option<BTreeSet<String>>,
}

impl Signature<'_> {
    /// The fact `macho.entitlements`: the names in either form.
    pub fn entitlements(&self) -> BTreeSet<&str> {
        let names = [&self.xml, &self.der].into_iter().flatten().flatten();
        names.map(String::as_str).collect()
    }
}

/// What a signature states. `bytes` is the part of the file that [`super::macho::Image::signature`] places.
///
/// # Errors
/// `OtherFormat`, `Short`, `Bound`; `Contradiction` for entitlements that do not have their form.
pub fn signature(bytes: &[u8]) -> Result<Signature<'_>, ParseError> {
    if bytes.len() > MAX_BYTES {
        return Err(ParseError::Bound);
    }
    if be32(bytes, 0)? != SUPER_BLOB {
        return Err(ParseError::OtherFormat);
    }
    let count = be32(bytes, 8)?;
    if count > MAX_PARTS {
        return Err(ParseError::Bound);
    }
    let mut signature = Signature::default();
    for index in 0..place(count)? {
        // A slot's number, then its place.
        let at = place(be32(bytes, sum(16, index.saturating_mul(8))?)?)?;
        let length = place(be32(bytes, sum(at, 4)?)?)?;
        let blob = part(bytes, at, length)?;
        let content = || blob.get(HEAD_BYTES..).ok_or(ParseError::Contradiction);
        match be32(blob, 0)? {
            // The others, of other hashes, say the same.
            CODE_DIRECTORY if signature.identifier.is_none() => signature.directory(blob)?,
            XML if signature.xml.is_none() => signature.xml = Some(xml_names(content()?)?),
            DER if signature.der.is_none() => signature.der = Some(der_names(content()?)?),
            XML | DER => return Err(ParseError::Contradiction),
            _ => {}
        }
    }
    Ok(signature)
}

impl<'a> Signature<'a> {
    fn directory(&mut self, blob: &'a [u8]) -> Result<(), ParseError> {
        let text = |at| until_nul(blob, at, MAX_IDENTIFIER_BYTES).map(lines::lossy);
        self.identifier = Some(text(place(be32(blob, 20)?)?)?);
        if be32(blob, 8)? >= VERSION_WITH_TEAM {
            let at = place(be32(blob, 48)?)?;
            self.team = (at != 0).then(|| text(at)).transpose()?;
        }
        Ok(())
    }
}

fn xml_names(text: &[u8]) -> Result<BTreeSet<String>, ParseError> {
    let Value::Dictionary(entitlements) = plist::plist(text)? else {
        return Err(ParseError::Contradiction);
    };
    if entitlements.len() > MAX_ENTITLEMENTS {
        return Err(ParseError::Bound);
    }
    Ok(entitlements.into_keys().collect())
}

/// `[APPLICATION 16] { INTEGER 1, [16] { SEQUENCE { UTF8String name, value } … } }`
fn der_names(bytes: &[u8]) -> Result<BTreeSet<String>, ParseError> {
    const INTEGER_ONE: &[u8] = &[2, 1, 1];
    let (outer, _) = element(bytes, 0x70)?;
    let rest = outer.strip_prefix(INTEGER_ONE).ok_or(ParseError::Contradiction)?;
    let (mut entries, _) = element(rest, 0xb0)?;
    let mut names = BTreeSet::new();
    while !entries.is_empty() {
        if names.len() == MAX_ENTITLEMENTS {
            return Err(ParseError::Bound);
        }
        let (entry, behind) = element(entries, 0x30)?;
        let (name, _) = element(entry, 0x0c)?;
        let name = std::str::from_utf8(name).map_err(|_| ParseError::Contradiction)?;
        if !names.insert(name.to_owned()) {
            return Err(ParseError::Contradiction);
        }
        entries = behind;
    }
    Ok(names)
}

/// The content of the element of this tag, and what is behind it.
fn element(bytes: &[u8], tag: u8) -> Result<(&[u8], &[u8]), ParseError> {
    let (head, rest) = bytes.split_first_chunk::<2>().ok_or(ParseError::Short)?;
    let [found, first] = *head;
    if found != tag {
        return Err(ParseError::Contradiction);
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest
                .split_at_checked(usize::from(first & 0x7f))
                .ok_or(ParseError::Short)?;
            let length = digits
                .iter()
                .fold(0_u64, |sum, digit| sum << 8 | u64::from(*digit));
            (place(length)?, rest)
        }
        _ => return Err(ParseError::Variant),
    };
    rest.split_at_checked(length).ok_or(ParseError::Short)
}
