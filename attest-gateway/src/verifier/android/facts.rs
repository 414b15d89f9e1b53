//! What a true attestation says, owned and ready to be shown or appraised.
//!
//! Identifiers of hardware and the unique id are not here, because nothing reads them.

use std::borrow::Cow;

use serde::Serialize;

use super::certificate::Certificate;
use super::chain::Chain;
use super::hex;
use super::key_description::{AuthorizationList, BootState, KeyDescription, RootOfTrust, SecurityLevel};
use super::parameters::Parameters;
use super::patch_level::PatchLevel;
use super::provisioning::{Provisioning, ProvisioningRecord};
use super::public_key::KeyAlgorithm;
use crate::verifier::hexadecimal;

/// What a true attestation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Facts {
    /// The version of the KeyDescription.
    pub attestation_version: u32,
    /// The version of the key store.
    pub keymint_version: u32,
    /// Where the attestation was made.
    pub attestation_level: SecurityLevel,
    /// Where the key lives, or where it was attested if that is weaker.
    pub key_level: SecurityLevel,
    /// How the phone got the keys that vouch for the attestation.
    pub provisioning: Provisioning,
    /// What remote provisioning says about the phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning_info: Option<ProvisioningRecord>,
    /// The root's key.
    #[serde(serialize_with = "hexadecimal::serialize")]
    pub root_spki_sha256: [u8; 32],
    /// The certificates from the leaf up, without the root.
    pub chain: Vec<ChainLink>,
    /// The certificate that issued the leaf: the phone's own, or its batch's.
    pub vouching: Vouching,
    /// Certificates that name another issuer than the next one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub misnamed: Vec<usize>,
    /// What the attestation answers.
    #[serde(serialize_with = "hexadecimal::serialize")]
    pub challenge: Vec<u8>,
    /// The packages of the app that asked for the key, as the operating system says.
    pub packages: Vec<AttestedPackage>,
    /// SHA-256 digests of the certificates that signed the app, as the operating system says.
    #[serde(serialize_with = "hex::each")]
    pub signers: Vec<Vec<u8>>,
    /// How the key came to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Cow<'static, str>>,
    /// What the key may do.
    pub purposes: Vec<Cow<'static, str>>,
    /// The kind of key.
    pub key_algorithm: KeyAlgorithm,
    /// The curve, as attested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ec_curve: Option<Cow<'static, str>>,
    /// The parameter set of an ML-DSA key, as attested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mldsa_variant: Option<u32>,
    /// The digests that the key signs with.
    pub digests: Vec<Cow<'static, str>>,
    /// Every app may use the key.
    pub all_applications: bool,
    /// How the phone booted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<Boot>,
    /// How old its patches are.
    pub patch: Patch,
    /// The system's version, like 140000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<u32>,
    /// A digest over the system's modules.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex::some")]
    pub module_hash: Option<Vec<u8>>,
    /// Tags that this release does not know, of both lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_tags: Vec<u32>,
    /// The uncompressed point of a P-256 key.
    #[serde(skip)]
    pub key_point: Option<[u8; 65]>,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainLink {
    /// Its subject.
    pub subject: String,
    /// Its serial in hexadecimal, as revocation lists write it.
    pub serial: String,
    /// Its start.
    pub not_before: String,
    /// Its end.
    pub not_after: String,
    /// Its key.
    #[serde(serialize_with = "hexadecimal::serialize")]
    pub spki_sha256: [u8; 32],
}

/// The certificate that issued the leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vouching {
    /// Its serial in hexadecimal, as revocation lists write it.
    pub serial: String,
    /// Its key.
    #[serde(serialize_with = "hexadecimal::serialize")]
    pub spki_sha256: [u8; 32],
}

/// A package with its version code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttestedPackage {
    /// Its name.
    pub name: String,
    /// Its version code.
    pub version: u64,
}

/// How the phone booted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Boot {
    /// Who vouches for the system.
    pub state: BootState,
    /// Whether the bootloader is locked.
    pub locked: bool,
    /// Locked, and vouched for by the maker or a key that the parameters list: what the operating system says may be believed.
    pub accepted: bool,
    /// The key that the system was verified with.
    #[serde(serialize_with = "hexadecimal::serialize")]
    pub key: Vec<u8>,
    /// A digest over what was verified.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex::some")]
    pub hash: Option<Vec<u8>>,
}

/// Patch levels, part by part; what a phone does not tell is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Patch {
    /// Of the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<PatchLevel>,
    /// Of the vendor's part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<PatchLevel>,
    /// Of what boots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<PatchLevel>,
}

