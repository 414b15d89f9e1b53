//! What the caller asks of an attestation beyond that it is true.

use super::certificate::Certificate;
use super::error::{Error, PatchedPart};
use super::facts::{Boot, Patch};
use super::key_description::{ApplicationId, BootState, KeyDescription, SecurityLevel};
use super::patch_level::PatchLevel;
use super::provisioning::Provisioning;
use super::public_key::KeyAlgorithm;

/// What an attestation must agree with. By default nothing: every true attestation is accepted, whatever it says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parameters<'a> {
    /// The challenge that it answers. Else `challenge`.
    pub challenge: Option<&'a [u8]>,
    /// A package that the operating system names as the caller; others may share its user id. Else `application`.
    ///
    /// # Security
    ///
    /// The operating system says this, not the hardware: believe it only together with [`Self::require_verified_boot`], or
    /// after a look at [`Boot::accepted`].
    pub package: Option<&'a str>,
    /// SHA-256 digests of signing certificates: each attested one is among them, and there is one. An empty set never matches.
    /// Else `signer`. As trustworthy as [`Self::package`].
    pub signers: Option<&'a [[u8; 32]]>,
    /// The uncompressed point of the device key: the attested key is this one, made by EC P-256, may sign with SHA-256 and do
    /// nothing else but verify, and is not open to every app. Else `key-use`.
    pub device_key: Option<&'a [u8; 65]>,
    /// The lowest level at which the key may live. Else `software-level`.
    pub level_min: Option<SecurityLevel>,
    /// The bootloader is locked, and the phone's maker, or a key of [`Self::boot_keys`], vouches for the system. Else `boot-state`.
    pub require_verified_boot: bool,
    /// Keys of other systems that count as verified while the bootloader is locked.
    pub boot_keys: &'a [[u8; 32]],
    /// The oldest patches accepted; a part that does not tell its own is refused. Else `patch-level`.
    pub patch_min: PatchFloors,
    /// Skip tags that this release does not know. Else `unsupported`.
    pub unknown_tags: bool,
    /// Accept chains whose names do not match while all signatures verify: two models of phones have them. Else `name-chaining`.
    pub name_mismatch: bool,
    /// For development: accept chains of three certificates and keys in software. Their roots must be among the anchors.
    pub software_chains: bool,
}

/// The oldest patches accepted, part by part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PatchFloors {
    /// Of the operating system.
    pub os: Option<PatchLevel>,
    /// Of the vendor's part.
    pub vendor: Option<PatchLevel>,
    /// Of what boots.
    pub boot: Option<PatchLevel>,
}

