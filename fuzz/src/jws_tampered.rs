//! A token of ours, changed on its way.

use attest_core::jose::jws::{Compact, MAX_TOKEN_BYTES, Unsigned};
use attest_core::jose::key::{Algorithm, MacKey, VerifyingKey};

use crate::fixture::changed;

/// The first three bytes say which byte is changed and to what, the rest is the token's claim: the token verifies exactly
/// if it was not changed.
pub fn jws_tampered(data: &[u8]) -> bool {
    let claims = serde_json::json!({ "claim": crate::text(data.get(3..).unwrap_or_default()) });
    let key = MacKey::new(&[9; 32]);
    let Ok(unsigned) = Unsigned::new(Algorithm::Hs256, "attest-session+jwt", Some("kid"), &claims) else { return false };
    let minted = unsigned.mac(&key);
    let Some((received, same)) = changed(&minted, data) else { return false };
    let verified = Compact::parse(&received, MAX_TOKEN_BYTES).and_then(|token| token.verify(&VerifyingKey::Mac(key)));
    assert_eq!(verified.is_ok(), same && minted.len() <= MAX_TOKEN_BYTES, "{received}");
    same
}
