//! Software evidence: nothing vouches for the key but its own signature. For development alone.

use attest_core::appraisal::PlatformClaims;
use attest_core::device::{EvidenceClass, KeyLevel};
use attest_core::environment::Environment;
use attest_core::evidence::Evidence;
use attest_core::policy::EvidenceKind;

use super::{AppraisalError, Appraised, Basis};

/// Accepts any key that signed its own evidence, in development, for apps whose policy lists `software`.
pub(super) fn appraise(
    _signed_by_its_key: &Evidence,
    basis: &Basis<'_>,
) -> Result<Appraised, AppraisalError> {
    if basis.environment != Environment::Development {
        return Err(AppraisalError::SoftwareOutsideDevelopment);
    }
    if !basis.app.evidence.contains(&EvidenceKind::Software) {
        return Err(AppraisalError::NotAccepted);
    }
    Ok(Appraised {
        key_level: KeyLevel::Software,
        class: EvidenceClass::Software,
        claims: PlatformClaims::default(),
        certificates: Vec::new(),
        app_attest: None,
    })
}
