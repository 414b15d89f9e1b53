//! Splitting and verifying a compact JWS from the wire.

use attest_core::jose::jws::{Compact, MAX_TOKEN_BYTES, read_claims};
use attest_core::jose::key::{Algorithm, MacKey, VerifyingKey};

/// The key that the seeds are made with: 32 bytes of 7.
const SECRET: [u8; 32] = [7; 32];

/// A token above the bound is refused, and one that verifies has the key's algorithm and a payload that was readable
/// before; its claims are then read without a panic.
pub fn jws(data: &[u8]) -> bool {
    let token = crate::text(data);
    let Ok(compact) = Compact::parse(token, MAX_TOKEN_BYTES) else { return false };
    assert!(token.len() <= MAX_TOKEN_BYTES, "an oversized token was read");
    let Ok(payload) = compact.verify(&VerifyingKey::Mac(MacKey::new(&SECRET))) else { return false };
    assert_eq!(compact.header().alg, Algorithm::Hs256, "another algorithm verified");
    assert_eq!(compact.unverified_payload().as_ref(), Ok(&payload), "two payloads for one token");
    drop(read_claims::<serde_json::Map<String, serde_json::Value>>(&payload));
    true
}
