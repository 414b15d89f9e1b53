//! Android Key Attestation: that a key lives in a phone's hardware, which phone's maker vouches for it, and what booted.
//!
//! The semantics are those of Google's own verifier (android/keyattestation), which are not RFC 5280's. Whatever is presented, the
//! work is bounded: lengths are looked at before anything is parsed, at most six certificates of 8 KiB are, and at most four
//! signatures are checked. Nothing recurses into what a stranger nested.
//!
//! What refuses, in this order, with its code:
//!
//! 1. more than 6 certificates or one of more than 8 KiB: `limit`; fewer than 3: `chain-shape`; one that cannot be read: `parse`.
//! 2. the last one is not self-issued (phones send the root, and without it nothing says where the chain ends): `chain-shape`;
//!    its key is not pinned: `anchor-unknown`. The certificate itself is discarded: neither its times nor its signature count.
//! 3. an issuer with a KeyDescription: `key-description-misplaced`.
//! 4. not 4 certificates from a factory or 5 from remote provisioning, or of neither kind: `chain-shape`.
//! 5. from the root down: another issuer's name (`name-chaining`), an algorithm that no issuer uses (`unsupported`), a forged
//!    signature (`signature`), an issuer from the future (`not-yet-valid`) or, unless from a factory, past its end (`expired`).
//! 6. a serial on the list: `revoked`; a list that is too old: `revocation-stale`.
//! 7. the leaf has no KeyDescription: `key-description-missing`, or `unsupported` if it has the one that is an EAT; one that
//!    cannot be read: `parse`; one with unknown tags: `unsupported`.
//! 8. key and attestation not of one hardware level: `software-level`; not generated there, or no root of trust: `origin`.
//! 9. what the caller asks for: see [`Parameters`].

mod application_id;
mod authorization_list;
mod calendar;
mod certificate;
mod chain;
mod der;
mod error;
mod facts;
mod hex;
pub mod key_description;
mod parameters;
mod patch_level;
mod provisioning;
mod public_key;
mod root_of_trust;
#[cfg(test)]
pub(crate) mod tests;

pub use self::error::{Error, PatchedPart};
pub use self::facts::{AttestedPackage, Boot, ChainLink, Facts, Patch, Vouching};
pub use self::key_description::SecurityLevel;
pub use self::parameters::{Parameters, PatchFloors};
pub use self::patch_level::{PatchLevel, PatchLevelError};
pub use self::provisioning::{Provisioning, ProvisioningRecord};
pub use self::public_key::KeyAlgorithm;

use self::chain::Chain;
use super::Work;
use super::anchors::Anchors;
use super::revocation::Revocations;

/// What a chain of certificates in DER, leaf first and root last, attests: proven by signatures up to one of the anchors, and
/// in agreement with the parameters.
///
/// # Errors
///
/// [`Error`]; see the module for which rules there are and in which order they are applied.
///
/// # Security
///
/// Accepting means that the key lives where the facts say, and that the caller's parameters hold. It does not mean that the
/// phone is one to accept: an unlocked phone attests as truly as any. Without `revocations`, leaked keys pass.
pub fn verify(
    chain: &[&[u8]],
    parameters: &Parameters<'_>,
    anchors: &Anchors,
    revocations: Option<Revocations<'_>>,
    now_s: u64,
) -> Result<Facts, Error> {
    verify_counted(
        chain,
        parameters,
        anchors,
        revocations,
        now_s,
        &mut Work::default(),
    )
}

/// The same as [`verify`], and counts what it cost, refused or not.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_counted(
    chain: &[&[u8]],
    parameters: &Parameters<'_>,
    anchors: &Anchors,
    revocations: Option<Revocations<'_>>,
    now_s: u64,
    work: &mut Work,
) -> Result<Facts, Error> {
    let chain = Chain::verify(chain, parameters, anchors, revocations, now_s, work)?;
    let vouching = chain.issuers.first().ok_or(Error::RootAbsent)?;
    let Some(extension) = chain.leaf.extension(certificate::KEY_DESCRIPTION)? else {
        let eat = chain.leaf.extension(certificate::KEY_DESCRIPTION_EAT)?;
        return Err(eat.map_or(Error::KeyDescriptionMissing, |_| Error::EatUnsupported));
    };
    work.read(extension);
    let attested = key_description::parse(extension)?;
    parameters.vouched_by_hardware(&attested, chain.provisioning)?;
    let boot = attested
        .hardware
        .root_of_trust
        .as_ref()
        .map(|found| Boot::new(found, parameters));
    let patch = Patch::new(&attested.hardware);
    parameters.met_by(&attested, &chain.leaf, boot.as_ref(), &patch)?;
    Ok(Facts::new(&chain, vouching, &attested, boot, patch))
}