impl Facts {
    pub(super) fn new(
        chain: &Chain<'_>,
        vouching: &Certificate<'_>,
        attested: &KeyDescription<'_>,
        boot: Option<Boot>,
        patch: Patch,
    ) -> Self {
        let (hardware, software) = (&attested.hardware, &attested.software);
        let id = software.application_id.as_ref();
        Self {
            attestation_version: attested.attestation_version,
            keymint_version: attested.keymint_version,
            attestation_level: attested.attestation_level,
            key_level: attested.attestation_level.min(attested.keymint_level),
            provisioning: chain.provisioning,
            provisioning_info: ProvisioningRecord::of(vouching),
            root_spki_sha256: chain.root_spki_sha256,
            chain: chain.certificates().map(ChainLink::new).collect(),
            vouching: Vouching {
                serial: vouching.serial(),
                spki_sha256: vouching.spki_sha256,
            },
            misnamed: chain.misnamed.clone(),
            challenge: attested.challenge.to_vec(),
            packages: id
                .into_iter()
                .flat_map(|id| &id.packages)
                .map(|package| AttestedPackage {
                    name: package.name.to_owned(),
                    version: package.version,
                })
                .collect(),
            signers: id
                .into_iter()
                .flat_map(|id| &id.signers)
                .map(|signer| signer.to_vec())
                .collect(),
            origin: hardware
                .origin
                .or(software.origin)
                .map(|origin| name(ORIGINS, "origin", origin)),
            purposes: named(PURPOSES, "purpose", &hardware.purposes, &software.purposes),
            key_algorithm: chain.leaf.key_algorithm(),
            ec_curve: hardware.ec_curve.map(|curve| name(CURVES, "curve", curve)),
            mldsa_variant: hardware.mldsa_variant,
            digests: named(DIGESTS, "digest", &hardware.digests, &software.digests),
            all_applications: hardware.all_applications || software.all_applications,
            boot,
            patch,
            os_version: hardware.os_version,
            module_hash: software.module_hash.or(hardware.module_hash).map(<[u8]>::to_vec),
            unknown_tags: union(&software.unknown_tags, &hardware.unknown_tags),
            key_point: chain.leaf.p256_point(),
        }
    }

    /// The serials from the leaf up, without the root's, as revocation lists write them.
    pub fn serials(&self) -> impl Iterator<Item = &str> {
        self.chain.iter().map(|link| link.serial.as_str())
    }
}

impl ChainLink {
    fn new(certificate: &Certificate<'_>) -> Self {
        Self {
            subject: certificate.subject(),
            serial: certificate.serial(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            spki_sha256: certificate.spki_sha256,
        }
    }
}

impl Boot {
    pub(super) fn new(root_of_trust: &RootOfTrust<'_>, parameters: &Parameters<'_>) -> Self {
        let RootOfTrust {
            key,
            locked,
            state,
            hash,
        } = *root_of_trust;
        Self {
            state,
            locked,
            accepted: parameters.accepts_boot(locked, state, key),
            key: key.to_vec(),
            hash: hash.map(<[u8]>::to_vec),
        }
    }
}

impl Patch {
    pub(super) fn new(hardware: &AuthorizationList<'_>) -> Self {
        Self {
            os: hardware.os_patch.and_then(PatchLevel::from_number),
            vendor: hardware.vendor_patch.and_then(PatchLevel::from_number),
            boot: hardware.boot_patch.and_then(PatchLevel::from_number),
        }
    }
}

fn union(first: &[u32], second: &[u32]) -> Vec<u32> {
    let mut all = [first, second].concat();
    all.sort_unstable();
    all.dedup();
    all
}

fn named(names: &[&'static str], kind: &str, first: &[u32], second: &[u32]) -> Vec<Cow<'static, str>> {
    union(first, second)
        .into_iter()
        .map(|number| name(names, kind, number))
        .collect()
}

/// The name of an enumerated value, or its kind with its number where this release has no name for it.
fn name(names: &[&'static str], kind: &str, number: u32) -> Cow<'static, str> {
    let known = usize::try_from(number).ok().and_then(|number| names.get(number));
    known.map_or_else(
        || Cow::Owned(format!("{kind}-{number}")),
        |name| Cow::Borrowed(*name),
    )
}

/// KeyMint's `KeyPurpose.aidl`.
const PURPOSES: &[&str] = &[
    "encrypt",
    "decrypt",
    "sign",
    "verify",
    "derive-key",
    "wrap-key",
    "agree-key",
    "attest-key",
];
/// KeyMint's `KeyOrigin.aidl`.
const ORIGINS: &[&str] = &[
    "generated",
    "derived",
    "imported",
    "reserved",
    "securely-imported",
];
/// KeyMint's `EcCurve.aidl`.
const CURVES: &[&str] = &["p-224", "p-256", "p-384", "p-521", "curve-25519"];
/// KeyMint's `Digest.aidl`.
const DIGESTS: &[&str] = &["none", "md5", "sha-1", "sha-224", "sha-256", "sha-384", "sha-512"];
