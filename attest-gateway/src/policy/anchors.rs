//! Where chains of platform evidence may end: what ships with a release, and what a policy adds.

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
    /// [`ActivationError::Anchor`]; roots whose private keys are public are never taken.
    pub fn with(anchors: &[Anchor]) -> Result<Self, ActivationError> {
        let mut trusted = Self {
            android: Anchors::google(),
            apple: AppleAnchors::built_in(),
        };
        for anchor in anchors {
            let refused = |reason: String| ActivationError::Anchor {
                name: anchor.name.clone(),
                reason,
            };
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
