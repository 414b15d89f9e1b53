//! Appraisal of platform evidence, one file per kind: what the verifier says, weighed by the app's reference values and the
//! environment. Each is a pure function; adding a kind is adding a file and an arm here.

mod android_key;
mod app_attest;
mod error;
mod play_integrity;
mod software;

use attest_core::appraisal::PlatformClaims;
use attest_core::device::{EvidenceClass, KeyLevel};
use attest_core::environment::Environment;
use attest_core::evidence::Evidence;
use attest_core::policy::{App, PlayIntegrity};
use attest_core::service::PlatformEvidence;

pub use self::app_attest::{assertion, verify_renewal};
pub use self::error::AppraisalError;
use crate::policy::TrustAnchors;
use crate::verifier::play::PlayKeys;
use crate::verifier::revocation::Revocations;

/// What evidence is weighed by.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The app that it claims to be, and what policy says about it.
    pub app: &'a App,
    /// The gateway's environment.
    pub environment: Environment,
    /// Where chains may end.
    pub anchors: &'a TrustAnchors,
    /// The list of revoked certificates.
    pub revocations: RevocationState<'a>,
    /// The app's keys of the Play Console.
    pub play_keys: Option<&'a PlayKeys>,
    /// The time, Unix seconds.
    pub now_s: u64,
}

/// What there is of a revocation list.
#[derive(Debug, Clone, Copy)]
pub enum RevocationState<'a> {
    /// Policy asks for none.
    NotAsked,
    /// Policy asks for one, and none could be read yet.
    Missing,
    /// This one.
    Listed(Revocations<'a>),
}

/// What platform evidence vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appraised {
    /// How well the device key is kept.
    pub key_level: KeyLevel,
    /// What vouched for it.
    pub class: EvidenceClass,
    /// What else the platform says.
    pub claims: PlatformClaims,
    /// Serials of the certificates between root and leaf, the one that vouched for the key first.
    pub certificates: Vec<String>,
    /// The App Attest key, uncompressed SEC1.
    pub app_attest: Option<[u8; 65]>,
}

/// Appraises what the platform says about the device key and the app.
///
/// # Errors
/// [`AppraisalError`].
pub fn appraise(
    evidence: &Evidence,
    platform: &PlatformEvidence,
    play_token: Option<&str>,
    basis: &Basis<'_>,
) -> Result<Appraised, AppraisalError> {
    let mut appraised = match platform {
        PlatformEvidence::Software {} => software::appraise(evidence, basis),
        PlatformEvidence::AndroidKey { chain } => android_key::appraise(evidence, chain, basis),
        PlatformEvidence::AppAttest { object, key_id } => {
            app_attest::appraise(evidence, object, key_id, basis)
        }
        PlatformEvidence::AppAttestAssertion { .. } => Err(AppraisalError::AssertionAtEnrolment),
    }?;
    match (basis.app.play_integrity(), play_token) {
        (Some(_), Some(token)) => {
            appraised.claims.play = Some(Box::new(play_integrity::appraise(evidence, token, basis)?));
        }
        (Some(PlayIntegrity::Required), None) => return Err(AppraisalError::PlayMissing),
        // A token that nobody asked for is no reason to refuse anybody.
        (Some(PlayIntegrity::Optional) | None, _) => {}
    }
    Ok(appraised)
}
