//! What an android app asks of the phone: its boot, its patches, and how strictly its certificates are read.

use serde::{Deserialize, Serialize};

use crate::{
    appraisal::{PatchLevel, PlatformClaims},
    policy::{Fault, error::Errors, verify::bounded},
};

/// Which boots are accepted. The app's name and signer in the evidence are the system's word, so they are worth what the boot is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Boot {
    /// What a phone's boot must be to enrol.
    pub require: BootRequire,
    /// Verified-boot keys of further systems that are accepted while the boot loader is locked, as 64 hex digits in lower case:
    /// what the makers of a system publish for each model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// What a phone's boot must be to enrol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BootRequire {
    /// Locked, with the maker's system or one whose key is listed.
    #[default]
    Verified,
    /// Anything: left to rules, by `boot.state` and `boot.locked`. A phone without verified boot may claim to run any app.
    Any,
}

impl Boot {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn verify(&self, path: &str, errors: &mut Errors) {
        bounded(&format!("{path}.keys"), self.keys.len(), MAX_BOOT_KEYS, errors);
        let message = "a verified-boot key is 64 hex digits in lower case";
        super::digests(&self.keys, &format!("{path}.keys"), message, errors);
        if self.require == BootRequire::Any && !self.keys.is_empty() {
            let fault = Fault::Contradiction {
                code: "boot-keys-unused",
                message: "with `require: any` no key is compared",
            };
            errors.push(format_args!("{path}.keys"), fault);
        }
    }
}

/// The oldest accepted security patch levels. A phone that does not state one that is asked for has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PatchMin {
    /// Of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<PatchLevel>,
    /// Of the vendor image. Phones of before Android 9 do not state it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<PatchLevel>,
    /// Of the boot image. Phones of before Android 9 do not state it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<PatchLevel>,
}

impl PatchMin {
    /// True if every level that is asked for is met.
    #[must_use]
    pub fn accepts(&self, claims: &PlatformClaims) -> bool {
        let met = |floor: Option<PatchLevel>, stated: Option<PatchLevel>| floor.is_none() || stated >= floor;
        met(self.os, claims.os_patch)
            && met(self.vendor, claims.vendor_patch)
            && met(self.boot, claims.boot_patch)
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How strictly a phone's certificates are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AndroidReading {
    /// Authorizations that this release does not know: those of newer phones.
    pub unknown_tags: UnknownTags,
    /// Certificates whose issuer is not named as the next one is, though the signature is good: two models of 2018 make them.
    pub name_mismatch: NameMismatch,
}

impl AndroidReading {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of evidence with an authorization that this release does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnknownTags {
    /// It is refused: nobody knows what the phone said.
    #[default]
    Refuse,
    /// It is read without them.
    Skip,
}

/// What becomes of evidence whose certificates do not chain by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NameMismatch {
    /// It is refused, as Google's own verifier does.
    #[default]
    Refuse,
    /// It is accepted if the signatures are good.
    Accept,
}

/// Whether Play Integrity must come with the key's own evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlayIntegrity {
    /// It is verified if it comes.
    #[default]
    Optional,
    /// Nobody enrols without it: phones without Play services are kept out.
    Required,
}

/// A product line has a few dozen models, each with its key.
const MAX_BOOT_KEYS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches() {
        let check = |min: [Option<&str>; 3], stated: [Option<&str>; 3], expect: bool| {
            let [os, vendor, boot] = min.map(|text| text.and_then(PatchLevel::parse));
            let [os_patch, vendor_patch, boot_patch] = stated.map(|text| text.and_then(PatchLevel::parse));
            let claims = PlatformClaims {
                os_patch,
                vendor_patch,
                boot_patch,
                ..PlatformClaims::default()
            };
            assert_eq!(
                PatchMin { os, vendor, boot }.accepts(&claims),
                expect,
                "{min:?} {stated:?}"
            );
        };
        let (old, new) = (Some("2023-12-31"), Some("2024-01-01"));
        check([None, None, None], [None, None, None], true);
        check([new, None, None], [new, None, None], true);
        check([new, None, None], [old, new, new], false);
        check([new, None, None], [None, new, new], false);
        check([None, new, None], [old, new, old], true);
        check([None, new, new], [new, new, old], false);
    }
}
