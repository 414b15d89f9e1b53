//! What a phone presents to enrol or renew.

use attest_core::evidence::{MAX_EVIDENCE_BYTES, PresentedEvidence};
use attest_core::jose::jwk::thumbprint;

/// Evidence that verifies says the same before and after, within its bound, and its key is the one that it names.
pub fn evidence(data: &[u8]) -> bool {
    let text = crate::text(data);
    let Ok(presented) = PresentedEvidence::parse(text) else { return false };
    assert!(text.len() <= MAX_EVIDENCE_BYTES, "oversized evidence was read");
    let claims = presented.claims().clone();
    let Ok(verified) = presented.verify() else { return false };
    assert_eq!(verified.claims(), &claims, "other claims after verification");
    assert_eq!(verified.thumbprint(), thumbprint(verified.device_key()), "another key");
    assert_eq!(claims.jwk.point().as_ref(), Ok(verified.device_key()), "not the key that it names");
    true
}
