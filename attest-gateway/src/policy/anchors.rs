//! Where chains of platform evidence may end: what ships with a release, and what a policy adds.

use attest_core::environment::Environment;
use attest_core::policy::{Anchor, EvidenceKind};

use super::ActivationError;
use crate::verifier::anchors::Anchors;
use crate::verifier::apple::AppleAnchors;

/// The trust anchors of a policy in force.
#[derive(Debug, Clone)]
pub struct TrustAnchors {
    /// Of Android Key Attestation.
    pub android: Anchors,
    /// Of App Attest.
    pub apple: AppleAnchors,
}

impl TrustAnchors {
    /// What ships with a release, and these.
    ///
    /// # Errors
    /// [`ActivationError::Anchor`]: roots whose private keys are public are never taken, and those of tests not in production.
    pub fn with(anchors: &[Anchor], environment: Environment) -> Result<Self, ActivationError> {
        let mut trusted = Self {
            android: Anchors::google(),
            apple: AppleAnchors::built_in(),
        };
        for anchor in anchors {
            let refused = |reason: String| ActivationError::Anchor {
                name: anchor.name.clone(),
                reason,
            };
            let der = anchor.der().unwrap_or_default();
            if environment == Environment::Production && is_of_tests(&der) {
                return Err(refused(
                    "a root of the test kit is for development only".to_owned(),
                ));
            }
            match anchor.evidence {
                EvidenceKind::AppAttest => {
                    let apple = trusted.apple.with_pem(&anchor.pem);
                    trusted.apple = apple.map_err(|error| refused(error.to_string()))?;
                }
                EvidenceKind::AndroidKey | EvidenceKind::PlayIntegrity | EvidenceKind::Software => {
                    let android = trusted.android.with_pem(&anchor.pem);
                    trusted.android = android.map_err(|error| refused(error.to_string()))?;
                }
            }
        }
        Ok(trusted)
    }
}

/// The test kit makes new roots for each run, so they are known by their names.
fn is_of_tests(certificate: &[u8]) -> bool {
    let mark = TEST_ROOT_MARK.as_bytes();
    certificate.windows(mark.len()).any(|part| part == mark)
}

/// What the common names of the test kit's roots begin with.
const TEST_ROOT_MARK: &str = "Attest Test ";
