//! A proof token from the wire: the attestation and the proof of possession.

use attest_core::environment::Environment;
use attest_core::jose::JwkSet;
use attest_core::token::{TimeBounds, proof};

use crate::fixture::NOW_S;

/// The first line is the attestation, the second the proof: whatever verifies is in time and for its own audience.
pub fn proof_token(data: &[u8]) -> bool {
    let Ok(keys) = serde_json::from_slice::<JwkSet>(include_bytes!("issuer.jwks.json")) else { return false };
    let (attestation, proof) = crate::text(data).split_once('\n').unwrap_or_default();
    let bounds = TimeBounds::default();
    let verified = proof::verify(attestation, proof.trim_end(), &keys, Environment::Development, bounds, NOW_S);
    let Ok(verified) = verified else { return false };
    assert!(verified.result().expires_at_s > NOW_S, "an ended attestation");
    assert_eq!(verified.claims().aud, verified.result().audience, "another audience");
    assert_eq!(verified.result().environment, Environment::Development, "another environment");
    true
}
