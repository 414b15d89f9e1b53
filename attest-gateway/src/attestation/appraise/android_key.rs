//! Android Key Attestation: the phone's hardware says where the device key lives, and its system says which app made it. The
//! latter is worth what the boot is, so both are weighed together.

use attest_core::appraisal::{AttestedPackages, PatchLevel, PlatformClaims};
use attest_core::device::{BootState, EvidenceClass, KeyLevel, KeyProvisioning};
use attest_core::encoding::from_hex_array;
use attest_core::environment::Environment;
use attest_core::evidence::Evidence;
use attest_core::policy::{App, BootRequire, EvidenceKind, NameMismatch, UnknownTags};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{AppraisalError, Appraised, Basis, RevocationState};
use crate::verifier::android::{self, Facts, Parameters, Provisioning, SecurityLevel, key_description};

/// A chain with more certificates is refused before any is decoded; the verifier's own bound is lower.
const CHAIN_MAX: usize = 10;

pub(super) fn appraise(
    evidence: &Evidence,
    chain: &[String],
    basis: &Basis<'_>,
) -> Result<Appraised, AppraisalError> {
    let app = basis.app;
    if !app.evidence.contains(&EvidenceKind::AndroidKey) {
        return Err(AppraisalError::NotAccepted);
    }
    let revocations = match basis.revocations {
        RevocationState::NotAsked => None,
        RevocationState::Missing => return Err(AppraisalError::RevocationStale),
        RevocationState::Listed(revocations) => Some(revocations),
    };
    let decoded = chain.iter().take(CHAIN_MAX).map(|der| STANDARD.decode(der));
    let decoded: Vec<Vec<u8>> = decoded
        .collect::<Result<_, _>>()
        .map_err(|_| AppraisalError::Encoding { member: "chain" })?;
    let chain: Vec<&[u8]> = decoded.iter().map(Vec::as_slice).collect();
    let (signers, boot_keys) = (signers(app), digests(&app.boot.keys));
    let floor = app.key_level_floor(basis.environment);
    let parameters = Parameters {
        challenge: Some(evidence.challenge().as_bytes()),
        package: Some(app.package.as_deref().unwrap_or_default()),
        signers: Some(&signers),
        device_key: Some(evidence.device_key()),
        level_min: Some(level(floor)),
        require_verified_boot: app.boot.require == BootRequire::Verified,
        boot_keys: &boot_keys,
        unknown_tags: app.android.unknown_tags == UnknownTags::Skip,
        name_mismatch: app.android.name_mismatch == NameMismatch::Accept,
        software_chains: basis.environment == Environment::Development && floor == KeyLevel::Software,
        ..Parameters::default()
    };
    let facts = android::verify(
        &chain,
        &parameters,
        &basis.anchors.android,
        revocations,
        basis.now_s,
    )?;
    let claims = claims(&facts, app);
    if !app.patch_min.accepts(&claims) {
        return Err(AppraisalError::PatchLevel);
    }
    if !app.accepts_version_code(claims.app_version_code) {
        return Err(AppraisalError::VersionCode);
    }
    Ok(Appraised {
        key_level: match facts.key_level {
            SecurityLevel::Software => KeyLevel::Software,
            SecurityLevel::Hardware => KeyLevel::Hardware,
            SecurityLevel::StrongBox => KeyLevel::StrongBox,
        },
        class: EvidenceClass::AndroidKey,
        claims,
        // The leaf's serial is the same on most phones.
        certificates: facts
            .chain
            .iter()
            .skip(1)
            .map(|link| link.serial.clone())
            .collect(),
        app_attest: None,
    })
}

const fn level(floor: KeyLevel) -> SecurityLevel {
    match floor {
        KeyLevel::Software | KeyLevel::AppBound => SecurityLevel::Software,
        KeyLevel::Hardware => SecurityLevel::Hardware,
        KeyLevel::StrongBox => SecurityLevel::StrongBox,
    }
}

fn signers(app: &App) -> Vec<[u8; 32]> {
    let mut signers = digests(&app.signers);
    signers.extend(digests(&app.previous_signers));
    signers
}

/// Policy that compiles has none that cannot be read.
fn digests(hex: &[String]) -> Vec<[u8; 32]> {
    hex.iter().filter_map(|hex| from_hex_array(hex).ok()).collect()
}

fn claims(facts: &Facts, app: &App) -> PlatformClaims {
    let ours = app.package.as_deref().unwrap_or_default();
    let names = facts.packages.iter().map(|package| package.name.as_str());
    let attested = facts.packages.iter().find(|package| package.name == ours);
    let patch =
        |level: Option<android::PatchLevel>| level.and_then(|level| PatchLevel::parse(&level.to_string()));
    PlatformClaims {
        attested_packages: AttestedPackages::new(std::iter::once(ours).chain(names)),
        app_version_code: attested.map(|package| package.version),
        provisioning: Some(match facts.provisioning {
            Provisioning::Factory => KeyProvisioning::Factory,
            Provisioning::Rkp => KeyProvisioning::Rkp,
            Provisioning::Software | Provisioning::Unknown => KeyProvisioning::Unknown,
        }),
        boot_state: facts.boot.as_ref().map(|boot| match boot.state {
            key_description::BootState::Verified => BootState::Verified,
            key_description::BootState::SelfSigned => BootState::SelfSigned,
            key_description::BootState::Unverified => BootState::Unverified,
            key_description::BootState::Failed => BootState::Failed,
        }),
        boot_locked: facts.boot.as_ref().map(|boot| boot.locked),
        os_version: facts.os_version,
        os_patch: patch(facts.patch.os),
        vendor_patch: patch(facts.patch.vendor),
        boot_patch: patch(facts.patch.boot),
        ..PlatformClaims::default()
    }
}