impl Parameters<'_> {
    /// What Google's verifier demands of every attestation.
    pub(super) fn vouched_by_hardware(
        &self,
        attested: &KeyDescription<'_>,
        provisioning: Provisioning,
    ) -> Result<(), Error> {
        let unknown = [&attested.software, &attested.hardware]
            .into_iter()
            .flat_map(|list| &list.unknown_tags)
            .next();
        if let Some(tag) = unknown.filter(|_| !self.unknown_tags) {
            return Err(Error::TagUnknown { tag: *tag });
        }
        let (attestation, keymint) = (attested.attestation_level, attested.keymint_level);
        let software = provisioning == Provisioning::Software;
        if !software && (attestation != keymint || attestation == SecurityLevel::Software) {
            return Err(Error::LevelNotHardware { attestation, keymint });
        }
        let origin = attested
            .hardware
            .origin
            .or(attested.software.origin.filter(|_| software));
        if origin != Some(ORIGIN_GENERATED) {
            return Err(Error::NotGenerated);
        }
        if attested.hardware.root_of_trust.is_none() && !software {
            return Err(Error::RootOfTrustAbsent);
        }
        Ok(())
    }

    /// What this caller demands.
    pub(super) fn met_by(
        &self,
        attested: &KeyDescription<'_>,
        leaf: &Certificate<'_>,
        boot: Option<&Boot>,
        patch: &Patch,
    ) -> Result<(), Error> {
        if self
            .challenge
            .is_some_and(|challenge| challenge != attested.challenge)
        {
            return Err(Error::OtherChallenge);
        }
        self.application(attested.software.application_id.as_ref())?;
        if self.require_verified_boot && !boot.is_some_and(|boot| boot.accepted) {
            let (state, locked) = (boot.map(|boot| boot.state), boot.map(|boot| boot.locked));
            return Err(Error::BootNotAccepted { state, locked });
        }
        self.patches(patch)?;
        let level = attested.attestation_level.min(attested.keymint_level);
        if self.level_min.is_some_and(|min| level < min) {
            return Err(Error::LevelTooLow { level });
        }
        self.device_key
            .map_or(Ok(()), |point| device_key(point, attested, leaf))
    }

    /// Whether a boot is as good as the maker's own.
    pub(super) fn accepts_boot(&self, locked: bool, state: BootState, key: &[u8]) -> bool {
        let vouched = match state {
            BootState::Verified => true,
            BootState::SelfSigned => self.boot_keys.iter().any(|accepted| accepted == key),
            BootState::Unverified | BootState::Failed => false,
        };
        locked && vouched
    }

    fn application(&self, attested: Option<&ApplicationId<'_>>) -> Result<(), Error> {
        if let Some(name) = self.package
            && !attested.is_some_and(|id| id.packages.iter().any(|package| package.name == name))
        {
            return Err(Error::OtherApplication);
        }
        if let Some(accepted) = self.signers {
            let signers = attested.map(|id| id.signers.as_slice()).unwrap_or_default();
            let known = |signer: &&[u8]| accepted.iter().any(|accepted| accepted == signer);
            if signers.is_empty() || !signers.iter().all(known) {
                return Err(Error::OtherSigner);
            }
        }
        Ok(())
    }

    fn patches(&self, patch: &Patch) -> Result<(), Error> {
        let floors = self.patch_min;
        let parts = [
            (PatchedPart::Os, floors.os, patch.os),
            (PatchedPart::Vendor, floors.vendor, patch.vendor),
            (PatchedPart::Boot, floors.boot, patch.boot),
        ];
        for (part, floor, level) in parts {
            if floor.is_some_and(|floor| !level.is_some_and(|level| level.reaches(floor))) {
                return Err(Error::PatchTooOld { part });
            }
        }
        Ok(())
    }
}

/// A key that could attest others, or that every app may use, must never become a device key.
fn device_key(point: &[u8; 65], attested: &KeyDescription<'_>, leaf: &Certificate<'_>) -> Result<(), Error> {
    let lists = [&attested.hardware, &attested.software];
    if leaf.key_algorithm() != KeyAlgorithm::EcP256 || attested.hardware.algorithm != Some(ALGORITHM_EC) {
        return Err(Error::OtherAlgorithm);
    }
    if leaf.p256_point().as_ref() != Some(point) {
        return Err(Error::OtherKey);
    }
    let others = lists
        .iter()
        .flat_map(|list| &list.purposes)
        .any(|purpose| ![PURPOSE_SIGN, PURPOSE_VERIFY].contains(purpose));
    if others || !attested.hardware.purposes.contains(&PURPOSE_SIGN) {
        return Err(Error::OtherPurpose);
    }
    if lists.iter().any(|list| list.all_applications) {
        return Err(Error::AllApplications);
    }
    // Before version 2 the curve was told by the key's size alone.
    if attested
        .hardware
        .ec_curve
        .is_some_and(|curve| curve != CURVE_P256)
        || !attested.hardware.digests.contains(&DIGEST_SHA256)
    {
        return Err(Error::OtherAlgorithm);
    }
    Ok(())
}

const ORIGIN_GENERATED: u32 = 0;
const ALGORITHM_EC: u32 = 3;
const PURPOSE_SIGN: u32 = 2;
const PURPOSE_VERIFY: u32 = 3;
const CURVE_P256: u32 = 1;
const DIGEST_SHA256: u32 = 4;
