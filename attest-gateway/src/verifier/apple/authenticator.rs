//! Takes authenticator data apart: app, counter, credential and extensions. Nothing in it is authentic until the nonce or the
//! assertion's signature over it was verified. It is read to its very end, never by a fixed length.

use std::fmt;

use ciborium::Value;
use serde::Serialize;

use super::cbor::{Members, read_first, read_whole};
use super::error::Error;

/// A bundle version longer than this is refused; `CFBundleVersion` has at most 18 characters.
const MAX_VERSION_BYTES: usize = 256;

/// Where a key was attested: Apple keeps two environments apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppleEnvironment {
    /// AAGUID `appattest` and seven zero bytes: TestFlight, App Store and enterprise apps.
    Production,
    /// AAGUID `appattestdevelop`.
    Development,
}

impl AppleEnvironment {
    fn of_aaguid(aaguid: [u8; 16]) -> Option<Self> {
        match &aaguid {
            b"appattest\0\0\0\0\0\0\0" => Some(Self::Production),
            b"appattestdevelop" => Some(Self::Development),
            _ => None,
        }
    }
}

impl fmt::Display for AppleEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Development => "development",
        })
    }
}

/// What iOS 27 and later write behind the rest. `None` is what earlier ones say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExtensionFacts {
    /// How the system validated the app's code: 2 TestFlight, 3 development, 4 App Store, 5 enterprise, and others.
    #[serde(rename = "apple_validation_category_01")]
    pub validation_category: Option<u32>,
    /// The app's `CFBundleVersion`.
    #[serde(rename = "apple_bundle_version_01")]
    pub bundle_version: Option<String>,
}

/// Authenticator data, taken apart.
#[derive(Debug)]
pub(super) struct Authenticator {
    pub(super) rp_id_hash: [u8; 32],
    pub(super) counter: u32,
    pub(super) credential: Option<Credential>,
    pub(super) extensions: ExtensionFacts,
}

/// The attested credential.
#[derive(Debug)]
pub(super) struct Credential {
    aaguid: [u8; 16],
    pub(super) id: Vec<u8>,
    /// The public key, as far as it is there: Apple's list of steps does not ask for it.
    pub(super) key: Option<Members>,
}

impl Credential {
    pub(super) fn environment(&self) -> Result<AppleEnvironment, Error> {
        AppleEnvironment::of_aaguid(self.aaguid).ok_or(Error::UnknownEnvironment)
    }
}

impl Authenticator {
    /// The app among `app_ids` that this is about.
    pub(super) fn application<'a>(&self, app_ids: &[&'a str]) -> Result<&'a str, Error> {
        let named = |app_id: &&&str| attest_core::encoding::sha256(&[app_id.as_bytes()]) == self.rp_id_hash;
        app_ids.iter().find(named).copied().ok_or(Error::Application)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let (rp_id_hash, rest) = split(bytes)?;
        let ([_flags], rest) = split(rest)?;
        let (counter, rest) = split(rest)?;
        // A map is extensions; the first byte of an AAGUID of App Attest is none of a map.
        let (credential, rest) = if rest.is_empty() || starts_map(rest) {
            (None, rest)
        } else {
            let (credential, rest) = credential(rest)?;
            (Some(credential), rest)
        };
        let extensions = if rest.is_empty() {
            ExtensionFacts::default()
        } else {
            extensions(read_whole(rest)?)?
        };
        Ok(Self {
            rp_id_hash,
            counter: u32::from_be_bytes(counter),
            credential,
            extensions,
        })
    }
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Error> {
    bytes
        .split_first_chunk()
        .map(|(first, rest)| (*first, rest))
        .ok_or(Error::AuthenticatorData)
}

/// Whether CBOR major type 5 begins here.
fn starts_map(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| byte >> 5 == 5)
}

fn credential(bytes: &[u8]) -> Result<(Credential, &[u8]), Error> {
    let (aaguid, rest) = split(bytes)?;
    let (length, rest) = split(rest)?;
    let (id, rest) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(length)))
        .ok_or(Error::AuthenticatorData)?;
    let (key, rest) = cose_key(rest)?;
    let credential = Credential {
        aaguid,
        id: id.to_vec(),
        key,
    };
    Ok((credential, rest))
}

/// The COSE key (RFC 9052: label 1 is its type), unless extensions or nothing follow at once.
fn cose_key(bytes: &[u8]) -> Result<(Option<Members>, &[u8]), Error> {
    if bytes.is_empty() {
        return Ok((None, bytes));
    }
    let (value, rest) = read_first(bytes)?;
    let numbered = |(key, _): &(Value, Value)| key.is_integer();
    if value
        .as_map()
        .is_some_and(|members| members.iter().all(|member| !numbered(member)))
    {
        return Ok((None, bytes));
    }
    Ok((Some(Members::of(value, "credential public key")?), rest))
}

/// Apple's samples name them with the prefix and its prose without; others are left alone.
fn extensions(value: Value) -> Result<ExtensionFacts, Error> {
    let mut members = Members::of(value, "extensions")?;
    let mut either = |long: &str, short: &str| members.find(long).or_else(|| members.find(short));
    let category = either("apple_validation_category_01", "validationCategory");
    let version = either("apple_bundle_version_01", "bundleVersion");
    Ok(ExtensionFacts {
        validation_category: category.map(|value| validation_category(&value)).transpose()?,
        bundle_version: version.map(bundle_version).transpose()?,
    })
}

/// Four bytes, the lowest first, as phones write it, or the number that the documentation speaks of.
fn validation_category(value: &Value) -> Result<u32, Error> {
    let bytes = |bytes: &Vec<u8>| bytes.as_slice().try_into().ok().map(u32::from_le_bytes);
    value
        .as_bytes()
        .and_then(bytes)
        .or_else(|| value.as_integer().and_then(|number| number.try_into().ok()))
        .ok_or(Error::Member {
            member: "apple_validation_category_01",
        })
}

fn bundle_version(value: Value) -> Result<String, Error> {
    let member = "apple_bundle_version_01";
    let version = value.into_text().map_err(|_| Error::Member { member })?;
    if version.len() > MAX_VERSION_BYTES {
        return Err(Error::TooLong {
            found: version.len(),
            limit: MAX_VERSION_BYTES,
        });
    }
    Ok(version)
}
