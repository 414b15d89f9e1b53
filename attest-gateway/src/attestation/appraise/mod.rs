//! Appraisal of platform evidence, one file per kind. Each is a pure function of the evidence, the app's reference values and the
//! environment; adding a kind is adding a file and an arm here.

mod software;

use attest_core::device::{EvidenceClass, KeyLevel};
use attest_core::environment::Environment;
use attest_core::evidence::Evidence;
use attest_core::policy::App;
use attest_core::problem::ProblemCode;
use attest_core::service::PlatformEvidence;

/// What platform evidence vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appraised {
    /// How well the device key is kept.
    pub key_level: KeyLevel,
    /// What vouched for it.
    pub class: EvidenceClass,
}

/// Why platform evidence is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppraisalError {
    /// This release cannot verify the kind.
    #[error("this release cannot verify evidence of this kind")]
    Unsupported,
    /// The app's policy does not list the kind.
    #[error("the app's policy does not accept evidence of this kind")]
    NotAccepted,
    /// Software evidence outside development, whatever policy says.
    #[error("software evidence is for development only")]
    SoftwareOutsideDevelopment,
}

impl AppraisalError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unsupported => "evidence-unsupported",
            Self::NotAccepted => "evidence-not-accepted",
            Self::SoftwareOutsideDevelopment => "evidence-software",
        }
    }

    /// The public code.
    #[must_use]
    pub const fn problem(self) -> ProblemCode {
        match self {
            Self::Unsupported | Self::NotAccepted | Self::SoftwareOutsideDevelopment => {
                ProblemCode::EvidenceKind
            }
        }
    }
}

/// Appraises what the platform says about the device key and the app.
///
/// # Errors
/// [`AppraisalError`].
pub fn appraise(
    evidence: &Evidence,
    platform: &PlatformEvidence,
    app: &App,
    environment: Environment,
) -> Result<Appraised, AppraisalError> {
    match platform {
        PlatformEvidence::Software {} => software::appraise(evidence, app, environment),
        PlatformEvidence::AndroidKey { .. }
        | PlatformEvidence::AppAttest { .. }
        | PlatformEvidence::AppAttestAssertion { .. } => Err(AppraisalError::Unsupported),
    }
}
